"""A venue without sockets, disk and feeds: the real core and registry behind the port the drivers use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.errors import error
from tests.simulation.loop import EPOCH_MS, ProcessLoop, SimClock, World

T = TypeVar("T")
USDC = 1_000_000
LISTED_MS = EPOCH_MS + 3_600_000
"""An hour into a trading day: where tests begin."""


class DirectVenue:
    """Applies what was submitted at the loop's next turn, answers, and tells listeners; a `VenuePort`."""

    def __init__(self, now_ms: int = LISTED_MS, engine: Engine | None = None) -> None:
        self.world = World(Random(1))
        self.loop = ProcessLoop(self.world)
        self.clock = SimClock(self.world)
        self.clock.offset_us = now_ms * 1_000
        self.engine = engine or Engine()
        self.registry = Registry()
        self.halted = False
        self.is_full = False
        self.sync_s = 0.0
        """What the disk takes: answers come so much later than the state changes."""
        self.sent: list[bytes] = []
        """Every command that was applied, without TIME."""
        self.events: list[ev.Event] = []
        self.listeners: list[Callable[[int, int, bytes], None]] = []
        self._pending: deque[tuple[bytes, Callable[[bytes], None] | None]] = deque()

    # --- VenuePort -----------------------------------------------------------------------------------

    def submit(self, command: bytes, on_events: Callable[[bytes], None] | None = None) -> None:
        if self.is_full:
            raise error(errors.QUEUE_FULL)
        if not self._pending:
            self.loop.call_soon(self._release)
        self._pending.append((command, on_events))

    def read(self, compute: Callable[[], T], deliver: Callable[[T | None], Any]) -> None:
        assert not self._pending, "a test that reads behind pending commands settles first"
        deliver(compute())

    # --- driving it ----------------------------------------------------------------------------------

    def _release(self) -> None:
        taken, self._pending = self._pending, deque()
        now_ms = self.clock.now_ms()
        if now_ms > self.engine.now_ms:
            self.engine.apply(c.time(now_ms))
        answers: list[tuple[Callable[[bytes], None] | None, bytes]] = []
        for command, done in taken:
            first = self.engine.next_seq
            packed = self.engine.apply(command)
            self.sent.append(command)
            found = list(ev.read_events(packed))
            self.events += found
            for event in found:
                if isinstance(event, ev.Underlying) and event.head.instrument == len(self.registry.symbols):
                    self.registry.on_underlying(event)
                elif isinstance(event, ev.Instrument):
                    self.registry.on_instrument(event)
            for listener in self.listeners:
                listener(first, 1, packed)
            answers.append((done, packed))
        if self.sync_s:
            self.loop.call_later(self.sync_s, lambda: _answer(answers))
        else:
            _answer(answers)

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        end_us = self.world.now_us + int(seconds * 1e6)
        self.world.after(int(seconds * 1e6), lambda: None)
        while self.world.now_us < end_us and self.world.step():
            pass

    def jump_in(self, *first: bytes) -> None:
        """Put commands before those that wait."""
        for command in reversed(first):
            self._pending.appendleft((command, None))

    def settle(self) -> None:
        """Run until nothing is left to do; for venues without timers."""
        while self.world.step():
            pass

    def do(self, *wanted: bytes) -> list[ev.Event]:
        """Apply commands and settle; the events of all. AssertionError if one is refused."""
        before = len(self.events)
        for command in wanted:
            self.submit(command)
        self.run(0.002)
        made = self.events[before:]
        refused = [event for event in made if isinstance(event, ev.Rejected)]
        assert not refused, refused
        return made

    def advance_to(self, now_ms: int) -> None:
        """Set the clock to a moment of the future."""
        self.clock.offset_us = now_ms * 1_000 - self.world.now_us

    def sent_of(self, kind: int) -> list[bytes]:
        """The commands of one type, in order."""
        return [command for command in self.sent if command[0] == kind]

    def open_for(self, accounts: int, usdc: int, first: int = 64) -> None:
        """Open the venue; accounts with money."""
        made = [c.create_account(first + n) for n in range(accounts)]
        deposit = self.engine.last_deposit_id
        made += [c.deposit(first + n, usdc * USDC, deposit + 1 + n) for n in range(accounts)]
        self.do(c.set_mode(r.MODE_OPEN), *made)


def _answer(answers: list[tuple[Callable[[bytes], None] | None, bytes]]) -> None:
    for done, packed in answers:
        if done is not None:
            done(packed)
