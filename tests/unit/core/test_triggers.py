"""Orders with a trigger: placing, sources, what is reached, firing (docs/rules-3.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    EXPIRY_MS,
    IOC,
    MARKET,
    MARKET_LIMIT,
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
    under_rules_3,
)
from tests.unit.core.triggers import (
    FILLED,
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
    trade,
    trailing,
    waits,
)


class TestPlacing:
    def test_it_holds_nothing_and_is_in_no_book(self, market_3: Market) -> None:
        market_3.send(c.time(77))
        events = extended(market_3, 130, 5, SELL, stop(90), display=2, client=9, label=3, grant=4)
        told_of, order = events
        assert isinstance(told_of, e.Extended)
        assert isinstance(order, e.Order)
        assert (told_of.trigger, told_of.source, told_of.link) == (r.TRIGGER_STOP, r.SOURCE_MARK, 0)
        assert (told_of.trigger_micro, told_of.offset_micro, told_of.time_ms) == (90 * MICRO, 0, 77)
        assert told_of.head.id == order.order_id == told_of.head.id
        assert (order.kind, order.state, order.open_lots, order.shown_lots) == (PLACED, UNTRIGGERED, 5, 0)
        assert (order.level_lots, order.price_ticks, order.client_order_id) == (0, 130, 9)
        assert (order.label, order.grant, order.created_ms) == (3, 4, 77)
        # Nobody trades with it.
        assert last(market_3.order(BOB, 140, 1, IOC), e.Order).filled_lots == 0

    @pytest.mark.parametrize(
        ("trigger", "name"),
        [
            (co.Trigger(4, 2, MICRO), "bad_trigger"),
            (co.Trigger(1, 0, MICRO), "bad_trigger"),
            (co.Trigger(1, 4, MICRO), "bad_trigger"),
            (co.Trigger(0, 1, 0), "bad_trigger"),
            (co.Trigger(0, 0, 1), "bad_trigger"),
            (co.Trigger(0, 0, 0, 1), "bad_trigger"),
            (co.Trigger(1, 2, 0), "bad_trigger"),
            (co.Trigger(2, 2, -1), "bad_trigger"),
            (co.Trigger(1, 2, limits.MAX_PRICE_MICRO + 1), "bad_trigger"),
            (co.Trigger(1, 2, MICRO, 1), "bad_trigger"),
            (co.Trigger(3, 2, 1, MICRO), "bad_trigger"),
            (co.Trigger(3, 2, 0, 0), "bad_trigger"),
            (co.Trigger(3, 2, 0, limits.MAX_PRICE_MICRO + 1), "bad_trigger"),
        ],
    )
    def test_bad_triggers(self, market_3: Market, trigger: co.Trigger, name: str) -> None:
        assert reason(extended(market_3, 130, 5, SELL, trigger)) == name

    @pytest.mark.parametrize(
        "trigger",
        [
            co.Trigger(1, 2, 1),
            co.Trigger(2, 2, limits.MAX_PRICE_MICRO),
            co.Trigger(3, 2, 0, 1),
            co.Trigger(3, 2, 0, limits.MAX_PRICE_MICRO),
        ],
    )
    def test_the_bounds_of_prices(self, market_3: Market, trigger: co.Trigger) -> None:
        assert states(extended(market_3, 130, 5, SELL, trigger)) == [(PLACED, UNTRIGGERED, 0)]

    @pytest.mark.parametrize(
        ("price", "lots", "flags", "name"),
        [
            (130, 1, MARKET_LIMIT, "bad_flags"),
            (130, 1, 1 << 8, "bad_flags"),
            (130, 1, 1 << 31, "bad_flags"),
            (130, 0, 0, "bad_size"),
            (130, limits.MAX_ORDER_LOTS + 1, 0, "bad_size"),
            (0, 1, 0, "bad_price"),
            (500_001, 1, 0, "bad_price"),
            (130, 1, MARKET, "bad_price"),
        ],
    )
    def test_its_shape_as_an_order_is_checked(
        self, market_3: Market, price: int, lots: int, flags: int, name: str
    ) -> None:
        assert reason(extended(market_3, price, lots, flags, stop(20_000))) == name

    def test_what_it_costs_is_not(self, market_3: Market) -> None:
        lots = limits.MAX_ORDER_LOTS
        assert states(extended(market_3, 500_000, lots, 0, stop(20_000))) == [(PLACED, UNTRIGGERED, 0)]
        assert states(extended(market_3, 100, 5, SELL | REDUCE, stop(90))) == [(PLACED, UNTRIGGERED, 0)]

    def test_market_limit_is_not_allowed_without_a_trigger_either(self, market_3: Market) -> None:
        assert reason(extended(market_3, 0, 5, MARKET_LIMIT)) == "bad_flags"

    def test_without_anything_it_is_an_order_like_any(self, market_3: Market) -> None:
        events = extended(market_3, 100, 5)
        assert [type(event).__name__ for event in events] == ["Extended", "Order"]
        assert states(events) == [(PLACED, OPEN, 0)]

    def test_untriggered_orders_count_as_open(self, market_3: Market) -> None:
        market_3.send(cr.set_caps(ALICE, 2, 0))
        waits(market_3, 100, 1, SELL, stop(90))
        market_3.rests(ALICE, 50, 1)
        assert reason(market_3.order(ALICE, 50, 1)) == "too_many_orders"
        assert reason(extended(market_3, 100, 1, SELL, stop(90))) == "too_many_orders"

    def test_members_count_too(self, market_3: Market) -> None:
        market_3.send(cr.set_caps(ALICE, 2, 0))
        members = (co.Member(SELL, 120, 1), co.Member(SELL, 80, 1, trigger=stop(80)))
        refused = only(extended(market_3, 100, 1, link=r.LINK_OTOCO, members=members), e.Rejected)
        assert (refused.reason, refused.detail) == (18, -2)
        market_3.send(cr.set_caps(ALICE, 3, 0))
        assert len(states(extended(market_3, 100, 1, link=r.LINK_OTOCO, members=members))) == 3

    def test_at_most_256_trail_a_source(self, market_3: Market) -> None:
        for _ in range(limits.MAX_TRAILING - 1):
            waits(market_3, 100, 1, SELL, trailing(5, r.SOURCE_INDEX))
        kept = waits(market_3, 100, 1, SELL, trailing(5, r.SOURCE_INDEX), at=PERPETUAL)
        assert reason(extended(market_3, 100, 1, SELL, trailing(5, r.SOURCE_INDEX))) == "too_many_triggers"
        waits(market_3, 100, 1, SELL, trailing(5, r.SOURCE_MARK))
        waits(market_3, 100, 1, SELL, stop(5, r.SOURCE_INDEX))
        market_3.send(c.cancel(ALICE, kept))
        members = (co.Member(SELL, 100, 1, trigger=trailing(7, r.SOURCE_INDEX)),)
        trails = trailing(5, r.SOURCE_INDEX)
        events = extended(market_3, 100, 1, SELL, trails, link=r.LINK_OCO, members=members)
        refused = only(events, e.Rejected)
        assert (refused.reason, refused.detail) == (53, -1)
        waits(market_3, 100, 1, SELL, trailing(5, r.SOURCE_INDEX))

    def test_the_shard_s_limit(self) -> None:
        market = under_rules_3(Market(engine := Engine()))
        engine.world.untriggered = limits.MAX_TRIGGERS - 1
        waits(market, 100, 1, SELL, stop(90))
        assert reason(extended(market, 100, 1, SELL, stop(90))) == "too_many_triggers"
        assert states(extended(market, 50, 1)) == [(PLACED, OPEN, 0)]
        engine.world.untriggered = 1
        check(engine)

    def test_the_client_order_id_is_remembered(self, market_3: Market) -> None:
        placed = of(extended(market_3, 100, 1, SELL, stop(90), client=5), e.Order)[0]
        repeated = only(extended(market_3, 100, 1, SELL, stop(90), client=5), e.Repeated)
        assert (repeated.head.id, repeated.reason) == (placed.order_id, 0)
        assert reason(extended(market_3, 0, 1, SELL, stop(90), client=6)) == "bad_price"
        assert only(extended(market_3, 100, 1, client=6), e.Repeated).reason == 13

    @pytest.mark.parametrize("byte", [8 * 8 + 5, 8 * 8 + 7, 16 * 8 + 2, 16 * 8 + 7, 19 * 8])
    def test_what_has_no_meaning_is_zero(self, market_3: Market, byte: int) -> None:
        members = (co.Member(SELL, 120, 1, trigger=stop(80)),)
        command = bytearray(co.extended_order(ALICE, OPTION, 0, 100, 1, link=r.LINK_OTO, members=members))
        command[byte] = 1
        assert reason(market_3.send(bytes(command))) == "malformed"

    def test_it_brings_the_members_it_names(self, market_3: Market) -> None:
        command = bytearray(co.extended_order(ALICE, OPTION, 0, 100, 1))
        command[8 * 8 + 4] = 1
        assert reason(market_3.send(bytes(command))) == "malformed"


class TestReached:
    """Which orders a price reaches, at the limit and a tick off it."""

    @pytest.mark.parametrize(
        ("flags", "trigger", "quiet", "reaching"),
        [
            (0, stop(12_100), 12_099, 12_100),
            (SELL, take(12_100), 12_099, 12_100),
            (SELL, stop(11_900), 11_901, 11_900),
            (0, take(11_900), 11_901, 11_900),
            (SELL, trailing(100), 11_901, 11_900),
            (0, trailing(100), 12_099, 12_100),
        ],
    )
    def test_by_the_mark(
        self, market_3: Market, flags: int, trigger: co.Trigger, quiet: int, reaching: int
    ) -> None:
        price = 13_000 if flags else 100
        order_id = waits(market_3, price, 3, flags, trigger)
        assert of(mark(market_3, quiet), e.Order) == []
        events = mark(market_3, reaching)
        assert isinstance(events[0], e.Marked)
        (fired,) = of(events, e.Order)
        assert (fired.order_id, fired.kind, fired.state) == (order_id, TRIGGERED, OPEN)
        assert (fired.open_lots, fired.shown_lots, fired.level_lots, fired.price_ticks) == (3, 3, 3, price)

    def test_what_is_reached_when_placed_fires_at_once(self, market_3: Market) -> None:
        events = extended(market_3, 100, 1, 0, stop(12_000))
        assert states(events) == [(PLACED, UNTRIGGERED, 0), (TRIGGERED, OPEN, 0)]

    def test_a_trailing_sell_follows_the_highest_price(self, market_3: Market) -> None:
        events = extended(market_3, 13_000, 1, SELL, trailing(100))
        assert of(events, e.Extended)[0].trigger_micro == 11_900 * MICRO
        mark(market_3, 12_500)
        mark(market_3, 12_450)
        assert of(mark(market_3, 12_401), e.Order) == []
        assert states(mark(market_3, 12_400)) == [(TRIGGERED, OPEN, 0)]

    def test_a_trailing_buy_follows_the_lowest(self, market_3: Market) -> None:
        events = extended(market_3, 100, 1, 0, trailing(100))
        assert of(events, e.Extended)[0].trigger_micro == 12_100 * MICRO
        mark(market_3, 11_500)
        assert of(mark(market_3, 11_599), e.Order) == []
        assert states(mark(market_3, 11_600)) == [(TRIGGERED, OPEN, 0)]

    def test_an_offset_beyond_the_price_is_not_reached(self, market_3: Market) -> None:
        told_of = of(extended(market_3, 13_000, 1, SELL, trailing(20_000)), e.Extended)[0]
        assert told_of.trigger_micro == -8_000 * MICRO
        assert of(mark(market_3, 0), e.Order) == []

    def test_the_index(self, market_3: Market) -> None:
        waits(market_3, 13_000, 1, SELL, stop(49_900, r.SOURCE_INDEX))
        assert of(mark(market_3, 100, 49_901), e.Order) == []
        assert states(mark(market_3, 12_000, 49_900)) == [(TRIGGERED, OPEN, 0)]

    def test_the_last_price(self, market_3: Market) -> None:
        order_id = waits(market_3, 13_000, 1, SELL, stop(95, r.SOURCE_LAST))
        assert len(told(trade(market_3, 96), order_id)) == 0
        assert told(trade(market_3, 95), order_id) == [(TRIGGERED, OPEN, 0)]

    def test_before_the_first_trade_there_is_no_last_price(self, market_3: Market) -> None:
        told_of = of(extended(market_3, 13_000, 1, SELL, trailing(5, r.SOURCE_LAST)), e.Extended)[0]
        assert told_of.trigger_micro == 0
        trade(market_3, 100)
        told_of = of(extended(market_3, 13_000, 1, SELL, trailing(5, r.SOURCE_LAST)), e.Extended)[0]
        assert told_of.trigger_micro == 95 * MICRO
        assert len(of(trade(market_3, 96), e.Order)) == 2
        # Both began to follow at 100.
        assert len(of(trade(market_3, 95), e.Order)) == 4

    def test_only_the_last_of_an_order_s_trades_is_seen(self, market_3: Market) -> None:
        quiet = waits(market_3, 100, 1, 0, take(91, r.SOURCE_LAST))
        for price in (90, 92):
            market_3.rests(BOB, price, 1, SELL)
        events = market_3.order(CAROL, 92, 2)
        assert [found.price_ticks for found in of(events, e.Trade)] == [90, 92]
        assert told(events, quiet) == []

    def test_a_liquidation_s_and_an_amend_s_trades_count(self, market_3: Market) -> None:
        order_id = waits(market_3, 13_000, 1, SELL, stop(95, r.SOURCE_LAST))
        market_3.rests(BOB, 95, 1, SELL)
        mine = market_3.rests(CAROL, 90, 1)
        assert told(market_3.send(co.amend(CAROL, mine, price_ticks=95)), order_id) == [(TRIGGERED, OPEN, 0)]

    def test_nothing_is_seen_while_closed(self, market_3: Market) -> None:
        order_id = waits(market_3, 13_000, 1, SELL, stop(11_900))
        follows = waits(market_3, 13_000, 1, SELL, trailing(200))
        index = waits(market_3, 13_000, 1, SELL, stop(49_900, r.SOURCE_INDEX))
        other = waits(market_3, 60_000, 1, SELL, stop(49_900, r.SOURCE_INDEX), at=PERPETUAL)
        market_3.send(c.set_instrument_state(OPTION, r.STATE_HALTED))
        events = mark(market_3, 11_000, 49_900)
        assert [o.order_id for o in of(events, e.Order)] == [other]
        mark(market_3, 20_000)
        market_3.send(c.set_instrument_state(OPTION, r.STATE_OPEN))
        # What was missed is missed; what is there now is found when it is seen next.
        assert of(market_3.send(c.time(1)), e.Order) == []
        assert of(mark(market_3, 11_901), e.Order) == []
        events = mark(market_3, 11_800, 49_900)
        assert [o.order_id for o in of(events, e.Order)] == [index, order_id, follows]

    @pytest.mark.parametrize(
        "close",
        [
            c.set_mode(r.MODE_CANCEL_ONLY),
            cr.set_underlying_state(0, 1),
            c.set_instrument_state(OPTION, r.STATE_CANCEL_ONLY),
            c.time(EXPIRY_MS),
        ],
    )
    def test_the_ways_of_being_closed(self, market_3: Market, close: bytes) -> None:
        waits(market_3, 13_000, 1, SELL, stop(11_900))
        market_3.send(close)
        assert of(mark(market_3, 11_900), e.Order) == []

    def test_index_first_then_the_units_in_order_up_before_down(self, market_3: Market) -> None:
        deep = waits(market_3, 13_000, 1, SELL, stop(49_000, r.SOURCE_INDEX))
        high = waits(market_3, 13_000, 1, SELL, stop(49_900, r.SOURCE_INDEX))
        far = waits(market_3, 100, 1, 0, stop(12_300))
        near = waits(market_3, 100, 1, 0, stop(12_100))
        late = waits(market_3, 100, 1, 0, stop(12_100))
        trails = waits(market_3, 100, 1, 0, trailing(200))  # stands at 12,200
        takes = waits(market_3, 13_000, 1, SELL, take(12_250))
        second = waits(market_3, 100, 1, 0, stop(50_100), at=PERPETUAL)
        index_up = waits(market_3, 100, 1, 0, take(49_500, r.SOURCE_INDEX))
        events = mark(market_3, 12_300, 49_000, 50_100)
        found = [o.order_id for o in of(events, e.Order)]
        assert found == [high, index_up, deep, near, late, trails, takes, far, second]

    def test_an_instrument_twice_in_a_block_is_seen_with_its_last_mark(self, market_3: Market) -> None:
        waits(market_3, 13_000, 1, SELL, stop(11_900))
        market_3.feed += 1
        units = [c.Mark(OPTION, 0, ticks * MICRO, 0, 50_000 * MICRO) for ticks in (11_900, 11_901)]
        assert of(market_3.send(c.marks(0, 50_000 * MICRO, market_3.feed, units)), e.Order) == []


def test_the_last_price_stops_at_2_to_60() -> None:
    """A tick of 1e8 micro and a price of 2**37 ticks: what trails begins to follow at 2**60."""
    far = CALL._replace(
        tick_micro=10**8, lot_e8=1, price_limit_ticks=1 << 38, position_limit_lots=100, strike_micro=10**8
    )
    market = under_rules_3(Market(Engine(), option=far))
    market.deposit(BOB, 1 << 50)
    market.deposit(CAROL, 1 << 50)
    market.rests(BOB, 1 << 37, 1, SELL)
    assert last(market.order(CAROL, 1 << 37, 1, IOC), e.Order).state == FILLED
    told_of = of(extended(market, 1, 1, SELL, trailing(1, r.SOURCE_LAST)), e.Extended)[0]
    assert told_of.trigger_micro == (1 << 60) - MICRO


def test_states_are_whole() -> None:
    """Orders that wait in every way survive a restart and go on alike."""
    engine = Engine()
    market = under_rules_3(Market(engine))
    for trigger in (stop(12_100), take(11_900), trailing(100), stop(50_100, r.SOURCE_INDEX)):
        waits(market, 100, 1, 0, trigger)
        waits(market, 13_000, 1, SELL, take(12_200))
    trade(market, 100)
    waits(market, 100, 1, 0, trailing(3, r.SOURCE_LAST))
    for _ in range(64):
        waits(market, 100, 1, 0, stop(12_050))
    mark(market, 12_100)
    check(engine)
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()
    for command in (co.fire(), c.new_order(BOB, OPTION, SELL, 90, 1), c.cancel_many(ALICE)):
        assert restored.apply(command) == engine.apply(command)
        assert restored.state_bytes() == engine.state_bytes()
        check(restored)


def test_a_risk_snapshot_is_seen_like_marks(market_3: Market) -> None:
    order_id = waits(market_3, 13_000, 1, SELL, stop(11_900))
    market_3.feed += 1
    units = [c.Mark(OPTION, 0, 11_900 * MICRO, 0, 50_000 * MICRO)]
    events = market_3.send(cr.risk_snapshot(0, 50_000 * MICRO, market_3.feed, units, 0, b""))
    assert [type(event).__name__ for event in events] == ["Marked", "Order"]
    assert told(events, order_id) == [(TRIGGERED, OPEN, 0)]


def test_a_refused_block_is_not_seen(market_3: Market) -> None:
    waits(market_3, 13_000, 1, SELL, stop(49_000, r.SOURCE_INDEX))
    units = [c.Mark(OPTION, 0, -1, 0, 50_000 * MICRO)]
    assert reason(market_3.send(c.marks(0, 49_000 * MICRO, 99, units))) == "bad_value"


@pytest.mark.parametrize("kind", [r.EXTENDED_ORDER, r.FIRE, r.REPRICE])
def test_nothing_of_it_before_rules_3(market_2: Market, kind: int) -> None:
    commands = {
        r.EXTENDED_ORDER: co.extended_order(ALICE, OPTION, 0, 100, 1),
        r.FIRE: co.fire(),
        r.REPRICE: co.reprice([]),
    }
    assert reason(market_2.send(commands[kind])) == "malformed"
