"""What a header commits to must be shown on demand, or the batch is void."""

from __future__ import annotations

import pytest

from settlement.contracts.evm import Reverted
from settlement.hashing import ZERO_HASH, keccak
from settlement.stf import steps as s
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.worlds import World, chunk_argument, venue

STEPS = [s.Step(s.INDEX, p=61_000 * 10**6)]
DATA = 2**32


def test_an_answer_takes_the_stake(revm: Machine) -> None:
    world = World(*revm, venue())
    chunks, done = world.batch(STEPS)
    header = world.header(chunks, done)
    world.post(header)
    demands, token = world.contracts.demands, world.contracts.token
    before = token.call("balanceOf", world.operator)
    with pytest.raises(Reverted, match="WHAT"):
        demands.transact(world.challenger, "demand", header.bound(), ZERO_HASH, 1)
    with pytest.raises(Reverted, match="WHAT"):  # the data is on the chain
        demands.transact(world.challenger, "demand", header.bound(), ZERO_HASH, DATA)
    receipt = demands.transact(world.challenger, "demand", header.bound(), ZERO_HASH, 0)
    number = demands.returned("demand", receipt.output)
    argument = chunk_argument(chunks, list(done.trace), 0, header.previous_root)
    hashes = [step.hash() for step in STEPS]
    with pytest.raises(Reverted, match="STEPS"):
        demands.transact(world.operator, "answer_chunk", number, header.bound(), argument, [keccak(b"")])
    demands.transact(world.operator, "answer_chunk", number, header.bound(), argument, hashes)
    assert token.call("balanceOf", world.operator) == before + world.settings.stake
    with pytest.raises(Reverted, match="DEMAND"):
        demands.transact(world.challenger, "expire", number, header.bound())


def test_a_root_nobody_can_open_is_void(any_machine: Machine) -> None:
    world = World(*any_machine, venue())
    chunks, done = world.batch(STEPS)
    garbage = {"new_root": keccak(b"?"), "trace_root": keccak(b"!"), "chunk_root": keccak(b"-")}
    header = world.header(chunks, done, **garbage)
    world.post(header)
    demands, token = world.contracts.demands, world.contracts.token
    before = token.call("balanceOf", world.challenger)
    receipt = demands.transact(world.challenger, "demand", header.bound(), ZERO_HASH, 0)
    number = demands.returned("demand", receipt.output)
    with pytest.raises(Reverted, match="SOON"):
        demands.transact(world.challenger, "expire", number, header.bound())
    world.evm.advance(world.settings.response_s + 1)
    demands.transact(world.challenger, "expire", number, header.bound())
    assert world.contracts.inbox.call("head") == 0
    assert token.call("balanceOf", world.challenger) == before + world.settings.bond_least // 2


def test_a_demand_keeps_the_batch_from_becoming_final(revm: Machine) -> None:
    world = World(*revm, venue())
    header = world.execute(STEPS)
    world.evm.advance(world.settings.challenge_s - 1)
    demands = world.contracts.demands
    demands.transact(world.challenger, "demand", header.bound(), ZERO_HASH, 0)
    world.evm.advance(2)
    world.contracts.inbox.transact(world.user, "finalise")
    assert world.contracts.inbox.call("final_head") == 0
    with pytest.raises(Reverted, match="LATE"):
        demands.transact(world.challenger, "demand", header.bound(), ZERO_HASH, 0)


def test_data_kept_outside_is_published_on_demand(revm: Machine) -> None:
    world = World(*revm, venue())
    chunks, done = world.batch(STEPS)
    header = world.header(chunks, done, layer=2)
    world.post(header, b"")
    demands = world.contracts.demands
    receipt = demands.transact(world.challenger, "demand", header.bound(), ZERO_HASH, DATA)
    number = demands.returned("demand", receipt.output)
    with pytest.raises(Reverted, match="DATA"):
        demands.transact(world.operator, "answer_data", number, header.bound(), b"other")
    demands.transact(world.operator, "answer_data", number, header.bound(), b"payload")
    assert world.contracts.inbox.call("head") == 1
