"""Market-maker protection (docs/rules-3.md). A lot is 1,000,000 e8: 0.01 of the underlying."""

from __future__ import annotations

import pytest

from exchange.core import groups, is_compiled, protection
from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.reference.groups import Group
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    IOC,
    MICRO,
    OPTION,
    PERPETUAL,
    REDUCE,
    SELL,
    Market,
    last,
    of,
    only,
    reason,
)

LOT = 1_000_000
MMP = r.FLAG_MMP
WIDE = 10**12


def group(
    market: Market,
    number: int = 0,
    account: int = ALICE,
    *,
    interval: int = 1_000,
    frozen: int = 0,
    quantity: int = 0,
    delta: int = 0,
    vega: int = 0,
    most: int = WIDE,
) -> list[e.Event]:
    """Send SET_MMP for underlying 0."""
    wanted = co.MmpLimits(interval, frozen, quantity, delta, vega, most)
    return market.send(co.set_mmp(account, 0, number, wanted))


def quote(market: Market, *quotes: c.Quote, number: int = 0, account: int = ALICE) -> list[e.Event]:
    """Send a MASS_QUOTE of a group."""
    return market.send(c.mass_quote(account, quotes, mmp_group=number + 1))


def greeks(market: Market, delta_e9: int, vega_micro: int) -> None:
    market.feed += 1
    unit = c.Mark(OPTION, delta_e9, 12_000 * MICRO, vega_micro, 50_000 * MICRO)
    market.send(c.marks(0, 50_000 * MICRO, market.feed, [unit]))


def take(market: Market, price: int, lots: int, flags: int = SELL | IOC, account: int = BOB) -> list[e.Event]:
    return market.order(account, price, lots, flags)


def shape(events: list[e.Event]) -> list[tuple[str, int, int]]:
    """(what, account, price or kind or reason) of each event."""
    found: list[tuple[str, int, int]] = []
    for event in events:
        who = event.head.account
        if isinstance(event, e.Order):
            found.append((f"order {event.kind}/{event.state}/{event.reason}", who, event.price_ticks))
        elif isinstance(event, e.Mmp):
            found.append(("mmp", who, event.kind))
        elif isinstance(event, e.Rejected):
            found.append((rejects.REJECT_NAMES[event.reason], who, event.position))
        else:
            found.append((type(event).__name__.lower(), who, 0))
    return found


def checked(market: Market) -> None:
    """The production engine's invariants hold, and what it is comes back from its bytes."""
    engine = market.engine
    if not isinstance(engine, Engine):
        return
    check(engine)
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()
    market.engine = restored


