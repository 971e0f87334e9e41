"""From headers and payloads to the state: every check a stranger makes (docs/protocol.md).

`Derivation.take` applies one batch. What is wrong with it comes as a `Fault` that says what kind of wrong, in
which batch, chunk and step: enough for `settlement.rollup.challenge` to prove it on the L1. After a fault the
state is not to be used any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import NamedTuple, Protocol

from exchange.domain.limits import SHARD_SHIFT
from settlement.hashing import keccak
from settlement.rollup import netting
from settlement.rollup.bulk import apply_run
from settlement.rollup.coding import MAX_PAYLOAD_BYTES, Coding, Undecodable
from settlement.rollup.netting import Tally
from settlement.stf import steps as s
from settlement.stf.chunks import FILL_CHUNK, Chunk, apply_steps, must_be_chunk
from settlement.stf.commitment import Commitment
from settlement.stf.errors import StepError, TransitionError
from settlement.stf.header import BLOBS, NETTED, Header
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import Step
from settlement.trees import binary


class Wrong(Enum):
    """What is wrong with a batch, and who settles it."""

    SEQUENCE = "it does not follow the one before: no inbox takes it"
    NET = "what was posted is not the net of the fills: the state is right by the fills, nobody settles it"
    MISSING_DATA = "its data is not there, or not what the header commits to: forced publication"
    UNDECODABLE = "a chunk's bytes are no chunk: the decoder's dispute"
    CHUNK_ROOT = "the chunks decode to other leaves than committed: the decoder's dispute"
    NOT_ALLOWED = "a step is not allowed: one step executed on the L1"
    TRACE = "a state root of the trace is another: the chunk executed on the L1"
    NEW_ROOT = "the new root is not the trace's last: two openings"
    COUNTS = "a count of the header is another: openings of what it counts"
    DEPOSIT = "a deposit is not the bridge's, or was passed over: one step and the bridge's queue"
    REQUEST = "a forced request is not the queue's, or was passed over: one step and the bridge's queue"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where. `leaves` and `trace` are what the chunks come to, as far as that goes."""

    wrong: Wrong
    batch_id: int
    text: str
    chunk: int | None = None
    step: int | None = None
    leaves: tuple[bytes, ...] = ()
    trace: tuple[bytes, ...] = ()


class Fault(Exception):
    """A batch is wrong; see `finding`."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"batch {finding.batch_id}: {finding.wrong.name.lower()}: {finding.text}")
        self.finding = finding


class QueuedDeposit(NamedTuple):
    """What the bridge knows of a deposit."""

    account: int
    amount_micro: int
    depositor: bytes


class QueuedRequest(NamedTuple):
    """What the bridge knows of a forced request."""

    account: int
    amount_micro: int


class Bridge(Protocol):
    """The bridge's queues, both by ids from 1 without gaps."""

    def deposit(self, deposit_id: int) -> QueuedDeposit | None:
        """A deposit; None if there is none of that id."""

    def request(self, request_id: int) -> QueuedRequest | None:
        """A forced request; None if there is none of that id."""


