"""A simulated connection: two ordered pipes with delays, that either end or nobody may lose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tests.simulation.loop import World

DELAY_US = 3_000


class End(Protocol):
    """Who sits at one end of a link."""

    def on_frame(self, frame: bytes) -> None:
        """The other end has sent something."""

    def on_lost(self) -> None:
        """The connection is gone, as far as this end can tell."""


class _Pipe:
    """One direction: frames arrive in order, each after a delay of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last_us = 0
        self.cut = False

    def send(self, deliver: Callable[[], None]) -> None:
        arrives_us = self._world.now_us + self._world.random.randrange(50, DELAY_US)
        self._last_us = max(arrives_us, self._last_us)
        self._world.after(self._last_us - self._world.now_us, lambda: None if self.cut else deliver())


class Link:
    """A connection between a client and a process of the venue."""

    def __init__(self, world: World, trace: Callable[[str, bytes], None]) -> None:
        self._world = world
        self._trace = trace
        self.client: End | None = None
        self.server: End | None = None
        self._up, self._down = _Pipe(world), _Pipe(world)

    def to_server(self, frame: bytes) -> None:
        """The client sends."""
        self._up.send(lambda: self._arrive(">", self.server, frame))

    def to_client(self, frame: bytes) -> None:
        """The venue sends."""
        self._down.send(lambda: self._arrive("<", self.client, frame))

    def _arrive(self, way: str, end: End | None, frame: bytes) -> None:
        if end is not None:
            self._trace(way, frame)
            end.on_frame(frame)

    def break_off(self, *, server_learns_us: int, client_learns_us: int) -> None:
        """Nothing arrives any more; each end notices in its own time."""
        self._up.cut = self._down.cut = True
        self._world.after(server_learns_us, self._tell_server)
        self._world.after(client_learns_us, self._tell_client)

    def _tell_server(self) -> None:
        end, self.server = self.server, None
        if end is not None:
            end.on_lost()

    def _tell_client(self) -> None:
        end, self.client = self.client, None
        if end is not None:
            end.on_lost()
