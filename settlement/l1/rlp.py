"""Recursive length prefix: how Ethereum's transactions and headers become bytes.

An item is a byte string or a list of items. Decoding is strict (one form for each item, nothing left
over) and bounded in depth, so it takes bytes from anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MAX_DEPTH: Final = 8

Item = bytes | list["Item"]
Encodable = bytes | int | Sequence["Encodable"]


class RlpError(ValueError):
    """Bytes that are not the encoding of an item, or not its only one."""


def encode(item: Encodable) -> bytes:
    """An item's bytes; integers (not negative) stand for their shortest big-endian string."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes | bytearray):
        if len(item) == 1 and item[0] < 0x80:
            return bytes(item)
        return _prefix(len(item), 0x80) + item
    body = b"".join(map(encode, item))
    return _prefix(len(body), 0xC0) + body


def _prefix(length: int, base: int) -> bytes:
    if length < 56:
        return bytes([base + length])
    size = (length.bit_length() + 7) // 8
    return bytes([base + 55 + size]) + length.to_bytes(size, "big")


def decode(data: bytes) -> Item:
    """The item that `data` encodes. Raises RlpError."""
    item, end = _item(memoryview(data), 0, len(data), 0)
    if end != len(data):
        raise RlpError(f"{len(data) - end} bytes left over")
    return item


def _item(data: memoryview, at: int, limit: int, depth: int) -> tuple[Item, int]:
    if at >= limit:
        raise RlpError("cut short")
    first = data[at]
    if first < 0x80:
        return bytes(data[at : at + 1]), at + 1
    base = 0x80 if first < 0xC0 else 0xC0
    start, end = _span(data, at, limit, first - base)
    if base == 0x80:
        if end - start == 1 and data[start] < 0x80:
            raise RlpError("a single byte with a prefix")
        return bytes(data[start:end]), end
    if depth >= MAX_DEPTH:
        raise RlpError("nested too deep")
    items: list[Item] = []
    while start < end:
        item, start = _item(data, start, end, depth + 1)
        items.append(item)
    return items, end


def _span(data: memoryview, at: int, limit: int, code: int) -> tuple[int, int]:
    """Where the content of the item at `at` begins and ends."""
    start, length = at + 1, code
    if code > 55:
        size = code - 55
        digits = bytes(data[at + 1 : at + 1 + size])
        start, length = at + 1 + size, int.from_bytes(digits, "big")
        if start > limit or digits[:1] == b"\0" or length < 56:
            raise RlpError("a length that is cut short or not the shortest")
    if start + length > limit:
        raise RlpError("cut short")
    return start, start + length


def as_bytes(item: Item, length: int | None = None) -> bytes:
    """A byte string, of a length if one is given. Raises RlpError."""
    if not isinstance(item, bytes) or (length is not None and len(item) != length):
        raise RlpError(f"a string of {length if length is not None else 'any'} bytes was expected")
    return item


def as_int(item: Item, bits: int = 256) -> int:
    """An integer below 2^bits, without leading zeros. Raises RlpError."""
    data = as_bytes(item)
    if data[:1] == b"\0" or len(data) * 8 > bits:
        raise RlpError(f"not an integer of {bits} bits")
    return int.from_bytes(data, "big")


def as_list(item: Item) -> list[Item]:
    """A list. Raises RlpError."""
    if not isinstance(item, list):
        raise RlpError("a list was expected")
    return item
