"""Disputes: a wrong batch is voided by executing one of its chunks, a right one is not."""

from __future__ import annotations

import copy

import pytest

from settlement.contracts import packing
from settlement.contracts.evm import Reverted
from settlement.hashing import keccak
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, Executed
from settlement.stf.commitment import Commitment
from settlement.stf.header import Header
from settlement.stf.witness import Witnessing
from settlement.trees import binary
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.worlds import (
    World,
    chunk_argument,
    fill,
    hold,
    run_chunk,
    venue,
    words_of,
)

MAKER, TAKER = 70, 75


def begin(world: World, header: Header, argument: tuple[object, ...], before: Witnessing) -> bytes:
    dispute = world.contracts.dispute
    receipt = dispute.transact(
        world.challenger, "begin", header.bound(), bytes(32), argument, packing.running(before.running())
    )
    name = dispute.returned("begin", receipt.output)
    assert isinstance(name, bytes)
    return name


def subject_of(world: World, header: Header, argument: tuple[object, ...]) -> tuple[object, ...]:
    index, kind, count, steps_root, _, _, _, behind, _ = argument
    return world.challenger, header.hash, bytes(32), index, kind, count, steps_root, behind


def finish(
    world: World,
    header: Header,
    argument: tuple[object, ...],
    progress: packing.Progress,
    steps: list[s.Step],
    before: Witnessing,
) -> bool:
    dispute = world.contracts.dispute
    receipt = dispute.transact(
        world.challenger,
        "finish",
        header.bound(),
        subject_of(world, header, argument),
        progress,
        [step.hash() for step in steps],
        packing.fee_account(before.of_end()),
    )
    return bool(dispute.returned("finish", receipt.output))


def start(machine: Machine) -> tuple[World, Witnessing]:
    """A world, and its state of now kept aside."""
    state = venue()
    hold(state, MAKER, 1, 30, 400)
    hold(state, MAKER, 18, -3, 40)
    world = World(*machine, state)
    before = copy.deepcopy(state)
    return world, Witnessing(before, Commitment(before))


STEPS = [fill(MAKER, TAKER), s.Step(s.INDEX, p=61_000 * 10**6), fill(TAKER, MAKER, 3, flags=1, ident=2)]


def test_a_right_batch_is_refuted_and_stands(any_machine: Machine) -> None:
    world, before = start(any_machine)
    chunks, done = world.batch(STEPS)
    header = world.header(chunks, done)
    world.post(header)
    argument = chunk_argument(chunks, list(done.trace), 0, header.previous_root)
    name = begin(world, header, argument, before)
    progress, _ = run_chunk(world, name, before, STEPS)
    assert not finish(world, header, argument, progress, STEPS, before)
    assert world.contracts.inbox.call("head") == 1


def test_a_wrong_state_voids_the_batch_and_pays_the_challenger(any_machine: Machine) -> None:
    world, before = start(any_machine)
    chunks, done = world.batch(STEPS)
    trace = [keccak(b"a state out of nowhere")]
    header = world.header(chunks, done, new_root=trace[0], trace_root=binary.root(trace))
    world.post(header)
    argument = chunk_argument(chunks, trace, 0, header.previous_root)
    name = begin(world, header, argument, before)
    progress, _ = run_chunk(world, name, before, STEPS)
    inbox, token = world.contracts.inbox, world.contracts.token
    before_tokens = token.call("balanceOf", world.challenger)
    assert finish(world, header, argument, progress, STEPS, before)
    assert (inbox.call("head"), inbox.call("head_root"), inbox.call("bond")) == (0, header.previous_root, 0)
    assert token.call("balanceOf", world.challenger) == before_tokens + world.settings.bond_least // 2


def test_a_step_that_is_not_allowed_voids_the_batch(revm: Machine) -> None:
    world, before = start(revm)
    wrong = [STEPS[0], fill(MAKER, 9_999)]
    chunks, trace = [Chunk(0, tuple(wrong))], [keccak(b"whatever")]
    _, done = world.batch(wrong[:1])
    header = world.header(chunks, done, new_root=trace[0], trace_root=trace[0], chunk_root=chunks[0].leaf)
    world.post(header)
    argument = chunk_argument(chunks, trace, 0, header.previous_root)
    name = begin(world, header, argument, before)
    progress, _ = run_chunk(world, name, before, wrong)
    assert (progress.done, progress.code) == (2, 2)
    assert finish(world, header, argument, progress, wrong, before)
    assert world.contracts.inbox.call("head") == 0


