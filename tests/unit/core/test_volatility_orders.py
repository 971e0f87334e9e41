"""Orders priced in volatility and REPRICE (docs/rules-3.md)."""

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
    DAY,
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
    under_rules_3,
)
from tests.unit.core.triggers import (
    AMENDED,
    CANCELLED,
    ENDED,
    FILLED,
    OPEN,
    extended,
    mark,
    states,
    stop,
    waits,
)


def priced(market: Market, price: int = 100, lots: int = 4, flags: int = 0, volatility: int = 600_000) -> int:
    """Place an order priced in volatility that must rest; its order_id."""
    events = extended(market, price, lots, flags, volatility=volatility)
    told_of = of(events, e.Extended)[0]
    assert (told_of.volatility_e6, told_of.trigger, told_of.other_order_id) == (volatility, 0, 0)
    assert states(events) == [(1, OPEN, 0)]
    return told_of.head.id


class TestPlacing:
    @pytest.mark.parametrize(
        ("volatility", "name"),
        [(-1, "bad_value"), (10**9 + 1, "bad_value"), (1, ""), (10**9, "")],
    )
    def test_bounds(self, market_3: Market, volatility: int, name: str) -> None:
        events = extended(market_3, 100, 1, volatility=volatility)
        assert (reason(events) if name else "") == name

    @pytest.mark.parametrize(
        ("price", "flags", "at"), [(100, IOC, 0), (0, MARKET, 0), (100, POST, 0), (100, 0, PERPETUAL)]
    )
    def test_what_it_may_not_be(self, market_3: Market, price: int, flags: int, at: int) -> None:
        assert reason(extended(market_3, price, 1, flags, volatility=5, at=at)) == "bad_flags"

    def test_no_trigger_and_no_link(self, market_3: Market) -> None:
        assert reason(extended(market_3, 100, 1, 0, stop(20_000), volatility=5)) == "bad_flags"
        members = (co.Member(SELL, 130, 1),)
        events = extended(market_3, 100, 1, link=r.LINK_OTO, members=members, volatility=5)
        assert reason(events) == "bad_flags"

    def test_good_til_day(self, market_3: Market) -> None:
        priced(market_3, flags=DAY)

    def test_one_that_trades_whole_leaves_nothing(self, market_3: Market) -> None:
        market_3.rests(BOB, 100, 4, SELL)
        events = extended(market_3, 100, 4, volatility=5)
        assert [type(event).__name__ for event in events] == ["Extended", "Trade", "Order", "Order"]
        assert only(market_3.send(co.reprice([(2, 101)])), e.Done).affected == 0


