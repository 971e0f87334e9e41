"""Events as rows of the store: what each transaction gathers while it reads them."""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.domain import events as ev
from exchange.domain import records as r

_CLASS_SHIFT: Final = 4


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


class Indices:
    """The index of each underlying as the events before told it, and whose instrument is whose."""

    def __init__(
        self, underlyings: dict[int, int] | None = None, values: dict[int, int] | None = None
    ) -> None:
        self.underlyings = underlyings or {}
        """By instrument."""
        self.values = values or {}
        """In micro-USDC, by underlying."""

    def of(self, instrument: int) -> int:
        """The index behind an instrument; 0 before the first marks."""
        return self.values.get(self.underlyings.get(instrument, -1), 0)


class Rows:
    """The rows of one transaction, gathered while events are read."""

    def __init__(self, indices: Indices) -> None:
        self.indices = indices
        self.trades: list[tuple[int, int, int, int, bytes]] = []
        self.fills: dict[tuple[int, int], tuple[int, int, bytes]] = {}
        self.orders: dict[int, tuple[int, bytes]] = {}
        self.movements: list[tuple[int, int, int, int, bytes]] = []
        self.listings: dict[int, int] = {}
        self.underlyings: dict[int, int] = {}
        self.index_values: dict[int, int] = {}
        self.markets: dict[int, MarketRow] = {}
        self.losses: dict[int, LossRow] = {}
        self._awaiting: list[ev.Trade] = []

    def add(self, packed: bytes) -> None:
        """Read a run of whole commands' events. Raises EventError for what is none."""
        at = 0
        while at < len(packed):
            event = ev.read_event(packed, at)
            size = event.head.units * r.UNIT_BYTES
            self._add(event, packed[at : at + size])
            at += size

    def _add(self, event: ev.Event, record: bytes) -> None:
        head = event.head
        if isinstance(event, ev.Trade):
            row = (event.trade_id, head.instrument, event.trade_seq, event.time_ms, record)
            self.trades.append(row)
            sides = ((event.maker_account, event.maker_label), (event.taker_account, event.taker_label))
            for account, label in sides:
                self.fills[account, event.trade_id] = (head.instrument, label, b"")
            self._awaiting.append(event)
        elif isinstance(event, ev.Order):
            if self._awaiting:
                self._join(event, record)
            if event.state != r.ORDER_STATE_OPEN and event.filled_lots:
                self.orders[event.order_id] = (head.account, record)
        elif isinstance(event, ev.Instrument):
            self.listings.setdefault(head.instrument, event.time_ms)
            underlying = event.terms.underlying
            self.underlyings[head.instrument] = self.indices.underlyings[head.instrument] = underlying
        elif isinstance(event, ev.Marked):
            self.index_values[head.instrument] = self.indices.values[head.instrument] = event.index_micro
        else:
            self._add_movement(event, record)

    def _add_movement(self, event: ev.Event, record: bytes) -> None:
        head = event.head
        kind = class_of(event)
        if kind:
            self.movements.append((head.account, head.seq, head.event_index, kind, record))
        if isinstance(event, ev.Settled):
            index_micro = self.indices.of(head.instrument)
            self.markets[head.seq] = add_settled(self.markets.get(head.seq), event, index_micro)
        elif isinstance(event, ev.Liquidation) and event.kind in (r.LIQ_FUND, r.LIQ_SHARED):
            self.losses[head.seq] = add_loss(self.losses.get(head.seq), event)
        elif isinstance(event, ev.Moved):
            self.movements.append((event.to_account, head.seq, head.event_index, kind, record))

    def _join(self, order: ev.Order, record: bytes) -> None:
        """A maker's ORDER follows its TRADE; the aggressor's comes last and is that of all its fills."""
        if order.kind == r.ORDER_FILLED:
            self._set_order(order.head.account, self._awaiting[-1].trade_id, record)
        elif self._awaiting[0].taker_order_id == order.order_id:
            for trade in self._awaiting:
                self._set_order(trade.taker_account, trade.trade_id, record)
            self._awaiting = []

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
