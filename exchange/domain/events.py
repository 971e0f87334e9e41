"""Readers of packed events (docs/formats.md): bytes in, named tuples out, for those who read them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.domain import events_bridge, events_combos, events_orders
from exchange.domain import records as r
from exchange.domain.commands import InstrumentTerms
from exchange.domain.commands_risk import FeeTier, RiskParameters
from exchange.domain.event_header import EventError, Header
from exchange.domain.events_bridge import Forced
from exchange.domain.events_combos import ComboTrade
from exchange.domain.events_orders import Due, Extended, Mmp, OrderEvent, Repeated
from exchange.domain.legs import unpack_legs

__all__ = [
    "Account",
    "Cash",
    "ComboTrade",
    "Done",
    "Due",
    "Event",
    "EventError",
    "Extended",
    "Fees",
    "Forced",
    "Header",
    "Instrument",
    "Liquidation",
    "Marked",
    "Mmp",
    "Moved",
    "Order",
    "OrderEvent",
    "Rejected",
    "Repeated",
    "Risk",
    "Settled",
    "Trade",
    "Underlying",
    "read_event",
    "read_events",
    "split_by_seq",
    "unpack_terms",
]

_HEADER: Final = struct.Struct("<BBHIQIIq")
_REJECTED: Final = struct.Struct("<IIQqq")
_ORDER: Final = struct.Struct("<qqqqIBBHQIIqqqqq")
_OLD_LEVEL: Final = struct.Struct("<qqqq")
_TRADE: Final = struct.Struct("<qqqqIIqqqqqqqqqIIq")
_CASH: Final = struct.Struct("<qqIIqqqqq")
_SETTLED: Final = struct.Struct("<qqqqqqqqqqqq")
_ACCOUNT: Final = struct.Struct("<20s4xqqIBBBBIIq")
_MARKED: Final = struct.Struct("<qqqq")
_DONE: Final = struct.Struct("<IIQqq")
_LIQUIDATION: Final = struct.Struct("<qqqqqqqqqqqq")
_MOVED: Final = struct.Struct("<qqqq")


class Rejected(NamedTuple):
    """A command, or one quote side of it (`position` = entry * 2 + side), that took no effect."""

    head: Header
    reason: int
    command: int
    client_order_id: int
    detail: int
    position: int


class Order(NamedTuple):
    """One order after a change. Prices in ticks, sizes in lots."""

    head: Header
    price_ticks: int
    size_lots: int
    filled_lots: int
    open_lots: int
    flags: int
    kind: int
    state: int
    reason: int
    client_order_id: int
    label: int
    grant: int
    filled_value: int
    time_ms: int
    created_ms: int
    shown_lots: int
    level_lots: int
    old_price_ticks: int | None = None
    old_level_lots: int = 0

    @property
    def order_id(self) -> int:
        return self.head.id

    @property
    def is_sell(self) -> bool:
        return bool(self.flags & r.FLAG_SELL)


class Trade(NamedTuple):
    """One match, both sides. Fees and values in micro-USDC; index, mark, forward per 1 underlying."""

    head: Header
    maker_order_id: int
    taker_order_id: int
    price_ticks: int
    size_lots: int
    maker_account: int
    taker_account: int
    maker_fee_micro: int
    taker_fee_micro: int
    flags: int
    time_ms: int
    index_micro: int
    mark_micro: int
    forward_micro: int
    trade_seq: int
    value_micro: int
    maker_label: int
    taker_label: int
    zero: int

    @property
    def trade_id(self) -> int:
        return self.head.id

    @property
    def taker_sells(self) -> bool:
        return bool(self.flags & r.FLAG_SELL)


class Cash(NamedTuple):
    """A deposit or withdrawal; amounts in micro-USDC."""

    head: Header
    delta_micro: int
    balance_micro: int
    kind: int
    counter_account: int
    time_ms: int
    amount_micro: int = 0
    """Of a withdrawal paid or cancelled, else 0."""


class Settled(NamedTuple):
    """One position at a delivery, perpetual settlement or funding (`head.id` = kind)."""

    head: Header
    size_lots: int
    cash_delta_micro: int
    fee_micro: int
    price: int
    time_ms: int
    entry_before_micro: int
    entry_after_micro: int
    balance_micro: int


class Account(NamedTuple):
    """An account created or configured."""

    head: Header
    owner: bytes
    time_ms: int
    flags: int
    main: int = 0
    model: int = 0
    tier: int = 0
    liquidation: int = 0
    locked: int = 0
    max_orders: int = 0
    max_positions: int = 0


class Instrument(NamedTuple):
    """An instrument listed, or its state changed."""

    head: Header
    terms: InstrumentTerms
    state: int
    time_ms: int


class Marked(NamedTuple):
    """A marks block applied; `head.id` is its feed sequence, `head.instrument` the underlying."""

    head: Header
    index_micro: int
    units: int
    time_ms: int
    tables: int = 0


class Done(NamedTuple):
    """A command that took effect and has nothing else to tell its end."""

    head: Header
    command: int
    affected: int
    client_order_id: int
    time_ms: int


class Underlying(NamedTuple):
    """An underlying listed; `head.instrument` is its id."""

    head: Header
    symbol: int
    time_ms: int
    state: int = 0


class Risk(NamedTuple):
    """The risk parameters of an underlying (`head.instrument`) from now on."""

    head: Header
    parameters: RiskParameters


class Liquidation(NamedTuple):
    """One step of a liquidation, or a part in a loss; `kind` as in `records.LIQUIDATION_NAMES`."""

    head: Header
    kind: int
    maintenance_micro: int
    balance_micro: int
    amount_micro: int
    lots: int
    counter_account: int
    time_ms: int


class Moved(NamedTuple):
    """A position taken over: `lots` (signed) and their entry value pass from `head.account` on."""

    head: Header
    to_account: int
    lots: int
    value_micro: int
    time_ms: int


class Fees(NamedTuple):
    """The fee schedule from now on."""

    head: Header
    combo_discount_permille: int
    time_ms: int
    tiers: tuple[FeeTier, ...]


Event = (
    Rejected
    | Order
    | Trade
    | Cash
    | Settled
    | Account
    | Instrument
    | Marked
    | Done
    | Underlying
    | Risk
    | Liquidation
    | Moved
    | Fees
    | OrderEvent
    | ComboTrade
    | Forced
)


def unpack_terms(data: bytes, at: int) -> InstrumentTerms:
    """Read the six units `commands.pack_terms` writes."""
    w = struct.unpack_from("<24q", data, at)
    steps = (w[0] >> 16) & 0xFF
    return InstrumentTerms(
        kind=w[0] & 0xFF,
        option_type=(w[0] >> 8) & 0xFF,
        underlying=(w[0] >> 32) & r.U32,
        expiry_ms=w[1],
        strike_micro=w[2],
        tick_micro=w[3],
        lot_e8=w[4],
        min_size_lots=w[5],
        price_limit_ticks=w[6],
        position_limit_lots=w[7],
        maker_fee_ppm=w[8] & r.U32,
        taker_fee_ppm=(w[8] >> 32) & r.U32,
        fee_cap_permille=w[9] & r.U32,
        delivery_fee_ppm=(w[9] >> 32) & r.U32,
        band_ppm=w[10] & r.U32,
        tick_steps=tuple((w[12 + 2 * i], w[13 + 2 * i]) for i in range(steps)),
        legs=unpack_legs(data, at + 160) if w[0] & 0xFF == r.KIND_COMBO else (),
    )


def read_event(data: bytes, at: int = 0) -> Event:
    """The event that starts at byte `at`.

    Raises:
        EventError: unknown type or version, or the record is cut short.
    """
    try:
        head = Header(*_HEADER.unpack_from(data, at))
        body = at + r.UNIT_BYTES
        if head.version != 1 or at + head.units * r.UNIT_BYTES > len(data):
            raise EventError(f"event at byte {at}: version {head.version}, {head.units} units")
        if head.type == r.EV_ORDER:
            fields = _ORDER.unpack_from(data, body)
            if head.units == 4:
                return Order(head, *fields)
            old = _OLD_LEVEL.unpack_from(data, body + _ORDER.size)
            return Order(head, *(*fields, old[0], old[1]))
        if head.type == r.EV_TRADE:
            return Trade(head, *_TRADE.unpack_from(data, body))
        return _read_rare(head, data, body)
    except struct.error as error:
        raise EventError(f"event at byte {at} is cut short") from error


def _read_rare(head: Header, data: bytes, body: int) -> Event:
    if head.type == r.EV_REJECTED:
        return Rejected(head, *_REJECTED.unpack_from(data, body))
    if head.type == r.EV_DONE:
        return Done(head, *_DONE.unpack_from(data, body)[:4])
    if head.type == r.EV_MARKED:
        return Marked(head, *_MARKED.unpack_from(data, body))
    if head.type == r.EV_CASH:
        return Cash(head, *_CASH.unpack_from(data, body)[:6])
    if head.type == r.EV_SETTLED:
        return Settled(head, *_SETTLED.unpack_from(data, body)[:8])
    if head.type == r.EV_ACCOUNT:
        return Account(head, *_ACCOUNT.unpack_from(data, body)[:10])
    if head.type == r.EV_INSTRUMENT:
        state, time_ms = struct.unpack_from("<qq", data, body + 192)
        return Instrument(head, unpack_terms(data, body), state, time_ms)
    if head.type == r.EV_UNDERLYING:
        symbol, time_ms, state = struct.unpack_from("<Qqq", data, body)
        return Underlying(head, symbol, time_ms, state)
    if head.type == r.EV_LIQUIDATION:
        return Liquidation(head, *_LIQUIDATION.unpack_from(data, body)[:7])
    if head.type == r.EV_MOVED:
        return Moved(head, *_MOVED.unpack_from(data, body))
    return _read_parameters(head, data, body)


def _read_parameters(head: Header, data: bytes, body: int) -> Event:
    if head.type == r.EV_RISK:
        return Risk(head, RiskParameters(*struct.unpack_from("<22q", data, body)))
    if head.type == r.EV_FEES:
        discount, time_ms = struct.unpack_from("<qq", data, body)
        tiers = [FeeTier(*struct.unpack_from("<4q", data, body + 32 * n)) for n in range(1, head.units - 1)]
        return Fees(head, discount, time_ms, tuple(tiers))
    if head.type == r.EV_COMBO_TRADE:
        return events_combos.read(head, data, body)
    if head.type == r.EV_FORCED:
        return events_bridge.read(head, data, body)
    return events_orders.read(head, data, body)


def read_events(data: bytes) -> Iterator[Event]:
    """All events of a buffer, in order. Raises EventError as `read_event` does."""
    at = 0
    while at < len(data):
        event = read_event(data, at)
        yield event
        at += event.head.units * r.UNIT_BYTES


def split_by_seq(data: bytes) -> list[tuple[int, bytes]]:
    """Cut a buffer of events into (seq, the bytes of that command's events), in order."""
    found: list[tuple[int, bytes]] = []
    start = at = 0
    current = -1
    while at < len(data):
        units = int.from_bytes(data[at + 2 : at + 4], "little")
        if units == 0:
            raise EventError(f"event at byte {at} has no units")
        seq = int.from_bytes(data[at + 8 : at + 16], "little")
        if seq != current:
            if at > start:
                found.append((current, data[start:at]))
            current, start = seq, at
        at += units * r.UNIT_BYTES
    if at > start:
        found.append((current, data[start:at]))
    return found
