"""Packed orders and fills as the objects clients read: labels, fees and finality looked up."""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain import events as ev
from exchange.domain.events_orders import Extended
from exchange.edge.own_fills import OwnFills
from exchange.gateway.combos.fields import combo_fields, is_of_combo, own_combo_fields
from exchange.gateway.deals.block_index import BlockIndex
from exchange.gateway.fixed_members import objects_of
from exchange.gateway.history_ring import Fill, HistoryRing, fill_of
from exchange.gateway.labels import Labels
from exchange.gateway.order_extras import OrderExtras
from exchange.gateway.order_json import OrderWriter
from exchange.gateway.ports import StoredTrade
from exchange.gateway.read_records import read_order, read_trade
from exchange.gateway.registry import Registry
from exchange.gateway.settlement import SettlementView, finality_of
from exchange.gateway.trade_json import TradeWriter
from exchange.wire.envelope import encode_json
from exchange.wire.extended import OrderExtra, extra_of
from exchange.wire.objects import JsonObject, order_object, public_trade_object, user_trade_object
from exchange.wire.quote_labels import quote_json

_WHO: Final = struct.Struct("<16xI4xQ")  # account, order_id
_NOTHING: Final = bytes(8)
_SIDES: Final = struct.Struct("<64xII72xII")  # of a TRADE: accounts, labels


def stored_extra(record: bytes, fired: int, primary: int) -> OrderExtra:
    """What the store has of a trigger, linked or volatility order.

    Raises:
        EventError: the record is no EXTENDED.
    """
    event = ev.read_event(record)
    if not isinstance(event, Extended):
        raise ev.EventError("not an EXTENDED")
    extra = extra_of(event, fired=bool(fired))
    extra.primary_order_id = primary
    return extra


