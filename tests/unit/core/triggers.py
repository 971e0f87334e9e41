"""Shorthand for the tests of triggers, links and volatilities."""

from __future__ import annotations

from typing import TypedDict, Unpack

from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import ALICE, INDEX, IOC, MARKET, MICRO, OPTION, PERPETUAL, SELL, Market, of

UNTRIGGERED = r.ORDER_STATE_UNTRIGGERED
OPEN, FILLED, CANCELLED = r.ORDER_STATE_OPEN, r.ORDER_STATE_FILLED, r.ORDER_STATE_CANCELLED
PLACED, FILL, ENDED, AMENDED, TRIGGERED = 1, 2, 3, 4, 5


def stop(ticks: int, source: int = r.SOURCE_MARK) -> co.Trigger:
    return co.Trigger(r.TRIGGER_STOP, source, ticks * MICRO)


# A primary's members: an order that takes profit, and a stop.
OCO, OTO, OTOCO = r.LINK_OCO, r.LINK_OTO, r.LINK_OTOCO
FIRST, COMPLETE, INCREMENTAL = r.FILL_FIRST_HIT, r.FILL_COMPLETE, r.FILL_INCREMENTAL
EXIT = co.Member(SELL, 130, 4)
STOP = co.Member(SELL | MARKET | IOC, 0, 4, trigger=stop(11_900))


def take(ticks: int, source: int = r.SOURCE_MARK) -> co.Trigger:
    return co.Trigger(r.TRIGGER_TAKE, source, ticks * MICRO)


def trailing(ticks: int, source: int = r.SOURCE_MARK) -> co.Trigger:
    return co.Trigger(r.TRIGGER_TRAILING, source, 0, ticks * MICRO)


def extended(
    market: Market,
    price: int,
    lots: int,
    flags: int = 0,
    trigger: co.Trigger = co.NO_TRIGGER,
    *,
    link: int = 0,
    condition: int = 0,
    members: tuple[co.Member, ...] = (),
    account: int = ALICE,
    at: int = OPTION,
    volatility: int = 0,
    display: int = 0,
    client: int = 0,
    label: int = 0,
    grant: int = 0,
) -> list[e.Event]:
    """Send an EXTENDED_ORDER."""
    return market.send(
        co.extended_order(
            account,
            at,
            flags,
            price,
            lots,
            trigger=trigger,
            link=link,
            condition=condition,
            members=members,
            volatility_e6=volatility,
            display_lots=display,
            client_order_id=client,
            label=label,
            grant=grant,
        )
    )


class Rest(TypedDict, total=False):
    """What an order may carry besides."""

    account: int
    at: int
    display: int
    client: int
    label: int
    grant: int


def waits(
    market: Market, price: int, lots: int, flags: int, trigger: co.Trigger, **more: Unpack[Rest]
) -> int:
    """Send an order with a trigger that must wait; its order_id."""
    events = extended(market, price, lots, flags, trigger, **more)
    assert states(events) == [(PLACED, UNTRIGGERED, 0)], events
    return of(events, e.Order)[0].order_id


def states(events: list[e.Event]) -> list[tuple[int, int, int]]:
    """Kind, state and reason of all ORDER events."""
    return [(order.kind, order.state, order.reason) for order in of(events, e.Order)]


def told(events: list[e.Event], order_id: int) -> list[tuple[int, int, int]]:
    """Kind, state and reason of one order's ORDER events."""
    return [(o.kind, o.state, o.reason) for o in of(events, e.Order) if o.order_id == order_id]


def names(events: list[e.Event]) -> list[str]:
    """The events by name; ORDER with the order_id."""
    return [f"{event.order_id}" if isinstance(event, e.Order) else type(event).__name__ for event in events]


def mark(market: Market, option: int, index: int = INDEX, perpetual: int = INDEX) -> list[e.Event]:
    """Mark both instruments, prices in ticks of 1 USDC; the events."""
    market.feed += 1
    units = [
        c.Mark(OPTION, 0, option * MICRO, 0, INDEX * MICRO),
        c.Mark(PERPETUAL, 0, perpetual * MICRO, 0, INDEX * MICRO),
    ]
    return market.send(c.marks(0, index * MICRO, market.feed, units))


def trade(market: Market, ticks: int, lots: int = 1, maker: int = 65, taker: int = 66) -> list[e.Event]:
    """Have `taker` buy from `maker` at a price; the events of the taking."""
    market.rests(maker, ticks, lots, SELL)
    return market.order(taker, ticks, lots, r.TIF_IOC << r.TIF_SHIFT)


def placed(events: list[e.Event]) -> list[int]:
    """The ids of the orders placed, in order."""
    return [o.order_id for o in of(events, e.Order) if o.kind == PLACED]
