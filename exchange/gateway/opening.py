"""Whether the venue takes orders: asked of the core when the feeds' freshness changes, told once durable."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from exchange.domain import commands
from exchange.domain import records as r
from exchange.gateway.feeds.venue import VenueFeeds
from exchange.gateway.handing_out import OnEvents
from exchange.gateway.notices import mode_name
from exchange.gateway.ports import Clock
from exchange.wire.session import RpcError

_log = logging.getLogger(__name__)

STARTING: Final = "starting"
CANCEL_ONLY: Final = "cancel_only"
OPEN: Final = "open"


class Opening:
    """`starting`, `cancel_only` or `open`."""

    def __init__(self, submit: Callable[[bytes, OnEvents], None], clock: Clock, feeds: VenueFeeds) -> None:
        """`submit` sequences a command, and raises RpcError if it cannot."""
        self._submit = submit
        self._clock = clock
        self._feeds = feeds
        self.phase = STARTING
        self._asked: int | None = None

    def close(self) -> None:
        """The venue begins cancel-only."""
        self.ask(r.MODE_CANCEL_ONLY)
        self.phase = CANCEL_ONLY

    def ask(self, mode: int) -> None:
        """Sequence SET_MODE unless it was the last to be asked for."""
        if self._asked == mode:
            return
        try:
            self._submit(commands.set_mode(mode), lambda packed: self._on_set(mode, packed))
        except RpcError as refused:  # the queue is full: the next tick asks again
            _log.warning("SET_MODE was not taken: %s", refused)
            return
        self._asked = mode

    def _on_set(self, mode: int, packed: bytes) -> None:
        if not packed or packed[0] != r.EV_DONE:
            return
        self.phase = OPEN if mode == r.MODE_OPEN else CANCEL_ONLY
        said: dict[str, object] = {"command": "set_mode", "state": mode_name(mode)}
        said["timestamp"] = self._clock.now_ms()
        said["seq"] = int.from_bytes(packed[8:16], "little")
        self._feeds.tell_mode(said, is_maintenance=mode != r.MODE_OPEN)
