"""Fills count for their group, and a group that trips is cancelled and frozen."""

from __future__ import annotations

import pytest

from exchange.core import protection
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    IOC,
    OPTION,
    PERPETUAL,
    REDUCE,
    SELL,
    Market,
    last,
    of,
    only,
)
from tests.unit.core.protection import (
    LOT,
    MMP,
    checked,
    greeks,
    group,
    quote,
    shape,
    take,
)


class TestCounting:
    @pytest.mark.parametrize(("limit", "trips"), [(5 * LOT, True), (5 * LOT + 1, False)])
    def test_quantity_of_both_sides_adds_up(self, market_3: Market, limit: int, trips: bool) -> None:
        group(market_3, quantity=limit)
        quote(market_3, c.Quote(OPTION, 90, 9, 110, 9))
        take(market_3, 90, 3)
        tripped = of(take(market_3, 110, 2, IOC), e.Mmp)
        assert bool(tripped) == trips
        if trips:
            assert (tripped[0].quantity_e8, tripped[0].kind) == (5 * LOT, r.MMP_TRIPPED)
        checked(market_3)

    @pytest.mark.parametrize(("limit", "trips"), [(1_666_665, True), (1_666_666, False)])
    @pytest.mark.parametrize("delta", [333_333_333, -333_333_333])
    def test_delta_has_a_sign(self, market_3: Market, limit: int, trips: bool, delta: int) -> None:
        """One lot: 333,333 (333,333.333 rounded down); six bought and one sold one by one: 5 * 333,333."""
        greeks(market_3, delta, 0)
        group(market_3, delta=limit)
        quote(market_3, c.Quote(OPTION, 90, 9, 110, 9))
        take(market_3, 110, 1, IOC)  # sold 1
        for lots in (1, 1, 1, 1, 1):
            assert of(take(market_3, 90, lots), e.Mmp) == []
        tripped = of(take(market_3, 90, 1), e.Mmp)
        assert bool(tripped) == trips
        if trips:
            assert tripped[0].delta_e8 == (1_666_665 if delta > 0 else -1_666_665)

    @pytest.mark.parametrize(("limit", "trips"), [(67_900, True), (67_901, False)])
    def test_vega_has_a_sign_too(self, market_3: Market, limit: int, trips: bool) -> None:
        """1 lot of vega 3,395,039 micro: 33,950.39, rounded down; 3 bought in ones, 1 sold: 67,900."""
        greeks(market_3, 0, 3_395_039)
        group(market_3, vega=limit)
        quote(market_3, c.Quote(OPTION, 90, 9, 110, 9))
        take(market_3, 110, 1, IOC)
        for _ in range(2):
            assert of(take(market_3, 90, 1), e.Mmp) == []
        tripped = of(take(market_3, 90, 1), e.Mmp)
        assert bool(tripped) == trips
        if trips:
            assert tripped[0].vega_micro == 67_900

    def test_a_short_s_vega_trips_as_well(self, market_3: Market) -> None:
        greeks(market_3, 0, 3_000_000)
        group(market_3, vega=60_000)
        quote(market_3, c.Quote(OPTION, 90, 9, 110, 9))
        assert of(take(market_3, 110, 2, IOC), e.Mmp)[0].vega_micro == -60_000

    def test_a_window_lasts_its_interval(self, market_3: Market) -> None:
        group(market_3, quantity=3 * LOT, interval=100)
        quote(market_3, c.Quote(OPTION, 90, 20))
        market_3.send(c.time(1_000))
        take(market_3, 90, 2)
        market_3.send(c.time(1_100))  # a new window
        assert of(take(market_3, 90, 2), e.Mmp) == []
        market_3.send(c.time(1_199))
        assert of(take(market_3, 90, 1), e.Mmp)[0].quantity_e8 == 3 * LOT

    def test_a_window_begins_with_its_first_fill(self, market_3: Market) -> None:
        group(market_3, quantity=3 * LOT, interval=100)
        quote(market_3, c.Quote(OPTION, 90, 20))
        market_3.send(c.time(1_000))
        take(market_3, 90, 2)
        market_3.send(c.time(1_500))
        take(market_3, 90, 2)
        market_3.send(c.time(1_599))
        assert len(of(take(market_3, 90, 1), e.Mmp)) == 1

    def test_unprotected_fills_do_not_count(self, market_3: Market) -> None:
        group(market_3, quantity=LOT)
        market_3.rests(ALICE, 91, 5)
        quote(market_3, c.Quote(OPTION, 90, 5))
        assert of(take(market_3, 91, 5), e.Mmp) == []

    def test_sums_stop(self) -> None:
        """Products of the largest fields: 2**62 lots * lot_e8, vega 2**42."""
        most = (1 << 28) * 10**10
        assert protection._scaled(most, 10**9) == most
        assert protection._scaled(most, 999_999_999) == most * 999_999_999 // 10**9
        assert protection._vega(most, 1 << 42) == 1 << 61
        for quantity, vega in ((10**10, 1 << 42), (12_345_678_901, 987_654_321_987), (99_999_999, 1 << 42)):
            assert protection._vega(quantity, vega) == quantity * vega // 10**8
        stop = limits.MAX_MMP_SUM
        for total, stopped in ((stop, stop), (stop + 1, stop), (-stop, -stop), (-stop - 1, -stop), (5, 5)):
            assert protection._stopped(total) == stopped


