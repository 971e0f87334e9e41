"""The Merkle root of a commit batch (docs/formats.md, "Chain and receipts"): twin of `exchange.attest.chain`.

It finds the records and their events in one walk and makes no more Python objects than the hashes need. A
hash that has begun is copied: that is the cheapest way to a new one. A test holds it equal to its slow,
obvious twin.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.domain import records as r

_LEAF: Final = sha256(b"\x00")
_NODE: Final = sha256(b"\x01")


class RootError(ValueError):
    """Commands and events that do not belong together, or are no whole records."""


def batch_root(commands: bytes, events: bytes, first_seq: i64) -> bytes:
    """The root over a batch's commands, each with its events: see `batch_leaves`. Raises RootError."""
    return leaves_root(batch_leaves(commands, events, first_seq))


def batch_leaves(commands: bytes, events: bytes, first_seq: i64) -> list[bytes]:
    """The leaf of each of a batch's commands with its events. The first is of the sequence number
    `first_seq` (shard bits included), each of the others of the next.

    Raises:
        RootError: no commands, bytes that are no whole records, events that do not follow the commands one by
            one.
    """
    leaves: list[bytes] = []
    begin = _LEAF.copy
    size: i64 = len(commands)
    at: i64 = 0
    event: i64 = 0
    seq = first_seq
    while at + r.UNIT_BYTES <= size:
        units = (read_i64_le(commands, at) >> 16) & 0xFFFF
        end = at + units * r.UNIT_BYTES
        behind = _events_end(events, event, seq)
        if units == 0 or end > size or behind == event:
            raise RootError(f"no whole command at byte {at} with events of sequence {seq} at byte {event}")
        leaf = begin()
        leaf.update(commands[at:end] + events[event:behind])
        leaves.append(leaf.digest())
        at = end
        event = behind
        seq += 1
    if at != size or size == 0 or event != len(events):
        raise RootError(f"{len(leaves)} whole commands end at byte {at}, their events at byte {event}")
    return leaves


def _events_end(events: bytes, at: i64, seq: i64) -> i64:
    """The byte behind the events of a sequence number that begin at `at`."""
    size: i64 = len(events)
    while at + r.UNIT_BYTES <= size and read_i64_le(events, at + 8) == seq:
        units = (read_i64_le(events, at) >> 16) & 0xFFFF
        if units == 0 or at + units * r.UNIT_BYTES > size:
            raise RootError(f"no whole event at byte {at}")
        at += units * r.UNIT_BYTES
    return at


def leaves_root(leaves: list[bytes]) -> bytes:
    """The root over at least one leaf; an odd node at the end of a level is carried up unchanged."""
    begin = _NODE.copy
    level = leaves
    while len(level) > 1:
        above: list[bytes] = []
        last = len(level) - 1
        at = 0
        while at < last:
            node = begin()
            node.update(level[at] + level[at + 1])
            above.append(node.digest())
            at += 2
        if at == last:
            above.append(level[at])
        level = above
    return level[0]
