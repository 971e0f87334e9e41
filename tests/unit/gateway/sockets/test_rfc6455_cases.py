"""The case families of the Autobahn test suite (sections 1 to 7, 9 and 10), as that suite numbers them.

The suite itself runs on Python 2 alone, so its families are written anew here; docs/gateway.md says which
deviate and why. Each case is played whole, frame by frame and byte by byte. Sections 12 and 13 are about
compression, which is not offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from exchange.gateway.sockets.websocket import MESSAGE_BYTES_HARD_MAX, WebSocketStream, join_frames
from exchange.wire import errors
from exchange.wire.jsonrpc import BadRequest, decode_request

TEXT, BINARY, CONT, PING, PONG, CLOSE = (
    Opcode.TEXT, Opcode.BINARY, Opcode.CONT, Opcode.PING, Opcode.PONG, Opcode.CLOSE,
)  # fmt: skip
PROTOCOL_ERROR: Final = 1002
TOO_BIG: Final = 1009
KIB: Final = 1024


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def odd(first: int, data: bytes = b"") -> bytes:
    """A frame with any first byte, of at most 126 bytes, masked with zeros."""
    size = bytes((0x80 | len(data),)) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes((first,)) + size + bytes(4) + data


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


def fragments(opcode: Opcode, data: bytes, size: int) -> list[bytes]:
    """A message in frames of so many bytes."""
    parts = [data[at : at + size] for at in range(0, max(1, len(data)), size)]
    last = len(parts) - 1
    return [frame(CONT if at else opcode, part, fin=at == last) for at, part in enumerate(parts)]


class Case(NamedTuple):
    """Frames to send; the messages, the pongs and the close (code and reason, or none) they come to."""

    name: str
    frames: Sequence[bytes]
    messages: Sequence[bytes] = ()
    pongs: Sequence[bytes] = ()
    closed: tuple[int, bytes] | None = None


class Played(NamedTuple):
    messages: list[bytes | None]
    pongs: list[bytes]
    closed: tuple[int, bytes] | None


def play(pieces: Iterable[bytes], *, binary: bool = False) -> Played:
    """What a stream makes of bytes that come in pieces."""
    stream = WebSocketStream(binary=binary)
    client = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
    messages: list[bytes | None] = []
    for piece in pieces:
        messages += stream.receive(piece)
        client.receive_data(stream.take_control())
    sent = [event for event in client.events_received() if isinstance(event, Frame)]
    assert all(event.opcode in (PONG, CLOSE) for event in sent)
    received = client.close_rcvd
    closed = None if received is None else (int(received.code), received.reason.encode())
    assert stream.finished == (closed is not None)
    return Played(messages, [bytes(event.data) for event in sent if event.opcode is PONG], closed)


def pieces_of(frames: Sequence[bytes], how: str) -> Iterator[bytes]:
    wire = b"".join(frames)
    if how == "whole":
        return iter([wire])
    return iter(frames) if how == "frames" else (wire[at : at + 1] for at in range(len(wire)))


BROKEN: Final = (PROTOCOL_ERROR, b"")
HELLO: Final = frame(TEXT, b"hello")
PINGED: Final = frame(PING)
STRAY, OPEN_STRAY = frame(CONT, b"stray"), frame(CONT, b"stray", fin=False)
PARTS: Final = [frame(TEXT, b"one", fin=False), frame(CONT, b"two")]
TEN: Final = [b"payload-%d" % n for n in range(10)]

PINGS = [
    Case("2.1", [PINGED], pongs=[b""]),
    Case("2.2", [frame(PING, b"Hello, world!")], pongs=[b"Hello, world!"]),
    Case("2.3", [frame(PING, b"\0\xff\xfe\xfd\xfc\xfb\0\xff")], pongs=[b"\0\xff\xfe\xfd\xfc\xfb\0\xff"]),
    Case("2.4, 2.6", [frame(PING, b"\xfe" * 125)], pongs=[b"\xfe" * 125]),
    Case("2.5", [odd(0x89, b"\xfe" * 126), PINGED], closed=BROKEN),
    Case("2.7", [frame(PONG)]),
    Case("2.8", [frame(PONG, b"unsolicited")]),
    Case("2.9", [frame(PONG, b"unsolicited"), frame(PING, b"asked")], pongs=[b"asked"]),
    Case("2.10, 2.11", [frame(PING, each) for each in TEN], pongs=TEN),
]
RESERVED = [
    Case("3.1", [odd(0x81 | 1 << 4, b"x")], closed=BROKEN),
    *(
        Case(f"3.{bits}", [HELLO, odd(0x81 | bits << 4, b"x"), PINGED], [b"hello"], closed=BROKEN)
        for bits in (2, 3, 4)
    ),
    Case("3.5", [odd(0x82 | 5 << 4, b"\0\xff")], closed=BROKEN),
    Case("3.6", [odd(0x89 | 6 << 4, b"x")], closed=BROKEN),
    Case("3.7", [odd(0x88 | 7 << 4)], closed=BROKEN),
    *(
        Case(f"4.{section}.{at + 1}", [*before, odd(0x80 | opcode, data), PINGED], said, closed=BROKEN)
        for section, opcodes in ((1, (3, 4, 5, 6, 7)), (2, (11, 12, 13, 14, 15)))
        for at, opcode in enumerate(opcodes)
        for data in (b"payload" if at % 2 else b"",)
        for before, said in (([HELLO], [b"hello"]) if at > 1 else ([], []),)
    ),
]
FRAGMENTED = [
    Case("5.1", [odd(PING, b"a"), frame(CONT, b"b")], closed=BROKEN),
    Case("5.2", [odd(PONG, b"a"), frame(CONT, b"b")], closed=BROKEN),
    Case("5.3 to 5.5", PARTS, [b"onetwo"]),
    Case("5.6 to 5.8", [PARTS[0], frame(PING, b"p"), PARTS[1]], [b"onetwo"], [b"p"]),
    Case("5.9 to 5.11", [STRAY, HELLO], closed=BROKEN),
    Case("5.12 to 5.14", [OPEN_STRAY, HELLO], closed=BROKEN),
    Case("5.15", [*PARTS, OPEN_STRAY, HELLO], [b"onetwo"], closed=BROKEN),
    Case("5.16", [OPEN_STRAY, *PARTS] * 2, closed=BROKEN),
    Case("5.17", [STRAY, *PARTS] * 2, closed=BROKEN),
    Case("5.18", [PARTS[0], frame(TEXT, b"two")], closed=BROKEN),
    Case(
        "5.19, 5.20",
        [
            frame(TEXT, b"1", fin=False),
            frame(CONT, b"2", fin=False),
            frame(PING, b"between"),
            frame(CONT, b"3", fin=False),
            frame(CONT, b"4", fin=False),
            frame(PING, b"again"),
            frame(CONT, b"5"),
        ],
        [b"12345"],
        [b"between", b"again"],
    ),
]
CLOSES = [
    Case("7.1.1", [HELLO, close(1000)], [b"hello"], closed=(1000, b"")),
    Case("7.1.2", [close(1000), close(1000)], closed=(1000, b"")),
    Case("7.1.3", [close(1000), frame(PING, b"late")], closed=(1000, b"")),
    Case("7.1.4", [close(1000), HELLO], closed=(1000, b"")),
    Case("7.1.5", [PARTS[0], close(1000), PARTS[1]], closed=(1000, b"")),
    Case("7.3.1", [frame(CLOSE)], closed=(1005, b"")),
    Case("7.3.2", [frame(CLOSE, b"a")], closed=BROKEN),
    Case("7.3.3", [close(1000)], closed=(1000, b"")),
    Case("7.3.4", [close(1000, b"goodbye")], closed=(1000, b"goodbye")),
    Case("7.3.5", [close(1000, b"*" * 123)], closed=(1000, b"*" * 123)),
    Case("7.3.6", [odd(0x88, b"\x03\xe8" + b"*" * 124)], closed=BROKEN),
    Case("7.5.1", [close(1000, b"\xce\xba\xe1\xed\xa0\x80edited")], closed=(1007, b"")),
    *(
        Case(f"7.7, {code}", [close(code)], closed=(code, b""))
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)
    ),
    *(
        Case(f"7.9 and 7.13, {code}", [close(code)], closed=BROKEN)
        for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
    ),
]
CASES = [*PINGS, *RESERVED, *FRAGMENTED, *CLOSES]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@pytest.mark.parametrize("how", ["whole", "frames", "octets"])
def test_pings_reserved_bits_opcodes_fragments_and_closes(case: Case, how: str) -> None:
    found = play(pieces_of(case.frames, how))
    assert (found.messages, found.pongs) == (list(case.messages), list(case.pongs))
    if case.closed is None or case.closed[0] in (PROTOCOL_ERROR, 1007):  # the reason is the library's
        assert (found.closed or (None,))[0] == (case.closed or (None,))[0]
    else:
        assert found.closed == case.closed


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 125, 126, 127, 128, 65_535, 65_536])
@pytest.mark.parametrize("chop", [0, 997])
def test_messages_of_every_length_of_length(opcode: Opcode, size: int, chop: int) -> None:
    """1.1.1 to 1.2.8; they come back as they were sent. Binary ones are the packed subprotocol's."""
    payload = b"*" * size
    wire = frame(opcode, payload)
    pieces = [wire[at : at + chop] for at in range(0, len(wire), chop)] if chop else [wire]
    found = play(pieces, binary=opcode is BINARY)
    assert found == Played([payload], [], None)
    client = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
    client.receive_data(join_frames([payload], binary=opcode is BINARY))
    (echo,) = client.events_received()
    assert isinstance(echo, Frame)
    assert (echo.opcode, echo.data, echo.fin) == (opcode, payload, True)


