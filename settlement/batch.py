"""Batches: the header that goes to L1, and the builder that gathers operations until one is due.

Header (big-endian):

    magic "SBB1" · version u16 · codec u16 · batch_id u64 · closed_ms u64
    previous_root 32 · new_root 32 · batch_hash 32 (keccak of the body)
    body_bytes u32 · operations u32 · fills u32 · shards u16 · zero u16
    per shard: shard u64 · first_seq u64 · last_seq u64 · chain head after last_seq 32
    verifier_version u16 · proof_bytes u32 · proof

`verifier_version` 0 with an empty proof says that there is no validity proof. The header's own hash
leaves the proof out, so that one can be added to a header that is already known.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from exchange.domain.limits import COUNTER_MASK, SHARD_SHIFT
from settlement import codec, columns
from settlement import operations as op
from settlement.commitment import Commitment
from settlement.hashing import keccak
from settlement.ledger import Ledger, LedgerMismatch
from settlement.state import State

VERSION: Final = 1
MAGIC: Final = b"SBB1"
MAX_PROOF_BYTES: Final = 1 << 16
_FIXED: Final = struct.Struct(">4sHHQQ32s32s32sIIIHH")
_RANGE: Final = struct.Struct(">QQQ32s")
_PROOF: Final = struct.Struct(">HI")


class HeaderError(ValueError):
    """Bytes that are not a batch header of a known version."""


class ShardRange(NamedTuple):
    """The sequence numbers of one shard in a batch (both ends included) and the chain head after them."""

    shard: int
    first_seq: int
    last_seq: int
    chain_head: bytes


class Header(NamedTuple):
    """A batch header; see the module's text."""

    batch_id: int
    closed_ms: int
    previous_root: bytes
    new_root: bytes
    batch_hash: bytes
    body_bytes: int
    operations: int
    fills: int
    ranges: tuple[ShardRange, ...]
    codec: int = codec.CODEC
    verifier_version: int = 0
    proof: bytes = b""

    def pack(self) -> bytes:
        """The header's bytes."""
        return b"".join((self._pack_bound(), _PROOF.pack(self.verifier_version, len(self.proof)), self.proof))

    def _pack_bound(self) -> bytes:
        fixed = _FIXED.pack(
            MAGIC,
            VERSION,
            self.codec,
            self.batch_id,
            self.closed_ms,
            self.previous_root,
            self.new_root,
            self.batch_hash,
            self.body_bytes,
            self.operations,
            self.fills,
            len(self.ranges),
            0,
        )
        return fixed + b"".join(_RANGE.pack(*part) for part in self.ranges)

    @property
    def hash(self) -> bytes:
        """keccak of the header without its proof."""
        return keccak(self._pack_bound())


def unpack_header(data: bytes) -> Header:
    """Read a header.

    Raises:
        HeaderError: wrong magic, unknown version or codec, or a length that does not fit.
    """
    try:
        fixed = _FIXED.unpack_from(data, 0)
        magic, version, codec_number, shards, zero = fixed[0], fixed[1], fixed[2], fixed[11], fixed[12]
        if magic != MAGIC or version != VERSION or codec_number not in codec.CODECS or zero:
            raise HeaderError(f"header {magic!r} version {version} codec {codec_number}")
        at = _FIXED.size
        ranges = tuple(ShardRange(*_RANGE.unpack_from(data, at + n * _RANGE.size)) for n in range(shards))
        at += shards * _RANGE.size
        verifier, proof_bytes = _PROOF.unpack_from(data, at)
    except struct.error as error:
        raise HeaderError(f"header of {len(data)} bytes is cut short") from error
    at += _PROOF.size
    if proof_bytes > MAX_PROOF_BYTES or len(data) != at + proof_bytes:
        raise HeaderError(f"header of {len(data)} bytes with a proof of {proof_bytes}")
    proof = data[at:]
    return Header._make((*fixed[3:11], ranges, codec_number, verifier, proof))


class Batch(NamedTuple):
    """A header and its body, as posted."""

    header: Header
    body: bytes


