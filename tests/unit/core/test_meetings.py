"""Bounded matching: an order meets no more than MEETINGS_MOST makers in one go (docs/rules-2.md)."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    FOK,
    IOC,
    MARKET_LIMIT,
    PERPETUAL,
    REDUCE,
    SELL,
    Engine,
    Market,
    last,
    of,
    under_rules_2,
)
from tests.unit.core.margins import BOB as DEBTOR
from tests.unit.core.margins import DORA, MarginMarket
from tests.unit.core.margins import PERPETUAL as AT
from tests.unit.core.margins import RISK as MARGIN_RISK

MOST = limits.MEETINGS_MOST
PRICE = 50_000


def offer(market: Market, count: int, account: int = ALICE, price: int = PRICE) -> None:
    """That many sales of one lot each."""
    one = c.new_order(account, PERPETUAL, SELL, price, 1)
    assert all(isinstance(found, e.Order) for found in market.send(*[one] * count))


def icebergs(market: Market, count: int) -> None:
    """Sales of 500 lots, five shown: a hundred meetings each."""
    for _ in range(count):
        market.rests(ALICE, PRICE, 500, SELL, PERPETUAL, display=5)


def buy(market: Market, lots: int, flags: int = 0, price: int = PRICE) -> tuple[int, e.Order]:
    """How many makers the order trades with, and what becomes of it."""
    events = market.order(BOB, price, lots, flags, PERPETUAL)
    return len(of(events, e.Trade)), last(events, e.Order)


def ended(order: e.Order) -> tuple[int, int, int]:
    return order.filled_lots, order.state, order.reason


def self_trade(market: Market, mode: int) -> None:
    market.send(c.configure_account(BOB, cancel_maker=mode == r.STP_CANCEL_MAKER))


@pytest.mark.parametrize("makers", [MOST - 1, MOST])
def test_what_is_left_rests_when_the_book_is_through(market_2: Market, makers: int) -> None:
    offer(market_2, makers)
    traded, order = buy(market_2, makers + 5)
    assert traded == makers
    assert ended(order) == (makers, r.ORDER_STATE_OPEN, 0)


@pytest.mark.parametrize("flags", [0, IOC, MARKET_LIMIT])
def test_at_the_most_meetings_it_is_cancelled_whatever_its_kind(market_2: Market, flags: int) -> None:
    offer(market_2, MOST + 1)
    traded, order = buy(market_2, MOST + 1, flags, 0 if flags == MARKET_LIMIT else PRICE)
    assert traded == MOST
    assert ended(order) == (MOST, r.ORDER_STATE_CANCELLED, r.CANCEL_MEETINGS)
    assert buy(market_2, 5, IOC)[0] == 1  # the next order goes on


def test_an_order_that_is_filled_by_then_is_filled(market_2: Market) -> None:
    offer(market_2, MOST + 1)
    assert ended(buy(market_2, MOST)[1]) == (MOST, r.ORDER_STATE_FILLED, 0)


def test_a_maker_at_another_price_is_not_the_next(market_2: Market) -> None:
    offer(market_2, MOST)
    offer(market_2, 1, price=PRICE + 1)
    assert ended(buy(market_2, MOST + 1)[1]) == (MOST, r.ORDER_STATE_OPEN, 0)


def test_every_tip_of_an_iceberg_is_a_meeting(market_2: Market) -> None:
    icebergs(market_2, 11)
    traded, order = buy(market_2, 5_500)
    assert traded == MOST
    assert ended(order) == (5 * MOST, r.ORDER_STATE_CANCELLED, r.CANCEL_MEETINGS)


def test_own_orders_cancelled_on_the_way_are_meetings(market_2: Market) -> None:
    self_trade(market_2, r.STP_CANCEL_MAKER)
    offer(market_2, 2, BOB)
    offer(market_2, MOST - 1)
    assert ended(buy(market_2, MOST)[1]) == (MOST - 2, r.ORDER_STATE_CANCELLED, r.CANCEL_MEETINGS)


def test_reduce_only_orders_cancelled_on_the_way_are_meetings(market_2: Market) -> None:
    market_2.long(CAROL, ALICE, 1, PRICE, PERPETUAL)
    market_2.rests(CAROL, PRICE + 1, 1, SELL | REDUCE, PERPETUAL)
    market_2.rests(ALICE, PRICE, 1, at=PERPETUAL)
    market_2.order(CAROL, PRICE, 1, SELL | IOC, PERPETUAL)
    offer(market_2, MOST, price=PRICE + 1)
    assert ended(buy(market_2, MOST, price=PRICE + 1)[1]) == (
        MOST - 1, r.ORDER_STATE_CANCELLED, r.CANCEL_MEETINGS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("others", "why"), [(MOST - 1, r.CANCEL_SELF_TRADE), (MOST, r.CANCEL_MEETINGS)]
)
def test_the_most_meetings_come_before_the_own_order(market_2: Market, others: int, why: int) -> None:
    self_trade(market_2, r.STP_REJECT_TAKER)
    offer(market_2, others)
    offer(market_2, 1, BOB)
    assert ended(buy(market_2, others + 1)[1]) == (others, r.ORDER_STATE_CANCELLED, why)


def test_an_amended_order_stops_too(market_2: Market) -> None:
    offer(market_2, MOST + 1)
    resting = market_2.rests(BOB, PRICE - 1, MOST + 1, at=PERPETUAL)
    moved = last(market_2.send(c.amend(BOB, resting, price_ticks=PRICE)), e.Order)
    assert moved.kind == r.ORDER_AMENDED
    assert ended(moved) == (MOST, r.ORDER_STATE_CANCELLED, r.CANCEL_MEETINGS)
    assert not of(market_2.order(ALICE, PRICE - 1, 1, SELL | IOC, PERPETUAL), e.Trade)


def test_a_quote_stopped_counts_as_taken(market_2: Market) -> None:
    offer(market_2, MOST + 1)
    events = market_2.send(c.mass_quote(BOB, [c.Quote(PERPETUAL, PRICE, MOST + 1)]))
    assert last(events, e.Done).affected == 1
    assert ended(of(events, e.Order)[-1]) == (MOST, r.ORDER_STATE_CANCELLED, r.CANCEL_MEETINGS)


def test_under_rules_1_nothing_stops_it(market: Market) -> None:
    offer(market, MOST + 1)
    assert ended(buy(market, MOST + 1)[1]) == (MOST + 1, r.ORDER_STATE_FILLED, 0)


@pytest.mark.parametrize(("more", "filled"), [(0, True), (1, False)])
def test_fill_or_kill_looks_no_further_than_it_may_go(market_2: Market, more: int, filled: bool) -> None:
    offer(market_2, MOST + 1)
    lots = MOST + more
    expected = (lots, r.ORDER_STATE_FILLED, 0) if filled else (0, r.ORDER_STATE_CANCELLED, r.CANCEL_FOK)
    assert ended(buy(market_2, lots, FOK)[1]) == expected


@pytest.mark.parametrize(("singles", "filled"), [(MOST - 100, True), (MOST - 99, False)])
def test_its_look_counts_an_iceberg_s_tips(market_2: Market, singles: int, filled: bool) -> None:
    icebergs(market_2, 1)
    offer(market_2, singles)
    lots = 500 + singles
    expected = (lots, r.ORDER_STATE_FILLED, 0) if filled else (0, r.ORDER_STATE_CANCELLED, r.CANCEL_FOK)
    assert ended(buy(market_2, lots, FOK)[1]) == expected


@pytest.mark.parametrize(
    ("singles", "lots", "traded"),
    [
        (MOST - 3, 11 + MOST - 3, MOST),
        (MOST - 2, 11 + MOST - 3, 0),
        (MOST - 2, 5 + MOST - 2, MOST - 1),
        (MOST - 2, 6 + MOST - 2, 0),
        (MOST + 9, 5 + MOST - 1, MOST),
        (MOST + 9, 5 + MOST, 0),
    ],
)
def test_a_level_too_long_for_its_look_counts_by_what_its_first_orders_show(
    market_2: Market, singles: int, lots: int, traded: int
) -> None:
    market_2.rests(ALICE, PRICE, 11, SELL, PERPETUAL, display=5)  # three meetings: 5, 5, 1
    offer(market_2, singles)
    assert buy(market_2, lots, FOK)[0] == traded


def test_the_look_ends_with_that_level(market_2: Market) -> None:
    market_2.rests(ALICE, PRICE, 500, SELL, PERPETUAL, display=5)
    offer(market_2, MOST - 99)
    offer(market_2, 600, price=PRICE + 1)
    found = 5 + MOST - 99
    assert buy(market_2, found + 1, FOK, PRICE + 1)[0] == 0
    assert buy(market_2, found, FOK, PRICE + 1)[0] == MOST - 98


@pytest.mark.parametrize(("before", "traded"), [(MOST - 1, MOST), (MOST, 0)])
def test_before_an_own_order_what_is_shown_counts_as_far_as_meetings_go(
    market_2: Market, before: int, traded: int
) -> None:
    self_trade(market_2, r.STP_REJECT_TAKER)
    market_2.rests(ALICE, PRICE, 500, SELL, PERPETUAL, display=5)
    offer(market_2, before)
    offer(market_2, 1, BOB)
    assert buy(market_2, 5 + before, FOK)[0] == traded


@pytest.mark.parametrize(("singles", "traded"), [(MOST - 2, MOST - 2), (MOST - 1, 0)])
def test_a_reduce_only_order_may_be_met_twice(market_2: Market, singles: int, traded: int) -> None:
    market_2.long(CAROL, ALICE, 1, PRICE, PERPETUAL)
    market_2.rests(CAROL, PRICE + 1, 1, SELL | REDUCE, PERPETUAL)
    offer(market_2, singles, price=PRICE + 1)
    events = market_2.order(BOB, PRICE + 1, singles, FOK, PERPETUAL)
    assert len(of(events, e.Trade)) == traded


def test_what_it_counts_nothing_for_is_one(market_2: Market) -> None:
    self_trade(market_2, r.STP_CANCEL_MAKER)
    market_2.rests(BOB, PRICE, 500, SELL, PERPETUAL, display=5)
    offer(market_2, MOST)
    assert buy(market_2, MOST, FOK)[0] == 0
    assert buy(market_2, MOST - 1, FOK)[0] == MOST - 1


@pytest.mark.parametrize("bids", [MOST - 1, MOST, MOST + 1])
def test_a_slice_is_no_larger_than_it_may_be_filled(engine_class: type[Engine], bids: int) -> None:
    market = MarginMarket(engine_class(), MARGIN_RISK._replace(liquidation_slice_micro=1 << 48))
    market.deposit(DEBTOR, 10**10)  # 20,000 in all
    market.hold(DEBTOR, AT, 1_500)
    market.mark(marks={AT: 48_800})  # 18,150 lost; 7,320 to be kept
    one = c.new_order(DORA, AT, 0, 48_800, 1)
    assert all(isinstance(found, e.Order) for found in market.send(*[one] * bids))
    assert of(market.send(cr.risk_sweep(DEBTOR, 1)), e.Liquidation)
    told = last(market.send(cr.liquidate(DEBTOR)), e.Liquidation)
    assert told.lots == -min(bids, MOST)


def test_the_same_market_under_rules_2(engine_class: type[Engine]) -> None:
    """What is above holds for orders that were there before rules 2 as well."""
    market = Market(engine_class())
    offer(market, MOST + 1)
    under_rules_2(market)
    market.mark()
    assert ended(buy(market, MOST + 1)[1]) == (MOST, r.ORDER_STATE_CANCELLED, r.CANCEL_MEETINGS)
