"""Receipts verify for what they were made for, and for nothing else."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.attest import chain
from exchange.attest import receipts as rc
from exchange.domain import commands as c
from tests.unit.attest.test_chain import event

FIRST = 11
BEFORE = b"b" * 32


@dataclass
class Batch:
    """A batch of `count` commands on shard 2 after the head BEFORE."""

    count: int

    def __post_init__(self) -> None:
        self.commands = [c.cancel(64, 1 + position) for position in range(self.count)]
        self.events = [event(2 << 56 | FIRST + position) for position in range(self.count)]
        self.leaves = chain.batch_leaves(2, FIRST, b"".join(self.commands), b"".join(self.events))
        self.head = chain.next_head(BEFORE, 2, FIRST, chain.merkle_root(self.leaves))

    def receipt(self, index: int) -> rc.Receipt:
        return rc.build_receipt(2, FIRST, self.leaves, index, BEFORE)

    def verify(self, receipt: rc.Receipt, index: int) -> bool:
        return rc.verify_receipt(receipt, self.commands[index], self.events[index], self.head)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 33])
def test_every_command_of_a_batch_has_a_receipt(count: int) -> None:
    batch = Batch(count)
    for index in range(count):
        receipt = batch.receipt(index)
        assert receipt.seq == FIRST + index
        assert batch.verify(receipt, index)
        assert rc.unpack_receipt(rc.pack_receipt(receipt)) == receipt
        for other in range(count):
            assert other == index or not batch.verify(receipt, other)


def test_every_packed_bit_matters() -> None:
    batch = Batch(5)
    raw = rc.pack_receipt(batch.receipt(2))
    for at in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        try:
            receipt = rc.unpack_receipt(bytes(changed))
        except ValueError:
            continue
        # The batch's size is not hashed: another may lead through the same siblings to the same place.
        same_place = receipt._replace(command_count=5) == batch.receipt(2)
        assert same_place or not batch.verify(receipt, 2)


def test_a_leaf_cannot_be_moved_by_claiming_another_size() -> None:
    """The third of three is carried up, and looks like the second of two: its events tell."""
    batch = Batch(3)
    receipt = batch.receipt(2)
    moved = receipt._replace(leaf_index=1, command_count=2)
    assert rc.receipt_root(moved, batch.leaves[2]) == chain.merkle_root(batch.leaves)
    assert not batch.verify(moved, 2)


def test_changed_commands_events_and_heads_are_refused() -> None:
    batch = Batch(4)
    receipt = batch.receipt(1)
    command, events = batch.commands[1], batch.events[1]
    assert rc.verify_receipt(receipt, command, events, batch.head)
    longer = event(2 << 56 | FIRST + 1, 1)
    for wrong_command, wrong_events, head in (
        (command[:-1] + b"\1", events, batch.head),
        (command + command, events, batch.head),
        (command[:-32], events, batch.head),
        (b"", events, batch.head),
        (command, events[:-1] + b"\1", batch.head),
        (command, events + longer, batch.head),
        (command, events[:-32], batch.head),
        (command, b"", batch.head),
        (command, events, bytes(32)),
        (command, events, b""),
    ):
        assert not rc.verify_receipt(receipt, wrong_command, wrong_events, head)


@pytest.mark.parametrize(
    "change",
    [
        {"shard": -1},
        {"shard": 300},
        {"first_seq": 0},
        {"first_seq": FIRST + 1},
        {"leaf_index": -1},
        {"leaf_index": 9},
        {"command_count": 0},
        {"head_before": b""},
        {"head_before": bytes(32)},
        {"path": ()},
        {"path": (bytes(32),) * 9},
        {"path": (b"short", b"short")},
    ],
)
def test_malformed_receipts_never_raise(change: dict[str, object]) -> None:
    batch = Batch(4)
    receipt = rc.Receipt(**{**batch.receipt(1)._asdict(), **change})
    assert not batch.verify(receipt, 1)


@pytest.mark.parametrize("seq", [0, 128 << 56 | 1])
def test_sequences_that_cannot_be_are_refused(seq: int) -> None:
    raw = bytearray(rc.pack_receipt(Batch(1).receipt(0)))
    raw[4:8] = (seq >> 56).to_bytes(4, "little")
    raw[8:16] = seq.to_bytes(8, "little")
    with pytest.raises(ValueError, match="out of range"):
        rc.unpack_receipt(bytes(raw))


def test_fields_that_cannot_be_packed_are_refused() -> None:
    receipt = Batch(4).receipt(0)
    for bad in (
        receipt._replace(path=(b"x",)),
        receipt._replace(path=(bytes(32),) * 33),
        receipt._replace(head_before=b""),
        receipt._replace(first_seq=0),
    ):
        with pytest.raises(ValueError, match=r"path|head|out of range"):
            rc.pack_receipt(bad)
    with pytest.raises(struct.error):
        rc.pack_receipt(receipt._replace(command_count=1 << 33))
    with pytest.raises(ValueError, match="leaf 4 of 4"):
        rc.build_receipt(0, 1, [bytes(32)] * 4, 4, bytes(32))


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_or_canonical(raw: bytes) -> None:
    try:
        receipt = rc.unpack_receipt(raw)
    except ValueError:
        return
    assert rc.pack_receipt(receipt) == raw
