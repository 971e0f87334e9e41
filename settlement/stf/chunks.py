"""Chunks of steps, what a batch commits to of them, and their execution (docs/protocol.md, Chunks)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from settlement.hashing import keccak
from settlement.stf.commitment import Commitment
from settlement.stf.errors import StepError, TransitionError
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import FILL, INDEX, Step, step_hashes
from settlement.trees import binary

MAX_STEPS: Final = 64
FILL_CHUNK: Final = 0
OTHER_CHUNK: Final = 1
_OF_FILL_CHUNKS: Final = (INDEX, FILL)


class Chunk(NamedTuple):
    """Up to 64 steps; `kind` says how they are coded."""

    kind: int
    steps: tuple[Step, ...]

    @property
    def leaf(self) -> bytes:
        """What the chunk root hashes of it."""
        return chunk_leaf(self.kind, step_hashes(self.steps))


def chunk_leaf(kind: int, step_hashes: Sequence[bytes]) -> bytes:
    """The chunk leaf of a kind and step hashes."""
    head = bytes(24) + kind.to_bytes(4, "big") + len(step_hashes).to_bytes(4, "big")
    return keccak(head + binary.root(step_hashes))


class Executed(NamedTuple):
    """What executing chunks comes to. `trace` has the state root behind each of them."""

    new_root: bytes
    leaves: tuple[bytes, ...]
    trace: tuple[bytes, ...]

    @property
    def chunk_root(self) -> bytes:
        """The binary root of the chunk leaves."""
        return binary.root(self.leaves)

    @property
    def trace_root(self) -> bytes:
        """The binary root of the trace."""
        return binary.root(self.trace)


def must_be_chunk(chunk: Chunk) -> None:
    """Raises TransitionError for a chunk that no batch may have."""
    if not 1 <= len(chunk.steps) <= MAX_STEPS or chunk.kind not in (FILL_CHUNK, OTHER_CHUNK):
        raise TransitionError(f"a chunk of kind {chunk.kind} with {len(chunk.steps)} steps")
    if chunk.kind == FILL_CHUNK and any(step.kind not in _OF_FILL_CHUNKS for step in chunk.steps):
        raise TransitionError("a fill chunk with other steps")


def apply_steps(state: State, steps: Sequence[Step]) -> None:
    """Apply steps one after another. Raises StepError, which says which of them is not allowed."""
    at = 0
    try:
        for step in steps:
            apply(state, step)
            at += 1
    except TransitionError as error:
        raise StepError(str(error), at) from error


def apply_chunk(state: State, chunk: Chunk) -> None:
    """Apply a chunk, its end included.

    Raises:
        TransitionError: the chunk or a step is not allowed; the state is then not to be used any more.
    """
    must_be_chunk(chunk)
    apply_steps(state, chunk.steps)
    state.end_chunk()


def execute(state: State, commitment: Commitment, chunks: Iterable[Chunk]) -> Executed:
    """Apply chunks to the state, with the state root behind each. Raises TransitionError as `apply_chunk`."""
    leaves: list[bytes] = []
    trace: list[bytes] = []
    for chunk in chunks:
        apply_chunk(state, chunk)
        leaves.append(chunk.leaf)
        trace.append(commitment.update())
    return Executed(trace[-1] if trace else commitment.root, tuple(leaves), tuple(trace))


def replay(state: State, commitment: Commitment, chunks: Iterable[Chunk]) -> tuple[bytes, bytes]:
    """Apply chunks with one state root behind the last: (new root, chunk root).

    All of what a batch does to the state is judged by these two. A trace that is wrong between them harms
    nobody but who posted it; `execute` finds where it is. Raises TransitionError as `apply_chunk`.
    """
    leaves: list[bytes] = []
    for chunk in chunks:
        apply_chunk(state, chunk)
        leaves.append(chunk.leaf)
    return commitment.update(), binary.root(leaves)


@dataclass(slots=True)
class ChunkBuilder:
    """Applies steps one after another and cuts them into chunks.

    Fills and index steps in a row make fill chunks, all others the other kind; `close` ends the last. A gap
    between trade ids ends a fill chunk too: codec 5 says a chunk's first alone.
    """

    state: State
    commitment: Commitment
    chunks: list[Chunk] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    trace: list[bytes] = field(default_factory=list)
    _open: list[Step] = field(default_factory=list)
    _hashes: list[bytes] = field(default_factory=list)
    _kind: int = FILL_CHUNK

    def add(self, step: Step) -> None:
        """Apply a step as the next of the batch. Raises TransitionError."""
        kind = FILL_CHUNK if step.kind in _OF_FILL_CHUNKS else OTHER_CHUNK
        if kind != self._kind or len(self._open) == MAX_STEPS or self._is_gap(step):
            self._cut()
            self._kind = kind
        apply(self.state, step)
        self._open.append(step)
        self._hashes.append(step.hash())

    def _is_gap(self, step: Step) -> bool:
        """Whether a FILL's trade id is not the one behind the chunk's last FILL's."""
        if step.kind != FILL:
            return False
        before = next((one.ident for one in reversed(self._open) if one.kind == FILL), None)
        return before is not None and step.ident != before + 1

    def close(self) -> Executed:
        """End the batch: its chunks are in `chunks`, and a new one may begin after `begin`."""
        self._cut()
        new_root = self.trace[-1] if self.trace else self.commitment.root
        return Executed(new_root, tuple(self.leaves), tuple(self.trace))

    def begin(self) -> None:
        """Forget the batch that was closed."""
        self.chunks, self.leaves, self.trace = [], [], []

    def _cut(self) -> None:
        if not self._open:
            return
        self.state.end_chunk()
        self.chunks.append(Chunk(self._kind, tuple(self._open)))
        self.leaves.append(chunk_leaf(self._kind, self._hashes))
        self.trace.append(self.commitment.update())
        self._open, self._hashes = [], []
