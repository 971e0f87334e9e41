"""Packed ORDER records straight to JSON: the fast twin of `exchange.wire.objects.order_object`."""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.edge.objects import NO_FEE, Objects, record_at
from exchange.gateway.fixed_members import objects_of
from exchange.gateway.read_records import read_order
from exchange.gateway.registry import Registry
from exchange.wire.envelope import encode_json
from exchange.wire.objects import order_object
from exchange.wire.quote_labels import quote_json

_FLAGS_AT: Final = 64


class OrderWriter:
    """Writes orders of one registry."""

    def __init__(self, registry: Registry, objects: Objects | None = None) -> None:
        self._registry = registry
        self._objects = objects or objects_of(registry)

    def write(self, record: bytes, at: int, label: str, commission_micro: int | None) -> bytes:
        """The JSON of the ORDER record at byte `at`; without a commission if that is None."""
        flags = int.from_bytes(record[at + _FLAGS_AT : at + _FLAGS_AT + 4], "little")
        quoted = flags & r.FLAG_QUOTE
        text = encode_json(label) if label and not quoted else b'""'
        more = quote_json(label, of_order=True) if quoted else b""
        fee = NO_FEE if commission_micro is None else commission_micro
        written = self._objects.order(record, at, text, more, fee)
        if written:
            return written
        order = read_order(record_at(record, at))
        view = self._registry.instruments[order.head.instrument]
        found = order_object(order, view, label, commission_micro=commission_micro or 0)
        if commission_micro is None:
            del found["commission"]
        return encode_json(found)
