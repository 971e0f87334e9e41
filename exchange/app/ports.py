"""The machine's clock and randomness: the only place where either is read.

Everything else takes them as ports, so that the same venue runs on a seeded loop.
"""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """UTC of the machine."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def now_us(self) -> int:
        """Microseconds since the Unix epoch."""
        return time.time_ns() // 1_000

    def monotonic_s(self) -> float:
        """Seconds of a clock that never steps back, for measuring."""
        return time.monotonic()

    def monotonic_us(self) -> int:
        """Microseconds of that clock, which all processes of the machine share."""
        return time.monotonic_ns() // 1_000


class SystemEntropy:
    """The operating system's randomness."""

    def token_bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        return secrets.token_bytes(count)
