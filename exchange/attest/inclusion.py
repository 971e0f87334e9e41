"""That a fill is in a batch of settlement, checked offline (docs/protocol.md): step, chunk, header.

What is left to ask of somebody else is one thing alone: whether the L1's inbox holds a header of this hash.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from exchange.attest.keccak import keccak
from exchange.attest.merkle import proven_root
from exchange.domain.limits import COUNTER_MASK, MAX_SHARD, SHARD_SHIFT

STEP_BYTES: Final = 64
_FILL: Final = 1
_STEP: Final = struct.Struct(">BBHIIIQqq")
_TAKER_SELLS: Final = 1
_HEADER: Final = b"SBB2\x00\x02"
_FIXED_BYTES: Final = 252  # what stands before the ranges
_RANGE_BYTES: Final = 120
_CHUNK_ROOT_AT: Final = 88
_CHUNKS_AT: Final = 220
_RANGES_AT: Final = 234
_STEPS_MOST: Final = 64
_RANGE: Final = struct.Struct(">QQQ32s32s32s")


class Fill(NamedTuple):
    """A fill as settlement has it; sizes in lots, prices in ticks, `classes` as in `authorisation`."""

    instrument: int
    maker: int
    taker: int
    taker_sells: bool
    price_ticks: int
    size_lots: int
    trade_id: int
    maker_class: int
    taker_class: int


class Range(NamedTuple):
    """What a batch holds of one shard: counters of the first and the last command, the chain's head behind
    it, the root over the heads of its commit batches, the log of commands behind it."""

    shard: int
    first_seq: int
    last_seq: int
    chain_head: bytes
    heads_root: bytes
    log_root: bytes


class InclusionProof(NamedTuple):
    """The place of a step: `header` is a header's bytes without its validity proof; the chunk's number, kind
    and count of steps; the step's number in it; siblings from below."""

    header: bytes
    chunk: int
    kind: int
    steps: int
    step: int
    step_path: tuple[bytes, ...]
    chunk_path: tuple[bytes, ...]


def included_in(proof: InclusionProof, step: bytes) -> bytes | None:
    """The hash of the header that commits to this step (64 bytes) at this place; None if it does not. Never
    raises for what a stranger sent."""
    header = proof.header
    if len(step) != STEP_BYTES or not _is_header(header) or not 1 <= proof.steps <= _STEPS_MOST:
        return None
    chunks = int.from_bytes(header[_CHUNKS_AT : _CHUNKS_AT + 4], "big")
    if not 0 <= proof.step < proof.steps or not 0 <= proof.chunk < chunks or proof.kind not in (0, 1):
        return None
    if len(proof.step_path) != _height(proof.steps) or len(proof.chunk_path) != _height(chunks):
        return None
    steps_root = proven_root(keccak(step), proof.step, proof.step_path)
    if steps_root is None:
        return None
    head = bytes(24) + proof.kind.to_bytes(4, "big") + proof.steps.to_bytes(4, "big")
    root = proven_root(keccak(head + steps_root), proof.chunk, proof.chunk_path)
    if root != header[_CHUNK_ROOT_AT : _CHUNK_ROOT_AT + 32]:
        return None
    return keccak(header)


def read_fill(step: bytes) -> Fill | None:
    """The fill that a step is; None if it is none."""
    if len(step) != STEP_BYTES or any(step[_STEP.size :]):
        return None
    kind, classes, flags, instrument, maker, taker, trade_id, price, size = _STEP.unpack_from(step)
    if kind != _FILL:
        return None
    sells = bool(flags & _TAKER_SELLS)
    return Fill(instrument, maker, taker, sells, price, size, trade_id, classes >> 4, classes & 15)


def ranges_of(header: bytes) -> tuple[Range, ...]:
    """What a header (without its validity proof) says of each shard. Raises ValueError for other bytes."""
    if not _is_header(header):
        raise ValueError("not the bytes that a header's hash covers")
    found = []
    for shard, first, last, *roots in _RANGE.iter_unpack(header[_FIXED_BYTES:]):
        if not shard <= MAX_SHARD or (first >> SHARD_SHIFT, last >> SHARD_SHIFT) != (shard, shard):
            raise ValueError("a range of another shard's sequence numbers")
        found.append(Range(shard, first & COUNTER_MASK, last & COUNTER_MASK, *roots))
    return tuple(found)


def _is_header(header: bytes) -> bool:
    """Whether these are the bytes that a header's hash covers: no more and no fewer."""
    if len(header) < _FIXED_BYTES or not header.startswith(_HEADER):
        return False
    shards = int.from_bytes(header[_RANGES_AT : _RANGES_AT + 2], "big")
    return len(header) == _FIXED_BYTES + shards * _RANGE_BYTES


def _height(count: int) -> int:
    return (count - 1).bit_length()
