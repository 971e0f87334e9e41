"""Funding of perpetuals: the rate an interval's premium comes to. Integers; the caller has the clock.

The premium is the mark over the index, sampled on every look and averaged over the interval. It is clamped to
± cap, and what lies within ± dead band costs nothing (the public form of the field):

    p = clamp(mean premium, −cap, cap)          rate per period = max(band, p) + min(−band, p)

An interval charges interval / period of that, of the index, per lot; positive: longs pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

E9: Final = 1_000_000_000
_E8: Final = 100_000_000
_HOUR_MS: Final = 3_600_000
_SAMPLE_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class FundingRules:
    """Shares in 1e-9 of the index. ValueError for senseless ones."""

    interval_ms: int = _HOUR_MS
    """A funding is sequenced so often, on the grid of UTC."""
    period_ms: int = 8 * _HOUR_MS
    """What the rate is quoted for."""
    dead_band_e9: int = 250_000
    """0.025 %"""
    cap_e9: int = 5_000_000
    """0.5 %"""

    def __post_init__(self) -> None:
        if not 1 <= self.interval_ms <= self.period_ms:
            raise ValueError("funding needs 1 <= interval_ms <= period_ms")
        if not 0 <= self.dead_band_e9 <= self.cap_e9 <= E9:
            raise ValueError("funding needs 0 <= dead_band_e9 <= cap_e9 <= 1e9")

    def rate_e9(self, premium_e9: int) -> int:
        """The rate of one period for a mean premium."""
        clamped = min(max(premium_e9, -self.cap_e9), self.cap_e9)
        return max(self.dead_band_e9, clamped) + min(-self.dead_band_e9, clamped)

    def charge_micro(self, rate_e9: int, index_micro: int, lot_e8: int) -> int:
        """Micro-USDC per lot of one interval; toward zero: nobody is charged a part he does not owe."""
        whole = abs(rate_e9) * index_micro * lot_e8 * self.interval_ms // (E9 * _E8 * self.period_ms)
        return whole if rate_e9 > 0 else -whole


class PremiumMeter:
    """The mean premium of one perpetual since the last interval ended."""

    def __init__(self) -> None:
        self._sum_e9 = 0
        self._count = 0
        self._slot = -1

    def sample(self, now_ms: int, mark_micro: int, index_micro: int) -> None:
        """Take a sample; one a second counts."""
        slot = now_ms // _SAMPLE_MS
        if slot <= self._slot or mark_micro <= 0 or index_micro <= 0:
            return
        self._slot = slot
        self._sum_e9 += (mark_micro - index_micro) * E9 // index_micro
        self._count += 1

    def take(self) -> int | None:
        """The mean in 1e-9 of the index, toward zero, and begin anew; None if there was no sample."""
        total, count = self._sum_e9, self._count
        self._sum_e9 = self._count = 0
        if not count:
            return None
        mean = abs(total) // count
        return mean if total >= 0 else -mean
