"""The fast writer of orders says what `order_object` says."""

from __future__ import annotations

import struct

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain import events
from exchange.domain import records as r
from exchange.gateway.order_json import OrderWriter
from exchange.wire.objects import order_object
from exchange.wire.quote_labels import SEPARATOR
from tests.unit.gateway.test_registry import listed

REGISTRY = listed()
WRITER = OrderWriter(REGISTRY)


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Any ORDER record an engine could write, and some it could not."""
    size = draw(st.integers(1, 10_000))
    filled = draw(st.integers(0, size))
    resting = draw(st.integers(0, size - filled))
    state = draw(st.sampled_from([1, 2, 3]))
    flags = draw(st.integers(0, 0x1FF).filter(lambda f: (f >> r.TYPE_SHIFT) & 3 != 3))
    head = struct.pack(
        "<BBHIQIIq", r.EV_ORDER, 1, 4, 0, draw(st.integers(1, 1 << 57)), 64, draw(st.integers(0, 3)), 9
    )
    price = draw(st.integers(0, 100_000))
    return head + struct.pack(
        "<qqqqIBBHQIIqqqqq",
        price,
        size,
        filled,
        resting,
        flags,
        draw(st.integers(1, 4)),
        state,
        draw(st.integers(1, 11)) if state == 3 else 0,
        draw(st.integers(0, 9)),
        draw(st.integers(0, 9)),
        0,
        draw(st.integers(0, filled * 100_000)) if filled else 0,
        draw(st.integers(0, 1 << 42)),
        draw(st.integers(0, 1 << 42)),
        draw(st.integers(0, resting)),
        0,
    )


_PARTS = st.lists(st.text(max_size=9), min_size=1, max_size=4)


@given(records(), _PARTS, st.integers(-5, 10**9))
def test_it_equals_the_object(record: bytes, parts: list[str], commission: int) -> None:
    label = SEPARATOR.join(parts)
    order = events.read_event(record)
    assert isinstance(order, events.Order)
    view = REGISTRY.instruments[order.head.instrument]
    expected = order_object(order, view, label, commission_micro=commission)
    written = WRITER.write(b"\0" * 32 + record, 32, label, commission)
    assert msgspec.json.decode(written) == msgspec.json.decode(msgspec.json.encode(expected))
