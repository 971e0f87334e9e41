"""Readers of the events of rules version 3 (docs/rules-3.md)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.event_header import EventError, Header

_REPEATED: Final = struct.Struct("<IIQqq")
_MMP: Final = struct.Struct("<qqqqqq")
_EXTENDED: Final = struct.Struct("<BBBBB3xqqqqq")


class Repeated(NamedTuple):
    """A client order id that came before, and what became of it then. `head.id`: its order_id, or 0."""

    head: Header
    reason: int
    """The reject reason, 0 where the order was accepted."""
    zero: int
    client_order_id: int
    first_seq: int
    time_ms: int


class Mmp(NamedTuple):
    """A protection group (`head.id`) of an underlying (`head.instrument`): set, removed, tripped, reset."""

    head: Header
    kind: int
    frozen_until_ms: int
    """0: not frozen, −1: until it is reset."""
    quantity_e8: int
    delta_e8: int
    vega_micro: int
    time_ms: int


class Extended(NamedTuple):
    """What an order has beyond its price and size; precedes its ORDER event. `head.id` is its order_id."""

    head: Header
    trigger: int
    source: int
    link: int
    condition: int
    members: int
    trigger_micro: int
    """As it stands: of a trailing stop where it is now."""
    offset_micro: int
    volatility_e6: int
    other_order_id: int
    """Of the other order of a pair, of a member's primary; 0: none."""
    time_ms: int


class Due(NamedTuple):
    """Triggered orders wait for FIRE."""

    head: Header
    waiting: int
    time_ms: int


OrderEvent = Repeated | Mmp | Extended | Due


def read(head: Header, data: bytes, body: int) -> OrderEvent:
    """The event whose body starts at byte `body`.

    Raises:
        EventError: unknown type.
        struct.error: cut short.
    """
    if head.type == r.EV_REPEATED:
        return Repeated(head, *_REPEATED.unpack_from(data, body))
    if head.type == r.EV_MMP:
        return Mmp(head, *_MMP.unpack_from(data, body))
    if head.type == r.EV_EXTENDED:
        return Extended(head, *_EXTENDED.unpack_from(data, body))
    if head.type == r.EV_DUE:
        return Due(head, *struct.unpack_from("<qq", data, body))
    raise EventError(f"unknown event type {head.type}")
