"""Stale makers: resting orders that lose more against the mark than is held for them (docs/rules-2.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import FOK, IOC, SELL, USDC, last, of
from tests.unit.core.margins import ALICE, BOB, CALL_50, CALL_55, DORA, PERPETUAL, MarginMarket


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    return MarginMarket(request.param())


def leave(market: MarginMarket, micro: int) -> None:
    """Withdraw until ALICE has this much, of 10,000 USDC."""
    assert isinstance(market.withdraw(ALICE, 10_000 * USDC - micro), e.Cash)


def mark_perpetual(market: MarginMarket, mark: int) -> None:
    market.mark(marks={PERPETUAL: mark})


def stale_bid(market: MarginMarket, micro: int) -> int:
    """ALICE, with this much, bids 50,000 for ten perpetuals; marked 48,000 then, they lose 20 a lot."""
    leave(market, micro)
    order_id = market.rests(ALICE, PERPETUAL, 50_000, 10)
    mark_perpetual(market, 48_000)
    return order_id


def sell(market: MarginMarket, lots: int, flags: int = IOC) -> list[e.Event]:
    return market.order(DORA, PERPETUAL, 49_000, lots, SELL | flags)


@pytest.mark.parametrize("lots", [1, 10])
def test_a_stale_maker_trades_if_its_account_keeps_its_maintenance(market: MarginMarket, lots: int) -> None:
    stale_bid(market, lots * 24_800_000 if lots == 10 else 248 * USDC)  # ten: 200 lost, 48 to be kept
    (trade,) = of(sell(market, lots), e.Trade)
    assert (trade.price_ticks, trade.size_lots) == (50_000, lots)


def test_else_it_is_cancelled_and_matching_goes_on(market: MarginMarket) -> None:
    order_id = stale_bid(market, 248 * USDC - 1)
    other = market.rests(BOB, PERPETUAL, 49_500, 4)
    cancelled, trade, filled, taker = sell(market, 10)
    assert isinstance(cancelled, e.Order)
    assert (cancelled.head.id, cancelled.kind, cancelled.state) == (
        order_id, r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED,
    )  # fmt: skip
    assert (cancelled.reason, cancelled.open_lots) == (r.CANCEL_MARGIN, 0)
    assert isinstance(trade, e.Trade)
    assert (trade.maker_order_id, trade.size_lots) == (other, 4)
    assert isinstance(filled, e.Order)
    assert isinstance(taker, e.Order)
    assert taker.filled_lots == 4  # of ten lots: the first maker would have had to take them all


def test_it_is_the_quantity_of_the_match_that_counts(market: MarginMarket) -> None:
    stale_bid(market, 248 * USDC - 1)
    events = sell(market, 9)  # 9 · 24.80 are there; then one more lot is not
    assert [trade.size_lots for trade in of(events, e.Trade)] == [9]
    (cancelled, taker) = of(sell(market, 1), e.Order)
    assert (cancelled.reason, cancelled.filled_lots) == (r.CANCEL_MARGIN, 9)
    assert (taker.filled_lots, taker.reason) == (0, r.CANCEL_IOC)


@pytest.mark.parametrize(("mark", "trades"), [(50_010, True), (50_009, False)])
def test_a_maker_that_loses_what_it_holds_is_not_stale(
    market: MarginMarket, mark: int, trades: bool
) -> None:
    market.hold(ALICE, PERPETUAL, 10)
    market.rests(ALICE, PERPETUAL, 50_110, 1)  # holds 1 against a mark of 500.10
    market.send(c.funding(PERPETUAL, 999 * USDC))  # ALICE has 10: whatever she buys, maintenance is 50
    mark_perpetual(market, mark)
    assert bool(of(sell(market, 1), e.Trade)) is trades


def test_the_maker_s_fee_counts(market: MarginMarket) -> None:
    # 0.1 % of 500: 0.50 a lot, which is held too.
    market.must(c.set_fees([c.FeeTier(0, 0, 1_000, 1_000)]), e.Fees)
    leave(market, 253 * USDC - 1)
    market.rests(ALICE, PERPETUAL, 50_000, 10)
    mark_perpetual(market, 48_000)
    assert not of(sell(market, 10), e.Trade)
    market.deposit(ALICE, 1)
    mark_perpetual(market, 50_000)
    market.rests(ALICE, PERPETUAL, 50_000, 10)
    mark_perpetual(market, 48_000)
    assert of(sell(market, 10), e.Trade)


def test_fill_or_kill_counts_no_stale_maker_even_one_that_would_trade(market: MarginMarket) -> None:
    stale_bid(market, 5_000 * USDC)
    market.rests(BOB, PERPETUAL, 49_000, 3)
    (killed,) = of(sell(market, 4, FOK), e.Order)
    assert (killed.filled_lots, killed.reason) == (0, r.CANCEL_FOK)
    assert last(sell(market, 3, FOK), e.Order).filled_lots == 3


@pytest.mark.parametrize(("mark", "trades"), [(5_750, True), (5_751, False)])
@pytest.mark.parametrize("held", [0, -1])
def test_an_option_sold_is_stale_beyond_its_maintenance_margin(
    market: MarginMarket, mark: int, trades: bool, held: int
) -> None:
    # 37.50 are to be kept for a lot beside its mark.
    market.hold(ALICE, PERPETUAL, 10)
    if held:
        market.hold(ALICE, CALL_50, held)
    market.rests(ALICE, CALL_50, 2_000, 1, SELL)
    market.send(c.funding(PERPETUAL, 999 * USDC))
    market.mark(marks={CALL_50: mark})
    events = market.order(DORA, CALL_50, mark, 1, IOC)
    assert bool(of(events, e.Trade)) is trades
    assert [order.reason for order in of(events, e.Order)][:1] == ([0] if trades else [r.CANCEL_MARGIN])


def test_an_option_sold_that_is_held_long_is_stale_below_the_mark(market: MarginMarket) -> None:
    # A spread that needs 500; without the CALL_55 ten CALL_50 at 20 must keep 575.
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, CALL_55, 10)
    market.rests(ALICE, CALL_55, 1_000, 10, SELL)
    assert isinstance(market.withdraw(ALICE, 10_100 * USDC - 950 * USDC), e.Cash)
    assert of(market.order(DORA, CALL_55, 1_000, 1, IOC), e.Trade)  # at the mark it is not
    market.mark(marks={CALL_50: 7_000, CALL_55: 1_001})
    # 960, and after another lot 970: without the two 10 · 107.50 are to be kept.
    (cancelled, _) = of(market.order(DORA, CALL_55, 1_001, 1, IOC), e.Order)
    assert (cancelled.reason, cancelled.filled_lots) == (r.CANCEL_MARGIN, 1)


def test_and_trades_if_that_leaves_maintenance(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_55, 10)
    market.rests(ALICE, CALL_55, 1_000, 10, SELL)
    market.mark(marks={CALL_55: 3_000})
    assert of(market.order(DORA, CALL_55, 1_000, 10, IOC), e.Trade)[0].size_lots == 10


def test_an_option_bid_is_never_stale_in_the_standard_model(market: MarginMarket) -> None:
    market.rests(ALICE, CALL_50, 2_000, 10)
    market.mark(marks={CALL_50: 0})
    assert of(market.order(DORA, CALL_50, 2_000, 10, SELL | IOC), e.Trade)


def test_in_the_portfolio_model_it_is(market: MarginMarket) -> None:
    market.tables()
    market.portfolio(ALICE)
    leave(market, 300 * USDC)
    market.rests(ALICE, CALL_50, 2_000, 10)
    market.mark(marks={CALL_50: 1_000})
    # 100 lost of 300. Ten long: worst 100, shock 35, times 0.8.
    assert of(market.order(DORA, CALL_50, 2_000, 9, SELL | IOC), e.Trade)
    market.mark(marks={CALL_50: 0})
    cancelled = of(market.order(DORA, CALL_50, 2_000, 1, SELL | IOC), e.Order)[0]
    assert cancelled.reason == r.CANCEL_MARGIN


def test_an_amend_that_trades_meets_stale_makers_too(market: MarginMarket) -> None:
    stale_bid(market, 248 * USDC - 1)
    resting = market.rests(BOB, PERPETUAL, 51_000, 10, SELL)
    events = market.send(c.amend(BOB, resting, price_ticks=50_000))
    assert not of(events, e.Trade)
    assert of(events, e.Order)[0].reason == r.CANCEL_MARGIN


def test_a_slice_counts_no_stale_maker(market: MarginMarket) -> None:
    market.hold(BOB, PERPETUAL, 900)  # 4,500.90 to be kept of 10,000
    market.rests(ALICE, PERPETUAL, 50_000, 3)
    mark_perpetual(market, 49_300)
    assert of(market.send(c.risk_sweep(BOB, 1)), e.Liquidation)
    told = last(market.send(c.liquidate(BOB)), e.Liquidation)
    assert told.lots == -1  # none counts: a single lot is tried, and ALICE can pay for it


def test_under_rules_1_no_maker_is_stale() -> None:
    from tests.unit.core.harness import PERPETUAL as AT
    from tests.unit.core.harness import Market

    for engine in (Engine(), ReferenceEngine()):
        old = Market(engine)
        old.rests(ALICE, 50_000, 10, at=AT)
        old.mark(index=30_000)
        assert of(old.order(BOB, 50_000, 10, SELL | IOC, at=AT), e.Trade)
