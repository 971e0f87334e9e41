"""Packed TRADE records straight to JSON: the fast twin of `exchange.wire.objects.user_trade_object`.

As `order_json`: what depends on few things is taken from `user_trade_object` itself, once for each
combination, and kept as text. A test holds the two equal.
"""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.registry import Registry
from exchange.wire.envelope import encode_json
from exchange.wire.objects import user_trade_object
from exchange.wire.quote_labels import quote_json

# seq, instrument, trade_id, maker's order, taker's order, price, lots, maker, taker, fees, flags, time,
# index, mark, forward, trade_seq
_TRADE: Final = struct.Struct("<8xQ4xIQQQqqIIqqqqqqqq")
_FLAGS_AT: Final = 64
_STATE_AT: Final = 69
_WRITTEN_ANEW: Final = (
    "trade_id",
    "trade_seq",
    "instrument_name",
    "timestamp",
    "index_price",
    "mark_price",
    "price",
    "amount",
    "contracts",
    "seq",
    "order_id",
    "underlying_price",
    "fee",
    "label",
    "quote_id",
    "quote_set_id",
)
_COMBINATIONS_MAX: Final = 65_536
_MONEY_MAX: Final = 8_192
# trade flags, is the maker, its order's flags and state (−1: not known), one account on both sides, tick
# direction, finality
_Key = tuple[int, bool, int, int, bool, int, str]


class TradeWriter:
    """Writes the fills of one registry's instruments."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._fixed: dict[_Key, bytes] = {}
        self._money: dict[int, bytes] = {}

    def write(
        self, record: bytes, account: int, order: bytes, label: str, tick_direction: int, finality: str
    ) -> bytes:
        """The account's side of a TRADE as JSON; `order` is its ORDER after the fill, or empty."""
        fields = _TRADE.unpack_from(record)
        seq, instrument, trade_id, maker_order, taker_order, price, lots, maker, taker = fields[:9]
        maker_fee, taker_fee, trade_flags, time_ms, index, mark, forward, trade_seq = fields[9:]
        is_maker = maker == account
        flags = int.from_bytes(order[_FLAGS_AT : _FLAGS_AT + 4], "little") if order else 0
        state = order[_STATE_AT] if order else -1
        key = (trade_flags, is_maker, flags, state, maker == taker, tick_direction, finality)
        fixed = self._fixed.get(key)
        if fixed is None:
            if len(self._fixed) >= _COMBINATIONS_MAX:
                self._fixed.clear()
            fixed = self._fixed[key] = fixed_trade(
                self._registry, record, order, is_maker=is_maker, tick_direction=tick_direction,
                finality=finality,
            )  # fmt: skip
        numbers = self._registry.numbers[instrument]
        amount, usdc = numbers.amount_text(lots), self._usdc
        parts = (
            b'{"trade_id":"%d","trade_seq":%d,"instrument_name":%b,"timestamp":%d,"index_price":%b,'
            b'"mark_price":%b,"underlying_price":%b,"price":%b,"amount":%b,"contracts":%b,"seq":%d,'
            b'"order_id":"%d","fee":%b,%b'
        ) % (
            trade_id,
            trade_seq,
            numbers.name_text,
            time_ms,
            usdc(index),
            usdc(mark),
            usdc(forward),
            numbers.price_text(price),
            amount,
            amount,
            seq,
            maker_order if is_maker else taker_order,
            usdc(maker_fee if is_maker else taker_fee),
            fixed,
        )
        if flags & r.FLAG_QUOTE:
            return b"%b%b}" % (parts, quote_json(label, of_order=False))
        return parts + b',"label":%b}' % encode_json(label) if label else parts + b"}"

    def _usdc(self, micro: int) -> bytes:
        known = self._money.get(micro)
        if known is None:
            if len(self._money) >= _MONEY_MAX:
                self._money.clear()
            known = self._money[micro] = encode_json(micro / 1_000_000)
        return known


def fixed_trade(
    registry: Registry, record: bytes, order: bytes, *, is_maker: bool, tick_direction: int, finality: str
) -> bytes:
    """What of the object of a TRADE depends on its flags, its side, that side's ORDER's flags and state,
    whether one account is on both sides, tick direction and finality alone: members of a JSON object."""
    trade = ev.read_event(record)
    own = ev.read_event(order) if order else None
    if not isinstance(trade, ev.Trade) or not (own is None or isinstance(own, ev.Order)):
        raise ev.EventError("not a TRADE and an ORDER")
    found = user_trade_object(
        trade,
        registry.instruments[trade.head.instrument],
        is_maker=is_maker,
        order=own,
        tick_direction=tick_direction,
        finality=finality,
    )
    for name in _WRITTEN_ANEW:
        found.pop(name, None)
    return encode_json(found)[1:-1]
