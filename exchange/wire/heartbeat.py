"""Heartbeats of a WebSocket session (`public/set_heartbeat`), as a state machine over time.

Every `interval` the session gets a `heartbeat`. If the client has been silent for an interval it is
asked with a `test_request` and must call `public/test` within another interval; else the connection is
closed with code 4000.
"""

from __future__ import annotations

from typing import Final

from exchange.wire.envelope import HEARTBEAT_FRAME, TEST_REQUEST_FRAME

INTERVAL_S_MIN: Final = 10
INTERVAL_S_MAX: Final = 3_600
CLOSE_HEARTBEAT: Final = 4_000


class Heartbeat:
    """The heartbeat of one session. Times are in milliseconds of the venue's clock."""

    __slots__ = ("_asked_ms", "_heard_ms", "_sent_ms", "interval_ms")

    def __init__(self, interval_ms: int, now_ms: int) -> None:
        self.interval_ms = interval_ms
        self._heard_ms = now_ms
        self._sent_ms = now_ms
        self._asked_ms = 0

    def on_frame(self, now_ms: int) -> None:
        """The client sent something: it is alive, but an open test request still wants its answer."""
        self._heard_ms = now_ms

    def on_test(self, now_ms: int) -> None:
        """The client called `public/test`: an open test request is answered."""
        self._heard_ms = now_ms
        self._asked_ms = 0

    @property
    def is_asked(self) -> bool:
        """Whether a test request waits for its answer."""
        return self._asked_ms != 0

    def poll(self, now_ms: int) -> bytes | None:
        """The frame that is due now, if any. Ask `expired` first."""
        if self._asked_ms == 0 and now_ms - self._heard_ms >= self.interval_ms:
            self._asked_ms = now_ms
            self._sent_ms = now_ms
            return TEST_REQUEST_FRAME
        if now_ms - self._sent_ms >= self.interval_ms:
            self._sent_ms = now_ms
            return HEARTBEAT_FRAME
        return None

    def expired(self, now_ms: int) -> bool:
        """Whether a test request has gone unanswered for an interval."""
        return self._asked_ms != 0 and now_ms - self._asked_ms >= self.interval_ms
