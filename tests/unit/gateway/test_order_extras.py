"""What is remembered of orders with a trigger, and which ORDER events tell of the book."""

from __future__ import annotations

import pytest

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.event_header import Header
from exchange.domain.events_orders import Extended
from exchange.gateway.history_ring import NotRemembered
from exchange.gateway.order_extras import OrderExtras
from exchange.gateway.trigger_ring import ENDS_PER_ACCOUNT, TriggerRing
from exchange.wire.extended import OrderExtra, extended_fields

ACCOUNT = 64


def extended(
    order_id: int, *, trigger: int = r.TRIGGER_STOP, volatility_e6: int = 0, **more: int
) -> Extended:
    head = Header(r.EV_EXTENDED, 1, 3, 0, 5, ACCOUNT, 2, order_id)
    given = {"source": r.SOURCE_MARK, "link": 0, "condition": 0, "members": 0, "other": 0, **more}
    return Extended(
        head, trigger, given["source"], given["link"], given["condition"], given["members"],
        7_000_000, 0, volatility_e6, given["other"], 1_000,
    )  # fmt: skip


def order(order_id: int, kind: int, state: int, *, units: int = 4, seq: int = 5) -> bytes:
    record = bytearray(units * 32)
    record[0], record[1], record[2] = r.EV_ORDER, 1, units
    record[8:16] = seq.to_bytes(8, "little")
    record[16:20] = ACCOUNT.to_bytes(4, "little")
    record[24:32] = order_id.to_bytes(8, "little")
    record[68], record[69] = kind, state
    return bytes(record)


@pytest.mark.parametrize(
    ("kind", "state", "units", "tells"),
    [
        (r.ORDER_PLACED, r.ORDER_STATE_UNTRIGGERED, 4, False),
        (r.ORDER_AMENDED, r.ORDER_STATE_UNTRIGGERED, 4, False),
        (r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED, 4, False),
        (r.ORDER_TRIGGERED, r.ORDER_STATE_OPEN, 4, True),
        (r.ORDER_FILLED, r.ORDER_STATE_UNTRIGGERED, 4, True),
        (r.ORDER_AMENDED, r.ORDER_STATE_UNTRIGGERED, 5, True),
        (r.ORDER_TRIGGERED, r.ORDER_STATE_FILLED, 4, True),
    ],
)
def test_an_order_that_was_never_in_the_book_says_nothing_of_it(
    kind: int, state: int, units: int, tells: bool
) -> None:
    extras = OrderExtras()
    extras.take(extended(9))
    assert extras.on_order(order(9, kind, state, units=units), 0) is tells


def test_one_that_was_there_does_when_it_goes() -> None:
    extras = OrderExtras()
    extras.take(extended(9))
    assert extras.on_order(order(9, r.ORDER_TRIGGERED, r.ORDER_STATE_OPEN), 0)
    assert extras.on_order(order(9, r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED), 0)
    assert extras.on_order(order(10, r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED), 0), "a plain one"


def test_closed_ones_are_kept_for_a_while() -> None:
    extras = OrderExtras(closed_kept=2)
    for order_id in (1, 2, 3):
        extras.take(extended(order_id))
        extras.on_order(order(order_id, r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED), 0)
    assert [extras.get(order_id) is not None for order_id in (1, 2, 3)] == [False, True, True]


def test_open_orders_priced_in_volatility_are_listed() -> None:
    extras = OrderExtras()
    for order_id in (1, 2, 3):
        extras.take(extended(order_id, trigger=r.TRIGGER_NONE, volatility_e6=500_000))
    extras.take(extended(2, trigger=r.TRIGGER_NONE))
    extras.on_order(order(3, r.ORDER_FILLED, r.ORDER_STATE_FILLED), 0)
    assert list(extras.volatile()) == [(2, 1)]


def test_a_trigger_ends_once() -> None:
    extras = OrderExtras()
    extras.take(extended(9))
    extras.on_order(order(9, r.ORDER_PLACED, r.ORDER_STATE_UNTRIGGERED, seq=5), 0)
    extras.on_order(order(9, r.ORDER_TRIGGERED, r.ORDER_STATE_OPEN, seq=6), 0)
    extras.on_order(order(9, r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED, seq=7), 0)
    (end,) = extras.triggers.since(ACCOUNT, 0, 0)
    assert int.from_bytes(end.record[8:16], "little") == 6


def test_the_ring_says_what_it_has_forgotten() -> None:
    ring = TriggerRing()
    for seq in range(ENDS_PER_ACCOUNT + 10):
        ring.add(ACCOUNT, order(1, r.ORDER_TRIGGERED, r.ORDER_STATE_OPEN, seq=seq), OrderExtra(1))
    assert len(ring.since(ACCOUNT, ENDS_PER_ACCOUNT, 0)) == 10
    with pytest.raises(NotRemembered):
        ring.since(ACCOUNT, 3, 0)
    with pytest.raises(NotRemembered):
        ring.since(ACCOUNT + 1, 3, 5)


def test_a_member_names_its_primary_awake_too() -> None:
    extra = OrderExtra(12)
    extra.take(extended(12, link=r.LINK_OTOCO, other=10))
    extra.take(extended(12, link=r.LINK_OTOCO, other=11))
    head = Header(r.EV_ORDER, 1, 4, 0, 5, ACCOUNT, 2, 12)
    waits = ev.Order(head, 1, 1, 0, 1, 0, 1, r.ORDER_STATE_UNTRIGGERED, 0, 0, 0, 0, 0, 1, 1, 0, 0)
    found = extended_fields(extra, waits)
    assert (found["primary_order_id"], found["oco_ref"]) == ("10", "oco-11")
