"""Where events of some kinds stand in a buffer: for those who want few of them."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import records as r


def mask_of(*kinds: int) -> int:
    """The kinds as `places_of` wants them."""
    found = 0
    for kind in kinds:
        found |= 1 << kind
    return found


def places_of(events: bytes, kinds: i64) -> list[int]:
    """The bytes at which the events of these kinds (`mask_of`) stand, in order.

    Raises ValueError for bytes that are no whole events.
    """
    found: list[int] = []
    end: i64 = len(events)
    at: i64 = 0
    while at + r.UNIT_BYTES <= end:
        head = read_i64_le(events, at)
        if kinds >> (head & 0x3F) & 1:
            found.append(int(at))
        units = (head >> 16) & 0xFFFF
        if units == 0:
            raise ValueError(f"the event at byte {at} has no units")
        at += units * r.UNIT_BYTES
    if at != end:
        raise ValueError(f"{end} bytes end inside an event")
    return found
