"""Funding of perpetuals: the rate an interval's premium comes to. Integers; the caller has the clock.

The premium is the mark over the index, sampled on every look and averaged over the interval. It is clamped to
± cap, and what lies within ± dead band costs nothing (the public form of the field):

    p = clamp(mean premium, −cap, cap)          rate per period = max(band, p) + min(−band, p)

An interval charges interval / period of that, of the index, per lot; positive: longs pay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from exchange.app.venue_port import VenuePort
from exchange.core import queries
from exchange.domain import commands
from exchange.wire.instruments import InstrumentView
from exchange.wire.session import RpcError

E9: Final = 1_000_000_000
_E8: Final = 100_000_000
_HOUR_MS: Final = 3_600_000
_SAMPLE_MS: Final = 1_000
_log = logging.getLogger(__name__)


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


class Funding:
    """Sequences the funding of every perpetual as intervals of sequenced time end."""

    def __init__(self, venue: VenuePort, rules: FundingRules, now_ms: int) -> None:
        """`now_ms`: the last sequenced time, whose interval is charged once it has ended; 0: there is none.

        Of intervals that passed while no process ran only one is charged: nobody saw their premium.
        """
        self._venue = venue
        self.rules = rules
        self._interval = now_ms // rules.interval_ms if now_ms else -1
        self._meters: dict[int, PremiumMeter] = {}
        self.charged_count = 0
        """Fundings sequenced by this process."""

    def look(self, now_ms: int, perpetuals: Iterable[InstrumentView]) -> None:
        """Sample the premiums; charge if an interval has ended. Time that steps back brings nothing."""
        engine = self._venue.engine
        living = [(view, queries.instrument_figures(engine, view.instrument)) for view in perpetuals]
        for view, figures in living:
            meter = self._meters.setdefault(view.instrument, PremiumMeter())
            meter.sample(now_ms, figures.mark_micro, figures.index_micro)
        interval = now_ms // self.rules.interval_ms
        if interval <= self._interval:
            return
        if self._interval >= 0:
            for view, figures in living:
                self._charge(view, figures.index_micro)
        self._interval = interval

    def _charge(self, view: InstrumentView, index_micro: int) -> None:
        premium_e9 = self._meters[view.instrument].take()
        if premium_e9 is None:
            return
        rate_e9 = self.rules.rate_e9(premium_e9)
        charge = self.rules.charge_micro(rate_e9, index_micro, view.terms.lot_e8)
        try:
            self._venue.submit(commands.funding(view.instrument, charge))
        except RpcError as refused:  # this interval's is lost: zero-sum, and charged to nobody
            _log.warning("funding was not taken: %s", refused)
            return
        self.charged_count += 1
