"""Market-maker protection (docs/rules-3.md). A lot is 1,000,000 e8: 0.01 of the underlying."""

from __future__ import annotations

import pytest

from exchange.core import groups, protection
from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.reference.groups import Group
from tests.unit.core.harness import (
    ALICE,
    BOB,
    IOC,
    OPTION,
    PERPETUAL,
    SELL,
    Market,
    last,
    of,
    only,
    reason,
)
from tests.unit.core.protection import (
    LOT,
    MMP,
    checked,
    group,
    quote,
    shape,
    take,
)


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

    @pytest.mark.interpreted
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
