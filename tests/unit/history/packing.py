"""Packed events from their named tuples, for what no short run of commands brings about."""

from __future__ import annotations

import struct

from exchange.domain import events

_HEADER = struct.Struct("<BBHIQIIq")


def packed_event(event: events.Settled | events.Liquidation | events.Moved) -> bytes:
    """The record `events.read_event` reads back as `event`."""
    head = event.head
    body = struct.pack(f"<{len(event) - 1}q", *event[1:])
    packed = _HEADER.pack(*head) + body.ljust((head.units - 1) * 32, b"\0")
    assert events.read_event(packed) == event
    return packed
