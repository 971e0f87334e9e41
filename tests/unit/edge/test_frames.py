"""Plain frames are read and written as the library does it, wherever the bytes are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from exchange.edge import frames

TEXT = 0x81
MOST = 70_000
payloads = st.one_of(st.binary(max_size=40), st.sampled_from([124, 125, 126, 127, 65_535, 65_536]).map(bytes))


def masked(payload: bytes, opcode: Opcode = Opcode.TEXT) -> bytes:
    return Frame(opcode, payload).serialize(mask=True)


@given(st.lists(payloads, max_size=4), st.data())
def test_whole_frames_are_taken_up_to_the_first_that_is_cut(sent: list[bytes], data: st.DataObject) -> None:
    parts = [masked(payload) for payload in sent]
    wire = b"".join(parts)
    cut = data.draw(st.integers(0, len(wire)))
    found: list[bytes | None] = []
    at = frames.take_plain(b"xyz" + wire[:cut], 3, TEXT, MOST, found) - 3
    whole = [n for n in range(len(parts) + 1) if sum(map(len, parts[:n])) <= cut][-1]
    assert found == sent[:whole]
    assert at == sum(map(len, parts[:whole]))
    again: list[bytes | None] = []
    frames.take_plain(wire[at:], 0, TEXT, MOST, again)
    assert found + again == sent


def test_what_is_not_plain_is_left() -> None:
    for other in (
        masked(b"x", Opcode.BINARY),
        masked(b"x", Opcode.PING),
        Frame(Opcode.TEXT, b"x").serialize(mask=False) + bytes(20),
        Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=True),
        masked(bytes(MOST + 1)),
        bytes((TEXT, 0xFF)) + b"\xff" * 40,
    ):
        found: list[bytes | None] = []
        first = masked(b"first")
        assert frames.take_plain(first + other, 0, TEXT, MOST, found) == len(first)
        assert found == [b"first"]


@given(st.lists(payloads, max_size=3), st.sampled_from([Opcode.TEXT, Opcode.BINARY]))
def test_frames_are_written_as_the_library_writes_them(sent: list[bytes], opcode: Opcode) -> None:
    expected = b"".join(Frame(opcode, payload).serialize(mask=False) for payload in sent)
    assert frames.join_frames(sent, 0x80 | opcode) == expected


@given(st.lists(st.lists(st.sampled_from([b"", b"a", b"b" * 140]), max_size=3), max_size=8))
def test_what_is_joined_for_one_is_the_next_ones_only_if_it_is_the_same(turns: list[list[bytes]]) -> None:
    joiner = frames.Joiner()
    for sent in turns:
        for first in (0x81, 0x82):
            assert joiner.join(list(sent), first) == frames.join_frames(sent, first)
            assert joiner.join(list(sent), first) is joiner.join(list(sent), first)
