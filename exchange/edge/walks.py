"""Where the records of a batch stand: asked once a commit batch by whoever hashes or cuts them."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import records as r


class WalkError(ValueError):
    """Commands and events that do not belong together, or are no whole records."""


def command_starts(commands: bytes) -> list[int]:
    """The byte at which each command starts, and the end.

    Raises:
        WalkError: no commands, or bytes that are no whole records.
    """
    found: list[int] = []
    size: i64 = len(commands)
    at: i64 = 0
    while at + r.UNIT_BYTES <= size:
        units = (read_i64_le(commands, at) >> 16) & 0xFFFF
        if units == 0:
            break
        found.append(int(at))
        at += units * r.UNIT_BYTES
    if at != size or size == 0:
        raise WalkError("the commands are no whole records")
    found.append(int(size))
    return found


def event_starts(events: bytes, first_seq: i64, count: i64) -> list[int]:
    """The byte at which the events of each of `count` commands start, and the end. The first command is of
    the sequence number `first_seq` (shard bits included), and each of the others of the next.

    Raises:
        WalkError: bytes that are no whole events, or events that do not follow the commands one by one.
    """
    found: list[int] = []
    size: i64 = len(events)
    at: i64 = 0
    expected = first_seq
    while at + r.UNIT_BYTES <= size:
        units = (read_i64_le(events, at) >> 16) & 0xFFFF
        seq = read_i64_le(events, at + 8)
        if units == 0:
            raise WalkError(f"event at byte {at} has no units")
        if seq == expected:
            found.append(int(at))
            expected += 1
        elif seq != expected - 1 or at == 0:
            raise WalkError(f"event at byte {at} is of sequence {seq}, expected {expected}")
        at += units * r.UNIT_BYTES
    if at != size or expected - first_seq != count:
        raise WalkError(f"{expected - first_seq} of {count} commands have whole events")
    found.append(int(size))
    return found
