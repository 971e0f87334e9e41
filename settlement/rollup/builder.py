"""Batches of format 2 out of the venue's events: operations as steps, chunks, a payload and a header.

Two accounts are kept side by side: the ledger's (format 1's state, which judges every figure of the events)
and the state of format 2 that the roots commit to. They are written independently; where they differ nothing
is posted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from exchange.domain.limits import SHARD_SHIFT
from settlement import operations as op
from settlement.batch import Frame
from settlement.hashing import keccak
from settlement.ledger import Ledger
from settlement.mismatch import LedgerMismatch
from settlement.rollup import netting
from settlement.rollup.coding import Coding, Encoded, Undecodable
from settlement.rollup.netting import Tally
from settlement.rollup.refunds import Deposits, completed
from settlement.state import State as LedgerState
from settlement.stf.chunks import Chunk, ChunkBuilder, Executed
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError
from settlement.stf.header import CALLDATA, NETTED, Header, ShardRange
from settlement.stf.lowering import Lowering, LoweringError
from settlement.stf.state import State
from settlement.stf.steps import FILL, Step

Classes = Callable[[bytes], Mapping[int, int]]
"""The authorisation classes (maker's << 4 | taker's) of fills by trade id, out of a frame's events."""
MAX_STEPS: Final = 1 << 16
_FILL_BYTES: Final = 16
_STEP_BYTES: Final = 64


class Limits(NamedTuple):
    """When a batch closes: after this many fills, or this long after its first step. Whoever knows what
    posting costs may close it earlier or later: `due` is a proposal."""

    fills: int = 1_000
    interval_ms: int = 2_000


class Attested(NamedTuple):
    """What the sequencer's chain says at the end of a range: its head, the root over the heads of the range,
    the hash chain of the command log."""

    chain_head: bytes
    heads_root: bytes
    log_root: bytes


NOTHING_KEPT: Final[Mapping[str, bytes]] = {}


class Batch(NamedTuple):
    """A header and its payload, as posted, and the chunks they stand for.

    `kept` is what the codec goes on with after a restart, as far as this batch changed it; `outside`, of a
    netted batch, is what belongs into the external store: its chunks, which `payload` only says the net of.
    `trace` are the state roots behind the chunks.
    """

    header: Header
    payload: bytes
    chunks: tuple[Chunk, ...]
    kept: Mapping[str, bytes] = NOTHING_KEPT
    outside: bytes = b""
    trace: tuple[bytes, ...] = ()


def no_classes(_: bytes) -> Mapping[int, int]:
    """Nothing is known of authorisations."""
    return {}


