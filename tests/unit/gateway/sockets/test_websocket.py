"""The WebSocket stream without a socket: fast and slow path are one behaviour."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from exchange.gateway.sockets.websocket import (
    MESSAGE_BYTES_HARD_MAX,
    WebSocketStream,
    accept,
    join_frames,
    text_frame,
)

HEADERS = {
    "host": "x",
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
}


def masked(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def test_a_handshake_is_accepted_without_compression() -> None:
    headers = HEADERS | {"sec-websocket-extensions": "permessage-deflate"}
    accepted, response, _ = accept("GET", "/ws/api/v2", headers)
    assert accepted
    assert response.startswith(b"HTTP/1.1 101 ")
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in response
    assert b"deflate" not in response.lower()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"sec-websocket-key": "short"}, b"400"),
        ({"sec-websocket-version": "8"}, b"400"),
        ({"connection": "close"}, b"426"),
        ({"upgrade": "h2c"}, b"426"),
    ],
)
def test_a_bad_handshake_is_refused(changes: dict[str, str], status: bytes) -> None:
    accepted, response, _ = accept("GET", "/ws/api/v2", HEADERS | changes)
    assert not accepted
    assert response.split()[1] == status


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_frames_of_every_length_go_both_ways(size: int) -> None:
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert WebSocketStream().receive(masked(Opcode.TEXT, payload)) == [payload]
    assert join_frames([payload, b"y"]) == text_frame(payload) + text_frame(b"y")


_MESSAGES = st.lists(
    st.tuples(st.sampled_from(["text", "binary", "fragments", "ping", "pong"]), st.binary(max_size=200)),
    max_size=8,
)


@settings(deadline=None)
@given(_MESSAGES, st.data())
def test_messages_come_out_whole_however_the_bytes_are_cut(
    messages: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    wire = pongs = b""
    expected: list[bytes | None] = []
    for kind, payload in messages:
        if kind == "text":
            wire += masked(Opcode.TEXT, payload)
            expected.append(payload)
        elif kind == "binary":
            wire += masked(Opcode.BINARY, payload)
            expected.append(None)
        elif kind == "fragments":
            third = len(payload) // 3
            wire += masked(Opcode.TEXT, payload[:third], False)
            wire += masked(Opcode.PING, b"between")  # control frames may stand between fragments
            pongs += Frame(Opcode.PONG, b"between").serialize(mask=False)
            wire += masked(Opcode.CONT, payload[third : 2 * third], False)
            wire += masked(Opcode.CONT, payload[2 * third :], True)
            expected.append(payload)
        else:
            wire += masked(Opcode.PING if kind == "ping" else Opcode.PONG, payload[:125])
            if kind == "ping":
                pongs += Frame(Opcode.PONG, payload[:125]).serialize(mask=False)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    stream = WebSocketStream()
    found: list[bytes | None] = []
    control = b""
    for start, stop in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        found += stream.receive(wire[start:stop])
        control += stream.take_control()
    assert found == expected
    assert control == pongs
    assert not stream.finished


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return masked(Opcode.CLOSE, code.to_bytes(2, "big") + reason)


def sent_close_code(stream: WebSocketStream) -> int:
    control = stream.take_control()
    assert control[0] == 0x88
    return int.from_bytes(control[2:4], "big")


VIOLATIONS = [
    ("unmasked", Frame(Opcode.TEXT, b"x").serialize(mask=False), 1002),
    ("unmasked long", Frame(Opcode.TEXT, b"x" * 300).serialize(mask=False), 1002),
    ("reserved bit", b"\xc1\x80\0\0\0\0", 1002),
    ("unknown opcode", b"\x83\x80\0\0\0\0", 1002),
    ("continuation of nothing", masked(Opcode.CONT, b"x"), 1002),
    ("text inside fragments", masked(Opcode.TEXT, b"a", False) + masked(Opcode.TEXT, b"b"), 1002),
    ("fragmented ping", b"\x09\x80\0\0\0\0", 1002),
    ("ping of 126 bytes", b"\x89\xfe\x00\x7e" + b"\0" * 130, 1002),
    ("close of one byte", b"\x88\x81\0\0\0\0x", 1002),
    ("bad close code", close_frame(1005), 1002),
    ("close reason no UTF-8", close_frame(1000, b"\xff\xfe"), 1007),
    ("far too big", b"\x81\xff" + (MESSAGE_BYTES_HARD_MAX + 1).to_bytes(8, "big") + b"\0" * 20, 1009),
    ("absurdly big", b"\x81\xff" + (1 << 62).to_bytes(8, "big") + b"\0" * 20, 1009),
    (
        "fragments too big together",
        masked(Opcode.TEXT, b"x" * MESSAGE_BYTES_HARD_MAX, False) + masked(Opcode.CONT, b"xx"),
        1009,
    ),
]


@pytest.mark.parametrize(("wire", "code"), [case[1:] for case in VIOLATIONS], ids=[c[0] for c in VIOLATIONS])
def test_a_violation_ends_the_stream_with_its_code(wire: bytes, code: int) -> None:
    stream = WebSocketStream()
    assert stream.receive(masked(Opcode.TEXT, b"good") + wire + masked(Opcode.TEXT, b"after")) == [b"good"]
    assert stream.finished
    assert sent_close_code(stream) == code


def test_a_clients_close_is_answered_with_its_code() -> None:
    stream = WebSocketStream()
    assert stream.receive(close_frame(1000, b"bye") + masked(Opcode.TEXT, b"late")) == []
    assert stream.finished
    assert sent_close_code(stream) == 1000


def test_our_close_waits_for_the_clients() -> None:
    stream = WebSocketStream()
    stream.close(4000, "heartbeat_timeout")
    assert sent_close_code(stream) == 4000
    stream.receive(masked(Opcode.PING, b""))
    assert not stream.finished
    stream.receive(close_frame(4000))
    assert stream.finished


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_stream(data: bytes) -> None:
    stream = WebSocketStream()
    for message in stream.receive(data):
        assert message is None or isinstance(message, bytes)
    stream.take_control()
