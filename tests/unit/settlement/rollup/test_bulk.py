"""Runs of fills applied at once: what the rules make of them step by step, or nothing."""

from __future__ import annotations

import random
from copy import deepcopy

import pytest

from settlement.coding.batches import row_of, steps_of
from settlement.coding.fills import columns
from settlement.rollup.bulk import apply_run
from settlement.stf import steps as s
from settlement.stf.commitment import Commitment
from settlement.stf.errors import TransitionError
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import Step
from tests.unit.settlement.stf.every_kind import (
    ALICE,
    BATCHES,
    BOB,
    CALL,
    CAROL,
    DORA,
    EVE,
    PUT,
    SPREAD,
    SWAP,
)

USERS, LISTED = (ALICE, BOB, CAROL, DORA, EVE), (CALL, PUT, SWAP)


def traded() -> State:
    state = State()
    for step in (step for batch in BATCHES[:2] for step in batch):
        apply(state, step)
    apply(state, Step(s.LIQUIDATION, flags=1, first=DORA))
    state.end_chunk()
    return state


TRADED = traded()


def step_of(rng: random.Random, ident: int, odd: float) -> Step:
    """A fill or an index step that is allowed, or, now and then, one that may not be."""
    if rng.random() < 0.1:
        return Step(s.INDEX, instrument=int(rng.random() < odd), p=rng.choice((90_000, 110_000)) * 10**6)
    maker, taker = rng.sample(USERS, 2)
    flags = rng.choice((0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 12, 13))
    classes = rng.choice((0x11, 0x22, 0x12, 0, 0x13 if taker == DORA else 0x21))
    if rng.random() < 0.1 and {maker, taker} != {ALICE, EVE}:
        flags, classes = flags & 1, 0x55
    price, lots, instrument = rng.randint(1, 5_000), rng.randint(1, 60), rng.choice(LISTED)
    if rng.random() < odd:
        price, lots = rng.choice(((0, 1), (100_001, 1), (5, 0), (5, 1 << 28), (-1, 5), (7, 7)))
        maker = rng.choice((taker, 2, 999, maker))
        instrument = rng.choice((SPREAD, 9, instrument))
        flags, classes = rng.choice((8, flags)), rng.choice((0x31, 0x51, 0x55, 0x04, 0x13, classes))
        ident = rng.choice((1, ident))
    return Step(s.FILL, classes, flags, instrument, maker, taker, ident, price, lots)


def stepwise(steps: list[Step]) -> State | None:
    state = deepcopy(TRADED)
    try:
        for step in steps:
            apply(state, step)
        state.end_chunk()
        Commitment(state)
    except TransitionError:
        return None
    return state


def told(state: State) -> tuple[object, ...]:
    books = {n: (a.cash_micro, a.pages, a.open_positions, a.page_count) for n, a in state.accounts.items()}
    holders = {number: who for number, who in state.holders.items() if who}
    slice_ = state.parameters.slice
    return Commitment(state).root, books, holders, (slice_.account, slice_.lots, slice_.value_micro)


@pytest.mark.parametrize("odd", [0.0, 0.02])
def test_at_once_it_comes_to_what_the_rules_say(odd: float) -> None:
    rng, at_once = random.Random(4), 0
    for _ in range(80):
        steps = [step_of(rng, 100 + n, odd) for n in range(rng.randint(1, 40))]
        run = columns([row_of(step) for step in steps])
        assert list(steps_of(run)) == steps
        state, expected = deepcopy(TRADED), stepwise(steps)
        if apply_run(state, run):
            assert expected is not None, steps
            assert told(state) == told(expected)
            at_once += 1
        else:
            assert odd or expected is None
            assert told(state) == told(TRADED)
    assert at_once > (75 if not odd else 20)


def test_without_room_the_rules_have_the_word() -> None:
    steps = [Step(s.FILL, 0x22, 0, CALL, ALICE, BOB, 100, 5, 5)]
    run = columns([row_of(step) for step in steps])
    for changed in ({"open_positions": 65_535}, {"page_count": 2_048}, {"perpetual_entry_micro": 1 << 61}):
        state = deepcopy(TRADED)
        for name, value in changed.items():
            setattr(state.accounts[BOB], name, value)
        assert not apply_run(state, run)
    state = deepcopy(TRADED)
    state.parameters.passage.kind = 1
    assert not apply_run(state, run)
