"""The fast writer of fills says what `user_trade_object` says."""

from __future__ import annotations

import struct

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain import events
from exchange.domain import records as r
from exchange.gateway.fixed_members import FINALITIES
from exchange.gateway.read_records import read_order
from exchange.gateway.trade_json import TradeWriter
from exchange.wire.objects import user_trade_object
from exchange.wire.quote_labels import SEPARATOR
from tests.unit.gateway.test_order_json import records
from tests.unit.gateway.test_registry import listed

REGISTRY = listed()
WRITER = TradeWriter(REGISTRY)
_MONEY = st.integers(-(10**12), 10**12) | st.integers(10**14, 10**17)


@st.composite
def trades(draw: st.DrawFn) -> bytes:
    """Any TRADE record, also with figures that no double tells to the micro."""
    maker, taker = draw(st.sampled_from([(64, 65), (65, 64), (64, 64)]))
    head = struct.pack(
        "<BBHIQIIQ", r.EV_TRADE, 1, 5, 0, draw(st.integers(1, 1 << 57)), 0, draw(st.integers(0, 3)), 7
    )
    body = struct.pack(
        "<QQqqIIqqIIqqqqqqII",
        11,
        12,
        draw(st.integers(0, 100_000)),
        draw(st.integers(1, 10**6) | st.just(10**14)),
        maker,
        taker,
        draw(_MONEY),
        draw(_MONEY),
        draw(st.sampled_from([0, r.FLAG_SELL])),
        0,
        draw(st.integers(0, 1 << 42)),
        draw(_MONEY),
        draw(_MONEY),
        draw(_MONEY),
        draw(st.integers(1, 1 << 40)),
        0,
        draw(st.integers(0, 1)),
        draw(st.integers(0, 1)),
    )
    return (head + body).ljust(5 * 32, b"\0")


@given(
    trades(),
    st.none() | records(),
    st.lists(st.text(max_size=9), min_size=1, max_size=4),
    st.integers(0, 3),
    st.sampled_from(FINALITIES),
)
def test_it_equals_the_object(
    record: bytes, order: bytes | None, parts: list[str], direction: int, finality: str
) -> None:
    label = SEPARATOR.join(parts)
    trade = events.read_event(record)
    assert isinstance(trade, events.Trade)
    expected = user_trade_object(
        trade,
        REGISTRY.instruments[trade.head.instrument],
        is_maker=trade.maker_account == 64,
        order=read_order(order) if order else None,
        label=label,
        tick_direction=direction,
        finality=finality,
    )
    written = WRITER.write(record, 64, order or b"", label, direction, finality)
    assert msgspec.json.decode(written) == msgspec.json.decode(msgspec.json.encode(expected))
