"""The channels about an index: what its sources tell, its last 24 hours, the marks of the options on it.

All are conflated to one frame a second, and say nothing while nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.figures import Figures
from exchange.gateway.ports import OracleView
from exchange.gateway.views import Views
from exchange.wire.instruments import InstrumentView, usdc
from exchange.wire.objects import JsonObject
from exchange.wire.session import Session

TICKS_PER_SECOND: Final = 10
_OURS: Final = frozenset({"price_ranking", "price_statistics", "mark_prices"})
_Marks = dict[str, tuple[float, float | None]]


class SourcePrice(Protocol):
    """What one source tells of an index (`pricing.index.SourcePrice`)."""

    @property
    def source(self) -> str: ...
    @property
    def price(self) -> float: ...
    @property
    def original_price(self) -> float: ...
    @property
    def weight_percent(self) -> float: ...
    @property
    def at_ms(self) -> int: ...


IndexSources = Callable[[int], Sequence[SourcePrice]]


def no_sources(_underlying: int) -> Sequence[SourcePrice]:
    """Nothing is known of an index's sources (tests, tools)."""
    return ()


class IndexFeeds:
    """Writer of these topics."""

    def __init__(
        self,
        views: Views,
        figures: Figures,
        oracle: OracleView,
        sources: IndexSources,
        fanout: Fanout,
        now_ms: Callable[[], int],
    ) -> None:
        self._views = views
        self._figures = figures
        self._oracle = oracle
        self._sources = sources
        self._now_ms = now_ms
        self._topics: dict[Topic, int] = {}
        self._ticks = 0
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)
        fanout.joined.append(self._on_joined)

    def _on_opened(self, topic: Topic) -> None:
        if topic.channel.family in _OURS:
            underlying = self._views.registry.underlying_of_index(topic.channel.index_name)
            if underlying is not None:
                self._topics[topic] = underlying

    def _on_closed(self, topic: Topic) -> None:
        self._topics.pop(topic, None)

    def _on_joined(self, topic: Topic, session: Session) -> None:
        underlying = self._topics.get(topic)
        if underlying is None:
            return
        if topic.channel.family == "mark_prices":
            marks = self._marks(underlying)
            data: object = self._mark_rows(marks) if marks else None
        else:
            data = self._state(topic, underlying)
        if data:
            topic.publish_to(session, data)

    def tick(self) -> None:
        """100 ms have passed: once a second, tell what changed."""
        self._ticks += 1
        if self._ticks % TICKS_PER_SECOND:
            return
        for topic, underlying in self._topics.items():
            if topic.channel.family == "mark_prices":
                self._tell_marks(topic, underlying)
                continue
            data = self._state(topic, underlying)
            if data and data != topic.last:
                topic.last = data
                topic.publish(data)

    def _state(self, topic: Topic, underlying: int) -> object:
        """What the topic says now; nothing before the first prices."""
        if topic.channel.family == "price_ranking":
            return [_ranked(told) for told in self._sources(underlying)]
        return self._statistics(topic.channel.index_name, underlying)

    def _statistics(self, index: str, underlying: int) -> JsonObject | None:
        stats = self._views.index_stats.get(underlying)
        day = None if stats is None else stats.at(self._now_ms())
        if day is None or day.high_ticks is None or day.low_ticks is None or day.first_ticks is None:
            return None
        return {
            "index_name": index,
            "low24h": usdc(day.low_ticks),
            "high24h": usdc(day.high_ticks),
            "change24h": usdc(self._views.index_micro(underlying) - day.first_ticks),
        }

    # --- marks -----------------------------------------------------------------------------------------

    def _marks(self, underlying: int) -> _Marks:
        """Mark and volatility (a fraction) of every option that trades, by name."""
        if underlying not in self._views.marks:
            return {}
        chain = self._oracle.chain(underlying)
        found: _Marks = {}
        for view in self._options(underlying):
            mark_micro = self._figures.mark_micro(view.instrument)
            values = chain.get(view.instrument) if chain is not None else None
            percent = None if values is None else values.mark_iv_percent
            if mark_micro:
                found[view.name] = (usdc(mark_micro), None if percent is None else percent / 100)
        return found

    def _options(self, underlying: int) -> list[InstrumentView]:
        registry = self._views.registry
        return [view for view in registry.select(registry.symbols[underlying]) if view.is_option]

    def _mark_rows(self, marks: _Marks) -> list[JsonObject]:
        now_ms = self._now_ms()
        return [_marked(name, mark, iv, now_ms) for name, (mark, iv) in marks.items()]

    def _tell_marks(self, topic: Topic, underlying: int) -> None:
        """The options whose mark has moved since the last frame."""
        known = topic.last if isinstance(topic.last, dict) else {}
        marks = self._marks(underlying)
        moved = {name: mark for name, mark in marks.items() if known.get(name) != mark}
        topic.last = marks
        if moved:
            topic.publish(self._mark_rows(moved))


def _ranked(told: SourcePrice) -> JsonObject:
    return {
        "identifier": told.source,
        "enabled": told.weight_percent > 0,
        "price": told.price,
        "original_price": told.original_price,
        "weight": told.weight_percent,
        "timestamp": told.at_ms,
    }


def _marked(name: str, mark: float, iv: float | None, now_ms: int) -> JsonObject:
    found: JsonObject = {"instrument_name": name, "mark_price": mark, "timestamp": now_ms}
    if iv is not None:
        found["iv"] = iv
    return found