class TestSetting:
    def test_a_group_is_set_reset_and_removed(self, market_3: Market) -> None:
        market_3.send(c.time(7))
        made = only(group(market_3, 15), e.Mmp)
        assert made[1:] == (r.MMP_SET, 0, 0, 0, 0, 7)
        assert (made.head.account, made.head.instrument, made.head.id) == (ALICE, 0, 15)
        assert only(market_3.send(co.reset_mmp(ALICE, 0, 15)), e.Mmp)[1:] == (r.MMP_RESET, 0, 0, 0, 0, 7)
        assert only(group(market_3, 15, interval=0), e.Mmp)[1:] == (r.MMP_REMOVED, 0, 0, 0, 0, 7)
        assert reason(market_3.send(co.reset_mmp(ALICE, 0, 15))) == "unknown_mmp_group"
        assert only(group(market_3, 15, interval=0), e.Mmp).kind == r.MMP_REMOVED
        checked(market_3)

    @pytest.mark.parametrize(
        ("field", "most"),
        [
            ("interval_ms", limits.MAX_MMP_MS),
            ("frozen_ms", limits.MAX_MMP_MS),
            ("quantity_limit_e8", limits.MAX_MMP_LIMIT),
            ("delta_limit_e8", limits.MAX_MMP_LIMIT),
            ("vega_limit_micro", limits.MAX_MMP_LIMIT),
            ("max_quote_e8", limits.MAX_MMP_LIMIT),
        ],
    )
    def test_bounds(self, market_3: Market, field: str, most: int) -> None:
        plain = co.MmpLimits(1, 0, 0, 0, 0, 1)
        for value, refused in ((-1, True), (most, False), (most + 1, True)):
            events = market_3.send(co.set_mmp(ALICE, 0, 0, plain._replace(**{field: value})))
            assert isinstance(events[0], e.Rejected) == refused
        checked(market_3)

    def test_a_group_that_stays_may_have_something_open(self, market_3: Market) -> None:
        assert reason(group(market_3, most=0)) == "bad_value"
        assert only(group(market_3, most=1), e.Mmp).kind == r.MMP_SET
        assert only(group(market_3, interval=0, most=0), e.Mmp).kind == r.MMP_REMOVED

    def test_the_delta_limit_is_below_the_quantity_s(self, market_3: Market) -> None:
        assert reason(group(market_3, quantity=10, delta=10)) == "bad_value"
        assert only(group(market_3, quantity=10, delta=9), e.Mmp).kind == r.MMP_SET
        assert only(group(market_3, delta=10), e.Mmp).kind == r.MMP_SET

    def test_who_and_what(self, market_3: Market) -> None:
        wanted = co.MmpLimits(1, 0, 0, 0, 0, 1)
        assert reason(market_3.send(co.set_mmp(99, 9, 99, wanted))) == "unknown_account"
        assert reason(market_3.send(co.set_mmp(3, 0, 0, wanted))) == "unknown_account"
        assert reason(market_3.send(co.set_mmp(ALICE, 1, 99, wanted))) == "unknown_underlying"
        assert reason(market_3.send(co.set_mmp(ALICE, 0, 16, wanted))) == "bad_value"
        assert reason(market_3.send(co.reset_mmp(99, 0, 0))) == "unknown_account"
        for underlying, number in ((0, 0), (1, 0), (0, 16), (0, 1 << 31)):
            assert reason(market_3.send(co.reset_mmp(ALICE, underlying, number))) == "unknown_mmp_group"

    def test_removing_cancels_in_order_of_ids(self, market_3: Market) -> None:
        group(market_3)
        group(market_3, 1)
        quote(market_3, c.Quote(OPTION, 90, 1, 110, 1), c.Quote(PERPETUAL, 40_000, 1))
        quote(market_3, c.Quote(OPTION, 80, 1), number=1)
        market_3.rests(ALICE, 70, 1)
        market_3.rests(ALICE, 120, 1, SELL | MMP)
        assert shape(group(market_3, interval=0, most=0)) == [
            ("order 3/3/13", ALICE, 90),
            ("order 3/3/13", ALICE, 110),
            ("order 3/3/13", ALICE, 40_000),
            ("order 3/3/13", ALICE, 120),
            ("mmp", ALICE, r.MMP_REMOVED),
        ]
        assert reason(market_3.order(ALICE, 100, 1, MMP)) == "unknown_mmp_group"
        checked(market_3)
        assert last(market_3.send(c.cancel_many(ALICE)), e.Done).affected == 2

    def test_a_smaller_limit_cancels_the_newest_of_each_side(self, market_3: Market) -> None:
        group(market_3)
        for price in (90, 91, 92):
            market_3.rests(ALICE, price, 2, MMP)
        market_3.rests(ALICE, 45_000, 3, MMP, PERPETUAL)
        market_3.rests(ALICE, 120, 5, SELL | MMP)
        market_3.rests(ALICE, 121, 1, SELL | MMP)
        assert shape(group(market_3, most=4 * LOT)) == [
            ("order 3/3/13", ALICE, 92),
            ("order 3/3/13", ALICE, 121),
            ("order 3/3/13", ALICE, 120),
            ("mmp", ALICE, r.MMP_SET),
        ]
        checked(market_3)
        assert shape(group(market_3, most=4 * LOT - 1))[:-1] == [("order 3/3/13", ALICE, 91)]

    def test_setting_anew_starts_the_window_anew_and_keeps_a_freeze(self, market_3: Market) -> None:
        group(market_3, quantity=3 * LOT)
        quote(market_3, c.Quote(OPTION, 90, 9))
        take(market_3, 90, 2)
        group(market_3, quantity=3 * LOT)
        assert of(take(market_3, 90, 2), e.Mmp) == []
        assert of(take(market_3, 90, 1), e.Mmp)[0].frozen_until_ms == -1
        assert only(group(market_3, quantity=9 * LOT), e.Mmp)[1:4] == (r.MMP_SET, -1, 0)
        assert shape(quote(market_3, c.Quote(OPTION, 90, 1)))[0][0] == "mmp_frozen"
        checked(market_3)


