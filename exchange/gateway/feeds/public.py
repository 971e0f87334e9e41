"""The public channels: book, ticker, quote, trades, price index.

`flush` runs once per released group of batches and writes the `raw` topics and the quotes; conflated
topics only note that something happened. `tick` runs every 100 ms and writes those of `100ms`, every
tenth time also those of `agg2` (one second).

Topics that tell a state (tickers, grouped books) are written a slice per turn of the loop: however many
someone listens to, orders do not wait for them.

A book topic's tracker is what its subscribers know. A newcomer first makes the topic tell what it still
holds back, then gets the book as all others know it now: from there the ids chain without a gap.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final, TypeVar

from exchange.domain import events as ev
from exchange.gateway.book import Level
from exchange.gateway.combos.fields import combo_fields
from exchange.gateway.combos.tickers import ComboTickers
from exchange.gateway.deals.block_index import BlockIndex
from exchange.gateway.fanout import Fanout, Topic
from exchange.gateway.figures import Figures
from exchange.gateway.grouping import grouped
from exchange.gateway.history_ring import Fill
from exchange.gateway.registry import Registry
from exchange.gateway.slices import Slices
from exchange.gateway.views import Views
from exchange.wire.figures import ticker_object
from exchange.wire.instruments import InstrumentView
from exchange.wire.names import KIND_FILTERS, index_name
from exchange.wire.objects import (
    JsonObject,
    book_change_data,
    book_snapshot_data,
    grouped_book_data,
    price_index_data,
    public_trade_object,
    quote_data,
)
from exchange.wire.session import Session

TICK_S: Final = 0.1
TICKS_PER_AGG2: Final = 10
_BOOKS: Final = ("book", "grouped_book")
_TICKERS: Final = ("ticker", "incremental_ticker")
_OURS: Final = frozenset({*_BOOKS, *_TICKERS, "quote", "trades", "price_index"})
_STATES: Final = (*_TICKERS, "grouped_book")  # each frame tells all there is: a missed one is no gap
STATES_PER_SLICE: Final = 16
_ALWAYS_NEW: Final = frozenset({"timestamp", "seq"})  # what alone is no news of a ticker

K = TypeVar("K")
Best = tuple[Level | None, Level | None]


class PublicFeeds:
    """Writer of all public topics."""

    def __init__(
        self,
        views: Views,
        figures: Figures,
        fanout: Fanout,
        slices: Slices,
        now_ms: Callable[[], int],
        blocks: BlockIndex | None = None,
    ) -> None:
        self._views = views
        self._blocks = blocks
        self._figures = figures
        self._now_ms = now_ms
        self._by_instrument: dict[int, list[Topic]] = {}
        self._trades: list[Topic] = []  # of a kind and currency
        self._by_index: dict[str, list[Topic]] = {}
        self._conflated: dict[str, dict[Topic, None]] = {"100ms": {}, "agg2": {}}  # those with news
        self._combo_tickers = ComboTickers(views)
        self._states: dict[Topic, None] = {}  # topics of a state whose news wait for their slice
        self._writing = False
        self._slices = slices
        self._ticks = 0
        fanout.opened.append(self._on_opened)
        fanout.closed.append(self._on_closed)
        fanout.joined.append(self._on_joined)

    # --- topics come and go ------------------------------------------------------------------------

    def _on_opened(self, topic: Topic) -> None:
        channel = topic.channel
        if channel.family not in _OURS:
            return
        if channel.family == "price_index":
            self._by_index.setdefault(_index_of(topic), []).append(topic)
        elif channel.instrument:
            view = self._views.registry.by_name.get(channel.instrument)
            if view is None:
                return
            topic.instrument = view.instrument
            self._by_instrument.setdefault(view.instrument, []).append(topic)
            if channel.family in _BOOKS:
                topic.tracker = self._views.markets[view.instrument].book.track(
                    view.terms.tick_micro, view.terms.lot_e8
                )
            elif channel.family in _TICKERS:
                self._combo_tickers.add(topic)
        elif channel.family == "trades":
            self._trades.append(topic)

    def _on_closed(self, topic: Topic) -> None:
        if topic in self._trades:
            self._trades.remove(topic)
        if topic.channel.family == "price_index":
            _take_out(self._by_index, _index_of(topic), topic)
        if topic.instrument >= 0:
            _take_out(self._by_instrument, topic.instrument, topic)
            self._combo_tickers.remove(topic)
        if topic.tracker is not None:
            self._views.markets[topic.instrument].book.untrack(topic.tracker)
            topic.tracker = None
        for waiting in (*self._conflated.values(), self._states):
            waiting.pop(topic, None)

    def _on_joined(self, topic: Topic, session: Session) -> None:
        """The first frame of a newcomer."""
        channel = topic.channel
        if channel.family == "price_index":
            marked = self._marked_of(_index_of(topic))
            if marked is not None:
                data = price_index_data(_index_of(topic), marked.index_micro, marked.time_ms)
                topic.publish_to(session, data)
            return
        if channel.private or topic.instrument < 0:
            return
        view = self._views.registry.instruments[topic.instrument]
        if channel.family == "book":
            self._write_snapshot(topic, session, view)
        elif channel.family == "grouped_book":
            topic.publish_to(session, self._grouped(topic, view))
        elif channel.family == "ticker":
            topic.publish_to(session, self._ticker(view))
        elif channel.family == "incremental_ticker":
            whole = self._ticker(view)
            topic.last = topic.last or whole
            topic.publish_to(session, {"type": "snapshot", **whole})
        elif channel.family == "quote":
            topic.last = best = self._best(topic.instrument)
            topic.publish_to(session, quote_data(view, *best, self._now_ms()))

    def _marked_of(self, index: str) -> ev.Marked | None:
        for underlying, symbol in enumerate(self._views.registry.symbols):
            if index in _index_names(symbol):
                return self._views.marks.get(underlying)
        return None

    # --- writing -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Tell what the batches just released changed."""
        touched = self._views.touched
        by_instrument = self._by_instrument
        if by_instrument:
            for instrument in touched.books:
                if instrument in by_instrument:
                    self._on_book(by_instrument[instrument])
            for topic in self._combo_tickers.moved(touched.books):
                self._note(topic)
            for instrument in touched.instruments:
                for topic in by_instrument.get(instrument, ()):
                    self._note(topic)
        if (by_instrument or self._trades) and touched.fills:
            for instrument, fill in touched.fills:
                self._on_fill(instrument, fill)
            self._write_raw_trades()
        for underlying, marked in touched.underlyings.items():
            self._on_marked(underlying, marked)
        self._write_states()

    def tick(self) -> None:
        """100 ms have passed: write the conflated topics that have news."""
        self._ticks += 1
        self._drain("100ms")
        if self._ticks % TICKS_PER_AGG2 == 0:
            self._drain("agg2")
        self._write_states()

    def _drain(self, interval: str) -> None:
        waiting = self._conflated[interval]
        if waiting:
            self._conflated[interval] = {}
            for topic in waiting:
                topic.dirty = False
                self._put(topic)

    def _put(self, topic: Topic) -> None:
        """Write the topic, if it tells a state in this release's slice or in a later one."""
        if topic.channel.family in _STATES:
            self._states[topic] = None
        else:
            self._write(topic)

    def _write_states(self) -> None:
        """Write a slice of the topics that tell a state; the rest is left to turns of their own.

        A mark block moves the ticker of every instrument of an underlying. Written at once for someone
        who listens to them all, they would hold up every order behind them; a topic that has news again
        before its turn tells the newer state only.
        """
        if self._states and not self._writing and self._write_slice():
            self._writing = True
            self._slices.add(self._go_on)

    def _go_on(self) -> bool:
        self._writing = False  # also if the slice fails
        self._writing = self._write_slice()
        return self._writing

    def _write_slice(self) -> bool:
        states = self._states
        topics = [*itertools.islice(states, STATES_PER_SLICE)]
        for topic in topics:
            del states[topic]
        instruments = self._views.registry.instruments
        self._figures.prepare(
            instruments[topic.instrument] for topic in topics if topic.channel.family in _TICKERS
        )
        for topic in topics:
            self._write(topic)
        return bool(states)

    def _note(self, topic: Topic) -> None:
        """The topic has news: write it now if it is raw, else at its tick."""
        interval = topic.channel.interval or ("100ms" if topic.channel.family in _TICKERS else "raw")
        if interval == "raw":
            self._put(topic)
        elif not topic.dirty:
            topic.dirty = True
            self._conflated[interval][topic] = None

    def _on_book(self, topics: list[Topic]) -> None:
        for topic in topics:
            if topic.channel.family != "trades":
                self._note(topic)

    def _on_marked(self, underlying: int, marked: ev.Marked) -> None:
        registry = self._views.registry
        if self._by_index:
            for index in _index_names(registry.symbols[underlying]):
                for topic in self._by_index.get(index, ()):
                    topic.publish(price_index_data(index, marked.index_micro, marked.time_ms))
        if self._by_instrument:
            for instrument, topics in self._by_instrument.items():
                if registry.instruments[instrument].terms.underlying == underlying:
                    for topic in topics:
                        if topic.channel.family in _TICKERS:
                            self._note(topic)

    def _on_fill(self, instrument: int, fill: Fill) -> None:
        registry = self._views.registry
        view = registry.instruments[instrument]
        mine = self._by_instrument.get(instrument, ())
        targets = [topic for topic in mine if topic.channel.family == "trades"]
        for topic in self._trades:
            kind = KIND_FILTERS.get(topic.channel.kind)
            if kind is not None and registry.covers(topic.channel.currency, kind, view):
                targets.append(topic)
        if targets:
            data = public_trade(fill, registry, self._blocks)
            for topic in targets:
                topic.pending.append(data)
                if topic.channel.interval != "raw":
                    self._note(topic)
        for topic in mine:
            if topic.channel.family in _TICKERS:
                self._note(topic)

    def _write_raw_trades(self) -> None:
        for topics in (self._trades, *self._by_instrument.values()):
            for topic in topics:
                if topic.pending and topic.channel.interval == "raw":
                    self._write(topic)

    def _write(self, topic: Topic) -> None:
        if topic.channel.family == "trades":
            data, topic.pending = topic.pending, []
            if data:
                topic.publish(data)
            return
        view = self._views.registry.instruments[topic.instrument]
        family = topic.channel.family
        if family == "book":
            self._write_book(topic, view)
        elif family == "grouped_book":
            topic.publish(self._grouped(topic, view))
        elif family == "quote":
            best = self._best(topic.instrument)
            if best != topic.last:
                topic.last = best
                topic.publish(quote_data(view, *best, self._now_ms()))
        elif family == "ticker":
            topic.publish(self._ticker(view))
        elif family == "incremental_ticker":
            self._write_increment(topic, self._ticker(view))

    def _write_increment(self, topic: Topic, whole: JsonObject) -> None:
        """The fields of a ticker that are not as the last frame told them."""
        known = topic.last if isinstance(topic.last, dict) else {}
        changed = {name: value for name, value in whole.items() if known.get(name, ...) != value}
        topic.last = whole
        if not changed.keys() <= _ALWAYS_NEW:
            head = {"type": "change", "instrument_name": whole["instrument_name"]}
            topic.publish({**head, "timestamp": whole["timestamp"], **changed})

    def _write_book(self, topic: Topic, view: InstrumentView) -> None:
        tracker = topic.tracker
        if tracker is None:
            return
        changes = self._views.markets[topic.instrument].book.take_changes(tracker)
        if changes is not None:
            topic.publish(
                book_change_data(
                    view,
                    changes.bids,
                    changes.asks,
                    changes.change_id,
                    changes.prev_change_id,
                    self._now_ms(),
                    tracker.checksum,
                )
            )

    def _write_snapshot(self, topic: Topic, session: Session, view: InstrumentView) -> None:
        """The whole book for one subscriber, as all others of the topic know it from now on."""
        tracker = topic.tracker
        if tracker is None:
            return
        del topic.sessions[session]  # what is held back is not for the newcomer
        self._write_book(topic, view)
        topic.sessions[session] = None
        book = self._views.markets[topic.instrument].book
        data = book_snapshot_data(
            view, book.bids(), book.asks(), tracker.change_id, self._now_ms(), tracker.checksum
        )
        topic.publish_to(session, data)

    def send_snapshot(self, topic: Topic, session: Session) -> None:
        """The next frame a subscriber of a `book` topic gets is a snapshot, now."""
        self._write_snapshot(topic, session, self._views.registry.instruments[topic.instrument])

    def _grouped(self, topic: Topic, view: InstrumentView) -> JsonObject:
        book = self._views.markets[topic.instrument].book
        bids, asks = grouped(book, view, topic.channel.group, topic.channel.depth)
        return grouped_book_data(view, bids, asks, book.change_id, self._now_ms())

    def _ticker(self, view: InstrumentView) -> JsonObject:
        return ticker_object(view, self._figures.market(view, self._now_ms()))

    def _best(self, instrument: int) -> Best:
        book = self._views.markets[instrument].book
        return book.best_bid(), book.best_ask()


def _index_names(symbol: str) -> tuple[str, str]:
    """`btc_usdc`, and the dialect's other name for what is one index here, `btc_usd`."""
    name = index_name(symbol)
    return name, name.removesuffix("c")


def _index_of(topic: Topic) -> str:
    return topic.channel.name.partition(".")[2]


def _take_out(table: dict[K, list[Topic]], key: K, topic: Topic) -> None:
    listed = table.get(key, [])
    if topic in listed:
        listed.remove(topic)
        if not listed:
            del table[key]


def public_trade(fill: Fill, registry: Registry, blocks: BlockIndex | None = None) -> JsonObject:
    """The public object of a remembered match."""
    trade = ev.read_event(fill.trade)
    if not isinstance(trade, ev.Trade):
        raise ev.EventError("a fill holds no TRADE")
    view = registry.instruments[trade.head.instrument]
    found = public_trade_object(trade, view, tick_direction=fill.tick_direction)
    found |= combo_fields(fill.trade, registry)
    return found if blocks is None else blocks.add_public(found, trade)
