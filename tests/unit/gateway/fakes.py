"""A hand-turned loop, a hand-finished committer, and an engine that only counts."""

from __future__ import annotations

import heapq
import struct
from collections import deque
from collections.abc import Callable

from exchange.domain import commands
from exchange.domain import records as r


class Handle:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualLoop:
    """Runs what was called soon when told to, in order; timers when time is moved."""

    def __init__(self) -> None:
        self._ready: deque[Callable[[], object]] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._count = 0
        self.time_s = 0.0

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self._ready.append(callback)

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Handle:
        handle = Handle(callback)
        self._count += 1
        heapq.heappush(self._timers, (self.time_s + delay, self._count, handle))
        return handle

    def turn(self) -> None:
        """One wake-up: what was ready at its start."""
        for _ in range(len(self._ready)):
            self._ready.popleft()()

    def run(self) -> None:
        while self._ready:
            self.turn()

    def advance(self, seconds: float) -> None:
        until = self.time_s + seconds
        self.run()
        while self._timers and self._timers[0][0] <= until:
            self.time_s, _, handle = heapq.heappop(self._timers)
            if handle.callback is not None:
                handle.callback()
            self.run()
        self.time_s = until


class ManualCommitter:
    """Syncs finish when the test says so."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Callable[[], object], Callable[[BaseException | None], None]]] = deque()

    def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        self.waiting.append((work, done))

    def finish(self) -> None:
        work, done = self.waiting.popleft()
        error: BaseException | None = None
        try:
            work()
        except Exception as caught:
            error = caught
        done(error)

    def close(self) -> None:
        pass


class ManualClock:
    def __init__(self, now_ms: int = 0) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def now_us(self) -> int:
        return self.ms * 1000


class CountingEngine:
    """Answers every command with one DONE event, and knows the time."""

    def __init__(self) -> None:
        self.next_seq = 1
        self.now_ms = 0
        self.due_count = 0
        self.untriggered_count = 0
        self.batches: list[bytes] = []
        self.fail_with: Exception | None = None

    def apply(self, batch: bytes) -> bytes:
        if self.fail_with is not None:
            raise self.fail_with
        self.batches.append(batch)
        out = []
        for command in commands.split(batch):
            if command[0] == r.TIME:
                self.now_ms = struct.unpack_from("<q", command, 32)[0]
            out.append(
                struct.pack("<BBHIQIIq", r.EV_DONE, 1, 2, 0, self.next_seq, 0, 0, 0)
                + struct.pack("<IIQqq", command[0], 0, 0, self.now_ms, 0)
            )
            self.next_seq += 1
        return b"".join(out)


class ListJournal:
    """Keeps groups and event frames in lists; `durable` is how many groups are safe."""

    def __init__(self) -> None:
        self.appended: list[tuple[int, bytes, int]] = []
        self.groups: list[list[tuple[int, bytes, int]]] = []
        self.event_frames: list[tuple[int, int, int, bytes]] = []
        self.durable = 0
        self.sync_error: Exception | None = None
        self._pending: list[tuple[int, bytes, int]] = []

    def append_commands(self, first_seq: int, commands: bytes, count: int) -> None:
        self.appended.append((first_seq, commands, count))
        self._pending.append((first_seq, commands, count))

    def seal(self) -> list[tuple[int, bytes, int]] | None:
        group, self._pending = self._pending, []
        return group or None

    def commit(self, group: list[tuple[int, bytes, int]]) -> None:
        if self.sync_error is not None:
            raise self.sync_error
        self.groups.append(group)
        self.durable += 1

    def append_events(self, first_seq: int, count: int, event_count: int, events: bytes) -> None:
        self.event_frames.append((first_seq, count, event_count, events))