class TestReprice:
    def test_it_amends_the_price_alone(self, market_3: Market) -> None:
        order_id = priced(market_3)
        market_3.send(c.time(9))
        events = market_3.send(co.reprice([(order_id, 105)]))
        order = of(events, e.Order)[0]
        assert (order.kind, order.state, order.price_ticks, order.open_lots) == (AMENDED, OPEN, 105, 4)
        assert (order.old_price_ticks, order.time_ms) == (100, 9)
        assert (last(events, e.Done).command, last(events, e.Done).affected) == (r.REPRICE, 1)

    def test_it_may_trade(self, market_3: Market) -> None:
        order_id = priced(market_3)
        market_3.rests(BOB, 105, 4, SELL)
        events = market_3.send(co.reprice([(order_id, 105)]))
        assert of(events, e.Order)[-1].state == FILLED
        assert last(events, e.Done).affected == 1
        assert only(market_3.send(co.reprice([(order_id, 106)])), e.Done).affected == 0

    def test_others_are_passed_over(self, market_3: Market) -> None:
        order_id = priced(market_3)
        plain = market_3.rests(ALICE, 90, 1)
        waiting = waits(market_3, 90, 1, 0, stop(20_000))
        units = [(order_id, 100), (plain, 95), (waiting, 95), (999, 95)]
        assert only(market_3.send(co.reprice(units)), e.Done).affected == 0

    @pytest.mark.parametrize(
        ("price", "flags"),
        [(0, 0), (-1, 0), (500_001, 0), (15_001, 0), (8_999, SELL), (15_000, 0), (9_000, SELL)],
    )
    def test_a_price_that_fails_ends_it(self, price: int, flags: int) -> None:
        # Band: 12,000 ± 6 % of 50,000.
        market = under_rules_3(Market(Engine(), option=CALL._replace(band_ppm=60_000)))
        order_id = priced(market, 12_000, 1, flags)
        events = market.send(co.reprice([(order_id, price)]))
        good = price in (15_000, 9_000)
        assert states(events) == [(AMENDED, OPEN, 0) if good else (ENDED, CANCELLED, 17)]
        assert last(events, e.Done).affected == (1 if good else 0)

    def test_funds(self, market_3: Market) -> None:
        # 1,000,000 USDC hold 4,000 lots of 0.01 at 25,000 USDC, and not at 25,001.
        order_id = priced(market_3, 12_000, 4_000)
        assert states(market_3.send(co.reprice([(order_id, 25_000)]))) == [(AMENDED, OPEN, 0)]
        assert states(market_3.send(co.reprice([(order_id, 25_001)]))) == [(ENDED, CANCELLED, 17)]

    def test_a_lock_does_not_matter_a_halt_does(self, market_3: Market) -> None:
        order_id = priced(market_3)
        market_3.send(cr.set_lock(ALICE, True))
        assert states(market_3.send(co.reprice([(order_id, 99)]))) == [(AMENDED, OPEN, 0)]
        market_3.send(c.set_instrument_state(OPTION, r.STATE_HALTED))
        assert only(market_3.send(co.reprice([(order_id, 98)])), e.Done).affected == 0

    def test_who_is_in_liquidation_is_passed_over(self, market_3: Market) -> None:
        order_id = priced(market_3, 100, 4)
        market_3.long(ALICE, BOB, 100, 50_000, PERPETUAL)
        free = market_3.balance(ALICE) - 20_000 * MICRO
        market_3.send(c.withdraw(ALICE, free, 1))
        mark(market_3, 12_000, perpetual=25_000)
        told = of(market_3.send(cr.risk_sweep(ALICE, 1)), e.Liquidation)
        assert [found.kind for found in told] == [r.LIQ_STARTED]
        market_3.rests(BOB, 110, 4, SELL)
        assert of(market_3.send(co.reprice([(order_id, 110)])), e.Order) == []  # not even refused
        assert only(market_3.send(co.reprice([(order_id, 111)])), e.Done).affected == 0

    def test_due_orders_come_first(self, market_3: Market) -> None:
        order_id = priced(market_3)
        for _ in range(130):
            waits(market_3, 50, 1, 0, stop(12_100))
        mark(market_3, 12_100)
        events = market_3.send(co.reprice([(order_id, 99)]))
        # 64 before it, which leaves 2: it passes over; 2 behind it.
        assert len(of(events, e.Order)) == 66
        assert of(events, e.Done)[0].affected == 0
        assert last(market_3.send(co.reprice([(order_id, 99)])), e.Done).affected == 1

    @pytest.mark.parametrize("count", [0, 64])
    def test_up_to_64(self, market_3: Market, count: int) -> None:
        ids = [priced(market_3, 50 + number, 1) for number in range(count)]
        units = [(order_id, 200) for order_id in ids]
        assert last(market_3.send(co.reprice(units)), e.Done).affected == count

    @pytest.mark.parametrize(("word", "value"), [(4, 65), (4, 0), (4, -1), (5, 1), (7, 1), (10, 1), (11, 1)])
    def test_its_shape(self, market_3: Market, word: int, value: int) -> None:
        command = bytearray(co.reprice([(1, 2)]))
        command[8 * word : 8 * word + 8] = value.to_bytes(8, "little", signed=True)
        assert reason(market_3.send(bytes(command))) == "malformed"

    def test_65_are_too_many(self, market_3: Market) -> None:
        assert reason(market_3.send(co.reprice([(1, 2)] * 65))) == "malformed"

    def test_the_venue_s(self, market_3: Market) -> None:
        command = bytearray(co.reprice([]))
        command[24] = 1
        assert reason(market_3.send(bytes(command))) == "not_authorised"

    def test_a_reduce_only_one_keeps_its_size(self, market_3: Market) -> None:
        market_3.long(ALICE, BOB, 4, 100)
        order_id = priced(market_3, 130, 4, SELL | REDUCE)
        assert states(market_3.send(co.reprice([(order_id, 131)]))) == [(AMENDED, OPEN, 0)]


