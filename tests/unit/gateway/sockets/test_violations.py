"""What breaks RFC 6455 ends the connection with the code the standard names; what it allows does not.

The cases are those of sections 5 to 7 of the standard. Deviations stand in docs/api-deviations.md: text that
is no UTF-8 is answered (-32700) and the connection stays.
"""

from __future__ import annotations

import pytest
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from exchange.gateway.sockets.websocket import MESSAGE_BYTES_HARD_MAX, WebSocketStream

MASK = b"\1\2\3\4"


def raw(first: int, payload: bytes = b"", *, masked: bool = True, size: bytes | None = None) -> bytes:
    """A frame with any first byte."""
    length = bytes((len(payload) | (0x80 if masked else 0),)) if size is None else size
    if not masked:
        return bytes((first,)) + length + payload
    body = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
    return bytes((first,)) + length + MASK + body


def good(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def closed_with(stream: WebSocketStream) -> int:
    """The close code the stream sends, 0 for none."""
    client = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
    client.receive_data(stream.take_control())
    client.events_received()
    return 0 if client.close_rcvd is None else int(client.close_rcvd.code)


VIOLATIONS = [
    *((f"reserved opcode {op:#x}", raw(0x80 | op), 1002) for op in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF)),
    *((f"reserved bit {bit:#x}", raw(0x81 | bit, b"x"), 1002) for bit in (0x40, 0x20, 0x10, 0x70)),
    *((f"reserved bit {bit:#x} on a ping", raw(0x89 | bit, b"x"), 1002) for bit in (0x40, 0x20, 0x10)),
    *((f"unmasked {op:#x}", raw(0x80 | op, b"", masked=False), 1002) for op in (1, 2, 8, 9, 0xA)),
    *((f"fragmented control {op:#x}", raw(op, b"x"), 1002) for op in (8, 9, 0xA)),
    *(
        (f"long control {op:#x}", raw(0x80 | op, b"x" * 126, size=b"\xfe\0\x7e"), 1002)
        for op in (8, 9, 0xA)
    ),
    ("continuation of nothing", good(Opcode.CONT, b"x"), 1002),
    ("unfinished continuation of nothing", good(Opcode.CONT, b"x", fin=False), 1002),
    ("text inside a message", good(Opcode.TEXT, b"{", fin=False) + good(Opcode.TEXT, b"}"), 1002),
    ("binary inside a message", good(Opcode.TEXT, b"{", fin=False) + good(Opcode.BINARY, b"}"), 1002),
    ("close of one byte", raw(0x88, b"\3"), 1002),
    *(
        (f"close code {code}", raw(0x88, code.to_bytes(2, "big")), 1002)
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535)
    ),
    ("close reason no UTF-8", raw(0x88, b"\x03\xe8\xff\xfe"), 1007),
    ("length with its highest bit", raw(0x81, size=b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 1009),
    ("a huge frame", raw(0x81, size=b"\xff\0\0\0\0\x7f\xff\xff\xff"), 1009),
]


@pytest.mark.parametrize(("wire", "code"), [v[1:] for v in VIOLATIONS], ids=[v[0] for v in VIOLATIONS])
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
def test_a_violation_ends_the_connection(wire: bytes, code: int, step: int, opcode: Opcode) -> None:
    """Also when it comes byte by byte, after a good message, and on the packed subprotocol."""
    stream = WebSocketStream(binary=opcode is Opcode.BINARY)
    assert stream.receive(good(opcode, b"{}")) == [b"{}"]
    pieces = [wire] if step == 0 else [wire[at : at + 1] for at in range(len(wire))]
    messages = [message for piece in pieces for message in stream.receive(piece)]
    assert closed_with(stream) == code
    assert messages == []
    assert stream.receive(good(Opcode.TEXT, b"late")) == []


