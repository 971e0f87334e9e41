"""A watchtower over a town, with its alarms in a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from settlement.data.archive import BlobSource
from settlement.data.external import Reader
from settlement.l1.blobs import shared_kzg
from settlement.l1.feed import Feed
from settlement.l1.follower import Mark
from settlement.l1.sender import Sender
from settlement.watch.alarms import Alarm, Alarms
from settlement.watch.challenge import Challenger, secret_of
from settlement.watch.lateness import Lateness
from settlement.watch.replica import Replica
from settlement.watch.store import WatchStore
from settlement.watch.tower import Means, Rule, Watchtower
from tests.e2e.lies.operator import WATCHER, Town


class Watch:
    """The watchtower as its command makes it; `restart` as after a kill."""

    def __init__(
        self, town: Town, path: str | Path = ":memory:", *, external: Reader | None = None,
        blobs: BlobSource | None = None, armed: bool = True,
        rules: Callable[[Alarms, WatchStore], Sequence[Rule]] = lambda alarms, store: (),
    ) -> None:  # fmt: skip
        self.town = town
        self.said: list[Alarm] = []
        self._path, self._external, self._armed, self._rules = path, external, armed, rules
        self._blobs = blobs
        self.alarms = Alarms(self.said.append, lambda: 0)
        self.store = self._open()
        self.tower = self._tower()

    def restart(self) -> None:
        """As a process that was killed: everything again from the file."""
        self.store.close()
        self.alarms = Alarms(self.said.append, lambda: 0)
        self.store = self._open()
        self.tower = self._tower()

    def _open(self) -> WatchStore:
        where = self.town.rollup.addresses
        return WatchStore(self._path, where.chain_id, where.inbox)

    def _tower(self) -> Watchtower:
        rollup, judges = self.town.rollup, self.town.judges

        def feed(marks: Sequence[Mark]) -> Feed:
            return Feed(rollup, shared_kzg(), blobs=self._blobs, external=self._external, marks=marks)

        replica = Replica(rollup, self.store, feed, lambda _: True)
        means = None
        if self._armed:
            challenger = Challenger(judges, WATCHER.address, secret_of(WATCHER))
            means = Means(Sender(rollup.ethereum, WATCHER), challenger)
        lateness, rules = Lateness(replica, self.alarms), self._rules(self.alarms, self.store)
        return Watchtower(replica, judges, self.alarms, lateness, means, rules)

    @property
    def codes(self) -> list[str]:
        """What was said so far."""
        return [alarm.code for alarm in self.said]

    def turns(self, done: Callable[[], bool], most: int = 24) -> None:
        """Turns and blocks until something holds. Raises AssertionError."""
        for _ in range(most):
            self.tower.turn()
            if done():
                return
            self.town.backend.mine()
        told = "\n".join(alarm.line() for alarm in self.said)
        raise AssertionError(f"it never came to that:\n{told}")

    def until_void(self, batch_id: int) -> None:
        """Until a batch is voided on the L1 and the watchtower knows."""
        self.turns(lambda: self.town.head < batch_id and "batch_voided" in self.codes)
