"""Signed heads: the sequencer's word on how its chain stands after a commit batch (docs/receipts.md).

Packed, 192 bytes, integers little-endian: version u16 = 1 · v u16 (27 or 28) · shard u32 · last_seq u64
(shard ‖ counter) · chain id u64 · zero u64 · head (32) · root (32) · contract (20) ‖ zero (12) · r ‖ s (64).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.attest import eip712
from exchange.attest.chain import HASH_BYTES, shard_seq
from exchange.attest.eip712 import Domain
from exchange.attest.keccak import keccak, word
from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT

SIGNED_HEAD_BYTES: Final = 192
_VERSION: Final = 1
_LAYOUT: Final = struct.Struct("<HHIQQQ32s32s20s12s64s")
_TYPE: Final = keccak(b"SignedHead(uint8 shard,uint64 lastSeq,bytes32 head,bytes32 root)")

Recover = Callable[[bytes, bytes], bytes | None]
"""The address that signed a digest, None if the signature is none (`exchange.attest.secp256k1.recover`)."""


class SignedHead(NamedTuple):
    """The chain of `shard` has the head `head` after the command `last_seq` (a counter), which ends a commit
    batch whose Merkle root is `root`. `signature` is r ‖ s ‖ v, 65 bytes."""

    domain: Domain
    shard: int
    last_seq: int
    head: bytes
    root: bytes
    signature: bytes = b""

    @property
    def digest(self) -> bytes:
        """The 32 bytes that are signed. Raises ValueError for fields out of range."""
        return head_digest(eip712.domain_separator(self.domain), self)


def head_digest(separator: bytes, head: SignedHead) -> bytes:
    """The digest under a domain separator known already. Raises ValueError for fields out of range."""
    if len(head.head) != HASH_BYTES or len(head.root) != HASH_BYTES:
        raise ValueError("head and root have 32 bytes each")
    numbers = word(head.shard) + word(shard_seq(head.shard, head.last_seq))
    return eip712.typed_digest(separator, keccak(_TYPE + numbers + head.head + head.root))


def verify_signed_head(head: SignedHead, signer: bytes, recover: Recover) -> bool:
    """Whether `signer` (20 bytes) signed it. Never raises for what a stranger sent."""
    if not eip712.is_canonical(head.signature):
        return False
    try:
        digest = head.digest
    except (ValueError, OverflowError):
        return False
    return recover(digest, head.signature) == signer


def pack_signed_head(head: SignedHead) -> bytes:
    """The canonical bytes. Raises ValueError or struct.error for fields out of range or no signature."""
    if not eip712.is_canonical(head.signature):
        raise ValueError("a signed head carries r, s and v")
    if len(head.head) != HASH_BYTES or len(head.root) != HASH_BYTES:
        raise ValueError("head and root have 32 bytes each")
    eip712.address_word(head.domain.contract)
    return _LAYOUT.pack(
        _VERSION,
        head.signature[64],
        head.shard,
        shard_seq(head.shard, head.last_seq),
        head.domain.chain_id,
        0,
        head.head,
        head.root,
        head.domain.contract,
        bytes(12),
        head.signature[:64],
    )


def unpack_signed_head(raw: bytes) -> SignedHead:
    """The inverse of `pack_signed_head`.

    Raises:
        ValueError: bytes that `pack_signed_head` would not have made.
    """
    if len(raw) != SIGNED_HEAD_BYTES:
        raise ValueError(f"a signed head has {SIGNED_HEAD_BYTES} bytes")
    version, v, shard, seq, chain_id, zero, head, root, contract, pad, rest = _LAYOUT.unpack(raw)
    if version != _VERSION or zero or any(pad) or seq >> SHARD_SHIFT != shard:
        raise ValueError("malformed signed head")
    counter = seq & COUNTER_MASK
    shard_seq(shard, counter)
    signature = rest + bytes((v,)) if v < 256 else b""
    if not eip712.is_canonical(signature):
        raise ValueError("malformed signature")
    return SignedHead(Domain(chain_id, contract), shard, counter, head, root, signature)