def test_a_message_in_fragments_beyond_every_bound_is_refused() -> None:
    stream = WebSocketStream()
    part = b"x" * 60_000
    stream.receive(good(Opcode.TEXT, part, fin=False))
    for _ in range(MESSAGE_BYTES_HARD_MAX // len(part)):
        stream.receive(good(Opcode.CONT, part, fin=False))
    assert closed_with(stream) == CloseCode.MESSAGE_TOO_BIG


ALLOWED = [
    ("an empty text", good(Opcode.TEXT, b""), [b""]),
    ("a binary message", good(Opcode.BINARY, b"x"), [None]),
    ("fragments", good(Opcode.TEXT, b"a", fin=False) + good(Opcode.CONT, b"b"), [b"ab"]),
    (
        "empty fragments",
        good(Opcode.TEXT, b"", fin=False) + good(Opcode.CONT, b"", fin=False) + good(Opcode.CONT, b""),
        [b""],
    ),
    (
        "a ping between fragments",
        good(Opcode.TEXT, b"a", fin=False) + good(Opcode.PING, b"p") + good(Opcode.CONT, b"b"),
        [b"ab"],
    ),
    ("a pong nobody asked for", good(Opcode.PONG, b"x") + good(Opcode.TEXT, b"y"), [b"y"]),
    ("a length longer than needed", raw(0x81, b"ab", size=b"\xfe\0\2"), [b"ab"]),
    ("no UTF-8", good(Opcode.TEXT, b"\xff\xfe"), [b"\xff\xfe"]),
    (
        "a character in two fragments",
        good(Opcode.TEXT, b'"\xe2\x82', fin=False) + good(Opcode.CONT, b'\xac"'),
        ['"€"'.encode()],
    ),
    (
        "no UTF-8 in fragments",
        good(Opcode.TEXT, b'"\xe2', fin=False) + good(Opcode.CONT, b'\x28\xa1"'),
        [b'"\xe2\x28\xa1"'],
    ),
    (
        "pings and pongs between many fragments",
        b"".join(
            good(Opcode.TEXT if n == 0 else Opcode.CONT, b"%d" % n, fin=n == 9)
            + good(Opcode.PING, b"p" * 125) * 2
            + good(Opcode.PONG, b"")
            for n in range(10)
        ),
        [b"0123456789"],
    ),
    ("a mask of zeros", b"\x81\x82\0\0\0\0{}", [b"{}"]),
]


@pytest.mark.parametrize(("wire", "messages"), [a[1:] for a in ALLOWED], ids=[a[0] for a in ALLOWED])
def test_what_the_standard_allows_is_taken(wire: bytes, messages: list[bytes | None]) -> None:
    for cut in range(1, len(wire) + 1, max(1, len(wire) // 4)):
        stream = WebSocketStream()
        assert [*stream.receive(wire[:cut]), *stream.receive(wire[cut:])] == messages
        assert closed_with(stream) == 0


def test_a_ping_is_answered_with_its_payload_and_a_close_with_its_code() -> None:
    stream = WebSocketStream()
    stream.receive(good(Opcode.PING, b"payload"))
    assert stream.take_control() == b"\x8a\x07payload"
    stream.receive(good(Opcode.CLOSE, b"\x03\xe8bye"))
    assert closed_with(stream) == 1000
    assert stream.finished


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
)
def test_a_close_code_that_may_be_sent_is_sent_back(code: int) -> None:
    stream = WebSocketStream()
    stream.receive(good(Opcode.CLOSE, code.to_bytes(2, "big") + "grüße".encode()))
    assert closed_with(stream) == code
    assert stream.finished


def test_a_close_without_a_code_is_answered_and_nothing_after_it_counts() -> None:
    stream = WebSocketStream()
    late = good(Opcode.TEXT, b"{}") + good(Opcode.PING, b"x") + good(Opcode.CLOSE, b"")
    assert stream.receive(good(Opcode.CLOSE, b"") + late) == []
    assert stream.take_control() == b"\x88\x00"
    assert stream.receive(late) == []
    assert stream.take_control() == b""


@pytest.mark.parametrize("size", [0, 1, 124, 125])
def test_a_flood_of_pings_is_answered_ping_by_ping(size: int) -> None:
    stream = WebSocketStream()
    payload = b"x" * size
    assert stream.receive(good(Opcode.PING, payload) * 500 + good(Opcode.TEXT, b"{}")) == [b"{}"]
    assert stream.take_control() == (bytes((0x8A, size)) + payload) * 500
