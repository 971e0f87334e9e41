"""Feeds the oracle's marks into the sequencer, on the venue's loop."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, Protocol

from exchange.gateway.ports import Timer
from exchange.gateway.venue import Venue
from exchange.wire.session import RpcError

STEP_S: Final = 0.02
_log: Final = logging.getLogger(__name__)


class MarkSource(Protocol):
    """Makes MARKS commands (`exchange.oracle.marks.MarkLoop`)."""

    def step(self, now_ms: int) -> Sequence[bytes]:
        """The packed commands due at `now_ms`."""


class MarkPump:
    """Asks a source for marks every `step_s` seconds and sequences what it gives.

    A block the queue has no room for is dropped: the next one is fresher.
    """

    def __init__(self, venue: Venue, source: MarkSource, step_s: float = STEP_S) -> None:
        self._venue = venue
        self._source = source
        self._step_s = step_s
        self._timer: Timer | None = None
        self.dropped = 0
        """Blocks the venue did not take."""

    def start(self) -> None:
        """Step now and from now on."""
        self._step()

    def stop(self) -> None:
        """No more steps."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self) -> None:
        self._timer = self._venue.loop.call_later(self._step_s, self._step)
        if self._venue.halted:
            return
        for command in self._source.step(self._venue.clock.now_ms()):
            try:
                self._venue.submit(command)
            except RpcError as refused:
                self.dropped += 1
                _log.warning("marks were not taken: %s", refused)