class TestTripping:
    def test_it_takes_effect_when_the_taker_is_through(self, market_3: Market) -> None:
        group(market_3, quantity=2 * LOT, frozen=500)
        market_3.send(c.time(1_000))
        quote(market_3, c.Quote(OPTION, 90, 3, 110, 3), c.Quote(PERPETUAL, 40_000, 1))
        market_3.rests(ALICE, 80, 1, MMP)
        market_3.rests(CAROL, 85, 1)
        events = take(market_3, 85, 9, SELL)
        assert shape(events) == [
            ("trade", BOB, 0),
            ("order 2/2/0", ALICE, 90),
            ("trade", BOB, 0),
            ("order 2/2/0", CAROL, 85),
            ("mmp", ALICE, r.MMP_TRIPPED),
            ("order 3/3/12", ALICE, 110),
            ("order 3/3/12", ALICE, 40_000),
            ("order 3/3/12", ALICE, 80),
            ("order 1/1/0", BOB, 85),
        ]
        tripped = of(events, e.Mmp)[0]
        assert tripped[1:] == (r.MMP_TRIPPED, 1_500, 3 * LOT, 0, 0, 1_000)
        assert of(events, e.Order)[-1].open_lots == 5
        checked(market_3)

    def test_a_freeze_runs_out_by_itself(self, market_3: Market) -> None:
        group(market_3, quantity=LOT, frozen=500)
        market_3.send(c.time(1_000))
        quote(market_3, c.Quote(OPTION, 90, 3))
        take(market_3, 90, 1)
        market_3.send(c.time(1_499))
        refused = only(market_3.order(ALICE, 90, 1, MMP), e.Rejected)
        assert (rejects.REJECT_NAMES[refused.reason], refused.detail) == ("mmp_frozen", 1_500)
        side = of(quote(market_3, c.Quote(OPTION, 90, 1)), e.Rejected)[0]
        assert (rejects.REJECT_NAMES[side.reason], side.detail, side.position) == ("mmp_frozen", 1_500, 0)
        checked(market_3)
        market_3.send(c.time(1_500))
        market_3.rests(ALICE, 90, 1, MMP)
        checked(market_3)

    def test_without_a_time_it_lasts_until_it_is_reset(self, market_3: Market) -> None:
        group(market_3, quantity=LOT)
        quote(market_3, c.Quote(OPTION, 90, 3))
        assert of(take(market_3, 90, 1), e.Mmp)[0].frozen_until_ms == -1
        market_3.send(c.time(999_999))
        assert only(market_3.order(ALICE, 90, 1, MMP), e.Rejected).detail == -1
        market_3.rests(ALICE, 89, 1)  # what is not protected goes on
        market_3.send(co.reset_mmp(ALICE, 0, 0))
        checked(market_3)
        market_3.rests(ALICE, 90, 1, MMP)

    def test_groups_trip_in_order(self, market_3: Market) -> None:
        for account, number in ((BOB, 0), (ALICE, 2), (ALICE, 1)):
            group(market_3, number, account, quantity=LOT)
        quote(market_3, c.Quote(OPTION, 90, 1), account=BOB)
        for number in (2, 1):
            quote(market_3, c.Quote(OPTION, 90, 1), number=number)
        events = take(market_3, 90, 3, account=CAROL)
        assert [(m.head.account, m.head.id) for m in of(events, e.Mmp)] == [(ALICE, 1), (ALICE, 2), (BOB, 0)]

    @pytest.mark.parametrize("flags", [0, IOC, r.TYPE_MARKET << r.TYPE_SHIFT | IOC])
    def test_a_protected_taker_s_rest_is_cancelled(self, market_3: Market, flags: int) -> None:
        group(market_3, quantity=2 * LOT)
        other = market_3.rests(ALICE, 80, 1, MMP)
        market_3.rests(BOB, 90, 2, SELL)
        price = 0 if flags & r.TYPE_MARKET << r.TYPE_SHIFT else 90
        events = market_3.order(ALICE, price, 5, MMP | flags)
        assert [what for what, _, _ in shape(events)] == [
            "trade",
            "order 2/2/0",
            "mmp",
            "order 3/3/12",
            "order 1/3/12",
        ]
        cancelled, own = of(events, e.Order)[1:]
        assert (cancelled.order_id, own.filled_lots, own.open_lots) == (other, 2, 0)
        checked(market_3)

    def test_a_protected_taker_that_filled_whole_is_filled(self, market_3: Market) -> None:
        group(market_3, quantity=2 * LOT)
        market_3.rests(BOB, 90, 2, SELL)
        events = market_3.order(ALICE, 90, 2, MMP)
        assert [what for what, _, _ in shape(events)] == ["trade", "order 2/2/0", "mmp", "order 1/2/0"]

    def test_a_self_trade_s_stop_keeps_its_reason(self, market_3: Market) -> None:
        group(market_3, quantity=2 * LOT)
        market_3.rests(BOB, 90, 2, SELL)
        market_3.rests(ALICE, 91, 2, SELL)
        assert shape(market_3.order(ALICE, 91, 5, MMP))[-1] == ("order 1/3/5", ALICE, 91)
        checked(market_3)

    def test_an_amended_taker_s_rest_is_cancelled(self, market_3: Market) -> None:
        group(market_3, quantity=2 * LOT)
        own = market_3.rests(ALICE, 80, 5, MMP)
        beside = market_3.rests(ALICE, 80, 1, MMP)
        market_3.rests(CAROL, 80, 4)
        market_3.rests(BOB, 90, 2, SELL)
        events = market_3.send(co.amend(ALICE, own, price_ticks=90))
        assert [what for what, _, _ in shape(events)] == [
            "trade",
            "order 2/2/0",
            "mmp",
            "order 3/3/12",
            "order 4/3/12",
        ]
        cancelled, amended = of(events, e.Order)[1:]
        assert (cancelled.order_id, cancelled.level_lots) == (beside, 4)
        assert (amended.order_id, amended.filled_lots, amended.old_level_lots) == (own, 2, 4)
        checked(market_3)

    def test_a_quote_that_takes_and_trips_freezes_the_sides_behind_it(self, market_3: Market) -> None:
        group(market_3, quantity=2 * LOT)
        quote(market_3, c.Quote(OPTION, 80, 1, 120, 1))
        market_3.rests(BOB, 90, 2, SELL)
        events = quote(market_3, c.Quote(OPTION, 90, 5, 121, 1), c.Quote(PERPETUAL, 40_000, 1))
        assert shape(events) == [
            ("trade", ALICE, 0),
            ("order 2/2/0", BOB, 90),
            ("mmp", ALICE, r.MMP_TRIPPED),
            ("order 3/3/12", ALICE, 120),
            ("order 4/3/12", ALICE, 90),
            ("mmp_frozen", ALICE, 1),
            ("mmp_frozen", ALICE, 2),
            ("done", ALICE, 0),
        ]
        assert last(events, e.Done).affected == 1
        checked(market_3)

    def test_it_is_over_before_the_next_command_of_the_batch(self, market_3: Market) -> None:
        group(market_3, quantity=LOT)
        quote(market_3, c.Quote(OPTION, 90, 2, 110, 2))
        sale = c.new_order(BOB, OPTION, SELL | IOC, 90, 1)
        events = market_3.send(sale, c.new_order(BOB, OPTION, IOC, 110, 1))
        assert len(of(events, e.Trade)) == 1

    def test_reduce_only_makers_count_what_they_trade(self, market_3: Market) -> None:
        market_3.long(BOB, ALICE, 2, 100)
        group(market_3, quantity=3 * LOT)
        market_3.rests(ALICE, 90, 2, MMP | REDUCE)
        checked(market_3)
        assert of(take(market_3, 90, 2, account=CAROL), e.Mmp) == []
        checked(market_3)

    def test_ordinary_cancels_leave_no_trace(self, market_3: Market) -> None:
        group(market_3, most=5 * LOT)
        found = market_3.rests(ALICE, 90, 3, MMP)
        quote(market_3, c.Quote(OPTION, 91, 2))
        market_3.send(c.cancel(ALICE, found))
        checked(market_3)
        market_3.rests(ALICE, 92, 3, MMP)
        assert last(market_3.send(c.cancel_many(ALICE)), e.Done).affected == 2
        checked(market_3)
        market_3.rests(ALICE, 92, 5, MMP)
