"""The subscribers of the benchmark count what they have parsed, and notice a gap."""

from __future__ import annotations

import socket

import msgspec
import pytest

from exchange.gateway.sockets.websocket import join_frames
from loadtest.gateway_fanout import GapError, Listener


def change(previous: int, change_id: int, kind: str = "change") -> bytes:
    data = {"type": kind, "prev_change_id": previous, "change_id": change_id, "bids": [["new", 1.5, 2]]}
    params = {"channel": "book.X.100ms", "data": data}
    return msgspec.json.encode({"method": "subscription", "params": params})


@pytest.mark.parametrize("follows", [False, True])
def test_frames_are_counted_however_they_are_cut(follows: bool) -> None:
    reply = msgspec.json.encode({"id": 1, "result": ["book.X.100ms"] * 40})
    sent = [reply, change(0, 5, "snapshot"), change(5, 9), change(9, 10)]
    wire = join_frames(sent)
    with socket.socket() as sock:
        for cut in range(len(wire)):
            listener = Listener(sock, follows=follows)
            listener.received(wire[:cut])
            listener.received(wire[cut:])
            assert listener.frames == len(sent)


def test_a_gap_and_what_is_no_json_are_noticed() -> None:
    with socket.socket() as sock:
        listener = Listener(sock, follows=True)
        listener.received(join_frames([change(0, 5, "snapshot"), change(5, 9)]))
        with pytest.raises(GapError):
            listener.received(join_frames([change(10, 11)]))
        with pytest.raises(msgspec.DecodeError):
            Listener(sock, follows=False).received(join_frames([b'{"a":']))
