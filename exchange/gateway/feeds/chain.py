"""`chain.{currency}.{interval}`: all options in one message, with what they were priced from.

A frame is made of one moment of the oracle: marks, Greeks and the inputs that reproduce them belong together.
It is written after a block of marks (`raw`), or at the tick that follows one; a frame says everything, so
a client that is slow gets the newest alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.feeds.public import TICKS_PER_AGG2
from exchange.gateway.figures import Figures
from exchange.gateway.ports import OracleView
from exchange.gateway.registry import Registry
from exchange.gateway.views import Views
from exchange.wire.chain import ChainRow, chain_object
from exchange.wire.objects import JsonObject
from exchange.wire.session import Session

FAMILY: Final = "chain"


class ChainFeeds:
    """Writer of all chain topics."""

    def __init__(
        self,
        views: Views,
        figures: Figures,
        oracle: OracleView,
        fanout: Fanout,
        now_ms: Callable[[], int],
    ) -> None:
        self._oracle = oracle
        self._views = views
        self._figures = figures
        self._now_ms = now_ms
        self._topics: dict[int, list[Topic]] = {}  # by underlying
        self._told_ms: dict[Topic, int] = {}  # the oracle's moment that all of its sessions have
        self._ticks = 0
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)
        fanout.joined.append(self._on_joined)

    def object(self, underlying: int) -> JsonObject | None:
        """The chain of an underlying as of the last block of marks; None before the first."""
        chain = self._oracle.chain(underlying)
        values = chain.rows() if chain is not None else []
        if chain is None or not values:
            return None
        registry, markets = self._views.registry, self._views.markets
        views = [registry.instruments[number] for number in chain.listed()]
        rows = []
        volatilities = self._figures.best_volatilities(underlying, views)
        for view, row, (bid_iv, ask_iv) in zip(views, values, volatilities, strict=True):
            book = markets[view.instrument].book
            rows.append(ChainRow(view, row, book.best_bid(), book.best_ask(), bid_iv, ask_iv))
        symbol = registry.symbols[underlying]
        return chain_object(symbol, rows, chain.model(), self._now_ms(), self._views.seq)

    def _on_opened(self, topic: Topic) -> None:
        underlying = underlying_of(self._views.registry, topic.channel.currency)
        if topic.channel.family == FAMILY and underlying is not None:
            self._topics.setdefault(underlying, []).append(topic)

    def _on_closed(self, topic: Topic) -> None:
        for underlying, topics in list(self._topics.items()):
            if topic in topics:
                topics.remove(topic)
                self._told_ms.pop(topic, None)
                if not topics:
                    del self._topics[underlying]

    def _on_joined(self, topic: Topic, session: Session) -> None:
        underlying = underlying_of(self._views.registry, topic.channel.currency)
        if topic.channel.family == FAMILY and underlying is not None:
            data = self.object(underlying)
            if data is not None:
                topic.publish_to(session, data)
                if len(topic.sessions) == 1:
                    self._told_ms[topic] = self._moment_ms(underlying)

    def flush(self) -> None:
        """A release: write the raw topics of what was marked, note the others."""
        if self._topics:
            for underlying in self._views.touched.underlyings:
                for topic in self._topics.get(underlying, ()):
                    topic.dirty = True
                self._write(underlying, "raw")

    def tick(self) -> None:
        """100 ms have passed."""
        self._ticks += 1
        for underlying in self._topics:
            self._write(underlying, "100ms")
            if self._ticks % TICKS_PER_AGG2 == 0:
                self._write(underlying, "agg2")

    def _write(self, underlying: int, interval: str) -> None:
        for topic in self._topics.get(underlying, ()):
            if topic.dirty and topic.channel.interval == interval:
                topic.dirty = False
                moment_ms = self._moment_ms(underlying)
                if moment_ms == self._told_ms.get(topic):
                    continue  # the oracle was ahead of its marks when it was told last
                data = self.object(underlying)
                if data is not None:
                    self._told_ms[topic] = moment_ms
                    topic.publish(data)

    def _moment_ms(self, underlying: int) -> int:
        """What the chain is as of."""
        chain = self._oracle.chain(underlying)
        return 0 if chain is None else chain.at_ms


def underlying_of(registry: Registry, currency: str) -> int | None:
    """The underlying of that symbol, or None."""
    return registry.symbols.index(currency) if currency in registry.symbols else None
