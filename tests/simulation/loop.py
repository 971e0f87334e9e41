"""Virtual time: one heap of events, and the loop, clock and disk thread a simulated process sees of it.

Nothing here reads a clock, starts a thread or draws randomness other than from the seeded source it is
given, so that a seed is a whole run.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

EPOCH_MS = 1_798_012_800_000  # 23 December 2026, 08:00 UTC
WAKE_UP_US = 300
"""At most this long between an event and the turn of the loop that sees it."""
SYNC_US = 4_000
"""At most this long takes an fdatasync."""


class Handle:
    """A callback that can be called off."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class World:
    """All that happens, in order of virtual time; equal times in order of scheduling."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now_us = 0
        self.events_run = 0
        self._heap: list[tuple[int, int, Handle]] = []
        self._count = 0

    def after(self, delay_us: int, callback: Callable[[], object]) -> Handle:
        """Run `callback` after some virtual time."""
        handle = Handle(callback)
        self._count += 1
        heapq.heappush(self._heap, (self.now_us + max(0, delay_us), self._count, handle))
        return handle

    def step(self) -> bool:
        """Run the next event; False if there is none. Raises what the event raises."""
        while self._heap:
            self.now_us, _, handle = heapq.heappop(self._heap)
            if handle.callback is not None:
                self.events_run += 1
                handle.callback()
                return True
        return False


class ProcessLoop:
    """`gateway.ports.Loop` of one process: when the process dies, nothing of it runs any more.

    What is called soon waits for the next turn, which comes a little later: what arrives meanwhile shares
    it, as under a busy loop.
    """

    def __init__(self, world: World) -> None:
        self.alive = True
        self._world = world
        self._ready: deque[Callable[[], object]] = deque()
        self._turning = False

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self._ready.append(callback)
        if not self._turning:
            self._turning = True
            self._world.after(self._world.random.randrange(WAKE_UP_US), self._turn)

    def _turn(self) -> None:
        self._turning = False
        for _ in range(len(self._ready)):
            if self.alive:
                self._ready.popleft()()
        if self._ready and self.alive and not self._turning:
            self._turning = True
            self._world.after(1, self._turn)

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Handle:
        return self.after(round(delay * 1_000_000), callback)

    def after(self, delay_us: int, callback: Callable[[], object]) -> Handle:
        """As `World.after`, for as long as the process lives."""

        def guarded() -> None:
            if self.alive and handle.callback is not None:
                callback()

        handle = self._world.after(delay_us, guarded)
        return handle


class SimClock:
    """The machine's clock: virtual time, and as far from it as somebody has set it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.offset_us = EPOCH_MS * 1_000

    def now_ms(self) -> int:
        return self.now_us() // 1_000

    def now_us(self) -> int:
        return self._world.now_us + self.offset_us


class SimCommitter:
    """`gateway.ports.Committer`: the write happens a little after it was asked for, its news later still.

    A process that dies in between has written what it never acknowledged.
    """

    def __init__(self, loop: ProcessLoop, random: Random) -> None:
        self._loop = loop
        self._random = random
        self.commits = 0

    def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
        def write() -> None:
            error: BaseException | None = None
            try:
                work()
                self.commits += 1
            except Exception as caught:  # whatever the disk raises is the sequencer's to judge
                error = caught
            self._loop.after(self._random.randrange(SYNC_US), lambda: done(error))

        self._loop.after(self._random.randrange(SYNC_US // 4), write)

    def close(self) -> None:
        """Nothing runs."""


class SeededEntropy:
    """Keys and tokens that are the same in every run of a seed."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def token_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)
