"""Header, version 2 (docs/protocol.md): what a batch commits to, packed."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from settlement.hashing import keccak

VERSION: Final = 2
MAGIC: Final = b"SBB2"
MAX_PROOF_BYTES: Final = 1 << 16
CALLDATA: Final = 0
BLOBS: Final = 1
EXTERNAL: Final = 2
NETTED: Final = 16
_FIXED: Final = struct.Struct(">4sHHQQ32s32s32s32s32s32sIIIIBBHQQ")
_RANGE: Final = struct.Struct(">QQQ32s32s32s")
_PROOF: Final = struct.Struct(">HI")


class HeaderError(ValueError):
    """Bytes that are not a batch header of version 2."""


class ShardRange(NamedTuple):
    """The sequence numbers (shard ‖ counter, both ends included) of one shard in a batch, the sequencer's
    chain head after them, the root over the heads in between, and the log's hash chain after them."""

    shard: int
    first_seq: int
    last_seq: int
    chain_head: bytes
    heads_root: bytes
    log_root: bytes


class Header(NamedTuple):
    """A batch header, fields in the order of its bytes; the first three and the shard count are implied."""

    codec: int
    batch_id: int
    closed_ms: int
    previous_root: bytes
    new_root: bytes
    chunk_root: bytes
    trace_root: bytes
    tables_hash: bytes
    data_hash: bytes
    payload_bytes: int
    chunks: int
    steps: int
    fills: int
    layer: int
    blobs: int
    deposits_through: int
    forced_through: int
    ranges: tuple[ShardRange, ...]
    verifier_version: int = 0
    proof: bytes = b""

    def bound(self) -> bytes:
        """The bytes the header's hash covers: all before the proof.

        Raises:
            struct.error: a field that does not fit.
        """
        head = (MAGIC, VERSION, *self[:15], len(self.ranges), *self[15:17])
        return _FIXED.pack(*head) + b"".join(_RANGE.pack(*part) for part in self.ranges)

    def pack(self) -> bytes:
        """The header's bytes."""
        return b"".join((self.bound(), _PROOF.pack(self.verifier_version, len(self.proof)), self.proof))

    @property
    def hash(self) -> bytes:
        """keccak of the header without its proof."""
        return keccak(self.bound())


def unpack_header(data: bytes) -> Header:
    """Read a header.

    Raises:
        HeaderError: wrong magic or version, an unknown layer, or a length that does not fit.
    """
    try:
        magic, version, *fixed = _FIXED.unpack_from(data, 0)
        if magic != MAGIC or version != VERSION:
            raise HeaderError(f"header {magic!r} of version {version}")
        at, shards = _FIXED.size, fixed.pop(15)
        if at + shards * _RANGE.size + _PROOF.size > len(data):
            raise HeaderError(f"header of {len(data)} bytes is cut short")
        ranges = tuple(ShardRange(*_RANGE.unpack_from(data, at + n * _RANGE.size)) for n in range(shards))
        at += shards * _RANGE.size
        verifier, proof_bytes = _PROOF.unpack_from(data, at)
    except struct.error as error:
        raise HeaderError(f"header of {len(data)} bytes is cut short") from error
    at += _PROOF.size
    if proof_bytes > MAX_PROOF_BYTES or len(data) != at + proof_bytes:
        raise HeaderError(f"header of {len(data)} bytes with a proof of {proof_bytes}")
    header = Header._make((*fixed, ranges, verifier, data[at:]))
    if header.layer & ~NETTED > EXTERNAL:
        raise HeaderError(f"a data layer {header.layer}")
    return header
