"""Where records stand in a buffer: asked once a batch by those who hand events out; compiled."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import records as r


class ReadError(ValueError):
    """A buffer that is no run of whole records."""


def command_starts(events: bytes) -> list[int]:
    """The byte at which the events of each command begin, in order, and the end of the buffer.

    Raises ReadError for bytes that are no whole events.
    """
    found: list[int] = []
    size: i64 = len(events)
    at: i64 = 0
    last: i64 = 0
    while at + r.UNIT_BYTES <= size:
        units = (read_i64_le(events, at) >> 16) & 0xFFFF
        if units == 0:
            raise ReadError(f"the event at byte {at} has no units")
        seq = read_i64_le(events, at + 8)
        if seq != last:
            found.append(int(at))
            last = seq
        at += units * r.UNIT_BYTES
    if at != size:
        raise ReadError(f"{size} bytes end inside an event")
    found.append(int(size))
    return found


def count_kinds(events: bytes) -> tuple[int, int, int]:
    """How many events a buffer holds; how many of them are ORDERs, how many TRADEs.

    Raises ReadError for bytes that are no whole events.
    """
    size: i64 = len(events)
    at: i64 = 0
    count: i64 = 0
    orders: i64 = 0
    trades: i64 = 0
    while at + r.UNIT_BYTES <= size:
        head = read_i64_le(events, at)
        units = (head >> 16) & 0xFFFF
        if units == 0:
            raise ReadError(f"the event at byte {at} has no units")
        kind = head & 0xFF
        if kind == r.EV_ORDER:
            orders += 1
        elif kind == r.EV_TRADE:
            trades += 1
        count += 1
        at += units * r.UNIT_BYTES
    if at != size:
        raise ReadError(f"{size} bytes end inside an event")
    return int(count), int(orders), int(trades)
