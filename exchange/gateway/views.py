"""One pass over released events that keeps every view of the gateway up to date.

Orders and trades are taken by compiled code (`exchange.edge.released`), which stops at what is rare and notes
what accounts with listeners had: both are seen to here. A record is copied out of the batch only for those
who push it. What was touched since the last flush is left in `touched` for the feeds.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.events_orders import Extended, Mmp
from exchange.edge import settled
from exchange.edge.released import Shown
from exchange.gateway.combos.views import kept_with_prints, note_print
from exchange.gateway.families import Families
from exchange.gateway.history_ring import (
    Fill,
    HistoryRing,
    byte_of,
    counter_of,
    direction_of,
)
from exchange.gateway.market import InstrumentMarket, RollingStats
from exchange.gateway.money_ring import RECORDS_PER_ACCOUNT, MoneyRing
from exchange.gateway.notices import notice
from exchange.gateway.order_extras import OrderExtras
from exchange.gateway.ports import NoHistory
from exchange.gateway.registry import Registry
from exchange.gateway.streams.numbers import StreamSink, accounts_of
from exchange.gateway.touched import Touched
from exchange.history.reader import Opening
from exchange.wire.money import Funding
from exchange.wire.objects import JsonObject

_LOCKS: Final = {r.LIQ_STARTED: True, r.LIQ_ENDED: False}
NOTICES: Final = 1_000
FUNDINGS: Final = 24
Movement = ev.Settled | ev.Cash | ev.Liquidation | ev.Moved


class PrivateSink(Protocol):
    """Who pushes private streams."""

    watched: dict[int, int]
    """Accounts somebody listens to (value: how many)."""

    def on_order(self, account: int, instrument: int, record: bytes) -> None:
        """An order of a watched account changed."""

    def on_fill(self, account: int, instrument: int, fill: Fill) -> None:
        """A watched account traded."""

    def on_figures(self, account: int) -> None:
        """Cash or standing of a watched account changed."""

    def on_settled(self, account: int, instrument: int) -> None:
        """A position of a watched account changed without a trade."""

    def on_lock(self, account: int, is_locked: bool) -> None:
        """A watched account was locked, or is free again."""


class Views:
    """The gateway's live picture of one shard."""

    def __init__(
        self,
        registry: Registry,
        ring: HistoryRing,
        private: PrivateSink,
        streams: StreamSink,
        money: MoneyRing | None = None,
    ) -> None:
        self.registry = registry
        self.ring = ring
        self.money = money or MoneyRing(NoHistory())
        self.families = Families()
        self.fundings: dict[int, deque[Funding]] = {}
        """The last fundings of each perpetual, oldest first."""
        self.deliveries: dict[int, dict[int, int]] = {}
        """Delivery prices in micro-USDC by underlying and expiry (ms)."""
        self.notices: deque[JsonObject] = deque(maxlen=NOTICES)
        """What the venue ordered lately, oldest first."""
        self.markets: list[InstrumentMarket] = []
        """By instrument id."""
        self.marks: dict[int, ev.Marked] = {}
        """The last MARKED event by underlying."""
        self.index_stats: dict[int, RollingStats] = {}
        """High, low and first index of the last 24 hours by underlying (prices in micro-USDC)."""
        self.started_at: dict[int, int] = {}
        """The index by underlying when this venue started, until there are marks."""
        self.extras = OrderExtras()
        self._shown = Shown(ring.past, streams.numbers, private.watched, self.extras.ids)
        self.touched = Touched(self._shown)
        self.seq = 0
        """Counter of the last command taken in."""
        self.time_ms = 0
        """Sequenced time as far as events told it."""
        self._private = private
        self._streams = streams
        self.on_mmp: list[Callable[[Mmp], None]] = []  # told of every event of a protection group
        self.stored_to = 0
        """The first command the store did not have at the start."""

    def on_batch(self, first_seq: int, count: int, events: bytes) -> None:
        """Take a released batch (a listener of the sequencer)."""
        number = self.ring.keep(events)
        take, end = self._shown.take, len(events)
        at = 0
        while True:
            at = take(events, at, number)
            if self._shown.noted:
                self._tell_noted(events)
            if at >= end:
                break
            if events[at] == r.EV_ORDER:
                self._shown.order(events, at, number, self.extras.on_order(events, at))
            elif events[at] == r.EV_COMBO_TRADE:
                events = kept_with_prints(self.ring, events, at, number)
                end = len(events)
                self._on_print(events, at, number)
            elif events[at] == r.EV_SETTLED:
                at = self._on_settled(events, at, number)
                continue
            else:
                self._on_rare(events, at)
            at += (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES
        self.seq = first_seq + count - 1

    def add_market(self) -> InstrumentMarket:
        """The next instrument's."""
        market = InstrumentMarket(self.ring.past)
        self.markets.append(market)
        self._shown.boards.append(market.board)
        return market

    def index_micro(self, underlying: int) -> int:
        """The index of an underlying as the events before told it; 0 before the first marks."""
        marked = self.marks.get(underlying)
        return self.started_at.get(underlying, 0) if marked is None else marked.index_micro

    def load_history(self, opening: Opening, next_seq: int) -> None:
        """Take last trades, statistics, delivery prices, the last fundings of each perpetual and the fees of
        open orders from the store (start). `next_seq` is the first command this venue will sequence.

        What the store has is the store's to tell from then on: :meth:`remember` leaves it out.
        """
        self.stored_to = opening.next_seq
        self.ring.begin(next_seq)
        self.ring.load_fees(opening.fees)
        for record, direction in opening.last_trades:
            instrument = int.from_bytes(record[20:24], "little")
            self.markets[instrument].load_last(record, direction)
        for instrument, bar in opening.day:
            self.markets[instrument].load_bar(bar)
        for instrument, price in opening.deliveries:
            self.markets[instrument].delivery_micro = price
        for instrument, price in opening.settlements:
            self.markets[instrument].settlement_ticks = price
        for row in self.money.deliveries():
            self._note_delivery(row.instrument, row.price)
        for view in self.registry.select(kind=r.KIND_PERPETUAL):
            rows = itertools.islice(self.money.markets(view.instrument, (r.SETTLED_FUNDING,)), FUNDINGS)
            found = [Funding(row.time_ms, row.index_micro, row.price, view.terms.lot_e8) for row in rows]
            if found:
                self.fundings[view.instrument] = deque(reversed(found), maxlen=FUNDINGS)

    def remember(self, events: bytes) -> None:
        """Take only the past out of replayed events: fills, closed orders, statistics, last prices.

        Books and holdings are loaded from the engine, which has applied these events already.
        """
        if not events:
            return
        self.ring.begin(min(self.ring.known_from, counter_of(events)))
        number = self.ring.keep(events)
        at, end = 0, len(events)
        while True:
            at = self._shown.remember(events, at, number, self.stored_to)
            if at >= end:
                break
            size = (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES
            if events[at] == r.EV_ORDER:
                self.extras.on_order(events, at)
                self._shown.remember_order(events, at, number)
            elif events[at] == r.EV_COMBO_TRADE:
                events = kept_with_prints(self.ring, events, at, number)
                end = len(events)
                size = (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES
                if counter_of(events, at) >= self.stored_to:
                    combo = int.from_bytes(events[at + 20 : at + 24], "little")
                    note_print(self.ring, self.markets[combo].board, events, at, number)
            else:
                self._remember_rare(ev.read_event(events, at), events[at : at + size])
            at += size

    def _remember_rare(self, event: ev.Event, record: bytes) -> None:
        if not self._is_listing(event):
            said = notice(event, self.registry)
            if said is not None:
                self.notices.append(said)
        if isinstance(event, Extended):
            self.extras.take(event)
        elif isinstance(event, ev.Marked):
            self.marks[event.head.instrument] = event
            self._note_index(event)
        elif isinstance(event, ev.Instrument):
            view = self.registry.instruments[event.head.instrument]
            view.changed_ms = event.time_ms
            if event.state == r.STATE_OPEN:
                view.created_ms = view.created_ms or event.time_ms
        elif isinstance(event, (ev.Settled, ev.Cash, ev.Liquidation, ev.Moved)):
            self._note_movement(event, record)
            if isinstance(event, ev.Settled):
                self.markets[event.head.instrument].note_settled(event)

    def _note_index(self, event: ev.Marked) -> None:
        """The rolling 24 hours of an index, in micro-USDC."""
        stats = self.index_stats.get(event.head.instrument)
        if stats is None:
            stats = self.index_stats[event.head.instrument] = RollingStats()
        stats.add(event.time_ms, event.index_micro, 0, 0)

    def _is_listing(self, event: ev.Event) -> bool:
        """Whether a replayed event is a listing: the registry, loaded before, knows it already."""
        if isinstance(event, ev.Instrument):
            view = self.registry.instruments[event.head.instrument]
            return event.state == r.STATE_OPEN and view.created_ms in (0, event.time_ms)
        return isinstance(event, ev.Underlying) and event.state == 0

    def _tell_noted(self, events: bytes) -> None:
        """Tell who listens of the orders and trades that were noted."""
        noted = self._shown.noted
        streams, private = self._streams, self._private
        known: dict[int, Fill] = {}  # both sides are told of the same
        for each in range(0, len(noted), 3):
            place, account, number = noted[each : each + 3]
            at = byte_of(place)
            instrument = int.from_bytes(events[at + 20 : at + 24], "little")
            what: bytes | Fill
            if events[at] in (r.EV_ORDER, r.EV_SETTLED):
                what = events[at : at + (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES]
                if events[at] == r.EV_ORDER:
                    private.on_order(account, instrument, what)
                else:
                    private.on_settled(account, instrument)
                    private.on_figures(account)
            else:
                what = known.get(place) or known.setdefault(place, Fill(events, at, direction_of(place)))
                private.on_fill(account, instrument, what)
            if account in streams.followed:
                streams.take(account, number, what)
        noted.clear()

    def _on_print(self, events: bytes, at: int, number: int) -> None:
        """A combo's print: its legs' TRADEs follow and move what there is to move."""
        instrument = int.from_bytes(events[at + 20 : at + 24], "little")
        place = note_print(self.ring, self.markets[instrument].board, events, at, number)
        fill = Fill(events, at, direction_of(place))
        self._shown.trades += (instrument, place)
        for account in accounts_of(events, at):
            if account in self._private.watched:
                self._private.on_fill(account, instrument, fill)
            self._streams.count(account, fill)

    def _on_rare(self, events: bytes, at: int) -> None:
        event = ev.read_event(events, at)
        for account in accounts_of(events, at):
            self._streams.count(account, events[at : at + event.head.units * r.UNIT_BYTES])
        if isinstance(event, Extended):
            self.extras.take(event)
        elif isinstance(event, Mmp):
            for told in self.on_mmp:
                told(event)
        elif isinstance(event, ev.Marked):
            underlying = event.head.instrument
            self.marks[underlying] = self.touched.underlyings[underlying] = event
            self.time_ms = event.time_ms
            self._note_index(event)
        elif isinstance(event, (ev.Cash, ev.Liquidation, ev.Moved)):
            self._on_movement(event, events, at)
        elif isinstance(event, ev.Account):
            self._on_account(event)
        else:
            self._notice(event)
            self._on_listing(event)

    def _on_settled(self, events: bytes, at: int, number: int) -> int:
        """Take the SETTLED at byte `at` and those of its settlement behind it, thousands perhaps; the byte
        behind them. Who listens is told of them next."""
        event = ev.read_event(events, at)
        assert isinstance(event, ev.Settled)
        run = settled.take(self._shown, events, at, number, self.money.records, RECORDS_PER_ACCOUNT)
        self.money.add_settlement(event, run.long_lots, run.gained_micro, self._note_settlement(event))
        self.markets[event.head.instrument].note_settled(event)
        self.touched.instruments.add(event.head.instrument)
        return run.end

    def _on_movement(self, event: Movement, events: bytes, at: int) -> None:
        account, instrument = event.head.account, event.head.instrument
        self._note_movement(event, events[at : at + event.head.units * r.UNIT_BYTES])
        if isinstance(event, ev.Moved):
            market = self.markets[instrument]
            market.fill(account, -event.lots, -event.value_micro)
            market.fill(event.to_account, event.lots, event.value_micro)
            self._settled(account, instrument)
            self._settled(event.to_account, instrument)
        elif isinstance(event, ev.Liquidation):
            self._notice(event)
            if event.kind in _LOCKS and account in self._private.watched:
                self._private.on_lock(account, _LOCKS[event.kind])
        self._figures(account)

    def _note_movement(self, event: Movement, record: bytes) -> None:
        """Remember a movement."""
        index_micro = self._note_settlement(event) if isinstance(event, ev.Settled) else 0
        self.money.add(event, record, index_micro)

    def _note_settlement(self, event: ev.Settled) -> int:
        """Remember the rate of a funding and the price of a delivery; the index behind the settlement."""
        instrument = event.head.instrument
        terms = self.registry.instruments[instrument].terms
        index_micro = self._index_then(event, terms.underlying)
        if event.head.id == r.SETTLED_FUNDING:
            self._note_funding(event, index_micro, terms.lot_e8)
        elif event.head.id == r.SETTLED_DELIVERY:
            self._note_delivery(instrument, event.price)
        return index_micro

    def _index_then(self, event: ev.Settled, underlying: int) -> int:
        """The index behind a settlement: replay may begin between the last marks and it, then the store
        knows."""
        if underlying not in self.marks:
            stored = self.money.market_at(event.head.seq)
            if stored is not None and stored.instrument == event.head.instrument:
                return stored.index_micro
        return self.index_micro(underlying)

    def _note_delivery(self, instrument: int, price_micro: int) -> None:
        terms = self.registry.instruments[instrument].terms
        self.deliveries.setdefault(terms.underlying, {})[terms.expiry_ms] = price_micro

    def _note_funding(self, event: ev.Settled, index_micro: int, lot_e8: int) -> None:
        known = self.fundings.setdefault(event.head.instrument, deque(maxlen=FUNDINGS))
        if not known or known[-1].time_ms < event.time_ms:
            known.append(Funding(event.time_ms, index_micro, event.price, lot_e8))

    def _on_account(self, event: ev.Account) -> None:
        account = event.head.account
        self.families.add(account, event.main)
        self._figures(account)
        if account in self._private.watched:
            self._private.on_lock(account, bool(event.locked or event.liquidation))

    def _notice(self, event: ev.Event) -> None:
        said = notice(event, self.registry)
        if said is not None:
            self.notices.append(said)
            self.touched.notices.append(said)

    def _on_listing(self, event: ev.Event) -> None:
        if isinstance(event, ev.Instrument):
            view = self.registry.on_instrument(event)
            if view.instrument == len(self.markets):
                self.add_market()
                self.touched.created.append(view)
            for one in (view, *self.registry.combos_of.get(view.instrument, ())):
                if one is view or one.state < r.STATE_DELISTED:  # a combo is no more open than its legs
                    self.touched.instruments.add(one.instrument)
                    self.touched.states[one.instrument] = one
        elif isinstance(event, ev.Underlying):
            for view in self.registry.on_underlying(event):
                self.touched.instruments.add(view.instrument)
                self.touched.states[view.instrument] = view

    def _settled(self, account: int, instrument: int) -> None:
        if account in self._private.watched:
            self._private.on_settled(account, instrument)

    def _figures(self, account: int) -> None:
        if account in self._private.watched:
            self._private.on_figures(account)
