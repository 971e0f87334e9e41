"""The words of trigger and linked orders."""

from __future__ import annotations

import pytest

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.event_header import Header
from exchange.wire import extended
from exchange.wire.client_ids import client_order_id
from exchange.wire.extended import OrderExtra, is_extended
from exchange.wire.session import RpcError


def order(state: int, *, filled: int = 0, reason: int = 0) -> ev.Order:
    head = Header(r.EV_ORDER, 1, 4, 0, 5, 64, 2, 12)
    return ev.Order(head, 1, 10, filled, 10 - filled, 0, 1, state, reason, 0, 0, 0, 0, 1, 1, 0, 0)


@pytest.mark.parametrize(
    ("state", "filled", "reason", "told"),
    [
        (r.ORDER_STATE_UNTRIGGERED, 0, 0, "untriggered"),
        (r.ORDER_STATE_UNTRIGGERED, 4, 0, "triggered"),
        (r.ORDER_STATE_CANCELLED, 0, r.CANCEL_TRIGGER_REFUSED, "rejected"),
        (r.ORDER_STATE_CANCELLED, 0, r.CANCEL_USER, "plain"),
        (r.ORDER_STATE_OPEN, 0, 0, "plain"),
    ],
)
def test_states(state: int, filled: int, reason: int, told: str) -> None:
    assert extended.order_state(order(state, filled=filled, reason=reason), "plain") == told


@pytest.mark.parametrize(
    ("trigger", "plain", "waiting"),
    [
        (r.TRIGGER_STOP, "limit", "stop_limit"),
        (r.TRIGGER_STOP, "market", "stop_market"),
        (r.TRIGGER_TAKE, "limit", "take_limit"),
        (r.TRIGGER_TAKE, "market", "take_market"),
        (r.TRIGGER_TRAILING, "limit", "trailing_stop"),
        (r.TRIGGER_TRAILING, "market", "trailing_stop"),
        (r.TRIGGER_NONE, "limit", "limit"),
    ],
)
def test_types_before_and_after_it_fires(trigger: int, plain: str, waiting: str) -> None:
    extra = OrderExtra(12, trigger=trigger)
    assert extended.order_type(extra, order(r.ORDER_STATE_UNTRIGGERED), plain) == waiting
    assert extended.order_type(extra, order(r.ORDER_STATE_OPEN), plain) == plain
    ended = order(r.ORDER_STATE_CANCELLED)
    assert extended.order_type(extra, ended, plain) == waiting
    extra.fired = True
    assert extended.order_type(extra, ended, plain) == plain


def test_which_requests_ask_for_more() -> None:
    assert is_extended({"type": "stop_limit"})
    assert is_extended({"advanced": "implv"})
    assert is_extended({"trigger_price": 5})
    assert not is_extended({"type": "limit", "trigger": None, "advanced": ""})
    assert not is_extended({"type": ["limit"]})


LARGEST = (1 << 64) - 1


@pytest.mark.parametrize(("given", "number"), [("1", 1), (7, 7), (str(LARGEST), LARGEST), (None, 0)])
def test_client_order_ids(given: object, number: int) -> None:
    assert client_order_id({"client_order_id": given}) == number


@pytest.mark.parametrize("given", ["0", "-1", "1e3", "0x5", str(1 << 64), 1.5, True, []])
def test_what_is_no_client_order_id(given: object) -> None:
    with pytest.raises(RpcError) as refused:
        client_order_id({"client_order_id": given})
    assert refused.value.code == -32602


def test_a_client_order_id_may_be_required() -> None:
    with pytest.raises(RpcError):
        client_order_id({}, required=True)
