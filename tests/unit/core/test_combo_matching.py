"""Matching in a combo's own book: events, bookings, fees, makers that go (docs/rules-4.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.reference.rates import RATES
from tests.unit.core.combos import (
    CALLS,
    FAR,
    NEAR,
    TICK_MICRO,
    WING,
    ComboMarket,
    end,
    kinds,
    parts,
)
from tests.unit.core.harness import ALICE, BOB, FOK, IOC, SELL, USDC, last, of, only, reason


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> ComboMarket:
    return ComboMarket(request.param())


def test_the_events_of_a_match(market: ComboMarket) -> None:
    butterfly = market.combo((NEAR, 1), (FAR, -2), (WING, 1))
    maker = market.rests(ALICE, 1_400, 5, at=butterfly)
    found = market.order(BOB, 1_300, 3, SELL, at=butterfly)
    assert kinds(found) == ["ComboTrade", "Trade", "Trade", "Trade", "Order", "Order"]
    told = only(of(found, e.ComboTrade), e.ComboTrade)
    assert (told.head.account, told.head.instrument) == (BOB, butterfly)
    assert (told.price_ticks, told.lots) == (1_400, 3)
    assert (told.maker_order_id, told.maker_account, told.taker_order_id) == (maker, ALICE, maker + 1)
    assert (told.side, told.kind, told.trade_seq) == (r.FLAG_SELL, r.COMBO_BOOK, 1)
    # Marks 7,000 - 8,000 + 2,500 = 1,500: the first leg gives way. BOB sells the first and the third.
    assert parts(found) == [(NEAR, 6_900, -3), (FAR, 4_000, 6), (WING, 2_500, -3)]
    for number, trade in enumerate(of(found, e.Trade)):
        assert trade.head.id == told.head.id + 1 + number
        assert (trade.maker_order_id, trade.taker_order_id) == (maker, maker + 1)
        assert (trade.maker_account, trade.taker_account, trade.trade_seq) == (ALICE, BOB, 1)
        assert trade.flags & ~r.FLAG_SELL == r.TRADE_COMBO
        assert trade.mark_micro == (7_000, 4_000, 2_500)[number] * USDC
    made, took = of(found, e.Order)
    assert (made.order_id, made.open_lots, made.filled_value) == (maker, 2, 3 * 1_400)
    assert (took.state, took.filled_lots, took.filled_value) == (r.ORDER_STATE_FILLED, 3, 3 * 1_400)
    again = of(market.order(BOB, 1_400, 1, SELL, at=butterfly), e.ComboTrade)
    assert again[0].trade_seq == 2


def test_cash_moves_by_the_price_of_the_combo(market: ComboMarket) -> None:
    butterfly = market.combo((NEAR, 1), (FAR, -2), (WING, 1))
    before = market.balance(ALICE), market.balance(BOB)
    for price, buyer, seller in ((1_400, ALICE, BOB), (-30, BOB, ALICE)):
        market.rests(buyer, price, 3, at=butterfly)
        market.order(seller, price, 3, SELL, at=butterfly)
    paid = 3 * (1_400 + 30) * TICK_MICRO
    after = market.balance(ALICE), market.balance(BOB)
    assert after == (before[0] - paid + 1, before[1] + paid + 1)


def test_fees_have_the_discount_rounded_against_their_payer(market: ComboMarket) -> None:
    spread = market.spread()
    # 500 USDC a lot: 100 ppm are 0.05, 333 ppm 0.1665 USDC; rebates of 33 ppm 0.0165.
    market.send(cr.set_fees([cr.FeeTier(100, 333, 0, 0)], combo_discount_permille=333))
    market.rests(ALICE, 3_000, 3, at=spread)
    for trade in of(market.order(BOB, 3_000, 1, SELL, at=spread), e.Trade):
        assert trade.taker_fee_micro == -(-166_500 * 667 // 1000)
        assert trade.maker_fee_micro == -(-50_000 * 667 // 1000)
    market.send(cr.set_fees([cr.FeeTier(-33, 333, 0, 0)], combo_discount_permille=333))
    for trade in of(market.order(BOB, 3_000, 1, SELL, at=spread), e.Trade):
        assert trade.maker_fee_micro == -(16_500 * 667 // 1000)
    market.send(cr.set_fees([cr.FeeTier(-33, 333, 0, 0)], combo_discount_permille=1_000))
    for trade in of(market.order(BOB, 3_000, 1, SELL, at=spread), e.Trade):
        assert (trade.taker_fee_micro, trade.maker_fee_micro) == (0, 0)


def test_self_trades(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 10, 2, at=spread)
    market.rests(BOB, 5, 2, at=spread)
    stopped = market.order(ALICE, 5, 3, SELL, at=spread)
    assert end(stopped)[:3] == (r.ORDER_STATE_CANCELLED, r.CANCEL_SELF_TRADE, 0)
    market.send(c.configure_account(ALICE, cancel_maker=True))
    found = market.order(ALICE, 5, 3, SELL, at=spread)
    assert of(found, e.Order)[0].reason == r.CANCEL_SELF_TRADE
    assert end(found)[2:] == (2, 10)


def test_queues_and_levels_across_zero(market: ComboMarket) -> None:
    spread = market.spread()
    for price in (-2, 1, -1, 0, 2):
        market.rests(ALICE, price, 1, SELL, at=spread)
    found = market.order(BOB, 1, 9, IOC, at=spread)
    assert [trade.price_ticks for trade in of(found, e.ComboTrade)] == [-2, -1, 0, 1]
    assert end(found)[2:] == (4, -2)
    for price in (-2, 1, -1, 0):
        market.rests(ALICE, price, 1, at=spread)
    found = market.order(BOB, -1, 9, SELL | IOC, at=spread)
    assert [trade.price_ticks for trade in of(found, e.ComboTrade)] == [1, 0, -1]


def test_levels_far_from_the_touch(market: ComboMarket) -> None:
    spread = market.spread()
    for price in (-400_000, -10, 300_000, -399_999):
        market.rests(ALICE, price, 1, SELL, at=spread)
    found = market.order(BOB, 300_000, 9, IOC, at=spread)
    assert [trade.price_ticks for trade in of(found, e.ComboTrade)] == [-400_000, -399_999, -10, 300_000]


def maintenance(mark_ticks: int) -> int:
    """Of one call held short, micro-USDC."""
    return 500 * USDC * RATES.sm_mm_ppm // 1_000_000 + mark_ticks * TICK_MICRO


@pytest.mark.parametrize("short_micro", [0, 1])
def test_a_losing_maker_keeps_its_maintenance_or_goes(market: ComboMarket, short_micro: int) -> None:
    both = market.combo((NEAR, 1), (FAR, 1))
    market.leave(ALICE, 300 * USDC)
    maker = market.rests(ALICE, 11_000, 1, SELL, at=both)
    market.mark_calls({NEAR: 20_000, FAR: 17_000})
    needed = maintenance(20_000) + maintenance(17_000) - 11_000 * TICK_MICRO  # the premium comes in
    market.deposit(ALICE, needed - 300 * USDC - short_micro)
    found = market.order(BOB, 11_000, 1, IOC, at=both)
    assert end(found)[2] == 1 - short_micro
    (kept, *_) = of(found, e.Order)
    assert kept.order_id == maker
    assert kept.reason == (r.CANCEL_MARGIN if short_micro else 0)


def test_fees_of_a_losing_maker_are_counted_without_discount(market: ComboMarket) -> None:
    both = market.combo((NEAR, 1), (FAR, 1))
    market.send(cr.set_fees([cr.FeeTier(100, 300, 0, 0)], combo_discount_permille=1_000))
    market.leave(ALICE, 300 * USDC)
    market.rests(ALICE, 11_000, 1, SELL, at=both)
    market.mark_calls({NEAR: 20_000, FAR: 17_000})
    needed = maintenance(20_000) + maintenance(17_000) - 11_000 * TICK_MICRO + 2 * 50_000
    market.deposit(ALICE, needed - 300 * USDC - 1)
    assert end(market.order(BOB, 11_000, 1, IOC, at=both))[2] == 0


@pytest.mark.parametrize("short_micro", [0, 1])
def test_a_losing_maker_of_the_portfolio_model(market: ComboMarket, short_micro: int) -> None:
    only(market.send(cr.set_margin_model(ALICE, 1)), e.Account)
    spread = market.spread()
    market.leave(ALICE, 300 * USDC)
    market.rests(ALICE, 3_000, 1, at=spread)
    market.mark_calls({NEAR: 30_000, FAR: 40_000})  # a lot at 3,000 loses 130 USDC
    # Without tables: the short call's margin and its charge, the long one's whole value; deltas offset.
    charged = maintenance(40_000) + 500 * USDC * RATES.short_ppm // 1_000_000 + 30_000 * TICK_MICRO
    needed = -(-charged * RATES.pm_mm_ppm // 1_000_000) + 130 * USDC
    market.deposit(ALICE, needed - 300 * USDC - short_micro)
    assert end(market.order(BOB, 3_000, 1, SELL | IOC, at=spread))[2] == 1 - short_micro


def test_bounded_meetings(market: ComboMarket) -> None:
    spread = market.spread()
    order = c.new_order(ALICE, spread, SELL, 0, 1)
    market.send(*[order] * (limits.MEETINGS_MOST + 1))
    found = market.order(BOB, 0, limits.MEETINGS_MOST + 5, at=spread)
    assert end(found)[:3] == (r.ORDER_STATE_CANCELLED, r.CANCEL_MEETINGS, limits.MEETINGS_MOST)


def test_fill_or_kill_sees_its_own_book(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 3_000, 2, SELL, at=spread)
    # The legs would serve more (implied in), but not a fill-or-kill order.
    market.rests(ALICE, 7_000, 5, SELL, at=NEAR)
    market.rests(ALICE, 4_000, 5, at=FAR)
    assert end(market.order(BOB, 3_000, 3, FOK, at=spread))[:2] == (r.ORDER_STATE_CANCELLED, r.CANCEL_FOK)
    found = market.order(BOB, 3_000, 2, FOK, at=spread)
    assert [trade.kind for trade in of(found, e.ComboTrade)] == [r.COMBO_BOOK]
    assert end(market.order(BOB, 3_000, 1, FOK, at=spread))[1] == r.CANCEL_FOK


def test_fill_or_kill_counts_no_losing_maker(market: ComboMarket) -> None:
    spread = market.spread()
    market.rests(ALICE, 3_000, 2, at=spread)
    market.mark_calls({NEAR: 6_999})
    assert end(market.order(BOB, 3_000, 2, SELL | FOK, at=spread))[1] == r.CANCEL_FOK
    market.mark_calls({NEAR: 7_000})
    assert end(market.order(BOB, 3_000, 2, SELL | FOK, at=spread))[2] == 2


def test_four_legs_and_large_ratios(market: ComboMarket) -> None:
    only(market.send(c.list_instrument(market.next_id, CALLS[0]._replace(option_type=2))), e.Instrument)
    put = market.next_id
    market.next_id += 1
    market.mark_calls({put: 1_000})
    combo = market.combo((NEAR, 2), (FAR, -3), (WING, 1), (put, 4))
    market.rests(ALICE, 8_500, 2, SELL, at=combo)  # 14,000 - 12,000 + 2,500 + 4,000
    found = market.order(BOB, 8_500, 2, at=combo)
    assert parts(found) == [(NEAR, 7_000, 4), (FAR, 4_000, -6), (WING, 2_500, 2), (put, 1_000, 8)]


def test_a_delisted_combo_cannot_be_met(market: ComboMarket) -> None:
    spread = market.spread()
    market.send(c.set_instrument_state(spread, r.STATE_DELISTED))
    assert reason(market.order(ALICE, 0, 1, at=spread)) == "instrument_not_open"
    assert last(market.order(ALICE, 1, 1, at=NEAR), e.Order).open_lots == 1
