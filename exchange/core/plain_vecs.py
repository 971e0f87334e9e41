"""Python lists in place of `librt.vecs`, for the interpreted core.

Compiled, `vec[i64]` is a flat array reached by machine code. Interpreted, every access to it would go through
a generic item protocol, and lists are several times faster. `exchange.core` puts this module in the place
of `librt.vecs` while it loads the interpreted sources.
"""

from __future__ import annotations

from array import array


class _Maker:
    def __getitem__(self, _item_type: object) -> type[list[int]]:
        return _Words


class _Words(list[int]):
    """A list that takes `vec`'s `capacity` and gives its buffer as bytes."""

    __slots__ = ()

    def __init__(self, *, capacity: int = 0) -> None:  # noqa: ARG002 - lists grow on their own
        super().__init__()


vec = _Maker()


def append(words: list[int], word: int) -> list[int]:
    """As `librt.vecs.append`: the array to go on with."""
    words.append(word)
    return words


def zeros(count: int) -> list[int]:
    """As `pool.zeros`."""
    words = _Words()
    words.extend([0] * count)
    return words


def words_to_bytes(words: list[int], count: int) -> bytes:
    """The first `count` words as little-endian bytes."""
    return array("q", words[:count]).tobytes()
