"""A binary range coder that learns as it goes: for what nobody has to decode in a contract.

Every decision has a context, whose chance is learnt from its decisions so far; both sides start alike. The
carry is handled as in LZMA: a byte is kept back until no carry can reach it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Protocol

from settlement.coding.limits import DecodeError

_BITS: Final = 16
_HALF: Final = 1 << _BITS - 1
_TOP: Final = 1 << 24
_MASK: Final = (1 << 32) - 1
_SLOWEST: Final = 6
"""A context moves by 1/4 of the error at first, by 1/64 later."""
_OCTAVES_MAX: Final = 96
_LEARNT_BITS: Final = 7
"""Of a number below 2^7 every bit is learnt, of a larger one the three highest."""
_OVERRUN_MAX: Final = 8


class Bits(Protocol):
    """Writes decisions, or reads them: what is written is handed through, what is read comes back."""

    def bit(self, context: Hashable, value: int = 0) -> int:
        """One decision."""

    def plain(self, value: int = 0, /) -> int:
        """One that is not learnt."""


def number(bits: Bits, context: Hashable, value: int = 0) -> int:
    """A number ≥ 0: its length, then its bits."""
    target, octave = (value + 1).bit_length() - 1, 0
    while bits.bit((context, octave), int(octave < target)):
        octave += 1
        if octave > _OCTAVES_MAX:
            raise DecodeError("a number too large")
    found = 1
    for place in range(octave - 1, -1, -1):
        one = (value + 1) >> place & 1
        learnt = octave < _LEARNT_BITS or octave - place <= 3
        found = found << 1 | (bits.bit((context, octave, found), one) if learnt else bits.plain(one))
    return found - 1


def signed(bits: Bits, context: Hashable, value: int = 0) -> int:
    """A number of either sign."""
    size = number(bits, context, abs(value))
    if size == 0:
        return 0
    return -size if bits.bit((context, "sign"), int(value < 0)) else size


def _learn(chance: list[int], value: int) -> None:
    """Move a context's chance of a 1 (in 65,536; it never gets to 0 or 65,536) towards what was."""
    likely, speed = chance
    chance[0] = likely + ((1 << _BITS) - likely >> speed) if value else likely - (likely >> speed)
    if speed < _SLOWEST:
        chance[1] = speed + 1


class BitWriter:
    """Writes."""

    def __init__(self) -> None:
        self._chances: dict[Hashable, list[int]] = {}
        self._low, self._range = 0, _MASK
        self._kept, self._more = 0, 0
        self._out = bytearray()
        self._first = True

    def bit(self, context: Hashable, value: int = 0) -> int:
        """One decision."""
        chance = self._chances.setdefault(context, [_HALF, 2])
        self._put(chance[0], value)
        _learn(chance, value)
        return value

    def plain(self, value: int = 0, /) -> int:
        """One that is not learnt."""
        self._put(_HALF, value)
        return value

    def finish(self) -> bytes:
        """The bytes, without the zeros at their end."""
        for _ in range(5):
            self._shift()
        return bytes(self._out).rstrip(b"\0")

    def _put(self, likely: int, value: int) -> None:
        part = (self._range >> _BITS) * likely
        if value:
            self._range = part
        else:
            self._low += part
            self._range -= part
        while self._range < _TOP:
            self._range = self._range << 8 & _MASK
            self._shift()

    def _shift(self) -> None:
        """One byte on: out goes what no carry can change any more."""
        if self._low < 0xFF000000 or self._low > _MASK:
            carry = self._low >> 32
            if not self._first:
                self._out.append(self._kept + carry & 255)
            self._out += bytes((255 + carry & 255,)) * self._more
            self._more, self._first = 0, False
            self._kept = self._low >> 24 & 255
        else:
            self._more += 1
        self._low = self._low << 8 & _MASK


class BitReader:
    """Reads. Raises DecodeError where the bytes end long before the decisions do."""

    def __init__(self, data: bytes) -> None:
        self._chances: dict[Hashable, list[int]] = {}
        self._data, self._at = data, 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = _MASK

    def bit(self, context: Hashable, value: int = 0) -> int:
        """One decision."""
        chance = self._chances.setdefault(context, [_HALF, 2])
        value = self._take(chance[0])
        _learn(chance, value)
        return value

    def plain(self, _: int = 0, /) -> int:
        """One that is not learnt."""
        return self._take(_HALF)

    def _take(self, likely: int) -> int:
        part = (self._range >> _BITS) * likely
        if self._code < part:
            self._range, value = part, 1
        else:
            self._code -= part
            self._range -= part
            value = 0
        while self._range < _TOP:
            if self._at >= len(self._data) + _OVERRUN_MAX:
                raise DecodeError("more decisions than bytes")
            more = self._data[self._at] if self._at < len(self._data) else 0
            self._code = (self._code << 8 | more) & _MASK
            self._range = self._range << 8 & _MASK
            self._at += 1
        return value
