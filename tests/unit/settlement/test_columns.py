"""Columns of integers there and back, and what is not one."""

from __future__ import annotations

import pytest

from settlement import columns as col
from settlement.columns import BodyError, Reader


def test_varints_are_the_known_bytes() -> None:
    assert col.varint(0) == b"\x00"
    assert col.varint(300) == b"\xac\x02"
    assert col.read_varint(b"\xac\x02\x07", 0) == (300, 2)
    assert [col.zigzag(value) for value in (0, -1, 1, -2, 2)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("value", [-1, 1 << 70])
def test_a_value_that_fits_no_varint_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="varint"):
        col.varint(value)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 11, b"\x81\x80\x00"])
def test_cut_long_and_padded_varints_are_refused(data: bytes) -> None:
    with pytest.raises(BodyError):
        col.read_varint(data, 0)


@pytest.mark.parametrize(
    "values",
    [[], [0], [5, -5, 5], [1 << 62, -(1 << 62), 3], list(range(-300, 300, 7)), [0, 0, 0], [40, 80, -120]],
)
def test_columns_read_back(values: list[int]) -> None:
    assert Reader(col.block(col.signed(values))).signed(len(values)) == values
    assert Reader(col.block(col.scaled(values))).scaled(len(values)) == values
    assert col.sums(col.deltas(values)) == values
    keys = [value % 3 for value in values]
    assert col.keyed_sums(keys, col.keyed_deltas(zip(keys, values, strict=True))) == values
    flags = [value % 2 == 1 for value in values]
    assert Reader(col.block(col.bits(flags))).bits(len(values)) == flags


def test_a_common_factor_is_taken_out() -> None:
    assert len(col.scaled([1_000_000, -3_000_000])) == len(col.varint(1_000_000)) + 2


def test_ranks_follow_frequency() -> None:
    assert col.ranked([7, 9, 9, 4, 9, 4]) == [9, 4, 7]
    with pytest.raises(BodyError, match="rank 3"):
        col.looked_up([9, 4, 7], [0, 3])


def test_long_columns_are_compressed() -> None:
    raw = b"\x01\x02" * 1000
    assert len(col.block(raw)) < 60
    assert Reader(col.block(raw)).raw() == raw


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (col.block(b"\x01\x02"), 3),  # fewer values than asked for
        (col.block(b"\x01\x02"), 1),  # more
        (col.block(b"\x01\x02")[:-1], 2),  # cut short
        (col.varint(5 << 1 | 1) + col.varint(3) + b"abc", 5),  # no zstd
        (col.varint(1 << 40), 5),  # larger than any column may be
        (b"", 0),
    ],
)
def test_a_block_that_does_not_fit_is_refused(body: bytes, count: int) -> None:
    with pytest.raises(BodyError):
        Reader(body).column(count)


def test_a_block_that_inflates_to_more_than_it_says_is_refused() -> None:
    honest = col.block(bytes(5_000))
    size, at = col.read_varint(honest, 0)
    for wrong in (size - 2, size + 2):
        with pytest.raises(BodyError, match="does not decompress"):
            Reader(col.varint(wrong) + honest[at:]).raw()


def test_bits_beyond_the_last_are_refused() -> None:
    with pytest.raises(BodyError, match="beyond"):
        Reader(col.block(b"\x08")).bits(3)


def test_nothing_may_follow() -> None:
    reader = Reader(col.block(b"\x01") + b"\x00")
    reader.raw()
    with pytest.raises(BodyError, match="1 bytes after"):
        reader.must_end()
    with pytest.raises(BodyError, match="body of"):
        Reader(bytes(col.MAX_BODY_BYTES + 1))
