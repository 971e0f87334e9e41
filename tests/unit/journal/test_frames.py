"""File and frame headers: what is covered by which checksum."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.journal import frames as f

HEADER = f.FileHeader(f.COMMANDS_MAGIC, 3, 17, 1, bytes(range(32)))
PAYLOAD = c.cancel(64, 1) + c.cancel_many(64)
PREVIOUS = b"p" * 16


def test_file_header_comes_back() -> None:
    raw = f.pack_file_header(HEADER)
    assert len(raw) == f.FILE_HEADER_BYTES
    assert f.unpack_file_header(raw) == HEADER


@pytest.mark.parametrize("at", range(64))
def test_every_byte_of_a_file_header_is_covered(at: int) -> None:
    raw = bytearray(f.pack_file_header(HEADER))
    raw[at] ^= 0x10
    assert f.unpack_file_header(bytes(raw)) is None


def test_a_short_file_header_is_none() -> None:
    assert f.unpack_file_header(f.pack_file_header(HEADER)[:63]) is None


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="unknown file kind"):
        f.unpack_file_header(f.pack_file_header(HEADER._replace(magic=b"SBJ9CMDS")))


def test_a_frame_header_comes_back_only_at_its_own_offset() -> None:
    raw, checksum = f.pack_frame(0, 5, 2, 0, 64, PAYLOAD, PREVIOUS)
    header = f.unpack_frame_header(raw, 0, 64)
    assert header == f.FrameHeader(len(PAYLOAD), 0, 5, 2, 0, 64, checksum)
    assert header is not None
    assert header.next_seq == 7
    assert f.frame_checksum(raw, PREVIOUS, PAYLOAD) == checksum
    assert f.unpack_frame_header(raw, 0, 96) is None
    assert f.unpack_frame_header(raw[:63], 0, 64) is None


@pytest.mark.parametrize("at", range(64))
def test_every_byte_of_a_frame_header_is_covered(at: int) -> None:
    raw = bytearray(f.pack_frame(0, 5, 2, 0, 64, PAYLOAD, PREVIOUS)[0])
    raw[at] ^= 0x01
    assert f.unpack_frame_header(bytes(raw), 0, 64) is None


def test_the_checksum_covers_the_frame_before_and_the_payload() -> None:
    raw, checksum = f.pack_frame(0, 5, 2, 0, 64, PAYLOAD, PREVIOUS)
    assert f.frame_checksum(raw, b"q" * 16, PAYLOAD) != checksum
    assert f.frame_checksum(raw, PREVIOUS, PAYLOAD[:-1] + b"\1") != checksum


@pytest.mark.parametrize(("count", "payload"), [(0, PAYLOAD), (1, b""), (1, PAYLOAD[:-1])])
def test_frames_that_hold_nothing_whole_are_refused(count: int, payload: bytes) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        f.pack_frame(0, 5, count, 0, 64, payload, PREVIOUS)


@pytest.mark.parametrize(("shard", "counter"), [(-1, 1), (128, 1), (0, 0), (0, 1 << 56)])
def test_sequences_out_of_range_are_refused(shard: int, counter: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        f.wire_seq(shard, counter)


def test_records_are_counted() -> None:
    assert f.count_records(PAYLOAD) == 2
    assert f.count_records(b"") == 0
    with pytest.raises(ValueError, match="no units"):
        f.count_records(bytes(32))
    with pytest.raises(ValueError, match="cut short"):
        f.count_records(c.cancel(64, 1)[:32])


def test_labels_are_found_among_other_commands() -> None:
    text = "Grüße, " + "x" * 60
    order = c.new_order(64, 1, 0, 0x0106, 1)
    commands = c.cancel(64, 0x0106) + c.label(70, 2, text) + order + c.label(71, 1, "b")
    assert list(f.label_records(commands)) == [f.LabelRecord(70, 2, text), f.LabelRecord(71, 1, "b")]
    assert list(f.label_records(c.cancel(64, 1))) == []


def test_malformed_labels_are_passed_over() -> None:
    good = c.label(70, 2, "abc")
    too_long = good[:16] + (99).to_bytes(8, "little") + good[24:]
    no_text = good[:32] + b"\xff\xff\xff" + good[35:]
    assert list(f.label_records(too_long + no_text + good)) == [f.LabelRecord(70, 2, "abc")]
    with pytest.raises(ValueError, match="wrong unit count"):
        list(f.label_records(good[:-32]))
