"""What the contracts make of a step is what the transition makes of it, whatever the step and its witness."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from settlement.contracts import packing
from settlement.contracts.compiler import WIDE, compiled
from settlement.contracts.deployment import EXECUTOR_NAMES, EXECUTORS, deploy_executor, executor_of
from settlement.contracts.evm import Contract, Reverted, deploy
from settlement.contracts.packing import Packed, Progress
from settlement.contracts.revm import Revm
from settlement.stf import steps as s
from settlement.stf.commitment import Commitment
from settlement.stf.rules import apply
from settlement.stf.state import State
from settlement.stf.steps import Step
from settlement.stf.witness import Running, Witnessing
from tests.unit.settlement.contracts.worlds import FULL, fill, full_venue
from tests.unit.settlement.stf.every_kind import BATCHES
from tests.unit.settlement.stf.tampering import mutants, tampered
from tests.unit.settlement.stf.test_onestep import verdict

STEPS = [step for batch in BATCHES for step in batch]
COVERED = frozenset(kind for kinds in EXECUTORS.values() for kind in kinds)
WHO = b"\x01" * 20


class Bench:
    """Contracts of steps that belong to no dispute, and a queue that says what it is told."""

    def __init__(self) -> None:
        self.evm = Revm()
        self.queue = deploy(self.evm, WHO, compiled("Queue", directory=Path(__file__).parent))
        self.executors = {
            name: deploy_executor(self.evm, WHO, name, bytes(20), self.queue.address)
            for name in EXECUTOR_NAMES
        }

    def of(self, kind: int, *, wide: bool = False) -> Contract:
        return self.executors[WIDE * wide + executor_of(kind)]

    def execute(self, step: Step, packed: Packed, before: Running) -> Progress:
        """Where the contract stands behind the step. Raises Reverted."""
        if step.kind in (s.DEPOSIT, s.FORCED):
            owner = step.word[:20] if step.word else bytes(20)
            self.queue.transact(WHO, "tell", owner, step.first, max(0, step.p))
        contract = self.of(step.kind, wide=packed.is_wide)
        return Progress(*contract.call("step", bytes(32), packing.start(before), packed))


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


def by_contract(bench: Bench, state: State, step: Step) -> packing.RunningRoots | None:
    """The roots behind a step; None if the contract does not allow it."""
    witness = Witnessing(state, Commitment(state)).of(step)
    found = bench.execute(step, packing.pack(step, witness), witness.before)
    assert found.done == 1
    if found.code:
        assert found.state == packing.running(witness.before)
        return None
    return found.state


def is_record(step: Step) -> bool:
    """Whether a step is one that 64 bytes can say."""
    try:
        return s.unpack(step.pack(), step.payload) == step
    except struct.error:
        return False


def leaves_a_gap(state: State, step: Step) -> bool:
    """The transition knows of no queue: that ids have no gaps is the contract's to see."""
    return step.kind == s.DEPOSIT and step.ident > state.parameters.money.last_deposit_id + 1


def test_every_step_of_a_day_and_its_neighbours(bench: Bench) -> None:
    rng, state, allowed, refused = random.Random(11), State(), 0, 0
    for step in STEPS:
        for tried in (step, *mutants(step, rng)):
            if tried.kind not in COVERED or not is_record(tried) or leaves_a_gap(state, tried):
                continue
            ours = verdict(state, tried)
            theirs = by_contract(bench, state, tried)
            assert theirs == (None if ours is None else packing.running(ours)), tried
            allowed, refused = allowed + (ours is not None), refused + (ours is None)
        apply(state, step)
    assert allowed > 60
    assert refused > 150


def test_a_witness_that_is_changed_proves_nothing(bench: Bench) -> None:
    rng, state, count = random.Random(5), State(), 0
    witnessing = Witnessing(state, Commitment(state))
    for step in STEPS:
        witness = witnessing.of(step)
        if step.kind in COVERED:
            for broken in tampered(witness, rng):
                try:
                    found = bench.execute(step, packing.pack(step, broken), witness.before)
                except Reverted:
                    count += 1
                else:  # what was changed is something this contract does not look at
                    right = bench.execute(step, packing.pack(step, witness), witness.before)
                    assert found == right, (step, broken)
        apply(state, step)
    assert count > 150


def test_accounts_of_many_pages_and_all_underlyings_are_executed_by_the_wide_contracts(bench: Bench) -> None:
    state = full_venue(200, 1_024)
    steps = [
        fill(*FULL, 16 * 5, lots=2, ident=1),
        Step(s.RISK, instrument=1_000, p=7),
        Step(s.SETTLE, flags=1, instrument=16 * 9, p=10**6),
        Step(s.HOLDER, instrument=16 * 9, first=FULL[0]),
    ]
    witnessing = Witnessing(state, Commitment(state))
    for step in steps:
        witness = witnessing.of(step)
        packed = packing.pack(step, witness)
        assert packed.is_wide or step.kind == s.SETTLE
        contract = bench.of(step.kind, wide=packed.is_wide)
        receipt = contract.transact(WHO, "step", bytes(32), packing.start(witness.before), packed)
        assert receipt.gas_used < 10_000_000
        apply(state, step)
        found = Progress(*contract.returned("step", receipt.output))
        assert (found.code, found.state) == (0, packing.running(witnessing.running()))
