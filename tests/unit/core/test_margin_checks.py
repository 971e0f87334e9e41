"""Check 16 of rules 2 and what else margin asks of an order: at each limit, and one micro-USDC beyond."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import IOC, MICRO, SELL, USDC, last, of, reason
from tests.unit.core.margins import (
    ALICE,
    BOB,
    CALL_50,
    CALL_50_LATER,
    CALL_55,
    DORA,
    INDEX,
    PERPETUAL,
    PUT_50,
    MarginMarket,
)


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    return MarginMarket(request.param())


def leave(market: MarginMarket, account: int, free_micro: int) -> None:
    """Withdraw until this much is free; what was free is 10,000 USDC with no position."""
    assert isinstance(market.withdraw(account, 10_000 * USDC - free_micro), e.Cash)


@pytest.mark.parametrize(
    ("at", "price", "lots", "flags", "needs"),
    [
        (CALL_50, 2_100, 10, SELL, 950 * USDC),
        (CALL_50, 1_900, 10, 0, 190 * USDC),
        (PUT_50, 2_100, 3, SELL, 285 * USDC),
        (PERPETUAL, 50_000, 4, 0, 40_008_000),
        (PERPETUAL, 50_005, 4, SELL, 4 * (10_002_000 + 50_000)),
    ],
)
def test_an_order_needs_its_margin(
    market: MarginMarket, at: int, price: int, lots: int, flags: int, needs: int
) -> None:
    leave(market, ALICE, needs - 1)
    assert reason(market.order(ALICE, at, price, lots, flags)) == "insufficient_funds"
    market.deposit(ALICE, 1)
    market.rests(ALICE, at, price, lots, flags)


def test_relief_counts_for_orders(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_55, 10)
    leave(market, ALICE, 500 * USDC + 100 * USDC - 1)  # 100 was paid for the calls
    # ten CALL_50 sold need 950 alone, with the CALL_55 500
    assert reason(market.order(ALICE, CALL_50, 2_100, 10, SELL)) == "insufficient_funds"
    market.deposit(ALICE, 1)
    order_id = market.rests(ALICE, CALL_50, 2_100, 10, SELL)
    # and an amend to the same margin is none the wiser
    moved = last(market.send(c.amend(ALICE, order_id, price_ticks=2_200)), e.Order)
    assert (moved.price_ticks, moved.open_lots) == (2_200, 10)
    market.send(c.cancel(ALICE, order_id))
    assert isinstance(market.withdraw(ALICE, 1), e.Cash)
    assert reason(market.order(ALICE, CALL_50, 2_100, 10, SELL)) == "insufficient_funds"


def squeezed(market: MarginMarket, marks: dict[int, int]) -> None:
    """ALICE is short ten CALL_50 with just the 950 they need; then marks move."""
    market.hold(ALICE, CALL_50, -10)
    assert isinstance(market.withdraw(ALICE, 10_000 * USDC + 200 * USDC - 950 * USDC), e.Cash)
    market.mark(marks=marks)


def test_below_initial_margin_only_what_closes_or_reduces_risk_passes(market: MarginMarket) -> None:
    squeezed(market, {CALL_50: 3_000})  # 10 · 105 needed of 950, 10 · 67.5 to be kept
    assert reason(market.order(ALICE, CALL_50, 3_100, 1, SELL)) == "insufficient_funds"
    assert reason(market.order(ALICE, PUT_50, 1_900, 1)) == "insufficient_funds"
    assert reason(market.order(ALICE, PERPETUAL, 50_000, 1)) == "insufficient_funds"
    market.rests(ALICE, CALL_50, 2_900, 10)  # closing
    # nothing is left to close, but one lot more would cost 29 and save 105 as filled
    market.rests(ALICE, CALL_50, 2_900, 1)


def test_a_hedge_passes_if_it_can_be_paid_for(market: MarginMarket) -> None:
    squeezed(market, {CALL_50: 3_000})
    # filled, ten CALL_55 leave a spread that can lose 500: of 950 they may cost 45 a lot
    assert reason(market.order(ALICE, CALL_55, 4_501, 10)) == "insufficient_funds"
    market.rests(ALICE, CALL_55, 4_500, 10)
    # the hold of the bids is margin now: the next one saves nothing more
    assert reason(market.order(ALICE, CALL_55, 100, 1)) == "insufficient_funds"


def test_below_maintenance_closing_must_not_make_it_worse(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, CALL_55, 10)
    assert isinstance(market.withdraw(ALICE, 10_100 * USDC - 500 * USDC), e.Cash)
    market.mark(marks={CALL_50: 10_000, CALL_55: 6_000})
    # 500 are kept and needed; without the long calls ten short ones need 10 · (37.5 + 100)
    assert reason(market.order(ALICE, CALL_55, 6_100, 10, SELL)) == "insufficient_funds"
    # and no price pays for that: the premium may come in parts, or never
    assert reason(market.order(ALICE, CALL_55, 500_000, 10, SELL)) == "insufficient_funds"
    assert reason(market.order(ALICE, CALL_50, 5_001, 10)) == "insufficient_funds"
    market.rests(ALICE, CALL_50, 5_000, 10)


def test_negative_equity_is_said_and_still_lets_close(market: MarginMarket) -> None:
    squeezed(market, {CALL_50: 20_000})  # worth 2,000, with 950
    assert reason(market.order(ALICE, CALL_50, 21_000, 1, SELL)) == "negative_equity"
    assert reason(market.order(ALICE, PERPETUAL, 50_000, 1)) == "negative_equity"
    assert reason(market.order(ALICE, CALL_50, 9_501, 10)) == "negative_equity"
    market.rests(ALICE, CALL_50, 9_500, 10)  # what there is


def test_portfolio_orders_at_their_limit(market: MarginMarket) -> None:
    market.tables()
    market.portfolio(ALICE)
    # test_portfolio_margin: four CALL_55 offered at 900 need 110.004
    leave(market, ALICE, 110 * USDC + 4_000 - 1)
    assert reason(market.order(ALICE, CALL_55, 900, 4, SELL)) == "insufficient_funds"
    market.deposit(ALICE, 1)
    market.rests(ALICE, CALL_55, 900, 4, SELL)


def test_portfolio_hedges_pass_below_initial_margin(market: MarginMarket) -> None:
    market.tables()
    market.portfolio(ALICE)
    market.hold(ALICE, CALL_50, -10)
    assert isinstance(market.withdraw(ALICE, 10_000 * USDC - 355 * USDC - 10_000), e.Cash)
    market.mark(marks={CALL_50: 2_010})  # equity is one USDC less
    assert reason(market.order(ALICE, CALL_50, 2_100, 1, SELL)) == "insufficient_funds"
    assert reason(market.order(ALICE, PERPETUAL, 50_000, 1, SELL)) == "insufficient_funds"
    # two perpetuals bought: worst 300 - 180 - 5, shock 15, roll 10, against 295, 35 and 0
    market.rests(ALICE, PERPETUAL, 50_000, 2)


def test_an_amend_that_asks_no_more_passes_whatever_the_margin(market: MarginMarket) -> None:
    order_id = market.rests(ALICE, PUT_50, 1_000, 10)
    squeezed_id = market.rests(ALICE, CALL_50, 3_000, 10, SELL)
    assert isinstance(market.withdraw(ALICE, 10_000 * USDC - 950 * USDC - 100 * USDC), e.Cash)
    market.mark(marks={CALL_50: 3_000})
    for command in (
        c.amend(ALICE, order_id, price_ticks=999),
        c.amend(ALICE, order_id, price_ticks=1_110, size_lots=9),  # 9 · 11.1 < 10 · 9.99
        c.amend(ALICE, squeezed_id, price_ticks=3_500),
    ):
        amended = last(market.send(command), e.Order)
        assert amended.kind == r.ORDER_AMENDED, amended
    refused = market.send(c.amend(ALICE, order_id, price_ticks=1_111))
    assert reason(refused) == "insufficient_funds"  # 9 · 11.11 > 9 · 11.10
    assert reason(market.send(c.amend(ALICE, order_id, size_lots=10))) == "insufficient_funds"


def test_a_quote_is_checked_side_by_side_without_what_it_replaces(market: MarginMarket) -> None:
    leave(market, ALICE, 950 * USDC + 180 * USDC)

    def quote(bid: int, ask: int, lots: int) -> list[e.Event]:
        return market.send(c.mass_quote(ALICE, [c.Quote(CALL_50, bid, 10, ask, lots)]))

    assert len(of(quote(1_800, 2_200, 10), e.Order)) == 2
    assert len(of(quote(1_700, 2_300, 10), e.Order)) == 2
    events = quote(1_700, 2_300, 11)  # 170 and 11 · 95 are more than 1,130: the ask goes
    (rejected,) = of(events, e.Rejected)
    assert (rejected.position, rejected.reason) == (1, rejects.INSUFFICIENT_FUNDS)
    assert of(events, e.Order)[-1].reason == r.CANCEL_QUOTE_FAILED
    assert len(of(quote(1_800, 2_200, 10), e.Rejected)) == 0


def test_an_order_needs_parameters_of_its_underlying(market: MarginMarket) -> None:
    market.send(c.list_underlying(1, "ETH"))
    terms = c.InstrumentTerms(2, 0, 1, 0, 0, MICRO, 1_000_000, 1, 500_000, 10_000, 0, 0, 0, 0, 0)
    market.must(c.list_instrument(6, terms), e.Instrument)
    assert reason(market.order(ALICE, 6, 2_000, 1)) == "no_mark"
    units = [c.Mark(6, 0, 2_000 * MICRO, 0, 2_000 * MICRO)]
    market.must(c.marks(1, 2_000 * MICRO, 1, units), e.Marked)
    assert reason(market.order(ALICE, 6, 2_000, 1)) == "no_risk"
    assert reason(market.order(ALICE, 6, 0, 1, r.TYPE_MARKET << r.TYPE_SHIFT)) == "no_risk"


def test_caps_bind_orders_and_seats(market: MarginMarket) -> None:
    market.must(cr.set_caps(ALICE, 2, 1), e.Account)
    market.rests(ALICE, CALL_50, 1_000, 1)
    assert reason(market.order(ALICE, CALL_55, 100, 1)) == "too_many_seats"
    order_id = market.rests(ALICE, CALL_50, 1_001, 1)
    assert reason(market.order(ALICE, CALL_50, 1_002, 1)) == "too_many_orders"
    market.must(cr.set_caps(ALICE, 0, 0), e.Account)
    market.rests(ALICE, CALL_50, 1_002, 1)
    market.must(cr.set_caps(ALICE, 2, 1), e.Account)
    assert reason(market.order(ALICE, CALL_50, 1_003, 1)) == "too_many_orders"
    market.send(c.cancel(ALICE, order_id))


@pytest.mark.parametrize("command", [cr.set_lock(ALICE, True), cr.set_underlying_state(0, 1)])
def test_orders_in_a_run_stop_where_they_must(market: MarginMarket, command: bytes) -> None:
    market.rests(ALICE, CALL_50, 1_000, 1)
    order = c.new_order(ALICE, CALL_50, 0, 1_000, 1)
    events = market.send(order, command, order, order)
    assert [type(event) for event in events if not isinstance(event, e.Account | e.Underlying)] == [
        e.Order,
        e.Rejected,
        e.Rejected,
    ]


def test_fills_of_a_run_keep_margins_in_step(market: MarginMarket) -> None:
    market.tables()
    market.portfolio(ALICE, BOB)
    for lots in (3, 5, 2):
        market.rests(ALICE, CALL_55, 1_000, lots, SELL)
    market.order(BOB, CALL_55, 1_000, 9, IOC)
    market.order(DORA, CALL_50_LATER, 3_000, 2, SELL)
    market.order(BOB, CALL_50_LATER, 3_000, 2, IOC)
    # ALICE: nine short and one offered. Worst 10 · 20 - 5, and the offer's 0.001; short 25; open 5.25; the
    # rounding of nine; delta 1,575: 2 % of 575. The hold of the offer: none, at the mark.
    initial = 195 * USDC + 1_000 + 25 * USDC + 5_250_000 + 9_000 + 11_500_000
    market.has_free(ALICE, 10_000 * USDC - initial)
    market.mark(index=INDEX)
    market.has_free(ALICE, 10_000 * USDC - initial)
