"""The index feed of the venue: what its constituents tell, combined by :mod:`pricing.index`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exchange.oracle.feed import IndexTick, SourceFeed
from pricing.index import Index, IndexRules, IndexValue, SourcePrice


class CombinedFeed:
    """Several sources as one :class:`exchange.oracle.feed.IndexFeed`; silent while there is no index."""

    def __init__(
        self, sources: SourceFeed, weights: Mapping[str, float], rules: IndexRules | None = None
    ) -> None:
        """`weights` by source. ValueError for none or bad ones."""
        self._sources = sources
        self._weights = dict(weights)
        self._rules = rules or IndexRules()
        Index(self._weights, self._rules)  # bad ones are refused here, not at the first tick
        self._indices: dict[str, Index] = {}
        self.values: dict[str, IndexValue] = {}
        """The last index of each underlying and what stands behind it."""
        self.ignored_count = 0
        """Ticks that were senseless, out of order or of an unknown source."""

    def advance(self, now_ms: int) -> Sequence[IndexTick]:
        """See :class:`exchange.oracle.feed.IndexFeed`."""
        touched: dict[str, None] = {}
        for tick in self._sources.advance(now_ms):
            index = self._indices.get(tick.underlying)
            if index is None:
                index = self._indices[tick.underlying] = Index(self._weights, self._rules)
            if index.update(tick.source, tick.price, tick.at_ms):
                touched[tick.underlying] = None
            else:
                self.ignored_count += 1
        ticks = []
        for underlying, index in self._indices.items():
            value = index.value(now_ms)
            if value is None:
                continue
            told = self.values.get(underlying)
            self.values[underlying] = value
            # A source that went stale moves the index too; an unchanged index is told again only when a
            # source confirmed it.
            if underlying in touched or told is None or value.price != told.price:
                ticks.append(IndexTick(underlying, value.price, now_ms))
        return ticks

    def panel(self, underlying: str, now_ms: int) -> Sequence[SourcePrice]:
        """What each source tells of an index, as it counts; nothing of one that is not known."""
        index = self._indices.get(underlying)
        return () if index is None else index.panel(now_ms)
