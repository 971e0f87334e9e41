"""Bytes, varints and the range coder (codec-5.md: Payload, Range coder)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from tests.second_verifier.state import need

SLOTS = 1 << 16


class Bytes:
    """Bytes read from front to end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        need(self.at + count <= len(self.data), "bytes are missing")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def varint(self) -> int:
        found = 0
        for group in range(10):
            part = self.number(1)
            found |= (part & 127) << 7 * group
            if part < 128:
                need(part != 0 or group == 0, "a varint that is too long")
                return found
        need(False, "a varint without an end")
        return 0

    def zigzag(self) -> int:
        return unzigzag(self.varint())

    def end(self) -> None:
        need(self.at == len(self.data), "bytes are left")


def unzigzag(value: int) -> int:
    return value >> 1 if value % 2 == 0 else -(value + 1 >> 1)


def zigzag(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


class Coder:
    """The number x of a chunk and what is left of its words."""

    def __init__(self, data: bytes) -> None:
        count = len(data)
        head = count if count < 4 else 4 - count % 2
        need(count == 0 or data[0] != 0, "a zero in front")
        self.x = int.from_bytes(data[:head], "big")
        self.words = [int.from_bytes(data[n : n + 2], "big") for n in range(head, count, 2)][::-1]

    def _takes(self, c: int, f: int) -> None:
        self.x = f * (self.x // SLOTS) + self.x % SLOTS - c
        if self.x < SLOTS and self.words:
            self.x = SLOTS * self.x + self.words.pop()

    def symbol(self, row: Sequence[int]) -> int:
        """A symbol of a row: where the slots of each begin, and 65,536."""
        found = bisect_right(row, self.x % SLOTS) - 1
        self._takes(row[found], row[found + 1] - row[found])
        return found

    def one_of(self, n: int) -> int:
        if n == 1:
            return 0
        slot = self.x % SLOTS
        found = ((slot + 1) * n - 1) // SLOTS
        c = SLOTS * found // n
        self._takes(c, SLOTS * (found + 1) // n - c)
        return found

    def bits(self, k: int) -> int:
        found = 0
        while k:
            part = k % 16 or 16
            found = found << part | self.one_of(1 << part)
            k -= part
        return found

    def end(self) -> None:
        need(self.x == 0 and not self.words, "something is left")


def bucket(v: int, k: int) -> int:
    if v < 1 << k:
        return v
    e = v.bit_length() - 1
    return (1 << k) + 4 * (e - k) + (v >> e - 2) % 4


def of_bucket(number: int, k: int) -> tuple[int, int]:
    """The first value of a bucket, and how many raw bits follow."""
    if number < 1 << k:
        return number, 0
    e, part = k + (number - (1 << k)) // 4, (number - (1 << k)) % 4
    return 4 + part << e - 2, e - 2
