"""Signed receipts: a command, its result, and the sequencer's signature over both, in one piece.

One signature covers every commit batch up to its own, so that a receipt is: the Merkle path of the command
inside its batch (`receipts`), the links of the chain from that batch to the signed one, and the signed head.

Packed, whole 32-byte units, integers little-endian: version u16 = 2 · path length u16 · shard u32 · first_seq
u64 (shard ‖ counter) · command count u32 · leaf index u32 · link count u32 · zero u32 · head before the batch
(32) · the path, 32 bytes a node · the links, each first_seq u64 ‖ zero (24) ‖ root (32) · the signed head
(192).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.attest.chain import HASH_BYTES, leaf_hash, next_head, shard_seq
from exchange.attest.receipts import Receipt, check_command, receipt_root
from exchange.attest.signed_heads import (
    SIGNED_HEAD_BYTES,
    Recover,
    SignedHead,
    pack_signed_head,
    unpack_signed_head,
    verify_signed_head,
)
from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT
from exchange.domain.records import UNIT_BYTES

VERSION: Final = 2
LINKS_MAX: Final = 1_024
_PATH_MAX: Final = 32
_LAYOUT: Final = struct.Struct("<HHIQIIII")
_LINK: Final = struct.Struct("<Q24s32s")


class Link(NamedTuple):
    """One later commit batch: the counter of its first command, and its root."""

    first_seq: int
    root: bytes


class SignedReceipt(NamedTuple):
    """`receipt` leads to the head after its batch, `links` from there to `signed.head`."""

    receipt: Receipt
    links: tuple[Link, ...]
    signed: SignedHead


def verify_signed_receipt(
    proof: SignedReceipt, command: bytes, events: bytes, signer: bytes, recover: Recover
) -> bool:
    """Whether `signer` (20 bytes) has committed itself to this command, with exactly these events, at the
    receipt's sequence number. Needs nothing but its arguments; never raises for what a stranger sent."""
    receipt, signed = proof.receipt, proof.signed
    if not check_command(receipt, command, events) or signed.shard != receipt.shard:
        return False
    root = receipt_root(receipt, leaf_hash(command, events))
    if root is None or len(proof.links) > LINKS_MAX:
        return False
    head, seq = receipt.head_before, receipt.first_seq
    try:
        head = next_head(head, receipt.shard, seq, root)
        for link in proof.links:
            if link.first_seq <= seq:
                return False
            seq, root = link.first_seq, link.root
            head = next_head(head, receipt.shard, seq, root)
    except ValueError:
        return False
    if proof.links and proof.links[0].first_seq != receipt.first_seq + receipt.command_count:
        return False
    if not proof.links and signed.last_seq != receipt.first_seq + receipt.command_count - 1:
        return False
    if (head, root) != (signed.head, signed.root) or signed.last_seq < seq:
        return False
    return verify_signed_head(signed, signer, recover)


def pack_signed_receipt(proof: SignedReceipt) -> bytes:
    """The canonical bytes. Raises ValueError or struct.error for fields out of range."""
    receipt, links = proof.receipt, proof.links
    if len(receipt.path) > _PATH_MAX or len(links) > LINKS_MAX:
        raise ValueError("too long a path, or too many links")
    hashes: Sequence[bytes] = (receipt.head_before, *receipt.path, *(link.root for link in links))
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ValueError("hashes have 32 bytes")
    start = _LAYOUT.pack(
        VERSION,
        len(receipt.path),
        receipt.shard,
        shard_seq(receipt.shard, receipt.first_seq),
        receipt.command_count,
        receipt.leaf_index,
        len(links),
        0,
    )
    chained = [_LINK.pack(shard_seq(receipt.shard, link.first_seq), bytes(24), link.root) for link in links]
    parts = (start, receipt.head_before, *receipt.path, *chained, pack_signed_head(proof.signed))
    return b"".join(parts)


def unpack_signed_receipt(raw: bytes) -> SignedReceipt:
    """The inverse of `pack_signed_receipt`.

    Raises:
        ValueError: bytes that `pack_signed_receipt` would not have made.
    """
    if len(raw) < 2 * UNIT_BYTES + SIGNED_HEAD_BYTES:
        raise ValueError("too short for a signed receipt")
    version, length, shard, seq, count, index, linked, zero = _LAYOUT.unpack_from(raw)
    if version != VERSION:
        raise ValueError(f"unknown version {version} of signed receipts")
    size = (2 + length + 2 * linked) * UNIT_BYTES + SIGNED_HEAD_BYTES
    if zero or length > _PATH_MAX or linked > LINKS_MAX or len(raw) != size or seq >> SHARD_SHIFT != shard:
        raise ValueError("malformed signed receipt")
    shard_seq(shard, seq & COUNTER_MASK)
    at = (2 + length) * UNIT_BYTES
    nodes = tuple(raw[start : start + HASH_BYTES] for start in range(2 * UNIT_BYTES, at, HASH_BYTES))
    links = tuple(_link(raw, at + 2 * UNIT_BYTES * each, shard) for each in range(linked))
    receipt = Receipt(shard, seq & COUNTER_MASK, count, index, raw[UNIT_BYTES : 2 * UNIT_BYTES], nodes)
    return SignedReceipt(receipt, links, unpack_signed_head(raw[-SIGNED_HEAD_BYTES:]))


def _link(raw: bytes, at: int, shard: int) -> Link:
    seq, pad, root = _LINK.unpack_from(raw, at)
    if any(pad) or seq >> SHARD_SHIFT != shard or not seq & COUNTER_MASK:
        raise ValueError("malformed link")
    return Link(seq & COUNTER_MASK, root)
