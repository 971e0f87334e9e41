"""The sans-I/O peer: ids, replies in any order, and what it makes of bad frames."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.rpc import MAX_FRAME_BYTES, HeartbeatTest, Notification, ProtocolError, Reply, RpcPeer


def test_requests_are_numbered_and_answered_in_any_order() -> None:
    peer = RpcPeer()
    first, frame = peer.request("public/test", {"a": 1})
    second, _ = peer.request("public/get_time", {})
    assert json.loads(frame) == {"jsonrpc": "2.0", "id": first, "method": "public/test", "params": {"a": 1}}
    reply = peer.receive(json.dumps({"jsonrpc": "2.0", "id": second, "result": 7}))
    assert reply == Reply(second, "public/get_time", 7, None)
    assert peer.open_count == 1
    assert peer.forget_all() == [first]


def test_an_error_carries_code_message_data_and_method() -> None:
    peer = RpcPeer()
    request_id, _ = peer.request("private/buy", {})
    error = {"code": 10009, "message": "not_enough_funds", "data": {"reason": 1}}
    reply = peer.receive(json.dumps({"id": request_id, "error": error}))
    assert isinstance(reply, Reply)
    assert reply.error is not None
    assert (reply.error.code, reply.error.data) == (10009, {"reason": 1})
    assert "private/buy" in str(reply.error)


def test_pushes_heartbeats_and_replies_nobody_waits_for() -> None:
    peer = RpcPeer()
    push = {"method": "subscription", "params": {"channel": "trades.X.raw", "data": [1]}}
    assert peer.receive(json.dumps(push)) == Notification("trades.X.raw", [1])
    test = {"method": "heartbeat", "params": {"type": "test_request"}}
    assert peer.receive(json.dumps(test)) == HeartbeatTest()
    assert peer.receive(json.dumps({"method": "heartbeat", "params": {"type": "heartbeat"}})) is None
    assert peer.receive(json.dumps({"id": 99, "result": 1})) is None


def test_frames_the_venue_would_refuse_are_not_made() -> None:
    peer = RpcPeer()
    with pytest.raises(ProtocolError) as too_large:
        peer.request("private/mass_quote", {"x": "y" * MAX_FRAME_BYTES})
    assert too_large.value.local
    with pytest.raises(ProtocolError):
        peer.request("public/test", {"x": object()})
    assert peer.open_count == 0


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "1",
        '{"result": 1}',
        '{"method": "subscription"}',
        '{"method": "subscription", "params": {"channel": 1}}',
        '{"id": null, "error": {"code": -32700, "message": "parse error"}}',
    ],
)
def test_nonsense_is_the_venues_protocol_error(frame: str) -> None:
    with pytest.raises(ProtocolError) as error:
        RpcPeer().receive(frame)
    assert not error.value.local


def test_an_error_without_a_code_is_a_protocol_error() -> None:
    peer = RpcPeer()
    request_id, _ = peer.request("public/test", {})
    with pytest.raises(ProtocolError):
        peer.receive(json.dumps({"id": request_id, "error": "no"}))


@given(st.binary(max_size=200))
def test_any_bytes_give_an_answer_or_a_protocol_error(frame: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert RpcPeer().receive(frame) is None
