"""The index of an underlying out of several sources: nobody's price alone, and no single source's to move.

The rule, for the sources known at a moment:

1. A source is *fresh* if its last price is at most ``stale_ms`` old; others are left out. A price from
   further than that in the future is forgotten: one of the clocks is wrong, or was.
2. The middle is the plain median of the fresh prices. It is not weighted: a source that carried more than
   half of the weight would be its own median and could never be an outlier.
3. With three or more fresh sources, those further than ``outlier`` from the middle are left out and the
   middle is taken again. With two that disagree so, neither is known to be wrong: the one nearer the last
   index counts, if that is not older than ``memory_ms``; otherwise both do.
4. Each remaining price is clamped to ± ``clamp`` of the middle; the index is their weighted mean.
5. No fresh source: no index. One: its price, at a confidence that says so.

`confidence` is the share of the total weight that counted, times how well it agrees (1 - spread / clamp,
the spread being the weighted mean distance from the index before clamping), times the count of sources over
``sources_full`` where fewer count. 1 is a full and unanimous panel; below ``confidence_min`` there is no
index.

Plain objects, time passed in; prices in quote units per 1 of the underlying.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class IndexRules:
    """When a source counts, how far it may pull, and how sure one must be. ValueError for senseless ones."""

    clamp: float = 0.005
    """A price counts as no further than this share from the median."""
    outlier: float = 0.02
    """Further than this share from the median it does not count at all."""
    stale_ms: int = 5_000
    memory_ms: int = 60_000
    """How long the last index may judge between two sources that disagree."""
    sources_min: int = 1
    sources_full: int = 3
    confidence_min: float = 0.0

    def __post_init__(self) -> None:
        if self.stale_ms < 1 or self.memory_ms < 0:
            raise ValueError("index rules need stale_ms >= 1 and memory_ms >= 0")
        if not 1 <= self.sources_min <= self.sources_full:
            raise ValueError("index rules need 1 <= sources_min <= sources_full")
        if not 0.0 < self.clamp <= self.outlier < 1.0:
            raise ValueError("index rules need 0 < clamp <= outlier < 1")
        if not 0.0 <= self.confidence_min <= 1.0:
            raise ValueError("index rules need 0 <= confidence_min <= 1")


class IndexValue(NamedTuple):
    """An index price and what stands behind it."""

    price: float
    confidence: float
    """0 … 1: see the module."""
    used: tuple[str, ...]
    """The sources that counted, in the order given."""
    stale: tuple[str, ...]
    """Sources without a fresh price."""
    outlying: tuple[str, ...]
    """Fresh sources too far away to count."""


class SourcePrice(NamedTuple):
    """What one source tells, and what of it goes into the index."""

    source: str
    price: float
    """As it counts: clamped where it does."""
    original_price: float
    weight_percent: float
    """Its share of what counts; 0 for a stale or outlying source."""
    at_ms: int


class Index:
    """The index of one underlying over named, weighted sources; prices are told, values asked for."""

    def __init__(self, weights: Mapping[str, float], rules: IndexRules | None = None) -> None:
        """`weights` by source, positive; their scale does not matter. ValueError for none or bad ones."""
        if not weights:
            raise ValueError("an index needs at least one source")
        if not all(math.isfinite(weight) and weight > 0.0 for weight in weights.values()):
            raise ValueError(f"the weight of a source must be positive and finite: {dict(weights)}")
        self.rules = rules or IndexRules()
        self._weights = dict(weights)
        self._total = math.fsum(weights.values())
        self._latest: dict[str, tuple[float, int]] = {}
        self._last: tuple[float, int] | None = None

    def update(self, source: str, price: float, at_ms: int) -> bool:
        """Take a price; False, and no effect, for a senseless one, one out of order, or an unknown source."""
        if source not in self._weights or not (math.isfinite(price) and price > 0.0):
            return False
        known = self._latest.get(source)
        if known is not None and at_ms < known[1]:
            return False
        self._latest[source] = (price, at_ms)
        return True

    def value(self, now_ms: int) -> IndexValue | None:
        """The index at `now_ms`; None where too few sources count or their confidence is too low."""
        rules = self.rules
        fresh = self._fresh(now_ms)
        counted, middle = self._counted(fresh, now_ms)
        if len(counted) < rules.sources_min:
            return None
        value = self._mean(counted, middle, fresh)
        if value.confidence < rules.confidence_min:
            return None
        self._last = (value.price, now_ms)
        return value

    def panel(self, now_ms: int) -> tuple[SourcePrice, ...]:
        """Every source that has told a price, in the order given, as it counts at `now_ms`."""
        counted, middle = self._counted(self._fresh(now_ms), now_ms)
        total = math.fsum(self._weights[source] for source in counted)
        clamp = self.rules.clamp * middle
        found = []
        for source, weight in self._weights.items():
            if source not in self._latest:
                continue
            original, at_ms = self._latest[source]
            counts = source in counted
            price = min(max(original, middle - clamp), middle + clamp) if counts else original
            found.append(
                SourcePrice(source, price, original, 100.0 * weight / total if counts else 0.0, at_ms)
            )
        return tuple(found)

    def _fresh(self, now_ms: int) -> dict[str, float]:
        """The prices that are not stale; what comes from the future is forgotten."""
        fresh = {}
        stale_ms = self.rules.stale_ms
        for source in self._weights:
            known = self._latest.get(source)
            if known is None:
                continue
            age_ms = now_ms - known[1]
            if age_ms < -stale_ms:
                del self._latest[source]
            elif age_ms <= stale_ms:
                fresh[source] = known[0]
        return fresh

    def _counted(self, fresh: dict[str, float], now_ms: int) -> tuple[dict[str, float], float]:
        """The sources that are not outlying, and the middle of their prices."""
        if not fresh:
            return fresh, math.nan
        middle = median(fresh.values())
        reach = self.rules.outlier * middle
        far = any(abs(price - middle) > reach for price in fresh.values())
        if len(fresh) == 2:
            low, high = sorted(fresh.values())
            last = self._last
            if high - low > reach and last is not None and 0 <= now_ms - last[1] <= self.rules.memory_ms:
                nearer = min(fresh, key=lambda source: abs(fresh[source] - last[0]))
                return {nearer: fresh[nearer]}, fresh[nearer]
            return fresh, middle
        if not far:
            return fresh, middle
        kept = {source: price for source, price in fresh.items() if abs(price - middle) <= reach}
        if not kept:  # an even number of sources in two distant camps: the middle lies between them
            return fresh, middle
        return kept, median(kept.values())

    def _mean(self, counted: dict[str, float], middle: float, fresh: dict[str, float]) -> IndexValue:
        """The weighted mean of what counts, clamped, with its confidence."""
        rules = self.rules
        low, high = middle * (1.0 - rules.clamp), middle * (1.0 + rules.clamp)
        weights = [self._weights[source] for source in counted]
        total = math.fsum(weights)
        pairs = list(zip(weights, counted.values(), strict=True))
        # Each price between the bounds, so the rounded mean is kept there too.
        mean = math.fsum(weight * min(max(price, low), high) for weight, price in pairs) / total
        price = min(max(mean, low), high)
        spread = math.fsum(weight * abs(one - price) for weight, one in pairs) / (total * price)
        agreement = max(0.0, 1.0 - spread / rules.clamp)
        panel = min(1.0, len(counted) / rules.sources_full)
        confidence = min(1.0, total / self._total) * agreement * panel
        stale = tuple(source for source in self._weights if source not in fresh)
        outlying = tuple(source for source in fresh if source not in counted)
        return IndexValue(price, confidence, tuple(counted), stale, outlying)