def test_nobody_ends_a_dispute_with_steps_missing_or_made_up(revm: Machine) -> None:
    world, before = start(revm)
    chunks, done = world.batch(STEPS)
    header = world.header(chunks, done)
    world.post(header)
    argument = chunk_argument(chunks, list(done.trace), 0, header.previous_root)
    name = begin(world, header, argument, before)
    progress, _ = run_chunk(world, name, before, STEPS[:2])
    with pytest.raises(Reverted, match="UNFINISHED"):
        finish(world, header, argument, progress, STEPS, before)
    with pytest.raises(Reverted, match="STEPS"):
        finish(world, header, argument, progress, STEPS[:2], before)
    with pytest.raises(Reverted, match="PROGRESS"):
        finish(world, header, argument, progress._replace(code=1), STEPS, before)
    executor = world.contracts.executor(s.FILL)
    foreign = fill(TAKER, MAKER, 4)
    witness = packing.pack(foreign, before.of(foreign))
    receipt = executor.transact(world.challenger, "step", name, progress, witness)
    progress = packing.Progress(*executor.returned("step", receipt.output))
    with pytest.raises(Reverted, match="STEPS"):
        finish(world, header, argument, progress, STEPS, before)
    with pytest.raises(Reverted, match="EXECUTOR"):
        world.contracts.dispute.transact(world.user, "advance", name, bytes(32), bytes(32))


def test_a_new_root_that_is_not_the_last_of_the_trace_is_proven_alone(revm: Machine) -> None:
    world, _ = start(revm)
    chunks, done = world.batch(STEPS)
    header = world.header(chunks, done, new_root=keccak(b"other"))
    world.post(header)
    dispute = world.contracts.dispute
    world.prove(dispute, "prove_end", header.bound(), bytes(32), done.new_root, ())
    assert world.contracts.inbox.call("head") == 0


def test_a_batch_that_does_not_stand_can_not_be_disputed(revm: Machine) -> None:
    world, before = start(revm)
    chunks, done = world.batch(STEPS)
    header = world.header(chunks, done)
    argument = chunk_argument(chunks, list(done.trace), 0, header.previous_root)
    with pytest.raises(Reverted, match="BATCH"):
        begin(world, header, argument, before)
    world.post(header)
    with pytest.raises(Reverted, match="CHUNK"):
        begin(world, header, (*argument[:2], 2, *argument[3:]), before)
    with pytest.raises(Reverted, match="TRACE"):
        begin(world, header, (*argument[:7], keccak(b"x"), argument[8]), before)
    with pytest.raises(Reverted, match="STATE"):
        begin(world, header, argument, Witnessing(world.state, world.commitment))


def test_who_began_first_ends_a_dispute_first(revm: Machine) -> None:
    world, before = start(revm)
    chunks, _ = world.batch(STEPS)
    trace = [keccak(b"a state out of nowhere")]
    header = world.header(chunks, Executed(trace[0], (chunks[0].leaf,), tuple(trace)))
    world.post(header)
    argument = chunk_argument(chunks, trace, 0, header.previous_root)
    state = packing.running(before.running())
    world.contracts.dispute.transact(world.user, "begin", header.bound(), bytes(32), argument, state)
    name = begin(world, header, argument, before)
    progress, _ = run_chunk(world, name, before, STEPS)
    with pytest.raises(Reverted, match="FIRST"):
        finish(world, header, argument, progress, STEPS, before)
    world.evm.advance(world.settings.dispute_s // 4 + 1)
    assert finish(world, header, argument, progress, STEPS, before)


def test_what_a_header_says_of_the_queues_is_proven_by_the_new_state(revm: Machine) -> None:
    world, _ = start(revm)
    bridge, dispute = world.contracts.bridge, world.contracts.dispute
    bridge.transact(world.user, "deposit", MAKER, 5)
    chunks, done = world.batch(STEPS)
    header = world.header(chunks, done, deposits_through=1)
    world.post(header)
    trees = world.commitment
    sections, money = trees.sections(), words_of(world.state.parameters.money.words())
    told = header.bound(), bytes(32), trees.accounts.root, trees.instruments.root
    with pytest.raises(Reverted, match="STATE"):
        world.prove(dispute, "prove_through", *told, sections, (1, 1))
    world.prove(dispute, "prove_through", *told, sections, money)
    assert world.contracts.inbox.call("head") == 0


def test_a_chunk_with_a_step_of_another_kind_is_proven_alone(revm: Machine) -> None:
    world, _ = start(revm)
    dispute, mixed = world.contracts.dispute, Chunk(0, (STEPS[1], s.Step(s.DISCOUNT, p=5)))
    trace = [keccak(b"whatever")]
    done = Executed(trace[0], (mixed.leaf,), tuple(trace))
    header = world.header([mixed], done)
    world.post(header)
    argument = chunk_argument([mixed], trace, 0, header.previous_root)
    hashes = [step.hash() for step in mixed.steps]

    def prove(index: int) -> None:
        record = mixed.steps[index].pack()
        words = (int.from_bytes(record[:32], "big"), int.from_bytes(record[32:], "big"))
        path = binary.prove(hashes, index)
        world.prove(dispute, "prove_chunk", header.bound(), bytes(32), argument, index, *words, path)

    with pytest.raises(Reverted, match="RIGHT"):
        prove(0)
    prove(1)
    assert world.contracts.inbox.call("head") == 0
