"""An account's events as its stream tells them, and how they are found again among all events.

What is told of an event follows from the events of its command alone, so that it reads the same, byte for
byte, when it is told again: nothing here looks at what has happened since. (Finality, the direction of a
price against the trade before and the sum of an order's fees are on the other channels.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.domain import events as ev
from exchange.domain import events_orders as eo
from exchange.domain import records as r
from exchange.domain.combo_prints import with_prints
from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.combos.fields import combo_fields, own_combo_fields
from exchange.gateway.deals.block_index import BlockIndex
from exchange.gateway.history_ring import Fill
from exchange.gateway.notices import liquidation_step
from exchange.gateway.order_json import OrderWriter
from exchange.gateway.read_records import read_order, read_trade
from exchange.gateway.registry import Registry
from exchange.gateway.streams.numbers import accounts_of
from exchange.wire import names
from exchange.wire.envelope import encode_json
from exchange.wire.instruments import usdc
from exchange.wire.objects import JsonObject, user_trade_object

TOLD_ONCE: Final = ("tick_direction",)
"""What a trade's object has on other channels and not here."""
_CASH_NAMES: Final = {
    r.CASH_DEPOSIT: "deposit",
    r.CASH_WITHDRAWAL: "withdrawal",
    r.CASH_WITHDRAWAL_PAID: "withdrawal_paid",
    r.CASH_WITHDRAWAL_CANCELLED: "withdrawal_cancelled",
    r.CASH_TRANSFER: "transfer",
    r.CASH_TAKEOVER: "takeover",
    r.CASH_MOVED: "position_move",
    r.CASH_FORCED: "forced_withdrawal",
}
_SETTLED_NAMES: Final = {
    r.SETTLED_DELIVERY: "delivery",
    r.SETTLED_PERPETUAL: "settlement",
    r.SETTLED_FUNDING: "funding",
}

_MMP_NAMES: Final = {
    r.MMP_SET: "set",
    r.MMP_REMOVED: "removed",
    r.MMP_TRIPPED: "tripped",
    r.MMP_RESET: "reset",
}
_TRIGGER_NAMES: Final = {r.TRIGGER_STOP: "stop", r.TRIGGER_TAKE: "take", r.TRIGGER_TRAILING: "trailing"}
_SOURCE_NAMES: Final = {
    r.SOURCE_INDEX: "index_price",
    r.SOURCE_MARK: "mark_price",
    r.SOURCE_LAST: "last_price",
}
_LINK_NAMES: Final = {
    r.LINK_OCO: "one_cancels_other",
    r.LINK_OTO: "one_triggers_other",
    r.LINK_OTOCO: "one_triggers_one_cancels_other",
}
_E8: Final = 100_000_000

LabelText = Callable[[int, int], str]


class Item(NamedTuple):
    """One event of an account: its packed record, or the match it took part in; and the counter of the
    command behind it."""

    counter: int
    what: bytes | Fill


