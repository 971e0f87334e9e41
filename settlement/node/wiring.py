"""The settlement process put together: building on this thread, the L1's side on another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, NamedTuple, Self

from exchange.journal import DiskStorage, Storage
from settlement.attested import AttestedLog
from settlement.data.archive import BlobArchive
from settlement.data.costs import Policy
from settlement.data.external import ExternalStore
from settlement.l1.blobs import shared_kzg
from settlement.l1.ethereum import Ethereum
from settlement.l1.market import Market
from settlement.l1.posting import Posting
from settlement.l1.rollup import Queues, Rollup
from settlement.l1.rpc import HttpRpc, Rpc
from settlement.l1.sender import Sender
from settlement.node.answering import Answering
from settlement.node.building import Building, Sources
from settlement.node.closing import Closing
from settlement.node.hearing import Hearing
from settlement.node.limits import NodeLimits
from settlement.node.opening import Opening
from settlement.node.outbox import Outbox
from settlement.node.outside import Outside, Parts
from settlement.node.paying import Paying
from settlement.node.places import NodeAddress, Places
from settlement.node.reporting import Reporting
from settlement.node.signers import Keys, addresses_of
from settlement.node.store import NodeStore
from settlement.rollup.derive import QueuedDeposit
from settlement.source import JournalSource
from settlement.status import Status

TURN_S: Final = 0.05
_STOP_S: Final = 15.0


class Build(NamedTuple):
    """What a settlement process is made of."""

    places: Places
    address: NodeAddress
    keys: Keys
    limits: NodeLimits
    policy: Policy
    confirmations: int
    now_ms: Callable[[], int]
    shard: int = 0
    netted: bool = False


def parts_of(build: Build, rpc: Rpc) -> Parts:
    """What works on the L1's side, on a connection. Raises PlacesError, StoreError."""
    rollup = Rollup(Ethereum(rpc), addresses_of(build.places))
    store, kzg = NodeStore(build.places.database), shared_kzg()
    outbox = Outbox(
        store, lambda: Queues(rollup, rollup.ethereum.head()), kzg, BlobArchive(build.places.blobs, kzg),
        ExternalStore(build.places.external, kzg) if build.policy.external or build.netted else None,
        cells=not build.address.devnet,
    )  # fmt: skip
    operator = Sender(rollup.ethereum, build.keys.operator)
    posting = Posting(rollup, operator, outbox, build.now_ms, build.confirmations)
    service = build.keys.service
    paying = Paying(rollup, Sender(rollup.ethereum, service), store) if service else None
    attested = AttestedLog(DiskStorage(build.places.journal), build.shard)
    answering = Answering(rollup, store, attested, build.shard)
    market = Market(rollup.ethereum, build.now_ms)
    opening = Opening(rollup, store)
    return Parts(rollup, posting, outbox, Hearing(rollup, store), paying, answering, opening, market, store)


class Wire:
    """A context: inside it the L1's side runs. Raises StoreError, PlacesError, sqlite3.Error, OSError."""

    def __init__(
        self, build: Build, storage: Storage, tell: Callable[[Status], None], before: Status | None = None
    ) -> None:  # fmt: skip
        """`before` is the status that the last life left."""
        self._build = build
        self._rollup = Rollup(Ethereum(HttpRpc(build.address.url)), addresses_of(build.places))
        self._store = NodeStore(build.places.database)
        loaded = self._store.load()
        # Its connections are made on its own thread.
        self.outside = Outside(self._parts, build.now_ms, self._postable)
        closing = Closing(build.limits, build.policy, lambda: self.outside.prices, netted=build.netted)
        source = JournalSource(storage, build.shard, loaded.next_seq)
        sources = Sources(source, AttestedLog(storage, build.shard), self._deposit)
        self.building = Building(
            self._store, loaded, sources, closing, build.now_ms, self._waiting, build.shard,
            netted=build.netted,
        )
        self.reporting = Reporting(
            self._store, self.building, self.outside, build.now_ms, tell, build.shard, before
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="l1", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=_STOP_S)
        self._store.close()

    @property
    def is_broken(self) -> bool:
        """Whether the L1's side has ended by itself: an error nobody foresaw, told on standard error."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def _deposit(self, deposit_id: int) -> QueuedDeposit | None:
        """Asked on the building thread, seldom."""
        return Queues(self._rollup, self._rollup.ethereum.head()).deposit(deposit_id)

    def _waiting(self, batch_id: int) -> int:
        seen = self.outside.seen
        return max(0, batch_id - seen.included.batch_id) if seen else 0

    def _postable(self) -> int:
        return -1 if self.building.alarm[0] else self.building.batch_id

    def _parts(self) -> Parts:
        return parts_of(self._build, HttpRpc(self._build.address.url))

    def _run(self) -> None:
        self.outside.open()
        try:
            while not self._stop.wait(TURN_S):
                self.outside.turn()
        finally:
            self.outside.close()