def fill(market: Market, count: int) -> None:
    """Groups of nobody that make the shard full."""
    engine = market.engine
    for n in range(count):
        key = 1_000 + n // 16, 0, n % 16
        if isinstance(engine, Engine):
            groups.make_group(engine.world, protection.key_of(*key))
        elif isinstance(engine, ReferenceEngine):
            engine.world.groups[key] = Group(*key, co.MmpLimits(1, 0, 0, 0, 0, 1))


class TestTheShard:
    def test_a_group_more_than_there_may_be(self, market_3: Market) -> None:
        group(market_3, 5)
        fill(market_3, limits.MAX_GROUPS - 2)
        assert last(group(market_3, 0), e.Mmp).kind == r.MMP_SET
        assert reason(group(market_3, 1)) == "limit_reached"
        assert reason(group(market_3, 1, interval=-1)) == "bad_value"
        assert reason(group(market_3, 0, account=BOB)) == "limit_reached"
        assert last(group(market_3, 5, quantity=7), e.Mmp).kind == r.MMP_SET
        assert last(group(market_3, 1, interval=0, most=0), e.Mmp).kind == r.MMP_REMOVED
        group(market_3, 5, interval=0, most=0)
        assert last(group(market_3, 1), e.Mmp).kind == r.MMP_SET
        assert reason(group(market_3, 2)) == "limit_reached"


class TestOrders:
    def test_protected_orders_need_group_0(self, market_3: Market) -> None:
        group(market_3, 1)
        assert reason(market_3.order(ALICE, 90, 1, MMP)) == "unknown_mmp_group"
        group(market_3)
        assert last(market_3.order(ALICE, 90, 1, MMP), e.Order).flags == MMP
        assert reason(market_3.order(BOB, 90, 1, MMP)) == "unknown_mmp_group"
        checked(market_3)

    def test_the_group_comes_behind_the_instrument_and_before_the_flags(self, market_3: Market) -> None:
        assert reason(market_3.order(ALICE, 0, 0, MMP | 1 << 10)) == "unknown_mmp_group"
        assert reason(market_3.order(ALICE, 90, 1, MMP, 99)) == "unknown_instrument"
        group(market_3, most=LOT)
        assert reason(market_3.order(ALICE, 0, 0, MMP | 1 << 10)) == "bad_flags"
        assert reason(market_3.order(ALICE, 0, 0, MMP)) == "bad_size"
        assert reason(market_3.order(ALICE, 0, 2, MMP, display=3)) == "bad_display"
        assert reason(market_3.order(ALICE, 0, 2, MMP)) == "mmp_quantity"
        assert reason(market_3.order(ALICE, 0, 1, MMP)) == "bad_price"

    @pytest.mark.parametrize(("most", "refused"), [(5 * LOT - 1, True), (5 * LOT, False)])
    def test_the_quantity_is_per_side_and_instrument(
        self, market_3: Market, most: int, refused: bool
    ) -> None:
        group(market_3, most=most)
        market_3.rests(ALICE, 90, 2, MMP)
        market_3.rests(ALICE, 91, 100)  # not protected
        market_3.rests(ALICE, 40_000, 4, MMP, PERPETUAL)
        market_3.rests(ALICE, 120, 4, SELL | MMP)
        events = market_3.order(ALICE, 92, 3, MMP)
        assert isinstance(events[0], e.Rejected) == refused
        if refused:
            assert reason(events) == "mmp_quantity"
        checked(market_3)

    def test_a_taker_s_whole_size_counts(self, market_3: Market) -> None:
        group(market_3, most=2 * LOT)
        market_3.rests(BOB, 90, 5, SELL)
        assert reason(market_3.order(ALICE, 90, 3, MMP | IOC)) == "mmp_quantity"
        assert last(market_3.order(ALICE, 90, 2, MMP | IOC), e.Order).filled_lots == 2

    def test_amends_stay_within_the_quantity(self, market_3: Market) -> None:
        group(market_3, most=5 * LOT)
        first = market_3.rests(ALICE, 90, 2, MMP)
        market_3.rests(ALICE, 91, 2, MMP)
        take(market_3, 91, 1)
        assert reason(market_3.send(co.amend(ALICE, first, size_lots=5))) == "mmp_quantity"
        assert reason(market_3.send(co.amend(ALICE, first, price_ticks=92, size_lots=5))) == "mmp_quantity"
        moved = last(market_3.send(co.amend(ALICE, first, price_ticks=92, size_lots=4)), e.Order)
        assert moved.open_lots == 4
        checked(market_3)
        amended = last(market_3.send(co.amend(ALICE, first, size_lots=2)), e.Order)
        assert (amended.open_lots, amended.flags) == (2, MMP)
        checked(market_3)
        market_3.rests(ALICE, 93, 2, MMP)

    @pytest.mark.skipif(is_compiled(), reason="limits are literals in compiled code")
    def test_a_group_has_so_many_orders(self, market_3: Market, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "MMP_ORDERS", 2)
        group(market_3)
        group(market_3, 1)
        market_3.rests(ALICE, 90, 1, MMP)
        quote(market_3, c.Quote(OPTION, 91, 1))
        assert reason(market_3.order(ALICE, 90, 1, MMP)) == "too_many_orders"
        assert shape(quote(market_3, c.Quote(OPTION, 92, 1, 110, 1))) == [
            ("order 4/1/0", ALICE, 92),
            ("too_many_orders", ALICE, 1),
            ("done", ALICE, 0),
        ]
        assert last(quote(market_3, c.Quote(OPTION, 80, 1), number=1), e.Done).affected == 1
        checked(market_3)


