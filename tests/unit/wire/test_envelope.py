"""Frames that leave are valid JSON whatever stands in them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exchange.wire import envelope

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.integers() | st.text() | st.none(), _JSON)
def test_any_id_and_result_survive(request_id: int | str | None, result: object) -> None:
    frame = envelope.result_frame(request_id, result, 1, 2, False)
    decoded = msgspec.json.decode(frame)
    assert decoded["id"] == request_id or isinstance(request_id, int)
    assert decoded["result"] == result
    assert decoded["testnet"] is False


def test_an_encoded_result_is_taken_as_it_is() -> None:
    frame = envelope.result_frame(1, msgspec.Raw(b'{"a":1}'), 1, 2, True)
    assert b'"result":{"a":1}' in frame


def test_nan_and_infinity_become_null() -> None:
    frame = envelope.notification_frame("ticker.x.raw", {"a": float("nan"), "b": float("inf")})
    assert msgspec.json.decode(frame) == {
        "jsonrpc": "2.0",
        "method": "subscription",
        "params": {"channel": "ticker.x.raw", "data": {"a": None, "b": None}},
    }


def test_heartbeats_are_notifications() -> None:
    for frame, kind in (
        (envelope.HEARTBEAT_FRAME, "heartbeat"),
        (envelope.TEST_REQUEST_FRAME, "test_request"),
    ):
        assert msgspec.json.decode(frame) == {
            "jsonrpc": "2.0",
            "method": "heartbeat",
            "params": {"type": kind},
        }
