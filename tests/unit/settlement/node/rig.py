"""A settlement process on a development chain in this process: clock, blocks, events, crashes in the test's
hand, contracts, database and transactions real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from settlement.attested import AttestedRange
from settlement.batch import Frame
from settlement.contracts.deployment import Settings
from settlement.data.costs import Policy
from settlement.devnet import accounts
from settlement.hashing import keccak
from settlement.l1.ethereum import Ethereum
from settlement.l1.onchain import OnChain
from settlement.l1.rollup import Queues, Rollup
from settlement.node.building import Building, Sources
from settlement.node.closing import Closing
from settlement.node.deploying import deployed
from settlement.node.limits import NodeLimits
from settlement.node.outside import POLL_MS, Outside
from settlement.node.places import NodeAddress, Places
from settlement.node.reporting import LOOK_MS, Reporting
from settlement.node.signers import Keys
from settlement.node.store import NodeStore
from settlement.node.wiring import Build, parts_of
from settlement.rollup.builder import no_classes
from settlement.rollup.derive import QueuedDeposit
from settlement.status import Status
from tests.unit.settlement.devnet.rig import START_MS
from tests.unit.settlement.l1.backends import Backend, Devnet
from tests.unit.settlement.rig import MemorySource, head_of
from tests.unit.settlement.streams import Venue

SETTINGS = Settings(challenge_s=600, response_s=600, dispute_s=1_200, bond_least=1_000 * 10**6)
FAUCET = accounts.key(1)
STRANGER = accounts.key(4)
CALLDATA = Policy(blobs=False)
LIMITS = NodeLimits(fills=40, interval_ms=1_000, latency_ms=1_000)


class Attested:
    """An attestor that has seen everything."""

    def of(self, first_seq: int, last_seq: int) -> AttestedRange | None:
        return AttestedRange(head_of(last_seq), keccak(first_seq.to_bytes(8, "big")), head_of(last_seq))


class Life(NamedTuple):
    """One life of the process."""

    building: Building
    outside: Outside
    reporting: Reporting
    store: NodeStore


class Rig:
    """Everything of one settlement; `opened` is one life of its process."""

    def __init__(
        self, path: Path, frames: list[Frame], policy: Policy = CALLDATA, backend: Backend | None = None, *,
        netted: bool = False,
    ) -> None:  # fmt: skip
        """`backend`: another chain than a new development chain."""
        self.netted = netted
        self.devnet = backend or Devnet()
        self.clock_ms = START_MS
        self.frames = frames
        self.policy = policy
        self.places = Places(path)
        self.ethereum = Ethereum(self.devnet.rpc)
        made = deployed(
            self.ethereum, accounts.key(0), accounts.key(5).address, accounts.key(3).address, SETTINGS,
            lambda _: None, self.devnet.mine,
        )  # fmt: skip
        self.places.contracts.write_bytes(made.packed())
        self.rollup = Rollup(self.ethereum, made)
        self.chain = OnChain(self.ethereum, [FAUCET, STRANGER], self.devnet.mine, self.devnet.increase_time)
        self.told: list[Status] = []
        self.source = MemorySource([])

    def now_ms(self) -> int:
        return self.clock_ms

    def fault(self, **faults: bool) -> None:
        """What the development chain does wrong from now on."""
        assert isinstance(self.devnet, Devnet)
        self.devnet.rig.chain.faults.set(dict(faults))

    def deposit(self, *deposits: tuple[int, int]) -> None:
        """Deposits on the L1: account, amount."""
        token, bridge = self.rollup.addresses.token, self.rollup.addresses.bridge
        total = sum(amount for _, amount in deposits)
        self.chain.transact(FAUCET.address, token, self.rollup.mint(FAUCET.address, total).data)
        self.chain.transact(FAUCET.address, token, self.rollup.approve(bridge, total).data)
        for account, amount in deposits:
            self.chain.transact(FAUCET.address, bridge, self.rollup.deposit(account, amount)[1].data)

    @contextmanager
    def opened(self) -> Iterator[Life]:
        store = NodeStore(self.places.database)
        loaded = store.load()
        keys, address = Keys.of(True, {}), NodeAddress("http://127.0.0.1:1", True)
        build = Build(self.places, address, keys, LIMITS, self.policy, 2, self.now_ms, netted=self.netted)
        outside = Outside(lambda: parts_of(build, self.devnet.rpc), self.now_ms, lambda: postable())
        self.source = MemorySource(self.frames, loaded.next_seq)
        sources = Sources(self.source, Attested(), self.queued, no_classes)
        closing = Closing(LIMITS, self.policy, lambda: outside.prices, netted=self.netted)
        building = Building(
            store, loaded, sources, closing, self.now_ms, lambda n: waiting(outside, n), netted=self.netted
        )

        def postable() -> int:
            return -1 if building.alarm[0] else building.batch_id

        before = self.told[-1] if self.told else None
        reporting = Reporting(store, building, outside, self.now_ms, self.told.append, before=before)
        outside.open()
        try:
            yield Life(building, outside, reporting, store)
        finally:
            outside.close()
            store.close()

    def queued(self, deposit_id: int) -> QueuedDeposit | None:
        return Queues(self.rollup, self.ethereum.head()).deposit(deposit_id)

    def turn(self, life: Life, *, mine: bool = True) -> Status:
        """A quarter of a second: one step of everything, and a block."""
        self.clock_ms += max(POLL_MS, LOOK_MS)
        if isinstance(self.devnet, Devnet):
            self.devnet.rig.clock.now_ms = self.clock_ms
        life.building.step()
        life.outside.turn()
        life.reporting.step()
        if mine:
            self.devnet.mine()
        return self.told[-1]

    def until_settled(self, life: Life, turns: int = 200) -> Status:
        """Until everything is read and in a confirmed batch."""
        last_seq = self.frames[-1].last_seq
        for _ in range(turns):
            told = self.turn(life)
            everything = told.read_seq == last_seq and not told.waiting_operations
            if everything and told.confirmed_batch_id == told.batch_id > 0:
                return told
        raise AssertionError(f"not settled after {turns} turns: {self.told[-1]}")


def waiting(outside: Outside, batch_id: int) -> int:
    return max(0, batch_id - outside.seen.included.batch_id) if outside.seen else 0


def venue_of(seed: int, commands: int) -> tuple[Venue, list[Frame]]:
    """A random venue and its frames."""
    venue = Venue(seed)
    return venue, venue.frames(commands)
