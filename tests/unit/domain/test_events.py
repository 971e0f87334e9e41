"""Readers of events: meaning is pinned by tests/golden/formats; here the refusals and the cutting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.golden.formats import samples
from tests.reference.engine import ReferenceEngine
from tests.reference.generator import Traffic


def some_events() -> bytes:
    engine = ReferenceEngine(shard=3)
    traffic = Traffic(0, engine)
    return engine.apply(traffic.opening()) + b"".join(engine.apply(traffic.batch(50)) for _ in range(10))


def test_events_read_in_order_and_whole() -> None:
    data = some_events()
    found = list(e.read_events(data))
    assert sum(event.head.units * r.UNIT_BYTES for event in found) == len(data)
    assert [event.head.counter for event in found] == sorted(event.head.counter for event in found)
    assert {event.head.shard for event in found} == {3}


def test_split_by_seq_keeps_every_byte() -> None:
    data = some_events()
    cut = e.split_by_seq(data)
    assert b"".join(part for _, part in cut) == data
    assert [seq & limits.COUNTER_MASK for seq, _ in cut] == list(range(1, len(cut) + 1))
    assert e.split_by_seq(b"") == []


@pytest.mark.parametrize("name", samples.events())
def test_a_record_cut_short_is_refused(name: str) -> None:
    data = samples.events()[name]
    for length in (1, 31, len(data) - 1):
        with pytest.raises(e.EventError):
            e.read_event(data[:length])


def test_unknown_types_and_versions_are_refused() -> None:
    data = bytearray(samples.events()["done"])
    data[0] = 99
    with pytest.raises(e.EventError, match="unknown event type 99"):
        e.read_event(bytes(data))
    data[0], data[1] = r.EV_DONE, 2
    with pytest.raises(e.EventError, match="version 2"):
        e.read_event(bytes(data))


def test_split_refuses_records_without_units() -> None:
    with pytest.raises(e.EventError, match="no units"):
        e.split_by_seq(bytes(32))


def test_helpers_of_order_and_trade() -> None:
    order = e.read_event(samples.events()["order"])
    assert isinstance(order, e.Order)
    assert (order.order_id, order.is_sell) == (77, True)
    trade = e.read_event(samples.events()["trade"])
    assert isinstance(trade, e.Trade)
    assert (trade.trade_id, trade.taker_sells) == (4, True)
    assert (trade.head.shard, trade.head.counter) == (2, 1_234)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = list(e.read_events(data))
    except e.EventError:
        return
    assert sum(event.head.units for event in found) * r.UNIT_BYTES == len(data)
