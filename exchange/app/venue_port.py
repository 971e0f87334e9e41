"""The part of a venue its drivers use (calendar, parameters, risk), so that tests can stand in for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from exchange.core.engine import Engine
from exchange.gateway.ports import Loop
from exchange.gateway.registry import Registry

T = TypeVar("T")


class VenuePort(Protocol):
    """`exchange.gateway.venue.Venue` fits."""

    @property
    def engine(self) -> Engine:
        """The engine, to be read only."""

    @property
    def registry(self) -> Registry:
        """What is listed, as released."""

    @property
    def loop(self) -> Loop:
        """Where callbacks run."""

    @property
    def halted(self) -> bool:
        """Whether nothing is taken any more."""

    def submit(self, command: bytes, on_events: Callable[[bytes], None] | None = None) -> None:
        """Sequence a command; its events come once they are durable, empty bytes on a halt.

        Raises RpcError where the queue is full or the venue has halted.
        """

    def read(self, compute: Callable[[], T], deliver: Callable[[T | None], Any]) -> None:
        """`compute` behind every command submitted before; `deliver(None)` on a halt."""
