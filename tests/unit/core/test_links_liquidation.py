"""Linked orders of accounts in liquidation, and after a restart."""

from __future__ import annotations

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    IOC,
    MARKET,
    OPTION,
    PERPETUAL,
    SELL,
    Market,
    last,
    of,
    under_rules_3,
)
from tests.unit.core.triggers import (
    CANCELLED,
    ENDED,
    EXIT,
    FILL,
    FILLED,
    INCREMENTAL,
    OCO,
    OPEN,
    OTO,
    OTOCO,
    STOP,
    TRIGGERED,
    extended,
    mark,
    placed,
    stop,
    take,
    told,
)


def test_links_survive_a_restart() -> None:
    engine = Engine()
    market = under_rules_3(Market(engine))
    extended(market, 130, 4, SELL, link=OCO, members=(STOP,))
    extended(market, 100, 4, link=OTOCO, members=(EXIT, STOP))
    extended(market, 100, 4, link=OTOCO, condition=INCREMENTAL, members=(EXIT, STOP))
    market.rests(CAROL, 140, 9, SELL)
    extended(market, 101, 4, link=OTO, condition=INCREMENTAL, members=(co.Member(MARKET | IOC, 0, 4),))
    market.order(BOB, 101, 2, SELL)
    check(engine)
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    for command in (
        c.new_order(BOB, OPTION, SELL, 99, 9),
        c.new_order(BOB, OPTION, 0, 130, 1),
        c.cancel_many(ALICE),
    ):
        assert restored.apply(command) == engine.apply(command)
        assert restored.state_bytes() == engine.state_bytes()
        check(restored)


def squeezed(market: Market) -> None:
    """ALICE, long 10,000 lots of the perpetual at 50,000, is in liquidation at 40,100."""
    market.long(ALICE, BOB, 10_000, 50_000, PERPETUAL)
    mark(market, 12_000, 50_000, 40_100)
    assert of(market.send(cr.risk_sweep(ALICE, 1)), e.Liquidation)[0].kind == r.LIQ_STARTED


def test_a_liquidation_takes_untriggered_orders_with_the_others(market_3: Market) -> None:
    first, second, third = placed(extended(market_3, 100, 4, link=OTOCO, members=(EXIT, STOP)))
    fourth = placed(extended(market_3, 130, 4, SELL, stop(11_000)))[0]
    squeezed(market_3)
    events = market_3.send(cr.liquidate(ALICE))
    found = [(o.order_id, o.reason) for o in of(events, e.Order)]
    assert found == [(first, 11), (second, 11), (third, 11), (fourth, 11)]
    told_of = last(events, e.Liquidation)
    assert (told_of.kind, told_of.lots) == (r.LIQ_ORDERS, 4)


def test_64_at_a_step_and_what_follows_from_them(market_3: Market) -> None:
    """The first of the pair is the 64th order of the account: the other follows it, uncounted."""
    for _ in range(63):
        market_3.rests(ALICE, 50, 1)
    first, second = placed(extended(market_3, 130, 4, SELL, link=OCO, members=(STOP,)))
    squeezed(market_3)
    events = market_3.send(cr.liquidate(ALICE))
    assert told(events, first) == [(ENDED, CANCELLED, 11)]
    assert told(events, second) == [(ENDED, CANCELLED, 15)]
    assert last(events, e.Liquidation).lots == 64


def test_a_slice_hits_a_pair_and_is_a_last_price(market_3: Market) -> None:
    squeezed(market_3)
    members = (co.Member(0, 39_000, 4),)
    bids = extended(market_3, 40_090, 4, link=OCO, members=members, account=CAROL, at=PERPETUAL)
    first, second = placed(bids)
    watch = extended(market_3, 100, 1, 0, take(40_090, r.SOURCE_LAST), account=BOB, at=PERPETUAL)
    events = market_3.send(cr.liquidate(ALICE))
    assert [type(event).__name__ for event in events] == [
        "Trade", "Order", "Order", "Order", "Liquidation", "Order",
    ]  # fmt: skip
    assert told(events, first) == [(FILL, FILLED, 0)]
    assert told(events, second) == [(ENDED, CANCELLED, 15)]
    assert told(events, placed(watch)[0]) == [(TRIGGERED, OPEN, 0)]


def test_an_account_in_liquidation_fires_nothing(market_3: Market) -> None:
    order_id = placed(extended(market_3, 13_000, 4, SELL, stop(11_000)))[0]
    squeezed(market_3)
    assert told(mark(market_3, 11_000, 50_000, 40_100), order_id) == [(ENDED, CANCELLED, 14)]
