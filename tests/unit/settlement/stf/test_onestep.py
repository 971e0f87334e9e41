"""One step from its witness: the verdict and the roots that the whole state gives, whatever the step."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import pytest

from settlement.stf import onestep
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError, WitnessError
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import KINDS, Step
from settlement.stf.witness import AccountOpening, LeafOpening, Running, Witness, Witnessing
from settlement.trees.sparse import Proof
from tests.unit.settlement.stf.every_kind import BATCHES

STEPS = [step for batch in BATCHES for step in batch]
NUMBERS = (0, 1, 2, 3, 4, 5, 64, 65, 67, 68, 999)


def mutants(step: Step, rng: random.Random) -> Iterator[Step]:
    """Steps that differ from this one in a field or two, mostly by a little."""
    names = ("classes", "flags", "instrument", "first", "second", "ident", "p", "q")
    for _ in range(5):
        changed = step
        for name in rng.sample(names, rng.choice((1, 1, 2))):
            value = getattr(changed, name)
            most = {"classes": 255, "flags": 65_535}.get(name, 2**31)
            other = rng.choice((value + 1, value - 1, rng.choice(NUMBERS), -value, value * 2))
            fits = other if name in ("p", "q") else max(0, min(other, most))
            changed = _but(changed, name, fits)
        yield changed
    yield step._replace(kind=rng.randrange(KINDS + 1), word=b"", payload=b"")


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


def flipped(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes((data[at] ^ 1 << rng.randrange(8),)) + data[at + 1 :]


def tampered(witness: Witness, rng: random.Random) -> Iterator[Witness]:
    """Witnesses with one bit changed, or one part left out."""

    def of_proof(proof: Proof) -> Proof:
        if not proof.siblings:
            return proof._replace(bitmap=1)
        return proof._replace(siblings=(flipped(proof.siblings[0], rng), *proof.siblings[1:]))

    for at, one in enumerate(witness.accounts):
        for name in ("preimage", "page_list", "page"):
            if getattr(one, name):
                yield _with(witness, at, _but(one, name, flipped(getattr(one, name), rng)))
        yield _with(witness, at, one._replace(proof=of_proof(one.proof)))
        yield witness._replace(accounts=witness.accounts[:at] + witness.accounts[at + 1 :])
    for name in ("instrument", "withdrawal"):
        leaf: LeafOpening | None = getattr(witness, name)
        if leaf is not None:
            yield _but(witness, name, leaf._replace(proof=of_proof(leaf.proof)))
            yield _but(witness, name, None)
    for at, (section, words) in enumerate(witness.sections):
        rest = witness.sections[:at] + witness.sections[at + 1 :]
        yield witness._replace(sections=((section, flipped(words, rng)), *rest))
        yield witness._replace(sections=rest)


def _but(whole: Any, name: str, value: object) -> Any:
    """The same tuple with another value in one field."""
    fields = zip(whole._fields, whole, strict=True)
    return whole._make(value if each == name else old for each, old in fields)


def _with(witness: Witness, at: int, one: AccountOpening) -> Witness:
    accounts = witness.accounts
    return witness._replace(accounts=(*accounts[:at], one, *accounts[at + 1 :]))


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
