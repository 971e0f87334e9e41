"""Reading the words of canonical state bytes."""

from __future__ import annotations

from librt.strings import read_i64_le
from librt.vecs import vec
from mypy_extensions import i64


class StateError(ValueError):
    """Bytes that are not a canonical state this code can read."""


class Reader:
    """Words of canonical bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at: i64 = 0

    def word(self) -> i64:
        """The next word. Raises StateError at the end."""
        if self.at + 8 > i64(len(self.data)):
            raise StateError("the state ends too early")
        found = read_i64_le(self.data, self.at)
        self.at += 8
        return found

    def fill(self, into: vec[i64], at: i64, words: i64) -> None:
        """Put the next `words` words where the record at `at` has them. Raises StateError at the end."""
        end = at + words
        while at < end:
            into[at] = self.word()
            at += 1

    def count(self, words: i64) -> i64:
        """A count of records of `words` words that fit what is left."""
        found = self.word()
        if found < 0 or found * words * 8 > i64(len(self.data)) - self.at:
            raise StateError(f"a count of {found} records does not fit")
        return found
