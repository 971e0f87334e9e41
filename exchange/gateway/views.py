"""One pass over released events that keeps every view of the gateway up to date.

The pass reads only the words a view needs; a record is copied out of the batch only for those who keep
it (rings) or push it (private streams). What was touched since the last flush is left in `touched` for
the feeds.
"""

from __future__ import annotations

import struct
from typing import Final, Protocol

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.history_ring import Fill, HistoryRing
from exchange.gateway.market import InstrumentMarket
from exchange.gateway.registry import Registry

# seq, account, instrument, order_id, price, flags, kind, state, level_lots
_ORDER: Final = struct.Struct("<8xQIIQq24xIBB50xq")
_OLD_LEVEL: Final = struct.Struct("<qq")
_KEY: Final = struct.Struct("<BxHIQII")  # type, units, index, seq, account, instrument
_ORDER_BYTES: Final = 128


class PrivateSink(Protocol):
    """Who pushes private streams."""

    watched: dict[int, int]
    """Accounts somebody listens to (value: how many)."""

    def on_order(self, account: int, instrument: int, record: bytes) -> None:
        """An order of a watched account changed."""

    def on_fill(self, account: int, instrument: int, fill: Fill) -> None:
        """A watched account traded."""

    def on_figures(self, account: int) -> None:
        """Cash or positions of a watched account changed."""


class Touched:
    """What changed since the feeds last looked; they clear it."""

    __slots__ = ("books", "fills", "instruments", "underlyings")

    def __init__(self) -> None:
        self.books: set[int] = set()
        self.fills: list[tuple[int, Fill]] = []
        self.instruments: set[int] = set()
        self.underlyings: dict[int, ev.Marked] = {}

    def clear(self) -> None:
        """Start over."""
        self.books.clear()
        self.fills.clear()
        self.instruments.clear()
        self.underlyings.clear()


class Views:
    """The gateway's live picture of one shard."""

    def __init__(self, registry: Registry, ring: HistoryRing, private: PrivateSink) -> None:
        self.registry = registry
        self.ring = ring
        self.markets: list[InstrumentMarket] = []
        """By instrument id."""
        self.marks: dict[int, ev.Marked] = {}
        """The last MARKED event by underlying."""
        self.touched = Touched()
        self.seq = 0
        """Counter of the last command taken in."""
        self.time_ms = 0
        """Sequenced time as far as events told it."""
        self._private = private

    def on_batch(self, first_seq: int, count: int, events: bytes) -> None:
        """Take a released batch (a listener of the sequencer)."""
        at = 0
        end = len(events)
        while at < end:
            units = events[at + 2] | events[at + 3] << 8
            kind = events[at]
            if kind == r.EV_ORDER:
                self._on_order(events, at, units)
            elif kind == r.EV_TRADE:
                self._on_trade(events, at)
            else:
                self._on_rare(events, at, kind)
            at += units * r.UNIT_BYTES
        self.seq = first_seq + count - 1

    def remember(self, events: bytes) -> None:
        """Take only the past out of replayed events: fills, closed orders, statistics, last prices.

        Books and holdings are loaded from the engine, which has applied these events already.
        """
        at = 0
        end = len(events)
        while at < end:
            size = (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES
            kind = events[at]
            if kind == r.EV_TRADE:
                market = self.markets[int.from_bytes(events[at + 20 : at + 24], "little")]
                market.note_trade(events, at)
                market.trades.append(self.ring.on_trade(events[at : at + size], market.tick_direction))
            elif kind == r.EV_ORDER:
                _, account, _, order_id, _, _, order_kind, state, _ = _ORDER.unpack_from(events, at)
                if state != r.ORDER_STATE_OPEN or self.ring.awaiting:
                    self.ring.on_order(account, order_id, order_kind, state, events[at : at + size])
            elif kind in (r.EV_MARKED, r.EV_INSTRUMENT):
                self._remember_rare(ev.read_event(events, at))
            at += size

    def _remember_rare(self, event: ev.Event) -> None:
        if isinstance(event, ev.Marked):
            self.marks[event.head.instrument] = event
        elif isinstance(event, ev.Instrument) and event.state == r.STATE_OPEN:
            view = self.registry.instruments[event.head.instrument]
            view.created_ms = view.created_ms or event.time_ms

    def _on_order(self, events: bytes, at: int, units: int) -> None:
        seq, account, instrument, order_id, price, flags, kind, state, level = _ORDER.unpack_from(events, at)
        book = self.markets[instrument].book
        changed = book.update(flags & r.FLAG_SELL, price, level, seq & COUNTER_MASK)
        if units > 4:
            old_price, old_level = _OLD_LEVEL.unpack_from(events, at + _ORDER_BYTES)
            changed |= book.update(flags & r.FLAG_SELL, old_price, old_level, seq & COUNTER_MASK)
        if changed:
            self.touched.books.add(instrument)
        watched = account in self._private.watched
        ring = self.ring
        if watched or state != r.ORDER_STATE_OPEN or ring.awaiting:
            record = events[at : at + units * r.UNIT_BYTES]
            ring.on_order(account, order_id, kind, state, record)
            if watched:
                self._private.on_order(account, instrument, record)

    def _on_trade(self, events: bytes, at: int) -> None:
        _, _, _, _, _, instrument = _KEY.unpack_from(events, at)
        market = self.markets[instrument]
        maker, taker = market.on_trade(events, at)
        fill = self.ring.on_trade(events[at : at + 160], market.tick_direction)
        market.trades.append(fill)
        self.touched.fills.append((instrument, fill))
        watched = self._private.watched
        if watched:
            if maker in watched:
                self._private.on_fill(maker, instrument, fill)
            if taker in watched and taker != maker:
                self._private.on_fill(taker, instrument, fill)

    def _on_rare(self, events: bytes, at: int, kind: int) -> None:
        _, _, _, _, account, instrument = _KEY.unpack_from(events, at)
        if kind in (r.EV_DONE, r.EV_REJECTED):
            return
        if kind == r.EV_MARKED:
            marked = ev.read_event(events, at)
            if isinstance(marked, ev.Marked):
                self.marks[instrument] = self.touched.underlyings[instrument] = marked
                self.time_ms = marked.time_ms
        elif kind == r.EV_SETTLED:
            self.markets[instrument].on_settled(events, at)
            self.touched.instruments.add(instrument)
            self._figures(account)
        elif kind == r.EV_CASH:
            self._figures(account)
        else:
            self._on_listing(ev.read_event(events, at))

    def _on_listing(self, event: ev.Event) -> None:
        if isinstance(event, ev.Instrument):
            view = self.registry.on_instrument(event)
            if view.instrument == len(self.markets):
                self.markets.append(InstrumentMarket())
            self.touched.instruments.add(view.instrument)
        elif isinstance(event, ev.Underlying):
            self.registry.on_underlying(event)

    def _figures(self, account: int) -> None:
        if account in self._private.watched:
            self._private.on_figures(account)
