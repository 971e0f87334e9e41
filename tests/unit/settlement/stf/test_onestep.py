"""One step from its witness: the verdict and the roots that the whole state gives, whatever the step."""

from __future__ import annotations

import copy
import random

import pytest

from settlement.stf import onestep
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError, WitnessError
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import Step
from settlement.stf.witness import Running, Witnessing
from tests.unit.settlement.stf.every_kind import BATCHES
from tests.unit.settlement.stf.tampering import mutants, tampered

STEPS = [step for batch in BATCHES for step in batch]


def verdict(state: State, step: Step) -> Running | None:
    """The roots behind a step; None if it is not allowed."""
    known = copy.deepcopy(state)
    witnessing = Witnessing(known, Commitment(known))
    try:
        apply(known, step)
        return witnessing.running()
    except TransitionError:
        return None


def proven(state: State, step: Step) -> Running | None:
    """The same from the witness alone."""
    known = copy.deepcopy(state)
    witness = Witnessing(known, Commitment(known)).of(step)
    try:
        return onestep.execute(witness, step)
    except TransitionError:
        return None


def test_whatever_the_step_its_witness_gives_the_verdict() -> None:
    rng, state, allowed, refused = random.Random(7), State(), 0, 0
    for at, step in enumerate(STEPS):
        for mutant in mutants(step, rng) if at % 2 else ():
            ours = verdict(state, mutant)
            assert proven(state, mutant) == ours, mutant
            allowed, refused = allowed + (ours is not None), refused + (ours is None)
        assert proven(state, step) is not None
        apply(state, step)
    assert allowed > 20
    assert refused > 100


def test_a_witness_that_is_changed_proves_nothing() -> None:
    rng, state = random.Random(3), State()
    witnessing = Witnessing(state, Commitment(state))
    count = 0
    for step in STEPS:
        witness = witnessing.of(step)
        for broken in tampered(witness, rng):
            with pytest.raises(WitnessError):
                onestep.execute(broken, step)
            count += 1
        apply(state, step)
    assert count > 500


def test_terms_that_are_not_the_step_s_prove_nothing() -> None:
    state = State()
    witnessing = Witnessing(state, Commitment(state))
    listing = next(step for step in STEPS if step.payload)
    for step in STEPS[: STEPS.index(listing)]:
        apply(state, step)
    witness = witnessing.of(listing)
    with pytest.raises(WitnessError):
        onestep.execute(witness, listing._replace(payload=bytes(192)))
    assert onestep.execute(witness, listing)


def test_the_end_of_a_chunk_books_its_fees() -> None:
    state = State()
    witnessing = Witnessing(state, Commitment(state))
    for step in STEPS[:40]:
        apply(state, step)
    assert state.fees_micro > 0
    witness = witnessing.of_end()
    with pytest.raises(WitnessError):
        onestep.end_chunk(witness._replace(accounts=()))
    state.end_chunk()
    assert onestep.end_chunk(witness) == witnessing.running()
    nothing = witnessing.of_end()
    assert (nothing.accounts, onestep.end_chunk(nothing)) == ((), witnessing.running())
