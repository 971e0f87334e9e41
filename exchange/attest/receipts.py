"""Receipts: proof that a command and its events are in the chain at their sequence number.

A proof names the batch and the leaf's place in it. The batch's size is not hashed by itself; what binds a
leaf to its place is the sequence number inside its own events, so that `verify_receipt` insists on it.

Packed (little-endian): version u16 = 1 · path length u16 · shard u32 · first_seq u64 (shard ‖ counter) ·
command count u32 · leaf index u32 · zero u64 · head before the batch (32) · the path, 32 bytes a node.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from exchange.attest.chain import HASH_BYTES, NODE_PREFIX, leaf_hash, next_head, shard_seq
from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT
from exchange.domain.records import UNIT_BYTES

RECEIPT_VERSION: Final = 1
_LAYOUT: Final = struct.Struct("<HHIQIIQ")
_MAX_PATH: Final = 32


class Receipt(NamedTuple):
    """The place of one command in the chain: `path` holds the sibling hashes from the leaf upwards."""

    shard: int
    first_seq: int
    command_count: int
    leaf_index: int
    head_before: bytes
    path: tuple[bytes, ...]

    @property
    def seq(self) -> int:
        """The command's counter."""
        return self.first_seq + self.leaf_index


def build_receipt(
    shard: int, first_seq: int, leaves: Sequence[bytes], leaf_index: int, head_before: bytes
) -> Receipt:
    """The receipt of the command at `leaf_index` of a batch. Raises ValueError for an index outside."""
    return receipt_of(shard, first_seq, tree_levels(leaves), leaf_index, head_before)


def tree_levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The levels of a batch's tree, from its leaves to its root."""
    level = list(leaves)
    levels = [level]
    while len(level) > 1:
        above = [
            sha256(NODE_PREFIX + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)
        ]
        if len(level) & 1:
            above.append(level[-1])
        level = above
        levels.append(level)
    return levels


def receipt_of(
    shard: int, first_seq: int, levels: Sequence[Sequence[bytes]], leaf_index: int, head_before: bytes
) -> Receipt:
    """The receipt of the command at `leaf_index` of a batch whose tree is known. Raises ValueError for an
    index outside."""
    count = len(levels[0])
    if not 0 <= leaf_index < count:
        raise ValueError(f"leaf {leaf_index} of {count}")
    path = []
    position = leaf_index
    for level in levels[:-1]:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        position >>= 1
    return Receipt(shard, first_seq, count, leaf_index, head_before, tuple(path))


def receipt_root(receipt: Receipt, leaf: bytes) -> bytes | None:
    """The batch root that the receipt leads to from this leaf; None if its path has the wrong length."""
    node = leaf
    position = receipt.leaf_index
    width = receipt.command_count
    if not 0 <= position < width:
        return None
    used = 0
    while width > 1:
        if position ^ 1 < width:
            if used == len(receipt.path):
                return None
            sibling = receipt.path[used]
            pair = sibling + node if position & 1 else node + sibling
            node = sha256(NODE_PREFIX + pair).digest()
            used += 1
        position >>= 1
        width = width + 1 >> 1
    return node if used == len(receipt.path) else None


def verify_receipt(receipt: Receipt, command: bytes, events: bytes, head: bytes) -> bool:
    """Whether `head`, the chain's head after the batch, commits to this command and all its events at
    the receipt's sequence number. Never raises for what a stranger sent.
    """
    if not check_command(receipt, command, events):
        return False
    root = receipt_root(receipt, leaf_hash(command, events))
    if root is None:
        return False
    try:
        return next_head(receipt.head_before, receipt.shard, receipt.first_seq, root) == head
    except ValueError:
        return False


def check_command(receipt: Receipt, command: bytes, events: bytes) -> bool:
    """Whether these are one command and events, all of the receipt's sequence number, and its hashes are
    whole: what is to be seen without hashing. Never raises for what a stranger sent."""
    try:
        wanted = shard_seq(receipt.shard, receipt.seq)
    except ValueError:
        return False
    if not _is_one_record(command) or not _all_of_seq(events, wanted):
        return False
    return len(receipt.head_before) == HASH_BYTES and all(len(node) == HASH_BYTES for node in receipt.path)


def pack_receipt(receipt: Receipt) -> bytes:
    """The canonical bytes of a receipt. Raises ValueError or struct.error for fields out of range."""
    if len(receipt.path) > _MAX_PATH or any(len(node) != HASH_BYTES for node in receipt.path):
        raise ValueError("a path has at most 32 nodes of 32 bytes")
    if len(receipt.head_before) != HASH_BYTES:
        raise ValueError("a head has 32 bytes")
    first = shard_seq(receipt.shard, receipt.first_seq)
    start = _LAYOUT.pack(
        RECEIPT_VERSION,
        len(receipt.path),
        receipt.shard,
        first,
        receipt.command_count,
        receipt.leaf_index,
        0,
    )
    return b"".join((start, receipt.head_before, *receipt.path))


def unpack_receipt(raw: bytes) -> Receipt:
    """The inverse of `pack_receipt`.

    Raises:
        ValueError: bytes that `pack_receipt` would not have made.
    """
    if len(raw) < 2 * UNIT_BYTES or len(raw) % UNIT_BYTES:
        raise ValueError("a receipt is whole 32-byte units, two at least")
    version, length, shard, seq, count, index, zero = _LAYOUT.unpack_from(raw)
    if version != RECEIPT_VERSION:
        raise ValueError(f"unknown receipt version {version}")
    counter = seq & COUNTER_MASK
    if zero or length > _MAX_PATH or len(raw) != (2 + length) * UNIT_BYTES or seq >> SHARD_SHIFT != shard:
        raise ValueError("malformed receipt")
    shard_seq(shard, counter)
    nodes = tuple(raw[at : at + HASH_BYTES] for at in range(2 * UNIT_BYTES, len(raw), HASH_BYTES))
    return Receipt(shard, counter, count, index, raw[UNIT_BYTES : 2 * UNIT_BYTES], nodes)


def _is_one_record(command: bytes) -> bool:
    units = int.from_bytes(command[2:4], "little")
    return units > 0 and len(command) == units * UNIT_BYTES


def _all_of_seq(events: bytes, seq: int) -> bool:
    """Whether these are whole events, at least one, all of this sequence number (shard bits included)."""
    at = 0
    while at < len(events):
        units = int.from_bytes(events[at + 2 : at + 4], "little")
        if units == 0 or int.from_bytes(events[at + 8 : at + 16], "little") != seq:
            return False
        at += units * UNIT_BYTES
    return at == len(events) and at > 0
