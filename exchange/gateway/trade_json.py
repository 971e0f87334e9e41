"""Packed TRADE records straight to JSON: the fast twin of `exchange.wire.objects.user_trade_object`."""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.edge.objects import Objects
from exchange.gateway.fixed_members import FINALITIES, objects_of
from exchange.gateway.read_records import read_order, read_trade
from exchange.gateway.registry import Registry
from exchange.wire.envelope import encode_json
from exchange.wire.objects import user_trade_object
from exchange.wire.quote_labels import quote_json

_FLAGS_AT: Final = 64
_MAKER_AT: Final = 64
_FINALITY_NUMBERS: Final = {name: number for number, name in enumerate(FINALITIES)}


class TradeWriter:
    """Writes the fills of one registry's instruments."""

    def __init__(self, registry: Registry, objects: Objects | None = None) -> None:
        self._registry = registry
        self._objects = objects or objects_of(registry)

    def write(
        self, record: bytes, account: int, order: bytes, label: str, tick_direction: int, finality: str
    ) -> bytes:
        """The account's side of a TRADE as JSON; `order` is its ORDER after the fill, or empty."""
        is_maker = int.from_bytes(record[_MAKER_AT : _MAKER_AT + 4], "little") == account
        own, more = -1, b""
        if order:
            own = 0
            if int.from_bytes(order[_FLAGS_AT : _FLAGS_AT + 4], "little") & r.FLAG_QUOTE:
                more = quote_json(label, of_order=False)
        if label and not more:
            more = b',"label":%b' % encode_json(label)
        number = _FINALITY_NUMBERS[finality]
        written = self._objects.trade(record, 0, order, own, is_maker, tick_direction, number, more)
        if written:
            return written
        trade = read_trade(record)
        return encode_json(
            user_trade_object(
                trade,
                self._registry.instruments[trade.head.instrument],
                is_maker=is_maker,
                order=read_order(order) if order else None,
                label=label,
                tick_direction=tick_direction,
                finality=finality,
            )
        )
