"""A world whose batches are coded by codec 5, and plans carried out on it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from settlement.contracts.decoding import Before
from settlement.contracts.evm import floor_gas
from settlement.contracts.planning import Planned
from settlement.hashing import keccak
from settlement.rollup.codec_5 import Codec5
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, Executed
from settlement.stf.header import Header
from settlement.trees import binary
from tests.unit.settlement.contracts.conftest import Machine
from tests.unit.settlement.contracts.worlds import World, fill, venue


@dataclass
class Town:
    """A world whose batches are coded; `before` is what there was in front of the last one."""

    world: World
    before: Before
    chunks: list[Chunk]
    done: Executed
    payload: bytes
    header: Header
    leaves: list[bytes] = field(default_factory=list)

    def wrongly(self, chunk: int) -> Header:
        """The last header, committed to another step in a chunk."""
        steps = list(self.chunks[chunk].steps)
        steps[0] = steps[0]._replace(p=steps[0].p + 1)
        leaves = [each.leaf for each in self.chunks]
        leaves[chunk] = Chunk(self.chunks[chunk].kind, tuple(steps)).leaf
        self.leaves = leaves
        return self.header._replace(chunk_root=binary.root(leaves))

    def committed(self, chunk: int) -> tuple[bytes, Sequence[bytes]] | None:
        """As the operator's chunks are known."""
        return self.leaves[chunk], binary.prove(self.leaves, chunk)


def coded(world: World, coding: Codec5, steps: list[s.Step]) -> tuple[list[Chunk], Executed, bytes, bytes]:
    """The next batch: its chunks with those of its coding, what they come to, payload and tables hash."""
    coding.begin(world.state)
    world.builder.begin()
    for step in steps:
        world.builder.add(step)
    world.builder.close()
    for step in coding.reclass(world.builder.chunks):
        world.builder.add(step)
    done = world.builder.close()
    found = coding.encode(world.builder.chunks)
    return world.builder.chunks, done, found.payload, found.tables_hash


def header_of(world: World, chunks: list[Chunk], done: Executed, payload: bytes, tables: bytes) -> Header:
    data = {"data_hash": keccak(payload), "payload_bytes": len(payload)}
    return world.header(chunks, done, tables_hash=tables, **data)


def fills(count: int, start: int) -> list[s.Step]:
    """Fills of a few makers and takers, with an index between them."""
    found: list[s.Step] = [s.Step(s.INDEX, p=(60_000 + start) * 10**6)]
    for n in range(start, start + count):
        who = 64 + n % 3, 70 + n * 7 % 9
        found.append(fill(*who, 1 + n * 5 % 4, price=1_000 + n % 50, lots=1 + n % 4, flags=n & 1, ident=n))
    return found


def town(machine: Machine, first_fills: int = 100, second_fills: int = 90) -> Town:
    """A first batch that stands and a second one coded, not posted."""
    world, coding = World(*machine, venue()), Codec5()
    chunks, done, payload, tables = coded(world, coding, fills(first_fills, 1))
    first = header_of(world, chunks, done, payload, tables)
    world.post(first, payload)
    coding.decode(first, payload)
    before = Before(copy.deepcopy(world.state), coding.tables_data, first)
    steps = [*fills(second_fills, first_fills + 1), s.Step(s.DISCOUNT, p=5)]
    chunks, done, payload, tables = coded(world, coding, steps)
    header = header_of(world, chunks, done, payload, tables)
    return Town(world, before, chunks, done, payload, header)


def carry_out(world: World, calls: list[Planned]) -> dict[str, int]:
    """Do what is planned, each call once; the gas of each function's dearest call."""
    gas: dict[str, int] = {}
    for call in calls:
        contract = getattr(world.contracts, call.contract)
        asked = getattr(world.contracts, call.done.contract)

        def is_done(of: Any = asked, told: Planned = call) -> bool:
            return told.done.holds(of.call(told.done.function, *told.done.arguments))

        assert not is_done(), call.function
        data = contract.data(call.function, *call.arguments)
        receipt = contract.transact(world.challenger, call.function, *call.arguments)
        name = f"{contract.artifact.name}.{call.function}"
        gas[name] = max(gas.get(name, 0), receipt.gas_used, floor_gas(data))
        assert is_done(), call.function
    return gas


def go_back(found: Town) -> None:
    """The operator puts up his bond once more, behind the first batch."""
    world, bond = found.world, found.world.settings.bond_least
    world.contracts.token.transact(world.deployer, "mint", world.operator, bond)
    world.contracts.token.transact(world.operator, "approve", world.contracts.inbox.address, bond)
    world.contracts.inbox.transact(world.operator, "add_bond", bond)
    world.root, world.batch_id = found.header.previous_root, 1
    world.next_seq = found.header.ranges[-1].first_seq