class Frame(NamedTuple):
    """All events of a run of commands, as the journal's reader gives them. Sequences are counters."""

    first_seq: int
    last_seq: int
    events: bytes


class Limits(NamedTuple):
    """When a batch closes: after this many fills, or this long after its first operation."""

    fills: int = 1_000
    interval_ms: int = 2_000


class BatchBuilder:
    """Feeds frames to a ledger and cuts its operations into batches at frame boundaries."""

    def __init__(
        self,
        state: State,
        limits: Limits,
        *,
        shard: int = 0,
        last_batch_id: int = 0,
        last_seq: int = 0,
    ) -> None:
        self.state = state
        self.last_batch_id = last_batch_id
        self.last_seq = last_seq
        self._limits = limits
        self._shard = shard
        self._ledger = Ledger(state)
        self._commitment = Commitment(state)
        self.root = self._commitment.root
        self._first_seq = last_seq + 1
        self._operations: list[op.Operation] = []
        self._fills = 0
        self._opened_ms = 0
        state.begin_batch()

    @property
    def operations(self) -> int:
        """How many operations wait for the next batch."""
        return len(self._operations)

    def add(self, frame: Frame, now_ms: int) -> None:
        """Take in the next frame.

        Raises:
            LedgerMismatch: it does not follow the last one, the venue's figures are not ours, or it has
                what this format does not know (a forced withdrawal).
            exchange.domain.events.EventError: events this version does not know.
        """
        if frame.first_seq != self.last_seq + 1 or frame.last_seq < frame.first_seq:
            raise LedgerMismatch(
                f"frame {frame.first_seq}…{frame.last_seq} does not follow sequence {self.last_seq}"
            )
        found = self._ledger.read(frame.events)
        if any(isinstance(operation, op.ForcedWithdrawal) for operation in found):
            raise LedgerMismatch("a forced withdrawal: batches of format 1 have no forced queue to answer")
        self.last_seq = frame.last_seq
        if found and not self._operations:
            self._opened_ms = now_ms
        self._operations.extend(found)
        self._fills += sum(isinstance(operation, op.FILLS) for operation in found)

    def due(self, now_ms: int) -> bool:
        """Whether the batch is full or old enough. A batch without operations is never due."""
        if not self._operations:
            return False
        if self._fills >= self._limits.fills or len(self._operations) >= columns.MAX_OPERATIONS // 2:
            return True
        return now_ms - self._opened_ms >= self._limits.interval_ms

    def close(self, chain_head: bytes, now_ms: int) -> Batch:
        """The batch of everything taken in since the last one.

        The state still says what was touched: `begin` the next batch once this one is stored.

        Raises:
            LedgerMismatch: cash or positions are not conserved, or the body does not read back.
        """
        faults = list(self.state.conservation_faults())
        if faults:
            raise LedgerMismatch("; ".join(faults))
        body = self._body()
        previous_root, self.root = self.root, self._commitment.update()
        seq = self._shard << SHARD_SHIFT
        header = Header(
            self.last_batch_id + 1,
            now_ms,
            previous_root,
            self.root,
            keccak(body),
            len(body),
            len(self._operations),
            self._fills,
            (ShardRange(self._shard, seq | self._first_seq, seq | self.last_seq, chain_head),),
        )
        return Batch(header, body)

    def _body(self) -> bytes:
        """The encoded operations, read back once before anybody relies on them."""
        try:
            body = codec.encode(self._operations)
            same = codec.decode(body) == self._operations
        except ValueError as error:
            raise LedgerMismatch(f"batch {self.last_batch_id + 1} can not be encoded: {error}") from error
        if not same:
            raise LedgerMismatch(f"batch {self.last_batch_id + 1} does not read back from its body")
        return body

    def begin(self) -> None:
        """Start the next batch."""
        self.last_batch_id += 1
        self._first_seq = self.last_seq + 1
        self._operations = []
        self._fills = 0
        self.state.begin_batch()


def counter(seq: int) -> int:
    """A sequence number without its shard."""
    return seq & COUNTER_MASK