@dataclass(slots=True)
class Derivation:
    """The state behind the last batch taken. `bridge` None: queues are not compared."""

    coding: Coding
    bridge: Bridge | None = None
    state: State = field(default_factory=State)
    batch_id: int = 0
    closed_ms: int = 0
    last_seqs: dict[int, int] = field(default_factory=dict)
    commitment: Commitment = field(init=False)
    root: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.commitment = Commitment(self.state)
        self.root = self.commitment.root

    def take(
        self, header: Header, payload: bytes | None, outside: bytes | None = None, *, with_trace: bool = True
    ) -> list[Chunk]:
        """Check and apply the next batch; returns its chunks. `outside`: of a netted batch, what stands in
        the external store under its data hash.

        Without the trace only the new root is computed, which is all that the state depends on, many times
        faster: who finds it wrong takes the batch again with the trace.

        Raises:
            Fault: the batch is wrong. Behind one of NET, and no other, the state is the batch's all the same.
        """
        self._must_follow(header)
        chunks = self._decoded(header, payload, outside)
        run = _Run(self, header, with_trace)
        run.execute(chunks)
        run.must_agree(chunks)
        self.batch_id, self.closed_ms, self.root = header.batch_id, header.closed_ms, header.new_root
        self.last_seqs.update({part.shard: part.last_seq for part in header.ranges})
        run.must_be_net(chunks, payload or b"")
        return chunks

    def _must_follow(self, header: Header) -> None:
        def must(condition: bool, text: str) -> None:
            if not condition:
                raise Fault(Finding(Wrong.SEQUENCE, header.batch_id, text))

        must(header.batch_id == self.batch_id + 1, f"after batch {self.batch_id}")
        must(header.previous_root == self.root, "its previous root is another")
        must(header.closed_ms >= self.closed_ms, f"closed at {header.closed_ms}, before {self.closed_ms}")
        must(header.codec == self.coding.number, f"codec {header.codec}, not {self.coding.number}")
        must(len({part.shard for part in header.ranges}) == len(header.ranges), "a shard twice")
        for part in header.ranges:
            before = self.last_seqs.get(part.shard)
            must(part.last_seq >= part.first_seq, f"shard {part.shard} has no sequence numbers")
            ends = {part.shard, part.first_seq >> SHARD_SHIFT, part.last_seq >> SHARD_SHIFT}
            must(len(ends) == 1, f"sequence numbers of another shard than {part.shard}")
            must(before is None or part.first_seq == before + 1, f"shard {part.shard} after {before}")

    def _decoded(self, header: Header, payload: bytes | None, outside: bytes | None) -> list[Chunk]:
        def must(condition: bool, text: str) -> None:
            if not condition:
                raise Fault(Finding(Wrong.MISSING_DATA, header.batch_id, text))

        data = outside if header.layer & NETTED else payload
        if data is None or payload is None:
            raise Fault(Finding(Wrong.MISSING_DATA, header.batch_id, "there is no data"))
        must(max(len(data), len(payload)) <= MAX_PAYLOAD_BYTES, "there is too much data")
        must(len(payload) == header.payload_bytes, "the data is not what is committed to")
        # Of blobs the inbox keeps the commitments; what stands outside is known by its hash alone.
        if header.layer != BLOBS:
            must(keccak(data) == header.data_hash, "the data is not what is committed to")
        self.coding.begin(self.state)
        try:
            return self.coding.decode(header, data)
        except Undecodable as error:
            raise Fault(Finding(Wrong.UNDECODABLE, header.batch_id, str(error), error.chunk)) from error


