"""What proves a wrong chunk on the L1: every step of it with its witness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from settlement.stf.chunks import Chunk, apply_chunk
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError
from settlement.stf.state import State
from settlement.stf.steps import Step
from settlement.stf.witness import Running, Witness, Witnessing


class ProvenStep(NamedTuple):
    """One step of a chunk and what executing it takes."""

    step: Step
    witness: Witness


class ChunkProof(NamedTuple):
    """A chunk from the roots before it to those behind. `end` and `after` are None where a step is not
    allowed: the last of `steps` is that step."""

    number: int
    before: Running
    steps: tuple[ProvenStep, ...]
    end: Witness | None
    after: Running | None


def prove_chunk(state: State, chunks: Sequence[Chunk], number: int) -> ChunkProof:
    """Prove chunk `number` of a batch from the state in front of the batch, which is used up.

    Raises:
        TransitionError: a chunk before it has a step that is not allowed; prove that one.
    """
    for chunk in chunks[:number]:
        apply_chunk(state, chunk)
    witnessing = Witnessing(state, Commitment(state))
    before, proven = witnessing.running(), list[ProvenStep]()
    try:
        for step, witness in witnessing.chunk(chunks[number]):
            proven.append(ProvenStep(step, witness))
    except TransitionError:
        return ChunkProof(number, before, tuple(proven), None, None)
    end = witnessing.of_end()
    state.end_chunk()
    return ChunkProof(number, before, tuple(proven), end, witnessing.running())
