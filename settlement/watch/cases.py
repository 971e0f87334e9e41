"""What is known of a wrong batch, and what it takes to prove it: which chunk, which states around it.

A header commits to a trace (the state behind every chunk) by its root alone. An honest replay knows what it
should be; what the operator put in its place is known only if a guess has that root, or if he has shown it
when a chunk was demanded of him.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from settlement.contracts import packing
from settlement.contracts.packing import FeeAccount, Packed, RunningRoots
from settlement.l1.judging import ChunkOpening, Target, chunk_opening
from settlement.rollup.challenge import prove_chunk
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.derive import Finding, Wrong
from settlement.stf.chunks import Chunk, apply_chunk, must_be_chunk
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError
from settlement.stf.state import State
from settlement.stf.steps import Step, step_hashes
from settlement.trees import binary
from settlement.watch.undecodable import Decoding

_BY_TRACE = frozenset((Wrong.NOT_ALLOWED, Wrong.TRACE, Wrong.DEPOSIT, Wrong.REQUEST))
_BY_STEP = frozenset((Wrong.NOT_ALLOWED, Wrong.DEPOSIT, Wrong.REQUEST))


class ChunkProof(NamedTuple):
    """Executing one chunk on the L1: the state before it, its steps with their witnesses, and the fee account
    (of no matter where a step is not allowed)."""

    before: RunningRoots
    steps: tuple[Step, ...]
    witnesses: tuple[Packed, ...]
    closing: FeeAccount


@dataclass
class Case:
    """A wrong batch. `state` makes the state in front of it, to be used up.

    `shown` are the chunks the operator has opened on demand.
    """

    target: Target
    finding: Finding
    chunks: Sequence[Chunk]
    state: Callable[[], State]
    shown: dict[int, ChunkOpening] = field(default_factory=dict)
    decoding: Decoding | None = None
    """Where the payload does not decode to what is committed to."""
    _own: list[bytes] | None = None

    @property
    def is_by_trace(self) -> bool:
        """Whether a chunk has to be executed to prove it."""
        return self.finding.wrong in _BY_TRACE

    @property
    def own(self) -> list[bytes]:
        """The states behind the chunks as they should be, as far as steps are allowed. What the bridge says
        of deposits and requests is left out: the operator's trace is by what he booked."""
        if self._own is None:
            self._own = list(self._executed())
        return self._own

    def _executed(self) -> Iterator[bytes]:
        state = self.state()
        commitment = Commitment(state)
        for chunk in self.chunks:
            try:
                apply_chunk(state, chunk)
                yield commitment.update()
            except TransitionError:
                return

    def committed(self) -> list[bytes] | None:
        """The operator's trace, if a guess has its root."""
        header, own, count = self.target.header, self.own, len(self.chunks)
        ends = sorted({0, len(own), count - 1, min(self.finding.chunk or 0, len(own))}, reverse=True)
        guesses = [own[:count], *(own[:end] + [header.new_root] * (count - end) for end in ends)]
        for guess in guesses:
            if len(guess) == count and binary.root(guess) == header.trace_root:
                return guess
        return None

    def opening(self) -> ChunkOpening | None:
        """The chunk to be disputed, as the header commits to it; None while that is not known."""
        trace = self.committed()
        if trace is not None:
            number = self._wrong_in(trace)
            return None if number is None else self.opened(trace, number)
        for number, opening in sorted(self.shown.items()):
            if self._is_wrong(number, opening):
                return opening
        return None

    def opened(self, trace: Sequence[bytes], number: int) -> ChunkOpening:
        """A chunk as the header commits to it, by the operator's whole trace."""
        chunk, leaves = self.chunks[number], [one.leaf for one in self.chunks]
        previous = self.target.header.previous_root
        return chunk_opening(chunk.kind, step_hashes(chunk.steps), leaves, trace, number, previous)

    def _wrong_in(self, trace: Sequence[bytes]) -> int | None:
        if self.finding.wrong in _BY_STEP:
            return self.finding.chunk
        pairs = zip(trace, self.own, strict=False)
        return next((number for number, (told, own) in enumerate(pairs) if told != own), None)

    def _is_wrong(self, number: int, opening: ChunkOpening) -> bool:
        """Whether this chunk begins with the right state and does not end with it."""
        before = self.own[number - 1] if number else self.target.header.previous_root
        if opening.before != before:
            return False
        return number >= len(self.own) or opening.behind != self.own[number] or number == self._by_step()

    def _by_step(self) -> int | None:
        return self.finding.chunk if self.finding.wrong in _BY_STEP else None

    def wanted(self) -> int | None:
        """The chunk to be demanded next: with each answer half of what is left falls away."""
        first, last = 0, len(self.chunks) - 1
        step = self._by_step()
        if step is not None:
            last = step
        for number, opening in self.shown.items():
            before = self.own[number - 1] if number else self.target.header.previous_root
            if opening.before != before:
                last = min(last, number - 1)
            else:
                first = max(first, number + 1)
        if first > last:
            return None
        at = last if step == last else (first + last) // 2
        return at if at not in self.shown else None

    def proof(self, number: int) -> ChunkProof:
        """Everything that executing a chunk takes. Raises TransitionError: one before it is wrong."""
        proven = prove_chunk(self.state(), self.chunks, number)
        witnesses = tuple(packing.pack(step, witness) for step, witness in proven.steps)
        closing: FeeAccount = ((0, 0, 0, 0), 0, ())
        if proven.end is not None:
            closing = packing.fee_account(proven.end)
        steps = self.chunks[number].steps
        return ChunkProof(packing.running(proven.before), steps, witnesses, closing)

    def malformed(self) -> tuple[int, int] | None:
        """A chunk that is none, and the step that is not of its kind: (chunk, step)."""
        for number, chunk in enumerate(self.chunks):
            try:
                must_be_chunk(chunk)
            except TransitionError:
                of_kind = [step.kind <= 1 for step in chunk.steps]
                return number, of_kind.index(False) if False in of_kind else 0
        return None

    def behind(self) -> Commitment:
        """The state behind the whole batch. Raises TransitionError where a step is not allowed."""
        state = self.state()
        for chunk in self.chunks:
            apply_chunk(state, chunk)
        return Commitment(state)


def is_of_decoding(case: Case) -> bool:
    """Whether the decoders judge it: bytes that are not what is committed to, or a codec that is none."""
    by_bytes = case.finding.wrong in (Wrong.UNDECODABLE, Wrong.CHUNK_ROOT)
    return by_bytes or case.target.header.codec != Codec5.number
