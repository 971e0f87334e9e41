"""Orders that fire: in which order, how many at a time, amended or ended before."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    DAY,
    EXPIRY_MS,
    IOC,
    MARKET,
    MICRO,
    OPTION,
    PERPETUAL,
    POST,
    REDUCE,
    SELL,
    Market,
    last,
    of,
    only,
    reason,
)
from tests.unit.core.triggers import (
    AMENDED,
    CANCELLED,
    ENDED,
    OPEN,
    PLACED,
    TRIGGERED,
    UNTRIGGERED,
    extended,
    mark,
    states,
    stop,
    take,
    told,
    trailing,
    waits,
)


class TestFiring:
    def test_it_trades_as_a_new_order(self, market_3: Market) -> None:
        market_3.send(c.time(10))
        order_id = waits(market_3, 0, 3, MARKET | SELL | IOC, stop(11_900), client=7, label=2, grant=3)
        market_3.rests(BOB, 100, 2)
        market_3.send(c.time(20))
        events = mark(market_3, 11_900)
        assert [type(event).__name__ for event in events] == ["Marked", "Trade", "Order", "Order"]
        fired = of(events, e.Order)[1]
        assert (fired.order_id, fired.kind, fired.state, fired.reason) == (order_id, TRIGGERED, CANCELLED, 4)
        assert (fired.filled_lots, fired.client_order_id, fired.label, fired.grant) == (2, 7, 2, 3)
        assert (fired.created_ms, fired.time_ms, fired.price_ticks) == (10, 20, 1)

    def test_a_refused_one_ends(self, market_3: Market) -> None:
        order_id = waits(market_3, 100, 3, SELL | REDUCE, stop(11_900))
        events = mark(market_3, 11_900)
        assert [type(event).__name__ for event in events] == ["Marked", "Order"]
        assert told(events, order_id) == [(ENDED, CANCELLED, 14)]
        assert reason(market_3.send(c.cancel(ALICE, order_id))) == "order_not_found"

    def test_a_reduce_only_one_is_cut_when_it_fires(self, market_3: Market) -> None:
        waits(market_3, 13_000, 5, SELL | REDUCE, stop(11_900))
        market_3.long(ALICE, BOB, 2, 100)
        fired = of(mark(market_3, 11_900), e.Order)[0]
        assert (fired.size_lots, fired.open_lots) == (2, 2)

    def test_the_owner_s_lock_refuses_it(self, market_3: Market) -> None:
        waits(market_3, 13_000, 1, SELL, stop(11_900))
        market_3.send(cr.set_lock(ALICE, True))
        assert states(mark(market_3, 11_900)) == [(ENDED, CANCELLED, 14)]

    def test_its_own_place_among_the_open_orders_is_not_counted(self, market_3: Market) -> None:
        market_3.send(cr.set_caps(ALICE, 1, 0))
        waits(market_3, 13_000, 1, SELL, stop(11_900))
        assert states(mark(market_3, 11_900)) == [(TRIGGERED, OPEN, 0)]

    def test_a_protected_one_joins_its_group_when_it_fires(self, market_3: Market) -> None:
        order_id = waits(market_3, 130, 3, SELL | r.FLAG_MMP, stop(11_900))
        second = waits(market_3, 130, 3, SELL | r.FLAG_MMP, stop(11_800))
        assert told(mark(market_3, 11_900), order_id) == [(ENDED, CANCELLED, 14)]
        market_3.send(co.set_mmp(ALICE, 0, 0, co.MmpLimits(1_000, 0, 2_000_000, 0, 0, 10**9)))
        assert told(mark(market_3, 11_800), second) == [(TRIGGERED, OPEN, 0)]
        events = market_3.order(BOB, 130, 2, IOC)
        assert of(events, e.Mmp)[0].kind == r.MMP_TRIPPED
        assert told(events, second) == [(2, OPEN, 0), (ENDED, CANCELLED, 12)]

    def test_one_s_trades_make_others_due(self, market_3: Market) -> None:
        first = waits(market_3, 0, 1, MARKET | SELL | IOC, stop(11_900))
        second = waits(market_3, 13_000, 1, SELL, stop(100, r.SOURCE_LAST))
        market_3.rests(BOB, 100, 1)
        events = mark(market_3, 11_900)
        assert [o.order_id for o in of(events, e.Order)][1:] == [first, second]

    def test_its_place_among_the_account_s_orders_stays(self, market_3: Market) -> None:
        first = waits(market_3, 100, 1, 0, stop(12_100))
        second = market_3.rests(ALICE, 100, 1)
        mark(market_3, 12_100)
        events = market_3.send(c.cancel_many(ALICE))
        assert [o.order_id for o in of(events, e.Order)] == [first, second]


class TestMany:
    """More than one command may fire."""

    def crowd(self, market: Market, count: int, ticks: int = 12_100) -> list[int]:
        return [waits(market, 100, 1, 0, stop(ticks)) for _ in range(count)]

    def test_64_fire_a_command(self, market_3: Market) -> None:
        self.crowd(market_3, 64)
        events = mark(market_3, 12_100)
        assert len(of(events, e.Order)) == 64
        assert of(events, e.Due) == []

    def test_the_rest_with_the_commands_that_follow(self, market_3: Market) -> None:
        ids = self.crowd(market_3, 130)
        events = mark(market_3, 12_100)
        assert len(of(events, e.Order)) == 64
        assert last(events, e.Due).waiting == 66
        events = market_3.send(c.cancel(BOB, ids[0]))  # refused: nothing fires
        assert reason(events) == "not_owner"
        events = market_3.send(c.time(5))
        assert [type(event).__name__ for event in events] == ["Done"] + 64 * ["Order"] + ["Due"]
        assert (last(events, e.Due).waiting, last(events, e.Due).time_ms) == (2, 5)
        events = market_3.send(co.fire())
        assert [type(event).__name__ for event in events] == ["Order", "Order", "Done"]
        assert (last(events, e.Done).command, last(events, e.Done).affected) == (r.FIRE, 2)
        assert [o.order_id for o in of(events, e.Order)] == ids[-2:]

    def test_fire_fires_once(self, market_3: Market) -> None:
        self.crowd(market_3, 64 * 3)
        assert last(mark(market_3, 12_100), e.Due).waiting == 128
        events = market_3.send(co.fire())
        assert [type(event).__name__ for event in events] == 64 * ["Order"] + ["Done", "Due"]
        assert last(events, e.Due).waiting == 64

    def test_nothing_due(self, market_3: Market) -> None:
        assert only(market_3.send(co.fire()), e.Done).affected == 0

    def test_no_user_fires(self, market_3: Market) -> None:
        command = bytearray(co.fire())
        command[24] = 1
        assert reason(market_3.send(bytes(command))) == "not_authorised"

    @pytest.mark.parametrize(("count", "refused"), [(64 + 64, False), (64 + 64 + 1, True)])
    def test_a_later_order_waits_for_them(self, market_3: Market, count: int, refused: bool) -> None:
        mine = market_3.rests(BOB, 50, 1)
        commands = [
            c.new_order(BOB, OPTION, 0, 100, 1),
            co.extended_order(BOB, OPTION, 0, 100, 1),
            co.amend(BOB, mine, price_ticks=51),
            c.mass_quote(BOB, [c.Quote(OPTION, 60, 1)]),
        ]
        for ticks, command in enumerate(commands, 12_100):
            market_3.mark(12_000)
            self.crowd(market_3, count, ticks)
            mark(market_3, ticks)
            events = market_3.send(command)
            assert len(of(events[:64], e.Order)) == 64
            assert (of(events, e.Rejected) != []) == refused
            if refused:
                assert (len(events), last(events, e.Rejected).reason) == (65, 54)
            market_3.send(co.fire(), c.cancel_many(ALICE))

    def test_one_of_another_instrument_does_not(self, market_3: Market) -> None:
        self.crowd(market_3, 129)
        mark(market_3, 12_100)
        events = market_3.send(c.new_order(BOB, PERPETUAL, 0, 100, 1))
        # 64 before it, and the last one after it.
        assert [o.kind for o in of(events, e.Order)] == 64 * [TRIGGERED] + [PLACED, TRIGGERED]
        self.crowd(market_3, 129, 12_200)
        mark(market_3, 12_200)
        events = market_3.send(c.mass_quote(BOB, [c.Quote(PERPETUAL, 60, 1)]))
        assert last(events, e.Rejected).reason == 54

    def test_a_repeated_id_fires_first_too(self, market_3: Market) -> None:
        order = c.new_order(BOB, OPTION, 0, 50, 1, client_order_id=1)
        market_3.send(order)
        self.crowd(market_3, 130)
        mark(market_3, 12_100)
        events = market_3.send(order)
        names = [type(event).__name__ for event in events]
        assert names == 64 * ["Order"] + ["Repeated"] + 2 * ["Order"]

    def test_what_is_closed_waits_again(self, market_3: Market) -> None:
        ids = self.crowd(market_3, 65)
        mark(market_3, 12_100)
        events = market_3.send(c.set_instrument_state(OPTION, r.STATE_HALTED))
        assert [type(event).__name__ for event in events] == ["Instrument"]
        market_3.send(c.set_instrument_state(OPTION, r.STATE_OPEN))
        assert told(mark(market_3, 12_100), ids[-1]) == [(TRIGGERED, OPEN, 0)]

    def test_a_due_one_can_be_cancelled(self, market_3: Market) -> None:
        ids = self.crowd(market_3, 64 + 66)
        mark(market_3, 12_100)
        events = market_3.send(c.cancel(ALICE, ids[-1]))
        assert told(events, ids[-1]) == [(ENDED, CANCELLED, 1)]
        assert len(of(events, e.Order)) == 65
        assert last(events, e.Due).waiting == 1

    def test_orders_on_the_fast_road_wait_too(self, market_3: Market) -> None:
        market_3.rests(BOB, 50, 1)
        self.crowd(market_3, 130)
        mark(market_3, 12_100)
        plain = c.new_order(BOB, OPTION, 0, 50, 1)
        events = market_3.send(plain, plain)
        assert of(events, e.Rejected)[0].reason == 54
        kinds = [o.kind for o in of(events, e.Order)]
        assert kinds == 66 * [TRIGGERED] + [PLACED]


class TestAmend:
    def test_price_size_display_and_bits(self, market_3: Market) -> None:
        order_id = waits(market_3, 100, 5, 0, stop(12_100))
        market_3.send(c.time(9))
        command = c.amend(ALICE, order_id, price_ticks=101, size_lots=7, display_lots=3, post_only=True)
        order = only(market_3.send(command), e.Order)
        assert (order.kind, order.state, order.price_ticks, order.open_lots) == (AMENDED, UNTRIGGERED, 101, 7)
        assert (order.shown_lots, order.level_lots, order.time_ms) == (0, 0, 9)
        fired = of(mark(market_3, 12_100), e.Order)[0]
        assert (fired.price_ticks, fired.size_lots, fired.shown_lots, fired.flags) == (101, 7, 3, POST)

    def test_the_trigger(self, market_3: Market) -> None:
        order_id = waits(market_3, 100, 5, 0, stop(12_100))
        events = market_3.send(co.amend(ALICE, order_id, trigger_micro=12_200 * MICRO))
        assert of(events, e.Extended)[0].trigger_micro == 12_200 * MICRO
        assert states(events) == [(AMENDED, UNTRIGGERED, 0)]
        assert of(mark(market_3, 12_199), e.Order) == []
        events = market_3.send(co.amend(ALICE, order_id, trigger_micro=12_199 * MICRO))
        assert states(events) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]

    def test_the_offset(self, market_3: Market) -> None:
        order_id = waits(market_3, 13_000, 5, SELL, trailing(500))
        mark(market_3, 12_400)
        mark(market_3, 12_100)
        events = market_3.send(co.amend(ALICE, order_id, offset_micro=301 * MICRO))
        assert of(events, e.Extended)[0].trigger_micro == 12_099 * MICRO
        assert len(states(events)) == 1
        events = market_3.send(co.amend(ALICE, order_id, offset_micro=300 * MICRO))
        assert states(events) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]

    @pytest.mark.parametrize(
        ("more", "name"),
        [
            ({"trigger_micro": 0}, "bad_trigger"),
            ({"trigger_micro": limits.MAX_PRICE_MICRO + 1}, "bad_trigger"),
            ({"offset_micro": 5}, "bad_trigger"),
            ({"volatility_e6": 5}, "bad_flags"),
            ({"expected_filled_lots": 1, "size_lots": 3}, "filled_mismatch"),
            ({"remaining_lots": 0}, "bad_size"),
            ({"size_lots": 0}, "bad_size"),
            ({"size_lots": limits.MAX_ORDER_LOTS + 1}, "bad_size"),
            ({"price_ticks": 0}, "bad_price"),
        ],
    )
    def test_what_is_refused(self, market_3: Market, more: dict[str, Any], name: str) -> None:
        order_id = waits(market_3, 100, 5, 0, stop(12_100))
        assert reason(market_3.send(co.amend(ALICE, order_id, **more))) == name

    def test_one_that_trails_has_no_trigger_price(self, market_3: Market) -> None:
        order_id = waits(market_3, 100, 5, 0, trailing(100))
        assert reason(market_3.send(co.amend(ALICE, order_id, trigger_micro=5))) == "bad_trigger"

    def test_a_market_order_has_no_price(self, market_3: Market) -> None:
        order_id = waits(market_3, 0, 5, MARKET, stop(12_100))
        assert reason(market_3.send(co.amend(ALICE, order_id, price_ticks=5))) == "bad_price"
        # What shows all goes on showing all: it is the total that is wrong, not the flags.
        assert reason(market_3.send(co.amend(ALICE, order_id, size_lots=-1))) == "bad_size"
        assert reason(market_3.send(c.amend(ALICE, order_id, post_only=True))) == "bad_flags"

    def test_neither_has_an_order_in_the_book(self, market_3: Market) -> None:
        order_id = market_3.rests(ALICE, 100, 5)
        assert reason(market_3.send(co.amend(ALICE, order_id, trigger_micro=5))) == "bad_flags"
        assert reason(market_3.send(co.amend(ALICE, order_id, offset_micro=5))) == "bad_flags"
        fired = of(extended(market_3, 100, 1, 0, stop(11_000)), e.Order)[-1]
        assert reason(market_3.send(co.amend(ALICE, fired.order_id, trigger_micro=5))) == "bad_flags"

    def test_only_its_owner(self, market_3: Market) -> None:
        order_id = waits(market_3, 100, 5, 0, stop(12_100))
        assert reason(market_3.send(co.amend(BOB, order_id, size_lots=2))) == "not_owner"
        assert reason(market_3.send(c.cancel(BOB, order_id))) == "not_owner"


class TestEnds:
    @pytest.mark.parametrize(
        ("kind", "expected"), [(0, "brstx"), (1, "b"), (2, "rstx"), (3, "s"), (4, "t"), (5, "x")]
    )
    def test_types_of_cancel_many(self, market_3: Market, kind: int, expected: str) -> None:
        ids = {
            market_3.rests(ALICE, 100, 1): "b",
            waits(market_3, 100, 1, 0, stop(12_100)): "s",
            waits(market_3, 100, 1, 0, take(11_100)): "t",
            waits(market_3, 100, 1, 0, trailing(100)): "x",
        }
        events = extended(market_3, 50, 1, link=r.LINK_OTO, members=(co.Member(SELL, 200, 1),))
        primary, member = [o.order_id for o in of(events, e.Order)]
        ids[member] = "r"
        market_3.send(c.time(1))
        command = c.header(r.CANCEL_MANY, 1, flags=kind << r.TYPE_FILTER_SHIFT, account=ALICE)
        events = market_3.send(command)
        gone = [o for o in of(events, e.Order) if o.reason == 1]
        assert "".join(sorted(ids.get(o.order_id, "") for o in gone)) == expected
        assert last(events, e.Done).affected == len(gone)
        assert (primary in [o.order_id for o in gone]) == (kind < 2)

    def test_an_unknown_type(self, market_3: Market) -> None:
        for kind in (6, 7):
            command = c.header(r.CANCEL_MANY, 1, flags=kind << r.TYPE_FILTER_SHIFT, account=ALICE)
            assert reason(market_3.send(command)) == "bad_flags"

    def test_the_day_s_end_behind_the_book_by_id(self, market_3: Market) -> None:
        second = waits(market_3, 100, 1, DAY, stop(12_100))
        waits(market_3, 100, 1, 0, stop(12_100))
        waits(market_3, 100, 1, DAY, stop(60_000), at=PERPETUAL)
        third = waits(market_3, 100, 1, DAY, trailing(12_100))
        first = market_3.rests(BOB, 100, 1, DAY)
        events = market_3.send(c.expire_day(OPTION))
        assert [o.order_id for o in of(events, e.Order)] == [first, second, third]
        assert {o.reason for o in of(events, e.Order)} == {r.CANCEL_DAY_END}
        assert last(events, e.Done).affected == 3

    def test_256_in_all_at_the_day_s_end(self, market_3: Market) -> None:
        for _ in range(200):
            market_3.rests(BOB, 100, 1, DAY)
        for _ in range(60):
            waits(market_3, 100, 1, DAY, stop(12_100))
        assert last(market_3.send(c.expire_day(OPTION)), e.Done).affected == 256
        assert last(market_3.send(c.expire_day(OPTION)), e.Done).affected == 4

    def test_delivery(self, market_3: Market) -> None:
        second = waits(market_3, 100, 1, 0, stop(12_100))
        first = market_3.rests(BOB, 100, 1)
        market_3.send(c.time(EXPIRY_MS))
        events = market_3.send(c.deliver(OPTION, 50_000 * MICRO))
        assert [(o.order_id, o.reason) for o in of(events, e.Order)] == [(first, 10), (second, 10)]

    def test_delisting(self, market_3: Market) -> None:
        first = waits(market_3, 100, 1, 0, stop(12_100))
        resting = market_3.rests(BOB, 100, 1)
        delist = c.set_instrument_state(OPTION, r.STATE_DELISTED)
        assert reason(market_3.send(delist)) == "not_empty"
        market_3.send(c.cancel(BOB, resting))
        events = market_3.send(delist)
        assert [type(event).__name__ for event in events] == ["Order", "Instrument"]
        assert told(events, first) == [(ENDED, CANCELLED, 10)]

    def test_the_margin_model_wants_no_open_order(self, market_3: Market) -> None:
        order_id = waits(market_3, 100, 1, 0, stop(12_100))
        assert reason(market_3.send(cr.set_margin_model(ALICE, 1))) == "not_empty"
        market_3.send(c.cancel(ALICE, order_id))
        assert of(market_3.send(cr.set_margin_model(ALICE, 1)), e.Account) != []
