"""Integers as decimal text, straight into a writer: what JSON numbers of exact amounts look like."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, write_i32_le
from mypy_extensions import i32, i64, u8

EXACT: Final = 1_000_000_000_000_000
"""Below this a decimal and the nearest float print the same digits."""
_POINT: Final = 46
_ZERO: Final = 48
_MINUS: Final = 45


def _four(value: i64) -> i32:
    """Four digits, leading zeros included, as the bytes of a little-endian word."""
    high = value // 100
    low = value % 100
    word = high // 10 | high % 10 << 8 | low // 10 << 16 | low % 10 << 24
    return i32(word | 0x3030_3030)


def write_int(out: BytesWriter, value: i64) -> None:
    """An integer of at most sixteen digits."""
    if value < 0:
        out.append(_MINUS)
        value = -value
    if value < 10_000:
        _write_first(out, value)
        return
    if value < 100_000_000:
        _write_first(out, value // 10_000)
    elif value < 1_000_000_000_000:
        _write_first(out, value // 100_000_000)
        write_i32_le(out, _four(value // 10_000 % 10_000))
    else:
        _write_first(out, value // 1_000_000_000_000)
        write_i32_le(out, _four(value // 100_000_000 % 10_000))
        write_i32_le(out, _four(value // 10_000 % 10_000))
    write_i32_le(out, _four(value % 10_000))


def _write_first(out: BytesWriter, value: i64) -> None:
    """One to four digits."""
    if value >= 10:
        if value >= 100:
            if value >= 1_000:
                out.append(u8(value // 1_000 + _ZERO))
                value %= 1_000
            out.append(u8(value // 100 + _ZERO))
            value %= 100
        out.append(u8(value // 10 + _ZERO))
        value %= 10
    out.append(u8(value + _ZERO))


def write_wide(out: BytesWriter, value: i64) -> None:
    """A non-negative integer of any length."""
    if value < 10_000_000_000_000_000:
        write_int(out, value)
        return
    write_int(out, value // 100_000_000)
    write_i32_le(out, _four(value // 10_000 % 10_000))
    write_i32_le(out, _four(value % 10_000))


def write_millionths(out: BytesWriter, value: i64) -> None:
    """value / 1,000,000: all its digits, at least one behind the point."""
    if value < 0:
        out.append(_MINUS)
        value = -value
    write_int(out, value // 1_000_000)
    out.append(_POINT)
    _write_rest(out, value % 1_000_000 * 100)


def write_e8(out: BytesWriter, value: i64) -> None:
    """value / 100,000,000: all its digits, at least one behind the point."""
    if value < 0:
        out.append(_MINUS)
        value = -value
    write_int(out, value // 100_000_000)
    out.append(_POINT)
    _write_rest(out, value % 100_000_000)


def _write_rest(out: BytesWriter, value: i64) -> None:
    """Eight digits behind the point without the zeros at their end, at least one."""
    high = value // 10_000
    low = value % 10_000
    if low == 0:
        _write_last(out, high)
    else:
        write_i32_le(out, _four(high))
        _write_last(out, low)


def _write_last(out: BytesWriter, value: i64) -> None:
    """Four digits without the zeros at their end, at least one."""
    if value % 10 != 0:
        write_i32_le(out, _four(value))
        return
    out.append(u8(value // 1_000 + _ZERO))
    value = value % 1_000
    if value == 0:
        return
    out.append(u8(value // 100 + _ZERO))
    value = value % 100
    if value != 0:
        out.append(u8(value // 10 + _ZERO))