class BatchBuilder:
    """Feeds frames to the ledger and its steps to the state; cuts batches at frame boundaries.

    After an error neither account is to be used any more.
    """

    def __init__(
        self,
        ledger_state: LedgerState,
        state: State,
        coding: Coding,
        limits: Limits | None = None,
        *,
        classes: Classes = no_classes,
        shard: int = 0,
        last_batch_id: int = 0,
        last_seq: int = 0,
        looked_at: int | None = None,
        deposits: Deposits | None = None,
        netted: bool = False,
    ) -> None:
        """`deposits` is the bridge's queue, out of which refused deposits are given back; `netted`: fills are
        posted as what they come to."""
        self.ledger_state = ledger_state
        self.state = state
        self.commitment = Commitment(state)
        self.last_batch_id = last_batch_id
        self.last_seq = last_seq
        self.root = self.commitment.root
        self.lowering = Lowering(state) if looked_at is None else Lowering(state, looked_at)
        self._limits = limits or Limits()
        self._coding = coding
        self._classes = classes
        self._shard = shard
        self._deposits = deposits
        self._ledger = Ledger(ledger_state, tells_refusals=True)
        self._unfinished: list[op.Operation] | None = None
        self._chunks = ChunkBuilder(state, self.commitment)
        self._netted = netted
        self._tally = Tally(state)
        self._first_seq = last_seq + 1
        self._steps = self._fills = self._most_bytes = self._opened_ms = 0
        self._begin()

    @property
    def steps(self) -> int:
        """How many steps wait for the next batch."""
        return self._steps

    @property
    def fills(self) -> int:
        """How many of them are fills."""
        return self._fills

    @property
    def most_bytes(self) -> int:
        """What they take in a payload at most, without tables."""
        return self._most_bytes

    @property
    def first_seq(self) -> int:
        """The first sequence counter of the next batch."""
        return self._first_seq

    @property
    def can_close(self) -> bool:
        """Whether a batch may end here: there are steps, and no frame is half taken in."""
        return self._steps > 0 and self._unfinished is None

    def age_ms(self, now_ms: int) -> int:
        """How old the oldest step is."""
        return now_ms - self._opened_ms if self._steps else 0

    def add(self, frame: Frame, now_ms: int) -> None:
        """Take in the next frame.

        Raises:
            RefundUnknown, L1Unavailable: which deposit was refused can not be said now; give the same frame
                again.
            LedgerMismatch: it does not follow the last one, the venue's figures are not ours, or the two
                accounts of them differ.
            exchange.domain.events.EventError: events this version does not know.
        """
        if frame.first_seq != self.last_seq + 1 or frame.last_seq < frame.first_seq:
            raise LedgerMismatch(
                f"frame {frame.first_seq}…{frame.last_seq} does not follow sequence {self.last_seq}"
            )
        operations = self._read(frame)
        self.last_seq = frame.last_seq
        if not operations:
            return
        if not self._steps:
            self._opened_ms = now_ms
        fills = any(isinstance(operation, op.FILLS) for operation in operations)
        try:
            for step in self.lowering.steps(operations, self._classes(frame.events) if fills else {}):
                self._add(step)
        except (TransitionError, LoweringError) as error:
            raise LedgerMismatch(f"sequence {frame.last_seq}: {error}") from error

    def _read(self, frame: Frame) -> list[op.Operation]:
        if self._unfinished is None:
            self._unfinished = self._ledger.read(frame.events)
        last_deposit_id = self.state.parameters.money.last_deposit_id
        operations = completed(self._unfinished, last_deposit_id, self._deposits)
        self._unfinished = None
        return operations

    def _add(self, step: Step) -> None:
        if self._netted:
            self._tally.apply(step, self._chunks.add)
        else:
            self._chunks.add(step)
        self._steps += 1
        if step.kind == FILL:
            self._fills += 1
            self._most_bytes += _FILL_BYTES
        else:
            self._most_bytes += _STEP_BYTES + len(step.payload)

    def due(self, now_ms: int) -> bool:
        """Whether the batch is full or old enough. A batch without steps is never due."""
        if not self.can_close:
            return False
        if self._fills >= self._limits.fills or self._steps >= MAX_STEPS:
            return True
        return now_ms - self._opened_ms >= self._limits.interval_ms

    def close(self, attested: Attested, now_ms: int, layer: int = CALLDATA, blobs: int = 0) -> Batch:
        """The batch of everything taken in since the last one.

        `commitment.changed` still says what it changed: `begin` the next batch once this one is stored.

        Raises:
            LedgerMismatch: the accounts differ, something is not conserved, or the payload does not read
                back.
        """
        self._chunks.close()
        for step in self._coding.reclass(self._chunks.chunks):
            self._add(step)
        executed = self._chunks.close()
        self._must_agree()
        chunks = self._chunks.chunks
        encoded = self._coding.encode(chunks)
        posted = self._net(chunks) if self._netted else encoded.payload
        layer |= NETTED if self._netted else 0
        seq, money = self._shard << SHARD_SHIFT, self.state.parameters.money
        part = ShardRange(self._shard, seq | self._first_seq, seq | self.last_seq, *attested)
        counts = (len(posted), len(chunks), self._steps, self._fills, layer, blobs)
        through = (money.last_deposit_id, money.forced_through)
        head = (self._coding.number, self.last_batch_id + 1, now_ms)
        roots = self._roots(executed, encoded)
        header = Header._make((*head, *roots, *counts, *through, (part,), 0, b""))
        self._must_read_back(header, encoded, chunks)
        outside = encoded.payload if self._netted else b""
        return Batch(header, posted, tuple(chunks), self._coding.stored(), outside, executed.trace)

    def _net(self, chunks: list[Chunk]) -> bytes:
        self._tally.close()
        try:
            return netting.encode(netting.runs_of(chunks, self._tally.nets), self._coding.known())
        except ValueError as error:
            raise LedgerMismatch(f"fills that can not be netted: {error}") from error

    def begin(self) -> None:
        """Start the next batch."""
        self.last_batch_id += 1
        self.root = self.commitment.root
        self._first_seq = self.last_seq + 1
        self._begin()

    def _begin(self) -> None:
        self._steps = self._fills = self._most_bytes = 0
        self._chunks.begin()
        self._tally = Tally(self.state)
        self.commitment.changed.clear()
        self.ledger_state.begin_batch()
        self._coding.begin(self.state)

    def _roots(self, executed: Executed, encoded: Encoded) -> tuple[bytes, ...]:
        data_hash = keccak(encoded.payload)
        made = (executed.new_root, executed.chunk_root, executed.trace_root)
        return (self.root, *made, encoded.tables_hash, data_hash)

    def _must_read_back(self, header: Header, encoded: Encoded, chunks: list[Chunk]) -> None:
        try:
            same = self._coding.decode(header, encoded.payload) == chunks
        except Undecodable as error:
            raise LedgerMismatch(f"batch {header.batch_id} can not be decoded: {error}") from error
        if not same:
            raise LedgerMismatch(f"batch {header.batch_id} does not read back from its payload")

    def _must_agree(self) -> None:
        """Both accounts have the same cash and positions wherever the batch changed something."""
        faults = list(self.ledger_state.conservation_faults())
        if faults:
            raise LedgerMismatch("; ".join(faults))
        for number in self.commitment.changed.accounts | self.ledger_state.touched_accounts:
            theirs = self.ledger_state.account(number)
            ours = self.state.find_account(number)
            cash = (ours.cash_micro if ours else 0, theirs.cash_micro if theirs else 0)
            held = {n: at for page in ours.pages.values() for n, at in page.items()} if ours else {}
            if cash[0] != cash[1] or held != (theirs.positions if theirs else {}):
                raise LedgerMismatch(f"account {number}: cash is {cash[0]} in steps, {cash[1]} in the ledger")
