"""Both verifiers allow the same steps and come to the same state, whatever a step says."""

from __future__ import annotations

import copy
from collections import Counter

import pytest

from settlement.stf import steps as s
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError
from settlement.stf.rules import apply as first_apply
from settlement.stf.state import State as FirstState
from tests.second_verifier.mutations import Mutations, Raw
from tests.second_verifier.state import State, Wrong
from tests.second_verifier.step import Step
from tests.second_verifier.transition import apply
from tests.unit.settlement.stf.every_kind import BATCHES

DAY: list[Raw] = [(step.pack(), step.payload) for batch in BATCHES for step in batch]
EACH = 3


def by_first(state: FirstState, raw: Raw) -> bytes | None:
    """The root behind a step, or None where it is not allowed."""
    state = copy.deepcopy(state)
    try:
        first_apply(state, s.unpack(*raw))
        return Commitment(state).update()
    except TransitionError:
        return None


def by_second(state: State, raw: Raw) -> bytes | None:
    state = copy.deepcopy(state)
    try:
        apply(state, Step.read(*raw))
        return state.root()
    except Wrong:
        return None


def compare(seed: int, each: int) -> Counter[tuple[int, bool]]:
    """Along the day, `each` altered steps before every one of it. How often a kind was allowed, and not."""
    first, second, found = FirstState(), State(), Counter[tuple[int, bool]]()
    made = Mutations(seed, DAY)
    for raw in DAY:
        for _ in range(each):
            altered = made.of(raw)
            expected = by_first(first, altered)
            assert by_second(second, altered) == expected, (altered[0].hex(), altered[1].hex(), raw[0].hex())
            found[altered[0][0], expected is not None] += 1
        first_apply(first, s.unpack(*raw))
        apply(second, Step.read(*raw))
    return found


def test_altered_steps_are_judged_alike() -> None:
    found = compare(seed=1, each=EACH)
    assert sum(found.values()) == EACH * len(DAY)
    assert sum(count for (_, allowed), count in found.items() if allowed) > len(DAY) // 2
    assert len({kind for kind, allowed in found if not allowed and kind < s.KINDS}) > s.KINDS * 3 // 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_altered_steps_are_judged_alike(seed: int) -> None:
    compare(seed, each=80)
