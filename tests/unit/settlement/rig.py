"""A settlement on disk with everything around it in the test's hands: clock, events, L1, crashes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from settlement.batch import Frame, Limits
from settlement.hashing import keccak
from settlement.l1.mock import MockL1
from settlement.service import Service
from settlement.source import HeadLookup
from settlement.status import Status
from settlement.store import Store
from tests.unit.settlement.streams import TIME_MS, Venue

DEFAULT_LIMITS = Limits(20, 1_000)


class Clock:
    """Time that moves when told to."""

    def __init__(self, now_ms: int = TIME_MS) -> None:
        self.value_ms = now_ms

    def __call__(self) -> int:
        return self.value_ms

    def advance(self, ms: int) -> None:
        self.value_ms += ms


class Crash(BaseException):
    """The process dies here. Not an Exception: nothing may catch it."""


class MemorySource:
    """Frames from a list; `known_seq` is how far chain heads are written, None for all."""

    def __init__(self, frames: list[Frame], next_seq: int = 1) -> None:
        self._frames = frames
        self._next_seq = next_seq
        self.published: list[int] = []
        self.known_seq: int | None = None
        self.batch_ends: set[int] | None = None

    def poll(self) -> list[Frame]:
        found = [frame for frame in self._frames if frame.first_seq >= self._next_seq][:3]
        if found:
            self._next_seq = found[-1].last_seq + 1
        return found

    def head_after(self, seq: int) -> HeadLookup:
        known = self.known_seq if self.known_seq is not None else self._frames[-1].last_seq
        ends = self.batch_ends is None or seq in self.batch_ends
        return HeadLookup(head_of(seq) if seq <= known and ends else None, known)

    def consumed(self, next_seq: int) -> None:
        self.published.append(next_seq)


def head_of(seq: int) -> bytes:
    """The chain head the tests' source has after a command."""
    return keccak(seq.to_bytes(8, "big"))


def is_settled(told: Status, last_seq: int) -> bool:
    """Every event up to `last_seq` is read, and whatever moved something is in a confirmed batch."""
    everything = told.read_seq == last_seq and not told.waiting_operations
    return everything and told.confirmed_batch_id == told.batch_id


class Rig:
    """Everything of one settlement; `opened` is one life of its process."""

    def __init__(self, path: Path, frames: list[Frame], limits: Limits = DEFAULT_LIMITS) -> None:
        self.path = path
        self.clock = Clock()
        self.frames = frames
        self.limits = limits
        self.told: list[Status] = []
        self.source = MemorySource(frames)

    @property
    def l1_path(self) -> Path:
        return self.path / "l1.sqlite"

    def l1(self) -> MockL1:
        return MockL1(self.l1_path, self.clock, block_ms=100, confirmations=3)

    @contextmanager
    def opened(
        self, wrap: Callable[[Store, MockL1], None] | None = None, before: Status | None = None
    ) -> Iterator[Service]:
        store, l1 = Store(self.path / "settlement.sqlite"), self.l1()
        try:
            if wrap is not None:
                wrap(store, l1)
            loaded = store.load()
            self.source = MemorySource(self.frames, loaded.next_seq)
            tell = self.told.append
            yield Service(store, loaded, self.source, l1, self.clock, tell, self.limits, before=before)
        finally:
            l1.close()
            store.close()

    def fund(self, venue: Venue) -> None:
        """Make the venue's deposits on the L1, so that `verify` finds them."""
        l1 = self.l1()
        for _, account, amount in venue.deposits:
            l1.faucet(account, amount)
        self.clock.advance(100)
        l1.tick()
        l1.close()

    def steps(self, service: Service, count: int, ms: int = 60) -> None:
        for _ in range(count):
            service.step()
            self.clock.advance(ms)

    def run_to_end(self, service: Service, steps_max: int = 1_000) -> None:
        """Step until every event is in a confirmed batch."""
        for _ in range(steps_max):
            service.step()
            if is_settled(self.told[-1], self.frames[-1].last_seq):
                return
            self.clock.advance(60)
        raise AssertionError(f"not finished after {steps_max} steps: {self.told[-1]}")