class TestQuotes:
    def test_each_group_has_a_quote_of_its_own(self, market_3: Market) -> None:
        group(market_3, 0)
        group(market_3, 15)
        market_3.send(c.mass_quote(ALICE, [c.Quote(OPTION, 80, 1)]))
        first = of(quote(market_3, c.Quote(OPTION, 81, 1)), e.Order)[0]
        quote(market_3, c.Quote(OPTION, 82, 1), number=15)
        assert first.flags == r.FLAG_QUOTE | MMP
        checked(market_3)
        moved = of(quote(market_3, c.Quote(OPTION, 83, 2)), e.Order)[0]
        assert (moved.order_id, moved.kind, moved.flags) == (first.order_id, 4, first.flags)
        assert [o.price_ticks for o in of(market_3.send(c.cancel_many(ALICE)), e.Order)] == [80, 83, 82]
        checked(market_3)

    def test_an_unknown_group_rejects_each_present_side(self, market_3: Market) -> None:
        market_3.send(c.mass_quote(ALICE, [c.Quote(OPTION, 80, 1, 120, 1)]))
        for number in (0, 16, (1 << 32) - 2):
            events = quote(
                market_3,
                c.Quote(99, 1, 1),
                c.Quote(OPTION, 80, 0, 120, 1),
                c.Quote(OPTION, 90, 1, 90, 1),
                c.Quote(OPTION, 0, None, 120, 1),
                number=number,
            )
            assert [what for what, _, _ in shape(events)] == [
                "unknown_instrument",
                "unknown_mmp_group",
                "unknown_mmp_group",
                "quote_crossed",
                "quote_crossed",
                "unknown_mmp_group",
                "done",
            ]
        assert last(market_3.send(c.cancel_many(ALICE)), e.Done).affected == 2

    def test_a_replaced_quote_is_not_counted(self, market_3: Market) -> None:
        group(market_3, most=5 * LOT)
        quote(market_3, c.Quote(OPTION, 90, 5))
        assert last(quote(market_3, c.Quote(OPTION, 91, 5)), e.Done).affected == 1
        assert last(quote(market_3, c.Quote(OPTION, 91, 3)), e.Done).affected == 1
        market_3.rests(ALICE, 89, 2, MMP)
        assert shape(quote(market_3, c.Quote(OPTION, 92, 4))) == [
            ("mmp_quantity", ALICE, 0),
            ("order 3/3/7", ALICE, 91),
            ("done", ALICE, 0),
        ]
        checked(market_3)
        assert last(quote(market_3, c.Quote(OPTION, 92, 3)), e.Done).affected == 1

    def test_a_frozen_group_s_sides_of_size_0_pass(self, market_3: Market) -> None:
        group(market_3, quantity=LOT)
        quote(market_3, c.Quote(OPTION, 90, 9))
        take(market_3, 90, 1)
        assert shape(quote(market_3, c.Quote(OPTION, 90, 0, 120, 1))) == [
            ("mmp_frozen", ALICE, 1),
            ("done", ALICE, 0),
        ]

    def test_the_ask_goes_first_past_the_group_s_own(self, market_3: Market) -> None:
        group(market_3)
        quote(market_3, c.Quote(OPTION, 90, 1, 100, 1))
        assert shape(quote(market_3, c.Quote(OPTION, 100, 1, 110, 1))) == [
            ("order 4/1/0", ALICE, 110),
            ("order 4/1/0", ALICE, 100),
            ("done", ALICE, 0),
        ]


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
