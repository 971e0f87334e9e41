"""An operator who posts batches of a small venue to real contracts, right ones and wrong ones.

What is honest of it is the product's: steps are applied and cut by `ChunkBuilder`, coded by codec 5, posted
by `Rollup.post`. A lie is what a test tells it to post beside that.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from settlement.contracts.deployment import Contracts, Settings, deploy_all
from settlement.data.external import ExternalStore
from settlement.devnet import accounts
from settlement.hashing import keccak
from settlement.l1.ethereum import Ethereum
from settlement.l1.judging import Judges
from settlement.l1.leaving import Leaving
from settlement.l1.onchain import OnChain
from settlement.l1.rollup import Addresses, Rollup
from settlement.l1.sender import Call
from settlement.rollup.codec_5 import Codec5
from settlement.stf import steps as s
from settlement.stf.chunks import Chunk, ChunkBuilder, Executed
from settlement.stf.commitment import Commitment
from settlement.stf.header import CALLDATA, EXTERNAL, Header, ShardRange
from settlement.stf.state import State
from settlement.stf.steps import Step
from tests.unit.settlement.l1.backends import Backend
from tests.unit.settlement.stf import every_kind as day

E6: Final = 10**6
SETTINGS: Final = Settings(
    challenge_s=1_000, response_s=300, dispute_s=600, deposit_s=500, forced_s=500, silence_s=5_000,
    claim_s=400, bond_least=100_000 * E6, stake=1_000 * E6,
)  # fmt: skip
DEPLOYER, OPERATOR, SEQUENCER, GUARDIAN, WATCHER, ALICE, BOB = map(accounts.key, range(7))
MINTED: Final = 3 * 10**6 * E6
OWNERS: Final = {day.ALICE: ALICE.address, day.BOB: BOB.address}
Lie = Callable[[Header, list[bytes]], Header]
"""What an operator makes of an honest header; he may change the trace it commits to as well."""


@dataclass
class Posted:
    """A batch as it was posted."""

    header: Header
    payload: bytes
    chunks: list[Chunk]
    trace: list[bytes]


@dataclass
class Town:
    """A chain with all contracts, an operator with his bond, users and a watcher with money."""

    backend: Backend
    contracts: Contracts = field(init=False)
    rollup: Rollup = field(init=False)

    def __post_init__(self) -> None:
        ethereum = Ethereum(self.backend.rpc)
        keys = map(accounts.key, range(7))
        self.chain = OnChain(ethereum, keys, self.backend.mine, self.backend.increase_time)
        first_block = ethereum.head().number + 1
        self.contracts = deploy_all(
            self.chain, DEPLOYER.address, operator=OPERATOR.address, sequencer=SEQUENCER.address,
            guardian=GUARDIAN.address, genesis_root=Commitment(State()).root, settings=SETTINGS,
        )  # fmt: skip
        self.rollup = Rollup(ethereum, Addresses.of(self.contracts, 1337, first_block))
        self.judges, self.leaving = Judges(self.rollup), Leaving(self.rollup)
        for key in (OPERATOR, WATCHER, ALICE, BOB):
            self.do(DEPLOYER.address, self.rollup.mint(key.address, MINTED))
        for call in self.rollup.add_bond(SETTINGS.bond_least):
            self.do(OPERATOR.address, call)

    def do(self, sender: bytes, call: Call) -> None:
        """One transaction in a block. Raises settlement.contracts.evm.Reverted."""
        self.chain.transact(sender, call.to, call.data)

    def later(self, seconds: int) -> None:
        """Time passes."""
        self.chain.advance(seconds)

    def tokens(self, who: bytes) -> int:
        """What somebody has."""
        return int(self.contracts.token.call("balanceOf", who))

    @property
    def head(self) -> int:
        """The newest batch that stands."""
        return int(self.contracts.inbox.call("head"))


def opening(deposits: Sequence[tuple[int, int]]) -> list[Step]:
    """The day's first batch with owners whose keys are known, and deposits of them."""
    def owned(step: Step) -> Step:
        owner = OWNERS.get(step.first) if step.kind == s.ACCOUNT else None
        return step if owner is None else step._replace(word=owner.ljust(32, b"\0"))

    kept = [owned(step) for step in day.OPENING if step.kind not in (s.DEPOSIT, s.RECLASS)]
    return [*kept, *(day.deposit(account, n, amount) for n, (account, amount) in enumerate(deposits, 1))]


