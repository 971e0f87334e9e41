"""The sequencer's chain: one head a commit batch (docs/formats.md, "Chain and receipts").

head' = sha256(head ‖ shard u64 ‖ first_seq u64 ‖ root), integers little-endian, where root is the binary
Merkle root over the batch: leaf = sha256(0x00 ‖ command ‖ its events), node = sha256(0x01 ‖ left ‖ right),
an odd node carried up unchanged. Pure; only SHA-256.

Sequence numbers are counters here (1, 2, 3 …); the shard is put in front of them where bytes are hashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from exchange.domain.limits import COUNTER_MASK, MAX_SHARD, SHARD_SHIFT

HASH_BYTES: Final = 32
EMPTY_HEAD: Final = bytes(HASH_BYTES)
LEAF_PREFIX: Final = b"\x00"
NODE_PREFIX: Final = b"\x01"


class BatchError(ValueError):
    """Commands and events that do not belong together, or are no whole records."""


def shard_seq(shard: int, counter: int) -> int:
    """shard(8) ‖ counter(56). Raises ValueError when either does not fit."""
    if not 0 <= shard <= MAX_SHARD or not 0 < counter <= COUNTER_MASK:
        raise ValueError(f"shard {shard}, counter {counter} out of range")
    return shard << SHARD_SHIFT | counter


def leaf_hash(command: bytes, events: bytes) -> bytes:
    """The leaf of one command and of all events it caused."""
    return sha256(LEAF_PREFIX + command + events).digest()


def batch_leaves(shard: int, first_seq: int, commands: bytes, events: bytes) -> list[bytes]:
    """The leaves of a batch whose first command has the counter `first_seq`.

    Raises:
        BatchError: records that are cut short, or events that do not follow the commands one by one.
    """
    starts = command_starts(commands)
    cuts = event_cuts(events, shard_seq(shard, first_seq), len(starts) - 1)
    return [
        sha256(LEAF_PREFIX + commands[start:end] + events[first:last]).digest()
        for start, end, first, last in zip(starts, starts[1:], cuts, cuts[1:], strict=False)
    ]


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over at least one leaf; an odd node at the end of a level is carried up unchanged.

    Raises:
        ValueError: no leaves.
    """
    if not leaves:
        raise ValueError("a batch has at least one command")
    level = list(leaves)
    while len(level) > 1:
        above = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        if len(level) & 1:
            above.append(level[-1])
        level = above
    return level[0]


def batch_root(shard: int, first_seq: int, commands: bytes, events: bytes) -> bytes:
    """The root of a batch. Raises BatchError as `batch_leaves` does."""
    return merkle_root(batch_leaves(shard, first_seq, commands, events))


def next_head(head: bytes, shard: int, first_seq: int, root: bytes) -> bytes:
    """The head after a batch. Raises ValueError for hashes that are not 32 bytes."""
    if len(head) != HASH_BYTES or len(root) != HASH_BYTES:
        raise ValueError("head and root have 32 bytes each")
    numbers = shard.to_bytes(8, "little") + shard_seq(shard, first_seq).to_bytes(8, "little")
    return sha256(head + numbers + root).digest()


def command_starts(commands: bytes) -> list[int]:
    """The byte at which each command starts, and the end. Raises BatchError."""
    words = memoryview(commands).cast("H") if len(commands) % 2 == 0 else memoryview(b"")
    end = len(words)
    starts = []
    at = 0
    while at < end:
        starts.append(at * 2)
        units = words[at + 1]
        if units == 0:
            break
        at += units * 16
    if at != end or not starts:
        raise BatchError("the commands are no whole records")
    starts.append(end * 2)
    return starts


def event_cuts(events: bytes, first: int, count: int) -> list[int]:
    """The byte at which the events of each command start, and the end. `first` has its shard bits. Raises
    BatchError."""
    if len(events) % 8:
        raise BatchError("the events are no whole records")
    words = memoryview(events).cast("Q")
    end = len(words)
    cuts = []
    at = 0
    expected = first
    while at < end:
        seq = words[at + 1]
        if seq != expected - 1:  # else: one more event of the same command
            if seq != expected:
                raise BatchError(f"event at byte {at * 8} is of sequence {seq}, expected {expected}")
            cuts.append(at * 8)
            expected += 1
        units = words[at] >> 16 & 0xFFFF
        if units == 0:
            raise BatchError(f"event at byte {at * 8} has no units")
        at += units * 4
    if at != end or len(cuts) != count or (cuts and cuts[0] != 0):
        raise BatchError(f"{len(cuts)} of {count} commands have whole events")
    cuts.append(end * 8)
    return cuts