def items_of(account: int, events: bytes) -> list[Item]:
    """The account's events among those of whole commands, in their order."""
    if account.to_bytes(4, "little") not in events:  # a quiet account costs a search, not a walk
        return []
    found: list[Item] = []
    at = 0
    end = len(events)
    while at < end:
        if events[at] == r.EV_COMBO_TRADE and events[at + 2] == r.EVENT_UNITS[r.EV_COMBO_TRADE]:
            events = with_prints(events, at)
            end = len(events)
        size = (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES
        if account in accounts_of(events, at):
            if events[at] in (r.EV_TRADE, r.EV_COMBO_TRADE):
                fill = Fill(events, at)
                fill.orders()  # the buffer is let go
                found.append(Item(_counter(events, at), fill))
            else:
                found.append(Item(_counter(events, at), events[at : at + size]))
        at += size
    return found


def _counter(events: bytes, at: int) -> int:
    return int.from_bytes(events[at + 8 : at + 16], "little") & COUNTER_MASK


class StreamWriter:
    """Writes items as JSON."""

    def __init__(self, registry: Registry, label_text: LabelText, blocks: BlockIndex | None = None) -> None:
        self._registry = registry
        self._label_text = label_text
        self._blocks = blocks
        self._orders = OrderWriter(registry)

    def write(self, account: int, number: int, what: bytes | Fill) -> bytes:
        """The account's event as JSON, with its number."""
        if isinstance(what, Fill):
            return b'{"account_seq":%d,"type":"trade","trade":%b}' % (number, self._trade(account, what))
        if what[0] == r.EV_ORDER:
            label = int.from_bytes(what[80:84], "little")
            text = self._label_text(account, label) if label else ""
            return b'{"account_seq":%d,"type":"order","order":%b}' % (
                number,
                self._orders.write(what, 0, text, None),
            )
        event = ev.read_event(what)
        name, told = self._other(account, event)
        told["seq"] = event.head.seq
        return b'{"account_seq":%d,"type":"%b","%b":%b}' % (number, name, name, encode_json(told))

    def _trade(self, account: int, fill: Fill) -> bytes:
        maker = int.from_bytes(fill.trade[64:68], "little")
        record = fill.maker_order if maker == account else fill.taker_order
        order = read_order(record) if record else None
        told = self._side(account, fill.trade, order)
        told |= own_combo_fields(
            fill.trade,
            self._registry,
            lambda leg: self._side(account, leg, order) | combo_fields(leg, self._registry),
        )
        return encode_json(told)

    def _side(self, account: int, record: bytes, order: ev.Order | None) -> JsonObject:
        """The account's side of a TRADE."""
        trade = read_trade(record)
        is_maker = trade.maker_account == account
        label = trade.maker_label if is_maker else trade.taker_label
        told = user_trade_object(
            trade,
            self._registry.instruments[trade.head.instrument],
            is_maker=is_maker,
            order=order,
            label=self._label_text(account, label) if label else "",
        )
        for name in TOLD_ONCE:
            del told[name]
        return told if self._blocks is None else self._blocks.add_own(told, trade, account)

    def _other(self, account: int, event: ev.Event) -> tuple[bytes, JsonObject]:
        if isinstance(event, ev.Cash):
            return b"cash", _cash(event)
        if isinstance(event, ev.Settled):
            return b"settlement", self._settled(event)
        if isinstance(event, ev.Moved):
            return b"position_moved", self._moved(account, event)
        if isinstance(event, ev.Liquidation):
            return b"liquidation", liquidation_step(event, self._registry)
        if isinstance(event, ev.Account):
            return b"account", _account(event)
        if isinstance(event, eo.Mmp):
            return b"mmp", self._mmp(event)
        if isinstance(event, eo.Extended):
            return b"order_terms", self._terms(event)
        if isinstance(event, ev.Forced):
            return b"forced_withdrawal", _forced(event)
        raise ev.EventError(f"an event of type {event.head.type} belongs to no stream")

    def _settled(self, event: ev.Settled) -> JsonObject:
        view = self._registry.instruments[event.head.instrument]
        return {
            "kind": _SETTLED_NAMES.get(event.head.id, f"kind_{event.head.id}"),
            "instrument_name": view.name,
            "position": view.amount(event.size_lots),
            "change": usdc(event.cash_delta_micro),
            "fee": usdc(event.fee_micro),
            "balance": usdc(event.balance_micro),
            "timestamp": event.time_ms,
        }

    def _mmp(self, event: eo.Mmp) -> JsonObject:
        return {
            "kind": _MMP_NAMES.get(event.kind, f"kind_{event.kind}"),
            "index_name": names.index_name(self._registry.symbols[event.head.instrument]),
            "group": event.head.id,
            "frozen": event.frozen_until_ms != 0,
            "frozen_until": max(0, event.frozen_until_ms),
            "quantity": event.quantity_e8 / _E8,
            "delta": event.delta_e8 / _E8,
            "vega": usdc(event.vega_micro),
            "timestamp": event.time_ms,
        }

    def _terms(self, event: eo.Extended) -> JsonObject:
        return {
            "order_id": str(event.head.id),
            "instrument_name": self._registry.instruments[event.head.instrument].name,
            "trigger": _TRIGGER_NAMES.get(event.trigger),
            "trigger_source": _SOURCE_NAMES.get(event.source),
            "trigger_price": usdc(event.trigger_micro),
            "trigger_offset": usdc(event.offset_micro),
            "link": _LINK_NAMES.get(event.link),
            "implv": event.volatility_e6 / 10_000,
            "other_order_id": str(event.other_order_id) if event.other_order_id else None,
            "timestamp": event.time_ms,
        }

    def _moved(self, account: int, event: ev.Moved) -> JsonObject:
        view = self._registry.instruments[event.head.instrument]
        sign = 1 if event.to_account == account else -1
        return {
            "instrument_name": view.name,
            "amount": sign * view.amount(event.lots),
            "value": sign * usdc(event.value_micro),
            "timestamp": event.time_ms,
        }


def _cash(event: ev.Cash) -> JsonObject:
    return {
        "kind": _CASH_NAMES.get(event.kind, f"kind_{event.kind}"),
        "id": event.head.id,
        "currency": names.QUOTE_CURRENCY,
        "change": usdc(event.delta_micro),
        "balance": usdc(event.balance_micro),
        "timestamp": event.time_ms,
    }


def _forced(event: ev.Forced) -> JsonObject:
    return {
        "id": event.head.id,
        "currency": names.QUOTE_CURRENCY,
        "asked": usdc(event.asked_micro),
        "paid": usdc(event.paid_micro),
        "cancelled_orders": event.cancelled,
        "timestamp": event.time_ms,
    }


def _account(event: ev.Account) -> JsonObject:
    return {
        "owner": "0x" + event.owner.hex(),
        "main": event.main,
        "margin_model": names.margin_model(event.model),
        "fee_tier": event.tier,
        "locked": bool(event.locked),
        "in_liquidation": bool(event.liquidation),
        "orders_max": event.max_orders,
        "positions_max": event.max_positions,
        "timestamp": event.time_ms,
    }
