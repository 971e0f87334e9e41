"""An index out of several sources: median, outliers clamped, stale sources left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from exchange.oracle.feed import IndexFeed, IndexTick


@dataclass(frozen=True, slots=True)
class IndexRules:
    """When a source counts, and how far it may pull."""

    stale_ms: int = 5_000
    clamp: float = 0.005
    sources_min: int = 1

    def __post_init__(self) -> None:
        if self.stale_ms < 1 or self.sources_min < 1 or not 0.0 <= self.clamp < 1.0:
            raise ValueError("index rules need stale_ms >= 1, sources_min >= 1 and 0 <= clamp < 1")


class MedianIndex:
    """The index of one underlying: mean of the fresh sources, each clamped to ± `clamp` of their median."""

    def __init__(self, rules: IndexRules | None = None) -> None:
        self._rules = rules or IndexRules()
        self._latest: dict[str, tuple[float, int]] = {}

    def update(self, source: str, price: float, at_ms: int) -> bool:
        """Take a price from `source`; False (and no effect) for a senseless price or one out of order."""
        if not (math.isfinite(price) and price > 0.0):
            return False
        known = self._latest.get(source)
        if known is not None and at_ms < known[1]:
            return False
        self._latest[source] = (price, at_ms)
        return True

    def value(self, now_ms: int) -> float | None:
        """The index at `now_ms`, None while fewer than `sources_min` sources are fresh."""
        fresh = [price for price, at_ms in self._latest.values() if now_ms - at_ms <= self._rules.stale_ms]
        if len(fresh) < self._rules.sources_min:
            return None
        middle = median(fresh)
        low, high = middle * (1.0 - self._rules.clamp), middle * (1.0 + self._rules.clamp)
        return fmean(min(max(price, low), high) for price in fresh)


class MedianFeed:
    """Several named feeds as one :class:`exchange.oracle.feed.IndexFeed`; silent while too few are fresh."""

    def __init__(self, sources: Mapping[str, IndexFeed], rules: IndexRules | None = None) -> None:
        if not sources:
            raise ValueError("an index needs at least one source")
        self._sources = dict(sources)
        self._rules = rules or IndexRules()
        self._indices: dict[str, MedianIndex] = {}
        self._told: dict[str, float] = {}
        self.ignored_count = 0
        """Ticks that were senseless or out of order."""

    def advance(self, now_ms: int) -> Sequence[IndexTick]:
        """See :class:`exchange.oracle.feed.IndexFeed`."""
        touched: dict[str, None] = {}
        for name, feed in self._sources.items():
            for tick in feed.advance(now_ms):
                index = self._indices.setdefault(tick.underlying, MedianIndex(self._rules))
                if index.update(name, tick.price, tick.at_ms):
                    touched[tick.underlying] = None
                else:
                    self.ignored_count += 1
        ticks = []
        for underlying, index in self._indices.items():
            price = index.value(now_ms)
            # A source that went stale moves the index too; an unchanged index is told again only when a
            # source confirmed it.
            if price is not None and (underlying in touched or price != self._told.get(underlying)):
                self._told[underlying] = price
                ticks.append(IndexTick(underlying, price, now_ms))
        return ticks
