"""Of one mass quote a few sides are looked at closely, the others by what is kept (docs/rules-2.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import USDC, last, of
from tests.unit.core.margins import ALICE, BOB, CALL_50, CALL_55, PERPETUAL, MarginMarket

LOOKS = limits.QUOTE_LOOKS


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    """ALICE has 7,000, and spreads that need 9,500 one by one and 5,000 together."""
    found = MarginMarket(request.param())
    found.hold(ALICE, CALL_55, 100)
    found.hold(ALICE, CALL_50, -100)
    assert isinstance(found.withdraw(ALICE, 4_000 * USDC), e.Cash)
    return found


def quote(market: MarginMarket, *bids: int, account: int = ALICE) -> list[e.Event]:
    """One command with a bid of one lot of the perpetual at each price: each replaces the one before."""
    return market.send(c.mass_quote(account, [c.Quote(PERPETUAL, price, 1) for price in bids]))


def refused(events: list[e.Event]) -> list[tuple[int, str]]:
    """Position and reason of each side refused."""
    return [(found.position, rejects.REJECT_NAMES[found.reason]) for found in of(events, e.Rejected)]


def test_looks_are_for_the_first_sides_that_need_one(market: MarginMarket) -> None:
    assert refused(quote(market, *range(40_000, 40_000 + LOOKS))) == []
    events = quote(market, *range(41_000, 41_000 + LOOKS + 2))
    assert refused(events) == [(2 * LOOKS, "insufficient_funds"), (2 * LOOKS + 2, "insufficient_funds")]
    assert last(events, e.Done).affected == LOOKS
    gone = of(events, e.Order)[-1]  # with the first side that failed
    assert (gone.kind, gone.reason) == (r.ORDER_CANCELLED, r.CANCEL_QUOTE_FAILED)


def test_the_next_command_looks_anew_and_orders_as_they_like(market: MarginMarket) -> None:
    quote(market, *range(40_000, 40_000 + LOOKS + 1))
    for price in range(41_000, 41_000 + LOOKS + 1):
        market.rests(ALICE, PERPETUAL, price, 1)
    assert refused(quote(market, *range(42_000, 42_000 + LOOKS))) == []


def test_sides_that_fail_another_check_and_small_ones_cost_no_look(market: MarginMarket) -> None:
    market.send(c.mass_quote(ALICE, [c.Quote(PERPETUAL, 40_000, 5)]))
    quotes = [c.Quote(PERPETUAL, 40_000, lots) for lots in (4, 3, 2)]  # shrink where they are
    quotes += [c.Quote(CALL_50, 600_000, 1)] * 3  # no such price
    quotes += [c.Quote(PERPETUAL, 40_001 + n, 1) for n in range(LOOKS)]
    assert [why for _, why in refused(market.send(c.mass_quote(ALICE, quotes)))] == ["bad_price"] * 3


def test_plain_sides_cost_no_look(market: MarginMarket) -> None:
    # BOB has 10,000: 10.002 for each lot.
    quotes = [c.Quote(PERPETUAL, 40_000, 1_000)] * (LOOKS - 1)
    quotes += [c.Quote(PERPETUAL, 40_000 + n, 999) for n in range(LOOKS)]
    quotes += [c.Quote(PERPETUAL, 40_000, 1_000)] * 2
    quotes += [c.Quote(PERPETUAL, 40_000, 1)]
    events = market.send(c.mass_quote(BOB, quotes))
    assert {why for _, why in refused(events)} == {"insufficient_funds"}
    assert last(events, e.Done).affected == LOOKS + 1


def test_what_closes_needs_a_look_where_margin_is_short(market: MarginMarket) -> None:
    # BOB, short ten perpetuals at 500, has 49 of the 50.01 that they must keep at the least.
    market.hold(BOB, PERPETUAL, -10, 50_000)
    market.send(c.funding(PERPETUAL, -994 * USDC))
    large = [c.Quote(CALL_50, 2_000, 1_000)] * LOOKS
    closing = c.Quote(PERPETUAL, 50_000, 1)
    assert refused(market.send(c.mass_quote(BOB, [*large[1:], closing]))) == [
        (2 * n, "insufficient_funds") for n in range(LOOKS - 1)
    ]
    assert refused(market.send(c.mass_quote(BOB, [*large, closing])))[-1] == (
        2 * LOOKS, "insufficient_funds",
    )  # fmt: skip


@pytest.mark.parametrize("model", [r.MODEL_STANDARD, r.MODEL_PORTFOLIO])
def test_who_owes_is_told_so_without_a_look_too(market: MarginMarket, model: int) -> None:
    if model == r.MODEL_PORTFOLIO:
        market.portfolio(BOB)
    market.hold(BOB, PERPETUAL, 10)
    market.send(c.funding(PERPETUAL, 1_001 * USDC))
    events = quote(market, *range(40_000, 40_000 + LOOKS + 1), account=BOB)
    assert {why for _, why in refused(events)} == {"negative_equity"}
    assert len(refused(events)) == LOOKS + 1
