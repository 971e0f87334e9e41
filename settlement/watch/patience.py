"""Asking an L1 again that does not answer: after a growing pause, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from settlement.l1.port import L1Unavailable

FIRST_S: Final = 0.25
LAST_S: Final = 10.0

Value = TypeVar("Value")


class Clock:
    """The machine's time."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Patience:
    """How long a silent L1 is waited for; `on_wait` is told why and for how many seconds."""

    def __init__(self, clock: Clock, most_s: float, on_wait: Callable[[str, float], None]) -> None:
        self._clock = clock
        self._most_ms = int(most_s * 1_000)
        self._on_wait = on_wait

    def of(self, ask: Callable[[], Value]) -> Value:
        """What `ask` gives. Raises L1Unavailable when it has failed for too long."""
        began_ms, pause_s = self._clock.now_ms(), FIRST_S
        while True:
            try:
                return ask()
            except L1Unavailable as error:
                if self._clock.now_ms() - began_ms >= self._most_ms:
                    raise
                self._on_wait(str(error), pause_s)
                self._clock.sleep(pause_s)
                pause_s = min(2 * pause_s, LAST_S)
