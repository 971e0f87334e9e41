"""The channels that follow what history makes: candles of trades, and the volatility index.

A candle is live: it starts from the store and memory when somebody subscribes and takes every trade from
then on; it is written at most every 100 ms. A period without a trade begins with a candle at the close
before. The volatility index is made by the history process, once a second; it is read from the store as
long as somebody listens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from exchange.gateway.archive import Answer, Archive, ArchiveBusy
from exchange.gateway.candles import RESOLUTIONS_S, bars_of, candle, market_trades_since
from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.history_ring import Fill, NotRemembered
from exchange.gateway.views import Views
from exchange.history import bars as b
from exchange.history.past import Past
from exchange.wire.objects import JsonObject
from exchange.wire.session import Session

TICKS_PER_SECOND: Final = 10
_MICRO: Final = 1_000_000
_CHART: Final = "chart"
_VOLATILITY: Final = "volatility_index"


class _Candle:
    """The candle of one topic; None until the first trade is known."""

    __slots__ = ("bar", "is_loaded", "step_s")

    def __init__(self, step_s: int) -> None:
        self.step_s = step_s
        self.bar: b.Bar | None = None
        self.is_loaded = False

    def take(self, bar: b.Bar) -> None:
        """What came later."""
        if self.bar is not None and self.bar.start_s == bar.start_s:
            bar = self.bar.merged(bar)
        self.bar = bar

    def advance(self, now_s: int) -> bool:
        """Begin the period of now if it is another; whether it is."""
        start_s = now_s - now_s % self.step_s
        if self.bar is None or self.bar.start_s >= start_s:
            return False
        last = self.bar.close
        self.bar = b.Bar(start_s, last, last, last, last)
        return True


class ChartFeeds:
    """Writer of these topics."""

    def __init__(
        self, views: Views, fanout: Fanout, archive: Archive, now_ms: Callable[[], int]
    ) -> None:
        self._views = views
        self._archive = archive
        self._now_ms = now_ms
        self._charts: dict[int, dict[Topic, _Candle]] = {}
        self._indices: dict[Topic, int] = {}
        self._ticks = 0
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)
        fanout.joined.append(self._on_joined)

    # --- topics come and go --------------------------------------------------------------------------

    def _on_opened(self, topic: Topic) -> None:
        channel = topic.channel
        if channel.family == _VOLATILITY:
            underlying = self._views.registry.underlying_of_index(channel.index_name)
            if underlying is not None:
                self._indices[topic] = underlying
                self._ask_volatility(topic, underlying)
        elif channel.family == _CHART:
            view = self._views.registry.by_name.get(channel.instrument)
            if view is not None:
                topic.instrument = view.instrument
                made = _Candle(RESOLUTIONS_S[channel.group])
                self._charts.setdefault(view.instrument, {})[topic] = made
                self._load(topic, made)

    def _on_closed(self, topic: Topic) -> None:
        self._indices.pop(topic, None)
        charts = self._charts.get(topic.instrument, {})
        charts.pop(topic, None)
        if not charts:
            self._charts.pop(topic.instrument, None)

    def _on_joined(self, topic: Topic, session: Session) -> None:
        """The first frame of a newcomer, if the topic was there before."""
        made = self._charts.get(topic.instrument, {}).get(topic)
        if made is not None and made.bar is not None:
            topic.publish_to(session, self._data(topic, made.bar))
        elif topic in self._indices and isinstance(topic.last, dict):
            topic.publish_to(session, topic.last)

    def _ask(self, work: Callable[[Past], Any], done: Callable[[Answer], None]) -> bool:
        try:
            self._archive.ask(work, done)
        except ArchiveBusy:
            return False
        return True

    # --- candles -------------------------------------------------------------------------------------

    def _load(self, topic: Topic, made: _Candle) -> None:
        """Take the candle of now, or the last one before, out of store and memory."""
        now_s = self._now_ms() // 1_000
        start_s = now_s - now_s % made.step_s
        instrument = topic.instrument

        def done(answer: Answer) -> None:
            if self._charts.get(instrument, {}).get(topic) is not made:
                return
            market = self._views.markets[instrument]
            try:
                fresh = market_trades_since(market, answer.next_seq, self._views.ring.known_from)
            except NotRemembered:
                fresh = []  # the store is far behind: the candle begins where memory does
            merged = b.merge(answer.found or (), bars_of(fresh, made.step_s))
            made.is_loaded = True
            made.bar = merged[-1] if merged else None
            made.advance(self._now_ms() // 1_000)
            self._write(topic, made)

        if not self._ask(lambda past: past.bars(b.TRADES, instrument, made.step_s, start_s, now_s), done):
            made.is_loaded = True

    def flush(self) -> None:
        """Take the trades of the batches just released."""
        if not self._charts:
            return
        by_instrument: dict[int, list[Fill]] = {}
        for instrument, fill in self._views.touched.fills:
            if instrument in self._charts:
                by_instrument.setdefault(instrument, []).append(fill)
        for instrument, fills in by_instrument.items():
            for topic, made in self._charts[instrument].items():
                if made.is_loaded:
                    self._take(topic, made, fills)

    def _take(self, topic: Topic, made: _Candle, fills: list[Fill]) -> None:
        for bar in bars_of(fills, made.step_s):
            if topic.dirty and made.bar is not None and made.bar.start_s != bar.start_s:
                self._write(topic, made)  # what is over, before what begins
            made.take(bar)
            topic.dirty = True

    def tick(self) -> None:
        """100 ms have passed."""
        self._ticks += 1
        now_s = self._now_ms() // 1_000
        for charts in self._charts.values():
            for topic, made in charts.items():
                if topic.dirty:
                    self._write(topic, made)
                if made.advance(now_s):
                    self._write(topic, made)
        if self._ticks % TICKS_PER_SECOND == 0:
            for topic, underlying in self._indices.items():
                self._ask_volatility(topic, underlying)

    def _write(self, topic: Topic, made: _Candle) -> None:
        topic.dirty = False
        if made.bar is not None:
            topic.publish(self._data(topic, made.bar))

    def _data(self, topic: Topic, bar: b.Bar) -> JsonObject:
        return candle(self._views.registry.instruments[topic.instrument], bar, "tick")

    # --- the volatility index ------------------------------------------------------------------------

    def _ask_volatility(self, topic: Topic, underlying: int) -> None:
        now_s = self._now_ms() // 1_000

        def done(answer: Answer) -> None:
            if not answer.found or topic not in self._indices:
                return
            bar: b.Bar = answer.found[-1]
            data: JsonObject = {
                "timestamp": bar.start_s * 1_000,
                "volatility": bar.close / _MICRO,
                "index_name": topic.channel.index_name,
            }
            if data != topic.last:
                topic.last = data
                topic.publish(data)

        self._ask(lambda past: past.bars(b.VOLATILITY, underlying, 1, now_s, now_s), done)
