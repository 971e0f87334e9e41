"""The range coder, in its asymmetric variant (rANS): one state below 2^32, totals of 2^16, 16-bit words.

A symbol owns the slots cumulative … cumulative + frequency − 1 of 65,536. Taking one:

    slot = x mod 65,536;   x = frequency · ⌊x / 65,536⌋ + slot − cumulative
    if x < 65,536 and a word remains: x = 65,536 x + next word

Putting one is exactly the inverse, so what is written last is read first: the writer takes the symbols in
reverse order. x begins at a number below 65,536, and whoever reads ends there with all bytes read; this
number is the last thing read, as indexes in a mixed radix (`Taker.remainder`). Each state and rest of bytes
has one successor and one predecessor: bytes that end so are the only ones for their symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from settlement.coding.limits import DecodeError

TOTAL_BITS: Final = 16
TOTAL: Final = 1 << TOTAL_BITS
MASK: Final = TOTAL - 1


def head_bytes(length: int) -> int:
    """How many of a chunk's bytes are the first state: the rest are words of two."""
    return length if length < 4 else 4 - (length & 1)


def uniform(index: int, count: int) -> tuple[int, int]:
    """(cumulative, frequency) of one of `count` (1 … 65,536) symbols as likely as each other."""
    cumulative = index * TOTAL // count
    return cumulative, (index + 1) * TOTAL // count - cumulative


class Taker:
    """Takes symbols from a chunk's bytes. Raises DecodeError for bytes the writer never makes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = head_bytes(len(data))
        self.x = int.from_bytes(data[: self.at], "big")
        if data and data[0] == 0:
            raise DecodeError("a chunk's first state is not shortest")

    def table(self, cumulative: Sequence[int]) -> int:
        """A symbol of a row: cumulative[s] ≤ slot < cumulative[s + 1]."""
        slot = self.x & MASK
        low, high = 0, len(cumulative) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if cumulative[middle] <= slot:
                low = middle
            else:
                high = middle
        self._advance(cumulative[low], cumulative[low + 1] - cumulative[low])
        return low

    def uniform(self, count: int) -> int:
        """One of `count` symbols as likely as each other; nothing is read for a single one."""
        index = ((self.x & MASK) * count + count - 1) // TOTAL
        self._advance(*uniform(index, count))
        return index

    def bits(self, count: int) -> int:
        """A number of `count` ≤ 64 bits, high 16-bit groups first, the first the shorter."""
        value, width = 0, count - count // TOTAL_BITS * TOTAL_BITS or TOTAL_BITS
        while count > 0:
            value = value << width | self.uniform(1 << width)
            count -= width
            width = TOTAL_BITS
        return value

    def remainder(self, count: int) -> int:
        """One of `count`, out of what the state is at the end."""
        self.x, index = divmod(self.x, count)
        return index

    def finish(self) -> None:
        """Everything must have been read."""
        if self.x != 0 or self.at != len(self.data):
            raise DecodeError("a chunk does not end where its steps do")

    def _advance(self, cumulative: int, frequency: int) -> None:
        self.x = frequency * (self.x >> TOTAL_BITS) + (self.x & MASK) - cumulative
        if self.x < TOTAL and self.at < len(self.data):
            self.x = self.x << 16 | int.from_bytes(self.data[self.at : self.at + 2], "big")
            self.at += 2


def put(symbols: Sequence[tuple[int, int]], x: int = 0) -> bytes:
    """A chunk's bytes: (cumulative, frequency) of its symbols in reading order, and what remains."""
    words: list[int] = []
    for cumulative, frequency in reversed(symbols):
        if x >= frequency << 16:
            words.append(x & MASK)
            x >>= 16
        x = (x // frequency << TOTAL_BITS) + x % frequency + cumulative
    head = x.to_bytes((x.bit_length() + 7) // 8, "big")
    return head + b"".join(word.to_bytes(2, "big") for word in reversed(words))
