"""One pool of rate credits: what an account, or an address, may still ask for."""

from __future__ import annotations

from typing import Final, final

MICRO: Final = 1_000_000


@final
class CreditPool:
    """Counts in millionths of a credit; times in microseconds of the venue's clock."""

    def __init__(self, size: int, refill_per_s: int, cost: int, now_us: int) -> None:
        self.size_micro = size * MICRO
        self.refill_per_s = refill_per_s
        self.cost_micro = cost * MICRO
        self.left_micro = self.size_micro
        self._at_us = now_us

    def resize(self, size: int, refill_per_s: int, cost: int) -> None:
        """It is another pool from now on; what is left stays, up to the new size."""
        self.size_micro = size * MICRO
        self.refill_per_s = refill_per_s
        self.cost_micro = cost * MICRO
        self.left_micro = min(self.left_micro, self.size_micro)

    def refill(self, now_us: int) -> int:
        """What is in the pool now."""
        passed_us = now_us - self._at_us
        if passed_us > 0:
            left = self.left_micro + passed_us * self.refill_per_s
            self.left_micro = left if left < self.size_micro else self.size_micro
        self._at_us = now_us
        return self.left_micro

    def admitted(self, now_us: int) -> int:
        """How many requests it holds the cost of."""
        return self.refill(now_us) // self.cost_micro

    def spend(self, count: int) -> None:
        """Pay for requests that `admitted` has just admitted."""
        self.left_micro -= count * self.cost_micro

    def budget(self) -> int:
        """How many more requests it holds, without what has been refilled since."""
        return self.left_micro // self.cost_micro

    def wait_ms(self) -> int:
        """Milliseconds until a request is admitted."""
        missing = self.cost_micro - self.left_micro
        if missing <= 0:
            return 0
        refill = self.refill_per_s if self.refill_per_s > 1 else 1
        return -(-missing // (refill * 1_000))
