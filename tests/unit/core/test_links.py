"""Linked orders: one cancels, one triggers, others (docs/rules-3.md, Linked orders)."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    DAY,
    EXPIRY_MS,
    IOC,
    MICRO,
    OPTION,
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
    COMPLETE,
    ENDED,
    EXIT,
    FILL,
    FILLED,
    FIRST,
    INCREMENTAL,
    OCO,
    OPEN,
    OTO,
    OTOCO,
    PLACED,
    STOP,
    TRIGGERED,
    UNTRIGGERED,
    extended,
    mark,
    names,
    placed,
    states,
    stop,
    told,
)


class TestShape:
    @pytest.mark.parametrize(
        ("link", "condition", "members"),
        [(4, 0, 0), (0, 1, 0), (1, 1, 1), (2, 3, 1), (0, 0, 1), (1, 0, 0), (1, 0, 2), (2, 0, 2), (3, 0, 1)],
    )
    def test_bad_links(self, market_3: Market, link: int, condition: int, members: int) -> None:
        events = extended(market_3, 100, 4, link=link, condition=condition, members=members * (EXIT,))
        assert reason(events) == "bad_link"

    @pytest.mark.parametrize(
        ("member", "why"),
        [
            (EXIT._replace(size_lots=0), 11),
            (EXIT._replace(price_ticks=0), 13),
            (EXIT._replace(flags=r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT, price_ticks=0), 4),
            (EXIT._replace(display_lots=5), 12),
            (EXIT._replace(trigger=stop(0)), 52),
            (EXIT._replace(trigger=co.Trigger(5, 1, 1)), 52),
        ],
    )
    @pytest.mark.parametrize("place", [0, 1])
    def test_a_bad_member_refuses_all(
        self, market_3: Market, member: co.Member, why: int, place: int
    ) -> None:
        members = (member, EXIT) if place == 0 else (EXIT, member)
        refused = only(extended(market_3, 100, 4, link=OTOCO, members=members), e.Rejected)
        assert (refused.reason, refused.detail) == (why, -1 - place)
        assert only(market_3.send(c.cancel_many(ALICE)), e.Done).affected == 0

    def test_what_is_told(self, market_3: Market) -> None:
        members = (EXIT._replace(label=8), STOP)
        events = extended(
            market_3, 100, 4, link=OTOCO, condition=COMPLETE, members=members, client=3, label=5, grant=6
        )
        one, two, three = of(events, e.Extended)
        first, second, third = of(events, e.Order)
        assert [o.order_id - first.order_id for o in (first, second, third)] == [0, 1, 2]
        assert [type(event).__name__ for event in events] == 3 * ["Extended", "Order"]
        assert (one.link, one.condition, one.members, one.other_order_id) == (3, 1, 2, 0)
        assert (two.link, two.condition, two.members, two.other_order_id) == (3, 1, 0, first.order_id)
        assert (three.trigger, three.source, three.trigger_micro) == (1, 2, 11_900 * MICRO)
        assert (first.client_order_id, first.label, first.grant) == (3, 5, 6)
        assert (second.client_order_id, second.label, second.grant) == (0, 8, 6)
        assert states(events) == [(PLACED, OPEN, 0), (PLACED, UNTRIGGERED, 0), (PLACED, UNTRIGGERED, 0)]


class TestPair:
    """One cancels the other."""

    def pair(self, market: Market) -> tuple[int, int]:
        events = extended(market, 130, 4, SELL, link=OCO, members=(STOP,))
        assert states(events) == [(PLACED, OPEN, 0), (PLACED, UNTRIGGERED, 0)]
        told_of = of(events, e.Extended)
        first, second = placed(events)
        assert (told_of[0].other_order_id, told_of[1].other_order_id) == (second, first)
        return first, second

    def test_a_fill_of_one_ends_the_other(self, market_3: Market) -> None:
        first, second = self.pair(market_3)
        events = market_3.order(BOB, 130, 1)
        taker = of(events, e.Order)[1].order_id
        assert names(events) == ["Trade", f"{first}", f"{taker}", f"{second}"]
        assert told(events, second) == [(ENDED, CANCELLED, 15)]
        # What is left of the first is a plain order.
        assert told(market_3.order(BOB, 130, 3), first) == [(FILL, FILLED, 0)]

    def test_so_does_one_that_fires_and_trades(self, market_3: Market) -> None:
        first, second = self.pair(market_3)
        market_3.rests(BOB, 100, 1)
        events = mark(market_3, 11_900)
        assert told(events, second) == [(TRIGGERED, CANCELLED, 4)]
        assert told(events, first) == [(ENDED, CANCELLED, 15)]

    def test_firing_alone_ends_nothing(self, market_3: Market) -> None:
        members = (co.Member(SELL, 200, 4, trigger=stop(11_900)),)
        first, second = placed(extended(market_3, 130, 4, SELL, link=OCO, members=members))
        events = mark(market_3, 11_900)
        assert states(events) == [(TRIGGERED, OPEN, 0)]
        events = market_3.order(BOB, 130, 1)
        assert told(events, second) == [(ENDED, CANCELLED, 15)]
        assert told(events, first) == [(FILL, OPEN, 0)]

    @pytest.mark.parametrize("which", [0, 1])
    def test_any_end_does(self, market_3: Market, which: int) -> None:
        ids = self.pair(market_3)
        events = market_3.send(c.cancel(ALICE, ids[which]))
        found = [(o.order_id, o.reason) for o in of(events, e.Order)]
        assert found == [(ids[which], 1), (ids[1 - which], 15)]

    def test_cancel_many_takes_both_itself(self, market_3: Market) -> None:
        first, second = self.pair(market_3)
        events = market_3.send(c.cancel_many(ALICE))
        assert [(o.order_id, o.reason) for o in of(events, e.Order)] == [(first, 1), (second, 1)]
        assert last(events, e.Done).affected == 2

    def test_or_one_and_the_other_follows_before_done(self, market_3: Market) -> None:
        first, second = self.pair(market_3)
        third = market_3.rests(ALICE, 50, 1)
        flags = r.FILTER_PLAIN << r.TYPE_FILTER_SHIFT
        events = market_3.send(c.header(r.CANCEL_MANY, 1, flags=flags, account=ALICE))
        found = [(o.order_id, o.reason) for o in of(events, e.Order)]
        assert found == [(first, 1), (third, 1), (second, 15)]
        assert last(events, e.Done).affected == 2

    def test_a_refused_trigger_does(self, market_3: Market) -> None:
        members = (co.Member(SELL | REDUCE, 200, 4, trigger=stop(11_900)),)
        first, second = placed(extended(market_3, 130, 4, SELL, link=OCO, members=members))
        events = mark(market_3, 11_900)
        assert told(events, second) == [(ENDED, CANCELLED, 14)]
        assert told(events, first) == [(ENDED, CANCELLED, 15)]

    def test_a_lost_self_trade_does(self, market_3: Market) -> None:
        first, second = self.pair(market_3)
        market_3.send(c.configure_account(ALICE, cancel_maker=True))
        events = market_3.order(ALICE, 130, 1)
        mine = of(events, e.Order)[1].order_id
        found = [(o.order_id, o.reason) for o in of(events, e.Order)]
        assert found == [(first, 5), (mine, 0), (second, 15)]

    def test_both_taken_by_one_order(self, market_3: Market) -> None:
        members = (co.Member(SELL, 131, 4),)
        first, second = placed(extended(market_3, 130, 4, SELL, link=OCO, members=members))
        events = market_3.order(BOB, 131, 6)
        assert told(events, first) == [(FILL, FILLED, 0)]
        assert told(events, second) == [(FILL, OPEN, 0), (ENDED, CANCELLED, 15)]

    def test_both_wait_for_a_price(self, market_3: Market) -> None:
        events = extended(market_3, 130, 4, SELL, stop(11_800), link=OCO, members=(STOP,))
        first, second = placed(events)
        assert states(events) == [(PLACED, UNTRIGGERED, 0), (PLACED, UNTRIGGERED, 0)]
        events = mark(market_3, 11_900)
        assert told(events, second) == [(TRIGGERED, CANCELLED, 4)]
        assert told(events, first) == [(ENDED, CANCELLED, 15)]

    def test_a_first_one_that_trades_at_once(self, market_3: Market) -> None:
        market_3.rests(BOB, 130, 1)
        events = extended(market_3, 130, 4, SELL, link=OCO, members=(EXIT._replace(price_ticks=140),))
        assert [type(event).__name__ for event in events] == [
            "Extended", "Trade", "Order", "Order", "Extended", "Order",
        ]  # fmt: skip
        assert states(events)[1:] == [(PLACED, OPEN, 0), (PLACED, CANCELLED, 15)]
        member = of(events, e.Order)[-1]
        assert (member.price_ticks, member.open_lots, member.filled_lots, member.size_lots) == (140, 0, 0, 4)
        assert told(market_3.order(BOB, 130, 3), of(events, e.Order)[1].order_id) == [(FILL, FILLED, 0)]

    def test_a_first_one_that_ends_at_once(self, market_3: Market) -> None:
        events = extended(market_3, 130, 4, SELL | IOC, link=OCO, members=(STOP,))
        assert states(events) == [(PLACED, CANCELLED, 2), (PLACED, CANCELLED, 15)]

    def test_a_second_one_that_is_refused_ends_both(self, market_3: Market) -> None:
        members = (co.Member(SELL | REDUCE, 140, 4),)
        events = extended(market_3, 130, 4, SELL, link=OCO, members=members)
        assert [type(event).__name__ for event in events] == 2 * ["Extended", "Order"] + ["Order"]
        assert states(events) == [(PLACED, OPEN, 0), (PLACED, CANCELLED, 14), (ENDED, CANCELLED, 15)]
        assert only(market_3.send(c.cancel_many(ALICE)), e.Done).affected == 0

    def test_a_second_one_that_trades_at_once(self, market_3: Market) -> None:
        market_3.rests(BOB, 130, 1)
        members = (co.Member(SELL, 130, 4),)
        events = extended(market_3, 140, 4, SELL, link=OCO, members=members)
        first, second = placed(events)
        assert told(events, first) == [(PLACED, OPEN, 0), (ENDED, CANCELLED, 15)]
        assert told(events, second) == [(PLACED, OPEN, 0)]

    def test_a_first_one_that_is_refused_places_nothing(self, market_3: Market) -> None:
        assert reason(extended(market_3, 130, 4, SELL | REDUCE, link=OCO, members=(STOP,))) == "reduce_only"
        events = market_3.order(ALICE, 50, 1)
        assert last(events, e.Order).order_id == 1

    def test_an_amend_that_trades(self, market_3: Market) -> None:
        first, second = self.pair(market_3)
        market_3.rests(BOB, 120, 1)
        events = market_3.send(c.amend(ALICE, first, price_ticks=120))
        assert told(events, first) == [(AMENDED, OPEN, 0)]
        assert told(events, second) == [(ENDED, CANCELLED, 15)]

    def test_a_tripped_group(self, market_3: Market) -> None:
        market_3.send(co.set_mmp(ALICE, 0, 0, co.MmpLimits(1_000, 0, 1_000_000, 0, 0, 10**9)))
        events = extended(market_3, 140, 4, SELL | r.FLAG_MMP, link=OCO, members=(STOP,))
        first, second = placed(events)
        market_3.order(ALICE, 130, 1, SELL | r.FLAG_MMP)
        events = market_3.order(BOB, 130, 1)
        assert told(events, first) == [(ENDED, CANCELLED, 12)]
        assert told(events, second) == [(ENDED, CANCELLED, 15)]
        assert events.index(of(events, e.Order)[-1]) == len(events) - 1

    def test_delivery_takes_both(self, market_3: Market) -> None:
        first, second = self.pair(market_3)
        market_3.send(c.time(EXPIRY_MS))
        events = market_3.send(c.deliver(OPTION, 50_000 * MICRO))
        assert [(o.order_id, o.reason) for o in of(events, e.Order)] == [(first, 10), (second, 10)]

    def test_the_day_s_end_takes_one_and_the_other_follows(self, market_3: Market) -> None:
        first, second = placed(extended(market_3, 130, 4, SELL | DAY, link=OCO, members=(STOP,)))
        events = market_3.send(c.expire_day(OPTION))
        assert [(o.order_id, o.reason) for o in of(events, e.Order)] == [(first, 9), (second, 15)]
        assert last(events, e.Done).affected == 1


class TestTriggers:
    """One triggers one, or two that cancel each other."""

    def bracket(self, market: Market, condition: int, flags: int = 0) -> tuple[int, int, int]:
        events = extended(market, 100, 4, flags, link=OTOCO, condition=condition, members=(EXIT, STOP))
        first, second, third = placed(events)
        return first, second, third

    def test_dormant_ones_hear_no_price(self, market_3: Market) -> None:
        self.bracket(market_3, FIRST)
        assert of(mark(market_3, 11_000), e.Order) == []

    def test_first_hit(self, market_3: Market) -> None:
        primary, exit_, stop_ = self.bracket(market_3, FIRST)
        events = market_3.order(BOB, 100, 1, SELL)
        taker = of(events, e.Order)[1].order_id
        # They wake behind the taker; the one without a trigger fires behind the command.
        assert names(events) == [
            "Trade", f"{primary}", f"{taker}", "Extended", f"{exit_}", "Extended", f"{stop_}", f"{exit_}",
        ]  # fmt: skip
        assert [x.other_order_id for x in of(events, e.Extended)] == [stop_, exit_]
        assert told(events, exit_) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]
        assert told(events, stop_) == [(AMENDED, UNTRIGGERED, 0)]
        assert of(events, e.Order)[-1].open_lots == 4
        # Awake they are a pair.
        market_3.rests(CAROL, 101, 4)
        events = mark(market_3, 11_900)
        assert told(events, stop_) == [(TRIGGERED, FILLED, 0)]
        assert told(events, exit_) == [(ENDED, CANCELLED, 15)]
        assert told(market_3.order(BOB, 100, 3, SELL), primary) == [(FILL, FILLED, 0)]

    def test_complete(self, market_3: Market) -> None:
        primary, exit_, stop_ = self.bracket(market_3, COMPLETE)
        assert told(market_3.order(BOB, 100, 3, SELL), exit_) == []
        events = market_3.order(BOB, 100, 1, SELL)
        assert told(events, primary) == [(FILL, FILLED, 0)]
        assert told(events, exit_) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]
        assert told(events, stop_) == [(AMENDED, UNTRIGGERED, 0)]

    def test_complete_needs_every_lot(self, market_3: Market) -> None:
        primary, exit_, stop_ = self.bracket(market_3, COMPLETE)
        market_3.order(BOB, 100, 3, SELL)
        events = market_3.send(c.cancel(ALICE, primary))
        found = [(o.order_id, o.reason) for o in of(events, e.Order)]
        assert found == [(primary, 1), (exit_, 16), (stop_, 16)]

    @pytest.mark.parametrize("condition", [FIRST, COMPLETE, INCREMENTAL])
    def test_a_primary_that_ends_unfilled(self, market_3: Market, condition: int) -> None:
        primary, exit_, stop_ = self.bracket(market_3, condition)
        events = market_3.send(c.cancel(ALICE, primary))
        found = [(o.order_id, o.reason) for o in of(events, e.Order)]
        assert found == [(primary, 1), (exit_, 16), (stop_, 16)]

    def test_a_primary_that_trades_at_once(self, market_3: Market) -> None:
        market_3.rests(BOB, 100, 2, SELL)
        events = extended(market_3, 100, 4, IOC, link=OTO, members=(EXIT,))
        primary, member = placed(events)
        assert told(events, primary) == [(PLACED, CANCELLED, 2)]
        assert told(events, member) == [
            (PLACED, UNTRIGGERED, 0), (AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0),
        ]  # fmt: skip

    def test_a_primary_that_ends_at_once(self, market_3: Market) -> None:
        events = extended(market_3, 100, 4, IOC, link=OTO, members=(EXIT,))
        assert states(events) == [(PLACED, CANCELLED, 2), (PLACED, UNTRIGGERED, 0), (ENDED, CANCELLED, 16)]

    def test_a_primary_with_a_trigger(self, market_3: Market) -> None:
        events = extended(market_3, 100, 4, 0, stop(12_100), link=OTO, members=(EXIT,))
        primary, member = placed(events)
        market_3.rests(BOB, 100, 4, SELL)
        events = mark(market_3, 12_100)
        assert told(events, primary) == [(TRIGGERED, FILLED, 0)]
        assert told(events, member) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]

    def test_a_primary_whose_trigger_is_refused(self, market_3: Market) -> None:
        events = extended(market_3, 100, 4, REDUCE, stop(12_100), link=OTO, members=(EXIT,))
        primary, member = placed(events)
        events = mark(market_3, 12_100)
        assert told(events, primary) == [(ENDED, CANCELLED, 14)]
        assert told(events, member) == [(ENDED, CANCELLED, 16)]

    def test_what_is_reached_when_it_wakes(self, market_3: Market) -> None:
        members = (co.Member(SELL, 130, 4, trigger=stop(12_000)),)
        _, member = placed(extended(market_3, 100, 4, link=OTO, members=members))
        events = market_3.order(BOB, 100, 1, SELL)
        assert told(events, member) == [(AMENDED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]

    def test_a_dormant_one_cancelled_leaves_the_rest(self, market_3: Market) -> None:
        primary, exit_, stop_ = self.bracket(market_3, FIRST)
        assert states(market_3.send(c.cancel(ALICE, exit_))) == [(ENDED, CANCELLED, 1)]
        events = market_3.order(BOB, 100, 1, SELL)
        assert told(events, stop_) == [(AMENDED, UNTRIGGERED, 0)]
        assert of(events, e.Extended)[0].other_order_id == 0
        assert told(market_3.order(BOB, 100, 3, SELL), primary) == [(FILL, FILLED, 0)]

    def test_all_dormant_ones_cancelled(self, market_3: Market) -> None:
        primary, exit_, stop_ = self.bracket(market_3, FIRST)
        market_3.send(c.cancel(ALICE, exit_), c.cancel(ALICE, stop_))
        assert states(market_3.send(c.cancel(ALICE, primary))) == [(ENDED, CANCELLED, 1)]

    def test_cancel_many_takes_a_primary_with_its_members(self, market_3: Market) -> None:
        self.bracket(market_3, FIRST)
        events = market_3.send(c.cancel_many(ALICE))
        assert [o.reason for o in of(events, e.Order)] == [1, 1, 1]
        assert last(events, e.Done).affected == 3

    def test_a_dormant_one_amended(self, market_3: Market) -> None:
        _, exit_, _ = self.bracket(market_3, FIRST)
        order = only(market_3.send(c.amend(ALICE, exit_, price_ticks=140, size_lots=3)), e.Order)
        assert (order.kind, order.state, order.price_ticks, order.open_lots) == (AMENDED, UNTRIGGERED, 140, 3)
        fired = of(market_3.order(BOB, 100, 1, SELL), e.Order)[-1]
        assert (fired.kind, fired.price_ticks, fired.open_lots) == (TRIGGERED, 140, 3)
