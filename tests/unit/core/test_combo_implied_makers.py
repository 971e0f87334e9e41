"""Whose orders are implied, and what a trade of them is to fees, last prices, protection and links."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.reference.rates import RATES
from tests.unit.core.combos import DORA, FAR, NEAR, TICK_MICRO, WING, ComboMarket, end, implied, with_dora
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    IOC,
    REDUCE,
    SELL,
    USDC,
    last,
    of,
    only,
)


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> ComboMarket:
    return with_dora(ComboMarket(request.param()))


# --- makers --------------------------------------------------------------------------------------------


def test_self_trades(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 7_100, 1, SELL, at=NEAR)
    market.rests(CAROL, 3_950, 1, at=FAR)
    market.rests(BOB, 3_940, 1, at=FAR)
    assert end(market.order(CAROL, 3_200, 1, at=spread))[:3] == (3, r.CANCEL_SELF_TRADE, 0)
    market.send(c.configure_account(CAROL, cancel_maker=True))
    found = market.order(CAROL, 3_200, 1, at=spread)
    assert of(found, e.Order)[0].reason == r.CANCEL_SELF_TRADE
    assert implied(found) == [(1, 3_160, 1)]
    # Out: the combo's order first, then the other leg's.
    market.rests(CAROL, 3_000, 1, SELL, at=spread)
    market.rests(DORA, 3_001, 1, SELL, at=spread)
    market.rests(BOB, 4_000, 1, SELL, at=FAR)
    found = market.order(CAROL, 7_001, 1, IOC, at=NEAR)
    assert [order.reason for order in of(found, e.Order)] == [r.CANCEL_SELF_TRADE, 0, 0, 0]
    assert implied(found) == [(2, 3_001, 1)]
    market.rests(DORA, 3_000, 1, SELL, at=spread)
    market.rests(CAROL, 4_000, 1, SELL, at=FAR)
    found = market.order(CAROL, 7_000, 1, IOC, at=NEAR)
    assert [order.reason for order in of(found, e.Order)] == [r.CANCEL_SELF_TRADE, r.CANCEL_IOC]


def test_reduce_only_makers(market: ComboMarket) -> None:
    spread = market.spread()
    market.long(ALICE, BOB, 2, 7_000, at=NEAR)
    market.rests(ALICE, 7_100, 2, SELL | REDUCE, at=NEAR)
    market.rests(ALICE, 7_100, 5, SELL, at=NEAR)
    market.rests(BOB, 6_000, 1, at=NEAR)
    assert end(market.order(ALICE, 6_000, 1, SELL | IOC, at=NEAR))[2] == 1  # one left that may be sold
    market.rests(BOB, 3_950, 9, at=FAR)
    found = market.order(CAROL, 3_150, 4, at=spread)
    assert implied(found) == [(1, 3_150, 1), (1, 3_150, 3)]
    reasons = [order.reason for order in of(found, e.Order)]
    assert r.CANCEL_REDUCE_ONLY in reasons


def test_two_makers_of_one_account_are_judged_together(market: ComboMarket) -> None:
    both = market.combo((NEAR, 1), (FAR, 1))
    market.leave(ALICE, 300 * USDC)
    market.rests(ALICE, 7_000, 1, SELL, at=NEAR)
    market.rests(ALICE, 4_000, 1, SELL, at=FAR)
    market.mark_calls({NEAR: 20_000, FAR: 17_000})
    each = 500 * USDC * RATES.sm_mm_ppm // 1_000_000
    needed = 2 * each + (20_000 + 17_000 - 11_000) * TICK_MICRO
    market.deposit(ALICE, needed - 300 * USDC - 1)
    # Each alone could be borne; both together lack one millionth. The first goes, and nothing trades.
    found = market.order(BOB, 11_000, 1, IOC, at=both)
    assert [(order.head.instrument, order.reason) for order in of(found, e.Order)] == [
        (NEAR, r.CANCEL_MARGIN),
        (both, r.CANCEL_IOC),
    ]
    assert end(market.order(BOB, 4_000, 1, IOC, at=FAR))[2] == 1


def test_two_makers_of_one_account_that_keep_it_trade(market: ComboMarket) -> None:
    both = market.combo((NEAR, 1), (FAR, 1))
    market.leave(ALICE, 300 * USDC)
    market.rests(ALICE, 7_000, 1, SELL, at=NEAR)
    market.rests(ALICE, 4_000, 1, SELL, at=FAR)
    market.mark_calls({NEAR: 20_000, FAR: 17_000})
    each = 500 * USDC * RATES.sm_mm_ppm // 1_000_000
    market.deposit(ALICE, 2 * each + (20_000 + 17_000 - 11_000) * TICK_MICRO - 300 * USDC)
    assert implied(market.order(BOB, 11_000, 1, IOC, at=both)) == [(1, 11_000, 1)]


@pytest.mark.parametrize("short_micro", [0, 1])
def test_a_losing_order_of_the_combo(market: ComboMarket, short_micro: int) -> None:
    both = market.combo((NEAR, 1), (FAR, 1))
    market.leave(ALICE, 300 * USDC)
    market.rests(ALICE, 11_000, 1, SELL, at=both)
    market.rests(BOB, 4_000, 1, at=FAR)
    market.mark_calls({NEAR: 20_000, FAR: 17_000})
    each = 500 * USDC * RATES.sm_mm_ppm // 1_000_000
    needed = 2 * each + (20_000 + 17_000 - 11_000) * TICK_MICRO
    market.deposit(ALICE, needed - 300 * USDC - short_micro)
    found = market.order(CAROL, 7_000, 1, IOC, at=NEAR)
    assert implied(found) == ([] if short_micro else [(2, 11_000, 1)])
    if short_micro:
        assert of(found, e.Order)[0].reason == r.CANCEL_MARGIN


@pytest.mark.parametrize("left", [1, 2])
def test_meetings_at_the_limit(market: ComboMarket, left: int) -> None:
    spread = market.spread()
    own = limits.MEETINGS_MOST - left
    market.send(*[c.new_order(ALICE, spread, SELL, 3_000, 1)] * own)
    market.rests(ALICE, 7_000, 9, SELL, at=NEAR)
    market.rests(BOB, 3_999, 9, at=FAR)
    found = market.order(CAROL, 3_001, limits.MEETINGS_MOST + 20, at=spread)
    assert [kind for kind, _, _ in implied(found)] == [0] * own + [1] * (left >= 2)
    taken = own + (9 if left >= 2 else 0)
    last_order = last(found, e.Order)
    assert last_order.filled_lots == taken
    # With two or three left the implied order was met, and nothing is there any more.
    assert (last_order.state, last_order.reason) == ((1, 0) if left >= 2 else (3, r.CANCEL_MEETINGS))


# --- fees, prices, protection ----------------------------------------------------------------------------


def test_fees_of_implied_in(market: ComboMarket) -> None:
    spread = market.spread()
    market.send(cr.set_fees([cr.FeeTier(-33, 333, 0, 0)], combo_discount_permille=950))
    market.rests(ALICE, 7_100, 1, SELL, at=NEAR)
    market.rests(BOB, 3_950, 1, at=FAR)
    for trade in of(market.order(CAROL, 3_150, 1, at=spread), e.Trade):
        # 166,500 less the discount; a rebate of 16,500 is at most that.
        assert (trade.taker_fee_micro, trade.maker_fee_micro) == (8_325, -8_325)


def test_fees_of_implied_out(market: ComboMarket) -> None:
    spread = market.spread()
    for maker, fees in ((100, (166_500, 25_000, 25_000, 50_000)), (-100, (166_500, -25_000, 0, 0))):
        market.send(cr.set_fees([cr.FeeTier(maker, 333, 0, 0)], combo_discount_permille=500))
        market.rests(ALICE, 3_000, 1, SELL, at=spread)
        market.rests(BOB, 4_000, 1, SELL, at=FAR)
        first, second = of(market.order(CAROL, 7_000, 1, at=NEAR), e.Trade)
        assert (first.taker_fee_micro, first.maker_fee_micro) == fees[:2]
        # The combo's order pays a maker's fee in both, and gets no rebate where it takes.
        assert (second.taker_fee_micro, second.maker_fee_micro) == fees[2:]


def test_last_prices_move_by_implied_orders_alone(market: ComboMarket) -> None:
    spread = market.spread()
    stops = []
    for leg in (NEAR, FAR):
        trigger = co.Trigger(r.TRIGGER_STOP, r.SOURCE_LAST, 7_100 * USDC if leg == NEAR else 3_900 * USDC)
        sent = co.extended_order(DORA, leg, 0, 1, 1, trigger=trigger)
        stops.append(last(market.send(sent), e.Order).order_id)
    market.rests(ALICE, 4_000, 1, at=spread)
    assert of(market.order(BOB, 4_000, 1, SELL, at=spread), e.Trade)[0].price_ticks == 8_000
    market.rests(ALICE, 7_100, 1, SELL, at=NEAR)
    market.rests(BOB, 3_950, 1, at=FAR)
    found = market.order(CAROL, 3_150, 1, at=spread)
    fired = [order.order_id for order in of(found, e.Order) if order.kind == r.ORDER_TRIGGERED]
    assert fired == stops


def test_last_prices_are_seen_the_takers_own_first(market: ComboMarket) -> None:
    spread = market.spread()
    stops = {}
    for leg in (NEAR, FAR):
        trigger = co.Trigger(r.TRIGGER_STOP, r.SOURCE_LAST, USDC)
        sent = co.extended_order(DORA, leg, 0, 1, 1, trigger=trigger)
        stops[leg] = last(market.send(sent), e.Order).order_id
    market.rests(ALICE, 2_900, 1, at=spread)
    market.rests(BOB, 7_100, 1, SELL, at=NEAR)
    found = market.order(CAROL, 4_200, 1, at=FAR)
    fired = [order.order_id for order in of(found, e.Order) if order.kind == r.ORDER_TRIGGERED]
    assert fired == [stops[FAR], stops[NEAR]]


def test_protection_sees_fills_of_the_legs(market: ComboMarket) -> None:
    spread = market.spread()
    lot_e8 = CALL.lot_e8
    for account in (ALICE, BOB):
        market.send(co.set_mmp(account, 0, 0, co.MmpLimits(1_000, 0, 2 * lot_e8, 0, 0, 1 << 50)))
    market.rests(ALICE, 7_100, 3, SELL | r.FLAG_MMP, at=NEAR)
    market.rests(BOB, 3_950, 2, r.FLAG_MMP, at=FAR)
    market.rests(BOB, 100, 1, r.FLAG_MMP, at=WING)
    found = market.order(CAROL, 3_150, 2, at=spread)
    assert [event.head.account for event in of(found, e.Mmp)] == [ALICE, BOB]
    assert {event.quantity_e8 for event in of(found, e.Mmp)} == {2 * lot_e8}
    cancelled = [order.head.instrument for order in of(found, e.Order) if order.reason == r.CANCEL_MMP]
    assert cancelled == [NEAR, WING]


def test_a_protected_taker_of_a_leg(market: ComboMarket) -> None:
    spread = market.spread()
    market.send(co.set_mmp(CAROL, 0, 0, co.MmpLimits(1_000, 0, 2 * CALL.lot_e8, 0, 0, 1 << 50)))
    market.rests(ALICE, 3_000, 2, SELL, at=spread)
    market.rests(BOB, 4_000, 9, SELL, at=FAR)
    found = market.order(CAROL, 7_000, 5, r.FLAG_MMP, at=NEAR)
    assert only(of(found, e.Mmp), e.Mmp).quantity_e8 == 2 * CALL.lot_e8
    assert end(found)[:3] == (r.ORDER_STATE_CANCELLED, r.CANCEL_MMP, 2)


def test_links_see_fills_of_the_legs(market: ComboMarket) -> None:
    spread = market.spread()
    other = [co.Member(SELL, 9_000, 2)]
    market.send(co.extended_order(BOB, NEAR, SELL, 7_100, 2, link=r.LINK_OCO, members=other))
    market.rests(ALICE, 3_950, 2, at=FAR)
    found = market.order(CAROL, 3_150, 1, at=spread)
    (gone,) = [order for order in of(found, e.Order) if order.reason == r.CANCEL_OCO]
    assert (gone.head.account, gone.price_ticks) == (BOB, 9_000)
