"""Which combos' tickers a change of a leg's book is news to: those whose implied prices it moves.

Implied prices are made of the best orders of the legs (`combo_figures.implied_best`) and stand in a combo's
ticker beside its own book's. A level behind the best is no news.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from exchange.gateway.combos.figures import implied_best
from exchange.gateway.fanout import Topic
from exchange.gateway.registry import Registry
from exchange.gateway.views import Views

_Best = tuple[int | None, int | None]


class ComboTickers:
    """Ticker topics of combos, by their legs."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._combos: dict[int, list[int]] = {}  # by leg, those somebody listens to
        self._topics: dict[int, list[Topic]] = {}  # by combo
        self._told: dict[int, _Best] = {}

    @property
    def _registry(self) -> Registry:
        return self._views.registry

    def add(self, topic: Topic) -> None:
        """Somebody listens to the ticker of an instrument, which may be a combo."""
        view = self._registry.instruments[topic.instrument]
        if not view.legs:
            return
        if view.instrument not in self._topics:
            self._told[view.instrument] = self._best(view.instrument)
            for leg in view.legs:
                self._combos.setdefault(leg.view.instrument, []).append(view.instrument)
        self._topics.setdefault(view.instrument, []).append(topic)

    def remove(self, topic: Topic) -> None:
        """Nobody listens to it any more."""
        topics = self._topics.get(topic.instrument, [])
        if topic not in topics:
            return
        topics.remove(topic)
        if topics:
            return
        del self._topics[topic.instrument], self._told[topic.instrument]
        for leg in self._registry.instruments[topic.instrument].legs:
            combos = self._combos[leg.view.instrument]
            combos.remove(topic.instrument)
            if not combos:
                del self._combos[leg.view.instrument]

    def moved(self, books: Iterable[int]) -> Iterator[Topic]:
        """The topics to whom changes of these books are news."""
        if not self._combos:
            return
        looked_at: dict[int, None] = {}
        for leg in books:
            looked_at.update(dict.fromkeys(self._combos.get(leg, ())))
        for combo in looked_at:
            best = self._best(combo)
            if best != self._told[combo]:
                self._told[combo] = best
                yield from self._topics[combo]

    def _best(self, combo: int) -> _Best:
        return implied_best(self._views.markets, self._registry.instruments[combo])
