"""Events as rows of the store: what each transaction gathers while it reads them."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.combo_prints import combo_print, leg_print
from exchange.domain.events_combos import ComboTrade
from exchange.domain.events_orders import Extended
from exchange.domain.limits import COUNTER_MASK
from exchange.history import bars as b
from exchange.history.extras import ExtraRows, Waiting
from exchange.history.joining import Joiner
from exchange.history.ledger import Ledger, LedgerRow, Standing

_CLASS_SHIFT: Final = 4
COMBOS: Final = 0
CALLS: Final = 1
PUTS: Final = 2
PERPETUALS: Final = 3
_CATEGORIES: Final = 4
# Of an ORDER: index, seq, account, instrument, order_id, filled, label, time.
_CLOSED: Final = struct.Struct("<4xIQIIq16xq24xI12xq")
_ORDER_STATE: Final = 69
_TELLS_NOTHING: Final = (r.EV_DONE, r.EV_REJECTED, r.EV_REPEATED, r.EV_MMP, r.EV_DUE, r.EV_FORCED)
_ALIVE: Final = (r.ORDER_STATE_OPEN, r.ORDER_STATE_UNTRIGGERED)


def movement_class(event_type: int, kind: int) -> int:
    """What kind of movement a record is, as one number: its event type and its kind."""
    return event_type << _CLASS_SHIFT | kind


def class_of(event: ev.Event) -> int:
    """The `movement_class` of an event; 0 for what moves no money and no position."""
    if isinstance(event, (ev.Cash, ev.Liquidation)):
        return movement_class(event.head.type, event.kind)
    if isinstance(event, ev.Settled):
        return movement_class(event.head.type, event.head.id)
    return movement_class(event.head.type, 0) if isinstance(event, ev.Moved) else 0


class MarketRow(NamedTuple):
    """One settlement of a whole market: a delivery, a perpetual settlement or a funding of an instrument.

    `price` is the delivery price in micro-USDC, the price in ticks, or the funding in micro-USDC per lot;
    `index_micro` the index in force; `long_lots` the open interest before; `gained_micro` the sum of what
    was credited.
    """

    seq: int
    instrument: int
    kind: int
    time_ms: int
    price: int
    index_micro: int
    long_lots: int
    gained_micro: int


class LossRow(NamedTuple):
    """One step of covering an account's deficit: what the fund paid, or what all others paid together."""

    seq: int
    account: int
    kind: int
    time_ms: int
    amount_micro: int


class TradeRow(NamedTuple):
    """One match with what it is found by; `tick` is its direction against the trade before."""

    trade_id: int
    instrument: int
    trade_seq: int
    time_ms: int
    record: bytes
    category: int
    tick: int


class OrderRow(NamedTuple):
    """One closed order: its last ORDER, and the fees its fills of this transaction paid."""

    account: int
    record: bytes
    instrument: int
    seq: int
    event_index: int
    is_filled: bool
    time_ms: int
    label: int
    fee_micro: int


class Listing(NamedTuple):
    """What is needed of an instrument's terms."""

    category: int
    lot_e8: int


def category(underlying: int, part: int) -> int:
    """What kind of instrument of which underlying, as one number; `part` is COMBOS, CALLS, PUTS or
    PERPETUALS."""
    return underlying * _CATEGORIES + part


def listing_of(event: ev.Instrument) -> Listing:
    """The listing an INSTRUMENT tells."""
    terms = event.terms
    part = COMBOS if terms.kind == r.KIND_COMBO else PERPETUALS
    if terms.kind == r.KIND_OPTION:
        part = CALLS if terms.option_type == r.OPTION_CALL else PUTS
    return Listing(category(terms.underlying, part), terms.lot_e8)


class Past:
    """What the rows of a transaction follow from, as the events before told it."""

    def __init__(
        self,
        underlyings: dict[int, int] | None = None,
        values: dict[int, int] | None = None,
        listings: dict[int, Listing] | None = None,
        ticks: dict[int, tuple[int, int]] | None = None,
        standings: dict[int, Standing] | None = None,
        holdings: dict[tuple[int, int], int] | None = None,
    ) -> None:
        self.underlyings = underlyings or {}
        """By instrument."""
        self.values = values or {}
        """The index in micro-USDC, by underlying."""
        self.listings = listings or {}
        self.ticks = ticks or {}
        """The last price in ticks and its direction, by instrument."""
        self.standings = standings or {}
        self.holdings = holdings or {}
        self.waiting = Waiting()

    def index_of(self, instrument: int) -> int:
        """The index behind an instrument; 0 before the first marks."""
        return self.values.get(self.underlyings.get(instrument, -1), 0)

    def tick(self, instrument: int, price_ticks: int) -> int:
        """The direction of a new price (0 up, 1 unchanged after up, 2 down, 3 unchanged after down)."""
        known = self.ticks.get(instrument)
        found = 0
        if known is not None:
            last, direction = known
            if price_ticks < last:
                found = 2
            elif price_ticks == last:
                found = 1 if direction <= 1 else 3
        self.ticks[instrument] = (price_ticks, found)
        return found


