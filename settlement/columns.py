"""Columns of integers: varints, zigzag, deltas, scales, bits, and the blocks they are stored in.

A block is `varint(raw length · 2 + compressed)`, then the raw bytes, or `varint(stored length)` and a
zstd frame without magic number and content size (both are known here). Everything read is bounded
before it is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import gcd
from typing import Final

import zstandard

MAX_BODY_BYTES: Final = 16 << 20
MAX_COLUMN_BYTES: Final = 16 << 20
MAX_OPERATIONS: Final = 1 << 20
_MAX_VARINT_BYTES: Final = 10
_LEVEL: Final = 19

_COMPRESSOR: Final = zstandard.ZstdCompressor(
    compression_params=zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=0,
        write_checksum=0,
        write_dict_id=0,
    )
)
_DECOMPRESSOR: Final = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS)


class BodyError(ValueError):
    """Bytes that are not a batch body."""


def varint(value: int) -> bytes:
    """Base-128, least significant group first. Raises ValueError for a negative value or > 70 bits."""
    if not 0 <= value < 1 << 7 * _MAX_VARINT_BYTES:
        raise ValueError(f"{value} does not fit a varint")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varints(values: Iterable[int]) -> bytes:
    """A column of unsigned integers."""
    return b"".join(map(varint, values))


def zigzag(value: int) -> int:
    """0, -1, 1, -2 … as 0, 1, 2, 3 …"""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unzigzag(value: int) -> int:
    """The inverse of `zigzag`."""
    return value >> 1 if value & 1 == 0 else -(value >> 1) - 1


def signed(values: Iterable[int]) -> bytes:
    """A column of signed integers."""
    return varints(map(zigzag, values))


def deltas(values: Sequence[int]) -> list[int]:
    """First value, then differences."""
    return [b - a for a, b in zip((0, *values), values, strict=False)]


def sums(values: Iterable[int]) -> list[int]:
    """The inverse of `deltas`."""
    return list(accumulate(values))


def keyed_deltas(pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Differences of (key, value) pairs to the last value of the same key, the first to 0."""
    last: dict[int, int] = {}
    found: list[int] = []
    for key, value in pairs:
        found.append(value - last.get(key, 0))
        last[key] = value
    return found


def keyed_sums(keys: Sequence[int], changes: Sequence[int]) -> list[int]:
    """The inverse of `keyed_deltas`."""
    last: dict[int, int] = {}
    found: list[int] = []
    for key, change in zip(keys, changes, strict=True):
        last[key] = value = last.get(key, 0) + change
        found.append(value)
    return found


def scaled(values: Sequence[int]) -> bytes:
    """A signed column divided by its greatest common divisor, which stands first."""
    scale = gcd(*values) or 1
    return varint(scale) + signed(value // scale for value in values)


def bits(values: Sequence[bool]) -> bytes:
    """Eight flags a byte, the first in the lowest bit."""
    packed = 0
    for place, value in enumerate(values):
        packed |= int(value) << place
    return packed.to_bytes((len(values) + 7) // 8, "little")


def ranked(values: Iterable[int]) -> list[int]:
    """The distinct values, most frequent first, so that frequent ones have short ranks."""
    counts = Counter(values)
    return sorted(counts, key=lambda value: (-counts[value], value))


def looked_up(dictionary: Sequence[int], ranks: Sequence[int]) -> list[int]:
    """Ranks back to values. Raises BodyError for a rank outside the dictionary."""
    if ranks and max(ranks) >= len(dictionary):
        raise BodyError(f"rank {max(ranks)} in a dictionary of {len(dictionary)}")
    return [dictionary[rank] for rank in ranks]


def block(raw: bytes) -> bytes:
    """One stored column."""
    packed = _COMPRESSOR.compress(raw)
    stored = varint(len(packed)) + packed
    if len(stored) < len(raw):
        return varint(len(raw) << 1 | 1) + stored
    return varint(len(raw) << 1) + raw


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(value, the byte after it). Raises BodyError if it is cut short, too long, or not shortest."""
    value = shift = 0
    for place in range(at, min(at + _MAX_VARINT_BYTES, len(data))):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and place > at:
                break
            return value, place + 1
        shift += 7
    raise BodyError(f"bad varint at byte {at}")


def read_varints(data: bytes, at: int, count: int) -> list[int]:
    """Exactly `count` varints that end where `data` ends."""
    if count == len(data) - at and max(data[at:], default=0) < 0x80:
        return list(data[at:])
    if count > len(data) - at:
        raise BodyError(f"{count} values in {len(data) - at} bytes")
    values: list[int] = []
    for _ in range(count):
        value, at = read_varint(data, at)
        values.append(value)
    if at != len(data):
        raise BodyError(f"{len(data) - at} bytes left over in a column")
    return values


class Reader:
    """Reads the blocks of a body in order. Every method raises BodyError for bytes that do not fit."""

    def __init__(self, body: bytes) -> None:
        if len(body) > MAX_BODY_BYTES:
            raise BodyError(f"body of {len(body)} bytes")
        self._body = body
        self._at = 0
        self._budget = MAX_COLUMN_BYTES

    def count(self, limit: int) -> int:
        """A count outside any block."""
        value, self._at = read_varint(self._body, self._at)
        if value > limit:
            raise BodyError(f"count {value} above {limit}")
        return value

    def raw(self, length: int | None = None) -> bytes:
        """The bytes of the next block; exactly `length` of them where it is given."""
        head, at = read_varint(self._body, self._at)
        size = head >> 1
        self._budget -= size
        if self._budget < 0 or (length is not None and length != size):
            raise BodyError(f"block of {size} bytes at byte {self._at}")
        stored = size
        if head & 1:
            stored, at = read_varint(self._body, at)
        data = self._body[at : at + stored]
        if len(data) != stored:
            raise BodyError(f"block at byte {self._at} is cut short")
        self._at = at + stored
        return _inflate(data, size) if head & 1 else data

    def column(self, count: int) -> list[int]:
        """An unsigned column."""
        return read_varints(self.raw(), 0, count)

    def signed(self, count: int) -> list[int]:
        """A signed column."""
        return list(map(unzigzag, self.column(count)))

    def scaled(self, count: int) -> list[int]:
        """A column written by `scaled`."""
        data = self.raw()
        scale, at = read_varint(data, 0)
        return [unzigzag(value) * scale for value in read_varints(data, at, count)]

    def bits(self, count: int) -> list[bool]:
        """A column of flags."""
        data = self.raw((count + 7) // 8)
        packed = int.from_bytes(data, "little")
        if packed >> count:
            raise BodyError("flags beyond the last one")
        return [data[place >> 3] >> (place & 7) & 1 == 1 for place in range(count)]

    def must_end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._body):
            raise BodyError(f"{len(self._body) - self._at} bytes after the last block")


def _inflate(data: bytes, size: int) -> bytes:
    try:
        with _DECOMPRESSOR.stream_reader(data, read_across_frames=False) as stream:
            raw = stream.read(size)
            more = stream.read(1)
    except zstandard.ZstdError as error:
        raise BodyError(f"block does not decompress: {error}") from error
    if len(raw) != size or more:
        raise BodyError(f"block does not decompress to {size} bytes")
    return raw
