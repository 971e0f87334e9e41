"""Packed ORDER records straight to JSON: the order path's fast twin of `exchange.wire.objects.order_object`.

Most of an order's object depends on few things: flags, state, why it ended. That part is taken from
`order_object` itself, once for each combination, and kept as text; only ids, names, times, prices and sizes
are written anew. A test holds the two equal.
"""

from __future__ import annotations

import struct
from typing import Final

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.registry import Registry
from exchange.wire.envelope import encode_json
from exchange.wire.objects import order_object
from exchange.wire.quote_labels import quote_json

# seq, account, instrument, order_id, price, size, filled, open, flags, kind, state, reason,
# client order id, label, filled_value, time, created, shown
_ORDER: Final = struct.Struct("<8xQIIQqqqqIBBHQI4xqqqq")
_WRITTEN_ANEW: Final = (
    "order_id",
    "instrument_name",
    "creation_timestamp",
    "last_update_timestamp",
    "price",
    "label",
    "amount",
    "contracts",
    "filled_amount",
    "average_price",
    "seq",
    "quote_id",
    "quote_set_id",
    "display_amount",
    "client_order_id",
)
_MARKET: Final = r.TYPE_MARKET << r.TYPE_SHIFT
_TYPE_BITS: Final = r.TYPE_MASK << r.TYPE_SHIFT
_COMBINATIONS_MAX: Final = 65_536
_NO_FEES: Final = b'"commission":0.0,'
_Key = tuple[int, int, int, bool]  # flags, state, reason, whether it was amended


class OrderWriter:
    """Writes orders of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._fixed: dict[_Key, bytes] = {}

    def write(
        self, record: bytes, at: int, label: str, commission_micro: int | None
    ) -> bytes:
        """The JSON of the ORDER record at byte `at`; without a commission if that is None."""
        fields = _ORDER.unpack_from(record, at)
        seq, _, instrument, order_id, price, size, filled, resting, flags, kind, state, reason = fields[:12]
        client, _, filled_value, time_ms, created_ms, shown = fields[12:]
        key = (flags, state, reason, kind == r.ORDER_AMENDED)
        fixed = self._fixed.get(key)
        if fixed is None:
            if len(self._fixed) >= _COMBINATIONS_MAX:
                self._fixed.clear()
            fixed = self._fixed[key] = fixed_order(self._registry, record, at)
        numbers = self._registry.numbers[instrument]
        amount = numbers.amount_text(size)
        market = flags & _TYPE_BITS == _MARKET
        quoted = flags & r.FLAG_QUOTE
        text = encode_json(label) if label and not quoted else b'""'
        average = encode_json(numbers.view.average_price(filled_value, filled)) if filled else b"0.0"
        parts = (
            b'{"order_id":"%d","instrument_name":%b,"creation_timestamp":%d,"last_update_timestamp":%d,'
            b'"price":%b,"amount":%b,"contracts":%b,"filled_amount":%b,"average_price":%b,%b"label":%b,'
            b'"seq":%d,%b'
        ) % (
            order_id,
            numbers.name_text,
            created_ms,
            time_ms,
            b'"market_price"' if market else numbers.price_text(price),
            amount,
            amount,
            numbers.amount_text(filled),
            average,
            _NO_FEES if commission_micro == 0 else _commission(commission_micro),
            text,
            seq,
            fixed,
        )
        if quoted:
            parts += quote_json(label, of_order=True)
        if client:
            parts += b',"client_order_id":"%d"' % client
        if shown < resting and state != r.ORDER_STATE_UNTRIGGERED:
            parts += b',"display_amount":%b' % numbers.amount_text(shown)
        return parts + b"}"


def fixed_order(registry: Registry, record: bytes, at: int = 0) -> bytes:
    """What of the object of the ORDER at byte `at` depends on its flags, its state, why it ended and whether
    it was amended alone: members of a JSON object."""
    event = ev.read_event(record, at)
    if not isinstance(event, ev.Order):
        raise ev.EventError("not an ORDER")
    found = order_object(event, registry.instruments[event.head.instrument])
    for name in _WRITTEN_ANEW:
        found.pop(name, None)
    return encode_json(found)[1:-1]


def _commission(micro: int | None) -> bytes:
    return b"" if micro is None else b'"commission":%b,' % encode_json(micro / 1_000_000)