def test_binary_on_the_json_dialect_is_no_violation() -> None:
    """1.2 otherwise: 13018 is answered and the connection stays."""
    assert play([frame(BINARY, b"x"), HELLO]) == Played([None, b"hello"], [], None)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [64, 256, 1 * KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB])
def test_the_largest_message_in_fragments_and_in_chops(opcode: Opcode, size: int) -> None:
    """9.1.1, 9.1.2, 9.2.1, 9.2.2, 9.3 to 9.6 and 10.1.1, at the 256 KiB that this venue reads."""
    payload = bytes(range(256)) * (MESSAGE_BYTES_HARD_MAX // 256)
    binary = opcode is BINARY
    assert play(fragments(opcode, payload, size), binary=binary) == Played([payload], [], None)
    wire = frame(opcode, payload)
    chops = (wire[at : at + size] for at in range(0, len(wire), size))
    assert play(chops, binary=binary) == Played([payload], [], None)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("mebibytes", [1, 4, 8, 16])
def test_what_is_larger_is_refused_before_it_is_read(opcode: Opcode, mebibytes: int) -> None:
    """9.1.3 to 9.1.6, 9.2.3 to 9.2.6: 1009 on the header alone, or on the fragment that is one too many."""
    size = mebibytes * KIB * KIB
    header = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    closed = play([header], binary=opcode is BINARY).closed
    assert closed is not None
    assert closed[0] == TOO_BIG
    many = play(fragments(opcode, bytes(size // 16), 64 * KIB), binary=opcode is BINARY)
    assert (many.closed is None) == (size // 16 <= MESSAGE_BYTES_HARD_MAX)


def test_fragments_without_end_are_cut() -> None:
    """9.9.1."""
    endless = (frame(CONT if at else TEXT, b"x" * 4 * KIB, fin=False) for at in range(1_000))
    closed = play(endless).closed
    assert closed is not None
    assert closed[0] == TOO_BIG


GREEK: Final = "κ\u1f79σμε".encode()
VALID: Final = [
    b"hello$world", *(f"hello{sign}world".encode() for sign in "¢€𤭢"), GREEK,
    *(chr(point).encode() for point in (
        0x20, 0x7E, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFF9, 0xFFFA, 0xFFFB, 0xFFFC, 0xFFFD, 0xFFFE,
        0xFFFF, 0x10000, 0x10FFFF, *(plane << 16 | end for plane in range(1, 17) for end in (0xFFFE, 0xFFFF)),
    )),
]  # fmt: skip
INVALID: Final = [
    # prefixes that end inside a character; five and six bytes; beyond U+10FFFF
    *(GREEK[:end] for end in (1, 3, 4, 6, 8, 10)),
    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf\xbf", b"\xf4\x90\x80\x80",
    # continuation bytes alone, first bytes alone
    b"\x80", b"\xbf", *(b"\x80\xbf" * n for n in (1, 2, 3)), bytes(range(0x80, 0xC0)),
    *(b" ".join(bytes((byte,)) for byte in range(*ends)) + b" " for ends in (
        (0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC), (0xFC, 0xFE),
    )),
    # the last byte missing, one such after another; impossible bytes
    b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf",
    b"\xc0\xe0\x80\xf0\x80\x80\xdf", b"\xfe", b"\xff", b"\xfe\xfe\xff\xff",
    # overlong: a slash, the largest, NUL; surrogates, alone and in pairs
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf",
    b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80",
    *(b"\xed" + bytes(end) for end in ((0xA0, 0x80), (0xAD, 0xBF), (0xAF, 0xBF), (0xB0, 0x80), (0xBF, 0xBF))),
    b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf",
    GREEK + b"\xf4\x90\x80\x80edited", GREEK + b"\xed\xa0\x80edited",
]  # fmt: skip


@pytest.mark.parametrize("how", ["one frame", "one byte a frame", "octets"])
def test_utf8(how: str) -> None:
    """6.1 to 6.23: what is UTF-8 arrives as it was sent; what is not is told with -32700. Neither loses the
    connection, however the message is cut (6.3 and 6.4, that fail at once there)."""
    for text in [*VALID, *INVALID]:
        message = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"text":"%b"}}' % text
        frames = fragments(TEXT, message, 1) if "byte" in how else [frame(TEXT, message)]
        pieces = pieces_of(frames, "octets" if how == "octets" else "frames")
        assert play(pieces) == Played([message], [], None), text
        if text in VALID:
            assert decode_request(message, 0).params["text"] == text.decode()
        else:
            with pytest.raises(BadRequest) as refused:
                decode_request(message, 0)
            assert refused.value.code == errors.PARSE_ERROR, text


def test_empty_messages() -> None:
    """6.1.1 to 6.1.3."""
    assert play([HELLO[:0], frame(TEXT)]).messages == [b""]
    three = [frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT)]
    assert play(three).messages == [b""]
    three[1] = frame(CONT, b"middle", fin=False)
    assert play(three).messages == [b"middle"]