class TestAmend:
    def test_a_price_ends_the_volatility(self, market_3: Market) -> None:
        order_id = priced(market_3)
        events = market_3.send(co.amend(ALICE, order_id, price_ticks=100))
        assert [type(event).__name__ for event in events] == ["Extended", "Order"]
        assert of(events, e.Extended)[0].volatility_e6 == 0
        assert only(market_3.send(co.reprice([(order_id, 99)])), e.Done).affected == 0

    def test_unless_it_is_given_anew(self, market_3: Market) -> None:
        order_id = priced(market_3)
        events = market_3.send(co.amend(ALICE, order_id, price_ticks=101, volatility_e6=7))
        assert of(events, e.Extended)[0].volatility_e6 == 7
        assert states(events) == [(AMENDED, OPEN, 0)]
        assert last(market_3.send(co.reprice([(order_id, 99)])), e.Done).affected == 1

    def test_a_volatility_alone(self, market_3: Market) -> None:
        order_id = priced(market_3)
        ahead = market_3.rests(BOB, 100, 1)
        events = market_3.send(co.amend(ALICE, order_id, volatility_e6=limits.MAX_VOLATILITY_E6))
        assert [type(event).__name__ for event in events] == ["Extended", "Order"]
        # Its place is kept.
        assert of(market_3.order(66, 100, 1, SELL), e.Trade)[0].maker_order_id == order_id != ahead

    def test_the_same_volatility_again_is_nothing_new(self, market_3: Market) -> None:
        order_id = priced(market_3)
        events = market_3.send(co.amend(ALICE, order_id, price_ticks=99, volatility_e6=600_000))
        assert [type(event).__name__ for event in events] == ["Order"]
        assert last(market_3.send(co.reprice([(order_id, 98)])), e.Done).affected == 1

    def test_other_amends_leave_it(self, market_3: Market) -> None:
        order_id = priced(market_3)
        events = market_3.send(co.amend(ALICE, order_id, size_lots=3))
        assert [type(event).__name__ for event in events] == ["Order"]
        assert last(market_3.send(co.reprice([(order_id, 99)])), e.Done).affected == 1

    @pytest.mark.parametrize("volatility", [0, limits.MAX_VOLATILITY_E6 + 1])
    def test_bounds(self, market_3: Market, volatility: int) -> None:
        order_id = priced(market_3)
        assert reason(market_3.send(co.amend(ALICE, order_id, volatility_e6=volatility))) == "bad_value"

    def test_a_plain_order_has_none(self, market_3: Market) -> None:
        order_id = market_3.rests(ALICE, 100, 1)
        assert reason(market_3.send(co.amend(ALICE, order_id, volatility_e6=5))) == "bad_flags"

    def test_not_post_only_while_it_lasts(self, market_3: Market) -> None:
        order_id = priced(market_3)
        assert reason(market_3.send(c.amend(ALICE, order_id, post_only=True))) == "bad_flags"
        events = market_3.send(c.amend(ALICE, order_id, post_only=True, price_ticks=90))
        assert states(events) == [(AMENDED, OPEN, 0)]

    def test_a_refused_amend_ends_nothing(self, market_3: Market) -> None:
        order_id = priced(market_3)
        assert reason(market_3.send(co.amend(ALICE, order_id, price_ticks=0))) == "bad_price"
        assert last(market_3.send(co.reprice([(order_id, 99)])), e.Done).affected == 1


def test_it_survives_a_restart() -> None:
    engine = Engine()
    market = under_rules_3(Market(engine))
    order_id = priced(market)
    market.order(BOB, 100, 1, SELL)
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()
    command = co.reprice([(order_id, 120)])
    assert restored.apply(command) == engine.apply(command)
    assert restored.state_bytes() == engine.state_bytes()
