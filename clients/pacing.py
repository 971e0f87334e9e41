"""Bounded rates: a token bucket that makes its user wait instead of exceeding what was agreed."""

from __future__ import annotations

import asyncio


class Pacer:
    """At most `rate_per_s` permits a second on average, at most `burst` at once.

    Time is the running loop's, so a simulated loop paces by simulated time.
    """

    def __init__(self, rate_per_s: float, burst: int = 1) -> None:
        if rate_per_s <= 0 or burst < 1:
            raise ValueError("a pacer needs a positive rate and a burst of at least one")
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = float(burst)
        self._seen_s: float | None = None

    async def acquire(self) -> None:
        """Wait for the next permit."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        if self._seen_s is not None:
            self._tokens = min(self._burst, self._tokens + (now_s - self._seen_s) * self._rate_per_s)
        self._seen_s = now_s
        # A debt is booked before waiting, so that several waiters queue up one behind the other.
        self._tokens -= 1.0
        if self._tokens < 0.0:
            await asyncio.sleep(-self._tokens / self._rate_per_s)
