"""Roots and heads against the definition, written out the slow way."""

from __future__ import annotations

import struct
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.attest import chain
from exchange.domain import commands as c

COMMAND = c.cancel(64, 7)


def event(seq: int, index: int = 0, units: int = 2) -> bytes:
    return struct.pack("<BBHIQIIq", 9, 1, units, index, seq, 64, 0, 0) + bytes(32 * (units - 1))


def slow_root(level: list[bytes]) -> bytes:
    """The definition: pair from the left, carry what is left over, until one is left."""
    while len(level) > 1:
        above = []
        for at in range(0, len(level), 2):
            pair = level[at : at + 2]
            above.append(sha256(b"\x01" + pair[0] + pair[1]).digest() if len(pair) == 2 else pair[0])
        level = above
    return level[0]


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=70))
def test_the_root_is_the_definitions(leaves: list[bytes]) -> None:
    assert chain.merkle_root(leaves) == slow_root(leaves)


SHAPES = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=20)


@given(SHAPES, st.integers(1, 1 << 40))
def test_leaves_hold_each_command_with_its_events(shapes: list[tuple[int, int]], first: int) -> None:
    shard = 5
    parts = []
    for position, (labels, events) in enumerate(shapes):
        command = c.label(64, position + 1, "x" * labels * 32)
        seq = shard << 56 | first + position
        parts.append((command, b"".join(event(seq, i, 1 + i % 3) for i in range(events))))
    leaves = chain.batch_leaves(
        shard, first, b"".join(command for command, _ in parts), b"".join(events for _, events in parts)
    )
    assert leaves == [sha256(b"\x00" + command + events).digest() for command, events in parts]
    assert leaves == [chain.leaf_hash(*part) for part in parts]


def test_the_head_hashes_head_shard_sequence_and_root() -> None:
    head, root = b"h" * 32, b"r" * 32
    expected = sha256(head + struct.pack("<QQ", 3, 3 << 56 | 9) + root).digest()
    assert chain.next_head(head, 3, 9, root) == expected


@pytest.mark.parametrize(("head", "root"), [(b"", bytes(32)), (bytes(32), bytes(31))])
def test_hashes_of_another_length_are_refused(head: bytes, root: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        chain.next_head(head, 0, 1, root)


@pytest.mark.parametrize(
    ("commands", "events"),
    [
        (COMMAND, b""),  # a command without events
        (COMMAND, event(2)),  # events of another command
        (COMMAND, event(1) + event(2)),  # one command, events of two
        (COMMAND * 2, event(1)),
        (COMMAND * 2, event(1) + event(3)),
        (COMMAND * 2, event(2) + event(1)),
        (COMMAND, event(0) + event(1)),
        (COMMAND, event(1)[:-8]),
        (COMMAND, event(1)[:-1]),
        (COMMAND, bytes(32)),
        (COMMAND[:-1], event(1)),
        (COMMAND[:-32], event(1)),
        (b"", event(1)),
        (b"", b""),
        (bytes(32), event(1)),
    ],
)
def test_records_that_do_not_belong_together_are_refused(commands: bytes, events: bytes) -> None:
    with pytest.raises(chain.BatchError):
        chain.batch_root(0, 1, commands, events)


def test_a_batch_is_not_empty_and_sequences_have_their_range() -> None:
    with pytest.raises(ValueError, match="at least one"):
        chain.merkle_root([])
    for shard, counter in ((128, 1), (-1, 1), (0, 0), (0, 1 << 56)):
        with pytest.raises(ValueError, match="out of range"):
            chain.shard_seq(shard, counter)