class Rendering:
    """Builds the dialect's objects from packed records."""

    def __init__(
        self,
        registry: Registry,
        labels: Labels,
        ring: HistoryRing,
        settlement: SettlementView,
        extras: OrderExtras | None = None,
        blocks: BlockIndex | None = None,
    ) -> None:
        self._registry = registry
        self._labels = labels
        self._ring = ring
        self._settlement = settlement
        self.objects = objects_of(registry)
        """Writes orders and fills."""
        self._own_fills = OwnFills(self.objects, ring.past, self._called)
        self._writer = OrderWriter(registry, self.objects)
        self._trade_writer = TradeWriter(registry, self.objects)
        self._extras = OrderExtras() if extras is None else extras
        self._blocks = blocks

    def order_json(self, packed: bytes, at: int) -> bytes:
        """The ORDER record at byte `at` as JSON; the same object as `order`."""
        account, order_id = _WHO.unpack_from(packed, at)
        if self._extras and self._extras.get(order_id) is not None:
            return encode_json(self.order(read_order(packed[at:])))
        label = int.from_bytes(packed[at + 80 : at + 84], "little")
        text = self._labels.text(account, label) if label else ""
        paid = self._ring.commission_micro(account, order_id) if packed[at + 48 : at + 56] != _NOTHING else 0
        return self._writer.write(packed, at, text, paid)

    def order(
        self,
        order: ev.Order,
        commission_micro: int | None = None,
        label: str = "",
        extra: OrderExtra | None = None,
    ) -> JsonObject:
        """An order of its owner. The fees of its fills, its label and what it has besides price and size are
        looked up if not given."""
        if commission_micro is None:
            account = order.head.account
            known = self._ring.commission_micro
            commission_micro = known(account, order.order_id) if order.filled_lots else 0
        return order_object(
            order,
            self._registry.instruments[order.head.instrument],
            (self._labels.text(order.head.account, order.label) or label) if order.label else "",
            commission_micro=commission_micro,
            extra=self._extras.get(order.order_id) or extra,
        )

    def closed_order(
        self,
        record: bytes,
        fee_micro: int,
        label: str = "",
        extended: bytes = b"",
        fired: int = 0,
        primary: int = 0,
    ) -> bytes:
        """A closed order as JSON; `label` is the stored text, for one that is not known here any more, and
        the last three what the store has of its trigger, links and volatility."""
        account, order_id = _WHO.unpack_from(record)
        stored = stored_extra(extended, fired, primary) if extended else None
        if stored is not None or (self._extras and self._extras.get(order_id) is not None):
            return encode_json(self.order(read_order(record), fee_micro, label=label, extra=stored))
        number = int.from_bytes(record[80:84], "little")
        text = (self._labels.text(account, number) or label) if number else ""
        return self._writer.write(record, 0, text, fee_micro)

    def fill(self, fill: Fill, account: int) -> JsonObject:
        """One account's side of a match."""
        maker = int.from_bytes(fill.trade[64:68], "little")
        record = fill.maker_order if maker == account else fill.taker_order
        return self.own_trade(fill.trade, account, record, fill.tick_direction)

    def fill_json(self, fill: Fill, account: int) -> bytes:
        """As `fill`, in JSON."""
        if is_of_combo(fill.trade):
            return encode_json(self.fill(fill, account))
        maker, _, maker_label, taker_label = _SIDES.unpack_from(fill.trade)
        is_maker = maker == account
        label = maker_label if is_maker else taker_label
        return self._trade_writer.write(
            fill.trade,
            account,
            fill.maker_order if is_maker else fill.taker_order,
            self._labels.text(account, label) if label else "",
            fill.tick_direction,
            self.finality(int.from_bytes(fill.trade[8:16], "little")),
        )

    def fills_at(self, account: int, places: list[int]) -> list[bytes]:
        """As `fill_json`, of the TRADEs at places of the ring."""
        settled = self._settlement
        reached = settled.posted_seq(), settled.confirmed_seq(), settled.final_seq()
        found = self._own_fills.write(account, places, *reached)
        for number, written in enumerate(found):
            if not written:
                found[number] = self.fill_json(fill_of(self._ring.past, places[number]), account)
        return found

    def _called(self, account: int, label: int, is_quote: bool) -> bytes:
        """What a fill says of its order's label."""
        text = self._labels.text(account, label) if label else ""
        if is_quote:
            return quote_json(text, of_order=False)
        return b',"label":%b' % encode_json(text) if text else b""

    def stored_fill(self, stored: StoredTrade, account: int) -> JsonObject:
        """One account's side of a match, from the store."""
        return self.own_trade(stored.trade, account, stored.order, stored.tick, stored.label)

    def own_trade(
        self, record: bytes, account: int, order: bytes, tick_direction: int, label: str = ""
    ) -> JsonObject:
        """One account's side of a TRADE or of a combo's print; `order` is its ORDER, or empty."""
        own = read_order(order) if order else None

        def leg(each: bytes) -> JsonObject:
            told = self.trade(read_trade(each), account, own, 0, label)
            del told["tick_direction"]  # the leg's own trade has it
            return told | combo_fields(each, self._registry)

        found = self.trade(read_trade(record), account, own, tick_direction, label)
        return found | own_combo_fields(record, self._registry, leg)

    def public_trade(self, record: bytes, tick_direction: int) -> JsonObject:
        """A match as everybody sees it."""
        trade = read_trade(record)
        found = public_trade_object(
            trade,
            self._registry.instruments[trade.head.instrument],
            tick_direction=tick_direction,
            finality=self.finality(trade.head.seq),
        )
        found |= combo_fields(record, self._registry)
        return found if self._blocks is None else self._blocks.add_public(found, trade)

    def trade(
        self,
        trade: ev.Trade,
        account: int,
        order: ev.Order | None,
        tick_direction: int = 0,
        stored_label: str = "",
    ) -> JsonObject:
        """As `fill`, from the parts."""
        is_maker = trade.maker_account == account
        label = trade.maker_label if is_maker else trade.taker_label
        found = user_trade_object(
            trade,
            self._registry.instruments[trade.head.instrument],
            is_maker=is_maker,
            order=order,
            label=(self._labels.text(account, label) or stored_label) if label else "",
            tick_direction=tick_direction,
            finality=self.finality(trade.head.seq),
        )
        return found if self._blocks is None else self._blocks.add_own(found, trade, account)

    def finality(self, seq: int) -> str:
        """How far settlement has come with a command; see `gateway.settlement.finality_of`."""
        return finality_of(self._settlement, seq)