class Rows:
    """The rows of one transaction, gathered while events are read; `past` moves along."""

    def __init__(self, past: Past | None = None) -> None:
        self.past = past or Past()
        self.trades: list[TradeRow] = []
        self.fills: dict[tuple[int, int], tuple[int, int, bytes]] = {}
        self.orders: dict[int, OrderRow] = {}
        self.fees: dict[int, int] = {}
        """Of open orders, by order."""
        self.bars = b.Bars()
        self.ledger_rows: list[LedgerRow] = []
        self.terms: dict[int, bytes] = {}
        self.time_ms = 0
        self.ledger = Ledger(
            {number: one.category % _CATEGORIES != PERPETUALS for number, one in self.past.listings.items()},
            self.past.standings,
            self.past.holdings,
        )
        self.movements: list[tuple[int, int, int, int, bytes]] = []
        self.listings: dict[int, int] = {}
        self.underlyings: dict[int, int] = {}
        self.index_values: dict[int, int] = {}
        self.markets: dict[int, MarketRow] = {}
        self.losses: dict[int, LossRow] = {}
        self.extras = ExtraRows(self.past.waiting)
        self._awaiting: Joiner[tuple[int, int, int]] = Joiner()  # trade_id, maker's, taker's account
        self._combo = (0, 0)  # of the COMBO_TRADE that came last: its instrument, its trade_id

    def add(self, packed: bytes) -> None:
        """Read a run of whole commands' events. Raises EventError for what is none."""
        at = 0
        end = len(packed)
        while at < end:
            kind = packed[at]
            size = (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
            if kind == r.EV_ORDER and not self._awaiting:
                # Most events: an open order is nobody's past yet, a closed one is kept as it came.
                if size and packed[at + 1] == 1 and at + size <= end:
                    if self.past.waiting.known:
                        self.extras.order(packed, at, size)
                    if packed[at + _ORDER_STATE] not in _ALIVE:
                        self._close(packed, at, size)
                    at += size
                    continue
            elif kind in _TELLS_NOTHING and size and packed[at + 1] == 1:
                at += size
                continue
            event = ev.read_event(packed, at)
            size = event.head.units * r.UNIT_BYTES
            if isinstance(event, ComboTrade):
                self._add_print(combo_print(packed, at))
            else:
                self._add(event, packed[at : at + size])
            at += size

    def _add(self, event: ev.Event, record: bytes) -> None:
        head = event.head
        if isinstance(event, ev.Trade):
            self._add_trade(event, record)
        elif isinstance(event, ev.Order):
            if self._awaiting:
                self._join(event, record)
            self.extras.order(record, 0, len(record))
            if event.state not in _ALIVE:
                self._close(record, 0, len(record))
        elif isinstance(event, ev.Instrument):
            self._list(event, record)
        elif isinstance(event, Extended):
            self.extras.extended(event, record)
        elif isinstance(event, ev.Marked):
            self.time_ms = event.time_ms
            self.index_values[head.instrument] = self.past.values[head.instrument] = event.index_micro
            self.bars.add(b.INDEX, head.instrument, b.INDEX_STEPS_S, event.time_ms, event.index_micro)
        else:
            self._add_movement(event, record)

    def _add_print(self, record: bytes) -> None:
        """A match of a combo, as it is shown on the combo itself; the TRADEs of its legs follow."""
        event = ev.read_event(record)
        if not isinstance(event, ev.Trade):
            raise ev.EventError("a print is no TRADE")
        self._combo = (event.head.instrument, event.trade_id)
        self._keep(event, record)

    def _add_trade(self, event: ev.Trade, record: bytes) -> None:
        if event.flags & r.TRADE_COMBO:
            combo, first = self._combo
            record = leg_print(record, combo, event.trade_id - first)
        self._keep(event, record)
        for order_id, fee_micro in (
            (event.maker_order_id, event.maker_fee_micro),
            (event.taker_order_id, event.taker_fee_micro),
        ):
            if order_id:
                self.fees[order_id] = self.fees.get(order_id, 0) + fee_micro
        self.ledger_rows.extend(self.ledger.rows(event, record))

    def _keep(self, event: ev.Trade, record: bytes) -> None:
        """A TRADE or a print as a row, a row of each side, and in its candles."""
        instrument = event.head.instrument
        listing = self.past.listings.get(instrument, Listing(0, 0))
        tick = self.past.tick(instrument, event.price_ticks)
        key = (event.trade_id, instrument, event.trade_seq, event.time_ms)
        self.trades.append(TradeRow(*key, record, listing.category, tick))
        sides = ((event.maker_account, event.maker_label), (event.taker_account, event.taker_label))
        for account, label in sides:
            if account:  # of an implied order a print has one side alone
                self.fills[account, event.trade_id] = (instrument, label, b"")
        if event.maker_order_id or event.taker_order_id:  # of a block there are no orders to come
            self._awaiting.add(record, (event.trade_id, event.maker_account, event.taker_account))
        lots, value = event.size_lots, event.value_micro
        self.bars.add(b.TRADES, instrument, b.CANDLE_STEPS_S, event.time_ms, event.price_ticks, lots, value)
        volume_e8 = lots * listing.lot_e8
        self.bars.add(
            b.VOLUME, listing.category, b.VOLUME_STEPS_S, event.time_ms, event.price_ticks, volume_e8, value
        )

    def _close(self, packed: bytes, at: int, size: int) -> None:
        """The ORDER at byte `at` has ended."""
        index, seq, account, instrument, order_id, filled, label, time_ms = _CLOSED.unpack_from(packed, at)
        self.time_ms = time_ms
        self.orders.pop(order_id, None)  # the last row of an order is the one that counts
        self.orders[order_id] = OrderRow(
            account,
            packed[at : at + size],
            instrument,
            seq & COUNTER_MASK,
            index,
            filled > 0,
            time_ms,
            label,
            self.fees.pop(order_id, 0) if filled else 0,
        )

    def _list(self, event: ev.Instrument, record: bytes) -> None:
        instrument = event.head.instrument
        self.listings.setdefault(instrument, event.time_ms)
        self.terms[instrument] = record
        listing = self.past.listings[instrument] = listing_of(event)
        self.ledger.is_option[instrument] = listing.category % _CATEGORIES != PERPETUALS
        underlying = event.terms.underlying
        self.underlyings[instrument] = self.past.underlyings[instrument] = underlying

    def _add_movement(self, event: ev.Event, record: bytes) -> None:
        head = event.head
        kind = class_of(event)
        if kind:
            self.movements.append((head.account, head.seq, head.event_index, kind, record))
            self.ledger_rows.extend(self.ledger.rows(event, record))
        if isinstance(event, ev.Settled):
            index_micro = self.past.index_of(head.instrument)
            self.markets[head.seq] = add_settled(self.markets.get(head.seq), event, index_micro)
        elif isinstance(event, ev.Liquidation) and event.kind in (r.LIQ_FUND, r.LIQ_SHARED):
            self.losses[head.seq] = add_loss(self.losses.get(head.seq), event)
        elif isinstance(event, ev.Moved):
            self.movements.append((event.to_account, head.seq, head.event_index, kind, record))

    def _join(self, order: ev.Order, record: bytes) -> None:
        """Give the matches the order they belong to."""
        for (trade_id, maker, taker), is_maker in self._awaiting.take(order.order_id, order.kind):
            self._set_order(maker if is_maker else taker, trade_id, record)

    def _set_order(self, account: int, trade_id: int, record: bytes) -> None:
        instrument, label, _ = self.fills[account, trade_id]
        self.fills[account, trade_id] = (instrument, label, record)


def add_settled(row: MarketRow | None, event: ev.Settled, index_micro: int) -> MarketRow:
    """The market's settlement with one more account's part in it; `index_micro` is the index in force."""
    head = event.head
    lots = max(0, event.size_lots)
    gained = max(0, event.cash_delta_micro + event.fee_micro)
    if row is not None:
        return row._replace(long_lots=row.long_lots + lots, gained_micro=row.gained_micro + gained)
    if head.id == r.SETTLED_DELIVERY:
        index_micro = event.price
    key = (head.seq, head.instrument, head.id)
    return MarketRow(*key, event.time_ms, event.price, index_micro, lots, gained)


def add_loss(row: LossRow | None, event: ev.Liquidation) -> LossRow:
    """The covering of a deficit with one more part: of the fund, or of one of those who share it."""
    if row is not None:
        return row._replace(amount_micro=row.amount_micro + event.amount_micro)
    account = event.counter_account if event.kind == r.LIQ_SHARED else event.head.account
    return LossRow(event.head.seq, account, event.kind, event.time_ms, event.amount_micro)