class Operator:
    """Builds and posts. `state` is what he truly has; what he says of it is another matter."""

    def __init__(self, town: Town, store: ExternalStore | None = None) -> None:
        self.town = town
        self.state = State()
        self.commitment = Commitment(self.state)
        self.coding = Codec5()
        self.batch_id, self.root, self.next_seq = 0, self.commitment.root, 1
        self.store = store
        self.posted: list[Posted] = []
        self.building: list[Chunk] = []

    def open(self) -> Posted:
        """Deposits on the L1, and the first batch."""
        deposits = [(day.ALICE, 900_000 * E6), (day.BOB, 400_000 * E6), (day.CAROL, 50_000 * E6)]
        for account, amount in deposits:
            for call in self.town.rollup.deposit(account, amount):
                self.town.do(ALICE.address, call)
        return self.post(opening(deposits))

    def build(
        self, steps: Sequence[Step], lies: Sequence[Step] = ()
    ) -> tuple[list[Chunk], Executed, bytes, bytes]:
        """Chunks, what they come to, payload and tables hash. `lies` are steps behind the others that no rule
        allows: the states from their chunk on are made up."""
        self.coding.begin(self.state)
        builder = ChunkBuilder(self.state, self.commitment)
        for step in steps:
            builder.add(step)
        builder.close()
        if not lies:
            for step in self.coding.reclass(builder.chunks):
                builder.add(step)
        done, chunks = builder.close(), list(builder.chunks)
        if lies:
            chunks.append(Chunk(0 if lies[0].kind == s.FILL else 1, tuple(lies)))
            learnt = tuple(self.coding.reclass(chunks))
            chunks += [Chunk(1, learnt)] if learnt else []
            made_up = keccak(b"made up" + done.new_root)
            unseen = len(chunks) - len(done.trace)
            done = Executed(made_up, tuple(c.leaf for c in chunks), (*done.trace, *[made_up] * unseen))
        encoded = self.coding.encode(chunks)
        return chunks, done, encoded.payload, encoded.tables_hash

    def header(self, chunks: list[Chunk], done: Executed, payload: bytes, tables: bytes) -> Header:
        """The header of what was built."""
        money = self.state.parameters.money
        kinds = [step.kind for chunk in chunks for step in chunk.steps]
        seq = self.next_seq
        part = ShardRange(1, 1 << 56 | seq, 1 << 56 | seq + 9, keccak(b"c"), keccak(b"h"), keccak(b"l"))
        return Header(
            self.coding.number, self.batch_id + 1, self.town.chain.now() * 1000, self.root, done.new_root,
            done.chunk_root, done.trace_root, tables, keccak(payload), len(payload), len(chunks), len(kinds),
            kinds.count(s.FILL), CALLDATA, 0, money.last_deposit_id, money.forced_through, (part,),
        )  # fmt: skip

    def post(
        self, steps: Sequence[Step], lies: Sequence[Step] = (), *,
        lie: Lie | None = None, spoil: Callable[[bytes], bytes] | None = None, **changed: Any,
    ) -> Posted:  # fmt: skip
        """Build and post; `spoil` changes the payload, with its hash and length, `lie` the header when all is
        known. Raises Reverted where it is refused."""
        chunks, done, payload, tables = self.build(steps, lies)
        self.building = chunks
        header = self.header(chunks, done, payload, tables)
        assert self.coding.decode(header, payload) == chunks  # as the builder reads back what it made
        if spoil is not None:
            payload = spoil(payload)
            header = header._replace(data_hash=keccak(payload), payload_bytes=len(payload))
        header, trace = header._replace(**changed), list(done.trace)
        if lie is not None:
            header = lie(header, trace)
        self.send(header, payload)
        self.posted.append(Posted(header, payload, chunks, trace))
        return self.posted[-1]

    def send(self, header: Header, payload: bytes) -> None:
        """Post a header with its data. Raises Reverted."""
        outside = header.layer == EXTERNAL
        call = self.town.rollup.post(header.bound(), b"" if outside else payload)
        if outside and self.store is not None:
            self.store.put(payload)
        self.town.do(OPERATOR.address, call)
        self.batch_id, self.root = header.batch_id, header.new_root
        self.next_seq += 10

    def kept(self) -> Operator:
        """What he has now, to come back to when what he posts next is voided."""
        found = copy.copy(self)
        found.state = copy.deepcopy(self.state)
        found.commitment = Commitment(found.state)
        found.coding = Codec5(self.coding.tables_data)
        found.posted = list(self.posted)
        return found