class _Run:
    """One batch being executed."""

    def __init__(self, of: Derivation, header: Header, with_trace: bool) -> None:
        self._of = of
        self._header = header
        self._with_trace = with_trace
        self._leaves: list[bytes] = []
        self._trace: list[bytes] = []
        money = of.state.parameters.money
        self._deposit_id, self._request_id = money.last_deposit_id, money.forced_through
        self._row = self._tried = 0  # of the columns; up to which chunk runs were looked at
        self._tally = Tally(of.state) if header.layer & NETTED else None

    def _fault(self, wrong: Wrong, text: str, chunk: int | None = None, step: int | None = None) -> Fault:
        leaves, trace = tuple(self._leaves), tuple(self._trace)
        return Fault(Finding(wrong, self._header.batch_id, text, chunk, step, leaves, trace))

    def execute(self, chunks: Sequence[Chunk]) -> None:
        """Apply all chunks. The chunk root comes first: what is not committed to proves nothing."""
        self._leaves = [one.leaf for one in chunks]
        if binary.root(self._leaves) != self._header.chunk_root or len(chunks) != self._header.chunks:
            raise self._fault(Wrong.CHUNK_ROOT, f"{len(chunks)} chunks come to another root")
        done = 0
        for number, chunk in enumerate(chunks):
            if not self._with_trace and self._tally is None and number >= done:
                done = self._at_once(chunks, number)
            if number < done:
                continue
            try:
                self._apply(chunk, number)
                self._of.state.end_chunk()
                if self._with_trace:
                    self._trace.append(self._of.commitment.update())
            except StepError as error:
                raise self._fault(Wrong.NOT_ALLOWED, str(error), number, error.at) from error
            except TransitionError as error:
                last = max(len(chunk.steps) - 1, 0)
                raise self._fault(Wrong.NOT_ALLOWED, str(error), number, last) from error

    def _at_once(self, chunks: Sequence[Chunk], first: int) -> int:
        """Apply the run of fill chunks that begins here at once, if that can be done; the chunk behind it."""
        columns = self._of.coding.columns
        if columns is None or chunks[first].kind != FILL_CHUNK or first < self._tried:
            return first
        end = next((n for n in range(first, len(chunks)) if chunks[n].kind != FILL_CHUNK), len(chunks))
        rows = sum(len(one.steps) for one in chunks[first:end])
        part = columns.part(self._row, self._row + rows)
        self._row, self._tried = self._row + rows, end
        return end if apply_run(self._of.state, part) else first

    def _apply(self, chunk: Chunk, number: int) -> None:
        must_be_chunk(chunk)
        if chunk.kind == FILL_CHUNK and self._tally is None:
            apply_steps(self._of.state, chunk.steps)
            return
        for at, step in enumerate(chunk.steps):
            if step.kind in (s.DEPOSIT, s.FORCED):
                self._queued(step, number, at)
            try:
                if self._tally is None:
                    apply(self._of.state, step)
                else:
                    self._tally.apply(step, partial(apply, self._of.state))
            except TransitionError as error:
                raise StepError(str(error), at) from error

    def _queued(self, step: Step, chunk: int, at: int) -> None:
        """A deposit or a forced request must be the bridge's next."""
        bridge = self._of.bridge
        if bridge is None:
            return
        known: tuple[object, ...] | None
        if step.kind == s.DEPOSIT:
            wrong, expected, self._deposit_id = Wrong.DEPOSIT, self._deposit_id + 1, step.ident
            found = bridge.deposit(step.ident)
            known = found if step.flags else found and found[:2]
            told: tuple[object, ...] = (step.first, step.p, *([step.word[:20]] if step.flags else []))
        else:
            wrong, expected, self._request_id = Wrong.REQUEST, self._request_id + 1, step.ident
            known, told = bridge.request(step.ident), (step.first, step.p)
        if step.ident != expected or known != told:
            text = f"id {step.ident} says {told}, the bridge {known}; the next id is {expected}"
            raise self._fault(wrong, text, chunk, at)

    def must_agree(self, chunks: Sequence[Chunk]) -> None:
        """What the header says of the batch as a whole."""
        header, money = self._header, self._of.state.parameters.money
        root = self._of.commitment.update()
        if self._with_trace and binary.root(self._trace) != header.trace_root:
            raise self._fault(Wrong.TRACE, "the trace is another")
        if root != header.new_root:
            raise self._fault(Wrong.NEW_ROOT, f"the state's root is {root.hex()}")
        kinds = [step.kind for chunk in chunks for step in chunk.steps]
        ours = (len(kinds), kinds.count(s.FILL), money.last_deposit_id, money.forced_through)
        theirs = (header.steps, header.fills, header.deposits_through, header.forced_through)
        if ours != theirs:
            raise self._fault(Wrong.COUNTS, f"steps, fills, deposits, requests are {ours}, not {theirs}")

    def must_be_net(self, chunks: Sequence[Chunk], posted: bytes) -> None:
        """What a netted batch posted is what its chunks come to."""
        if self._tally is None:
            return
        self._tally.close()
        try:
            parts = netting.runs_of(chunks, self._tally.nets)
            same = netting.encode(parts, self._of.coding.known()) == posted
        except Undecodable as error:
            raise self._fault(Wrong.NET, str(error)) from error
        if not same:
            raise self._fault(Wrong.NET, "the fills come to something else than what was posted")
