"""What of an order's or a fill's object depends on few things: the part that compiled code keeps as text.

It is taken from `exchange.wire.objects` itself, once for each combination; what differs from record to record
is written by `exchange.edge.objects`. Tests hold the whole equal to the objects.
"""

from __future__ import annotations

from typing import Final

from exchange.domain import events as ev
from exchange.edge.objects import Objects
from exchange.gateway.registry import Registry
from exchange.wire.envelope import encode_json
from exchange.wire.objects import order_object, user_trade_object

SOFT: Final = "soft"
POSTED: Final = "posted"
CONFIRMED: Final = "confirmed"
FINAL: Final = "final"
FINALITIES: Final = (SOFT, POSTED, CONFIRMED, FINAL)
_OF_ORDERS: Final = (
    "order_id",
    "instrument_name",
    "creation_timestamp",
    "last_update_timestamp",
    "price",
    "label",
    "amount",
    "contracts",
    "filled_amount",
    "average_price",
    "seq",
    "quote_id",
    "quote_set_id",
    "display_amount",
    "client_order_id",
)
_OF_TRADES: Final = (
    "trade_id",
    "trade_seq",
    "instrument_name",
    "timestamp",
    "index_price",
    "mark_price",
    "price",
    "amount",
    "contracts",
    "seq",
    "order_id",
    "underlying_price",
    "fee",
    "label",
    "quote_id",
    "quote_set_id",
)


def objects_of(registry: Registry) -> Objects:
    """A writer of one registry's orders and fills."""
    return Objects(
        registry.listed,
        lambda record: fixed_order(registry, record),
        lambda record, order, is_maker, direction, finality: fixed_trade(
            registry,
            record,
            order,
            is_maker=is_maker,
            tick_direction=direction,
            finality=FINALITIES[finality],
        ),
        lambda instrument, value, lots: encode_json(
            registry.instruments[instrument].average_price(value, lots)
        ),
    )


def fixed_order(registry: Registry, record: bytes, at: int = 0) -> bytes:
    """What of the object of the ORDER at byte `at` depends on its flags, its state, why it ended and whether
    it was amended alone: members of a JSON object."""
    event = ev.read_event(record, at)
    if not isinstance(event, ev.Order):
        raise ev.EventError("not an ORDER")
    found = order_object(event, registry.instruments[event.head.instrument])
    for name in _OF_ORDERS:
        found.pop(name, None)
    return encode_json(found)[1:-1]


def fixed_trade(
    registry: Registry, record: bytes, order: bytes, *, is_maker: bool, tick_direction: int, finality: str
) -> bytes:
    """What of the object of a TRADE depends on its flags, its side, that side's ORDER's flags and state,
    whether one account is on both sides, tick direction and finality alone: members of a JSON object."""
    trade = ev.read_event(record)
    own = ev.read_event(order) if order else None
    if not isinstance(trade, ev.Trade) or not (own is None or isinstance(own, ev.Order)):
        raise ev.EventError("not a TRADE and an ORDER")
    found = user_trade_object(
        trade,
        registry.instruments[trade.head.instrument],
        is_maker=is_maker,
        order=own,
        tick_direction=tick_direction,
        finality=finality,
    )
    for name in _OF_TRADES:
        found.pop(name, None)
    return encode_json(found)[1:-1]
