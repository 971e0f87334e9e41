"""What the interpreted core has in place of `librt.vecs`, `words` and `ids`: lists, slices and a dict.

Compiled, an array access is machine code; interpreted, each would go through a generic item protocol, and a
hash table written in Python would be slower than any dict. `exchange.core` puts this module in the place
of those three while it loads the interpreted sources. Nothing here decides anything: it stores and copies.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import pack


class _Maker:
    """`vec[i64](capacity=n)` makes a list: exactly a list, which CPython indexes fastest."""

    def __getitem__(self, _item_type: object) -> Callable[..., list[int]]:
        return _empty


def _empty(**_capacity: int) -> list[int]:
    return []  # lists grow on their own


vec = _Maker()


def append(words: list[int], word: int) -> list[int]:
    """As `librt.vecs.append`: the array to go on with."""
    words.append(word)
    return words


def zeros(count: int) -> list[int]:
    """As `words.zeros`."""
    return [0] * count


def words_to_bytes(words: list[int], count: int) -> bytes:
    """As `words.words_to_bytes`."""
    return pack(f"<{count}q", *words[:count])


def read_14(data: list[int], at: int) -> list[int]:
    """As `words.read_14`."""
    return data[at : at + 14]


def put_16(data: list[int], at: int, *words: int) -> None:
    """As `words.put_16`."""
    data[at : at + 16] = words


def touch(_world: object, _batch: bytes, _start: int, size: int) -> int:
    """As `warm.touch`; there is nothing to gain where an access is a call."""
    return size


def touch_accounts(_world: object, _account: int, _end: int) -> None:
    """As `warm.touch_accounts`."""


class IdMap:
    """As `ids.IdMap`."""

    def __init__(self, _pool: object, _cells: int) -> None:
        self.slots: dict[int, int] = {}
        self.insert = self.slots.__setitem__

    @property
    def used(self) -> int:
        """How many ids there are."""
        return len(self.slots)

    def find(self, key: int) -> int:
        """The slot of the record with this id, or 0."""
        return self.slots.get(key, 0)

    def remove(self, key: int, _slot: int) -> None:
        """Take out a record that is in the map."""
        del self.slots[key]
