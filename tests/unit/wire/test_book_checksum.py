"""The checksum of a book, against zlib's own words and its formula."""

from __future__ import annotations

import zlib

from hypothesis import example, given
from hypothesis import strategies as st

from exchange.wire.book_checksum import MASK, book_checksum, level_checksum

_LEVELS = st.dictionaries(
    st.tuples(st.integers(0, 1), st.integers(1, 10**15)), st.integers(1, 10**15), max_size=30
)


def _mixed(text: str) -> int:
    y = zlib.crc32(text.encode()) * 2_654_435_761 % 2**32
    return y ^ (y // 2**16)


def test_the_text_of_a_level_is_the_documented_one() -> None:
    assert level_checksum(0, 4_995_000_000, 25_000_000) == _mixed("b:4995000000:25000000")
    assert level_checksum(1, 1, 2) == _mixed("a:1:2")
    assert level_checksum(0, 5, 0) == 0
    assert book_checksum([]) == 0


def test_the_example_of_the_documentation_holds() -> None:
    one, two = (0, 97_907_000_000, 1_000_000), (0, 97_957_000_000, 1_000_000)
    assert (book_checksum([one]), book_checksum([one, two])) == (2_561_179_797, 4_024_796_267)


@given(_LEVELS)
def test_a_book_is_the_sum_of_its_levels(levels: dict[tuple[int, int], int]) -> None:
    texts = [f"{'ba'[side]}:{price}:{amount}" for (side, price), amount in levels.items()]
    expected = sum(map(_mixed, texts)) & MASK
    assert book_checksum((*key, amount) for key, amount in levels.items()) == expected


@given(st.integers(1, 999), st.integers(1, 999), st.integers(1, 999), st.integers(1, 999))
@example(234, 476, 190, 284)
def test_amounts_that_changed_places_are_seen(p: int, q: int, a: int, b: int) -> None:
    """A xor would not see it, nor would a sum of plain CRCs always."""
    if p != q and a != b:
        assert book_checksum([(0, p, a), (0, q, b)]) != book_checksum([(0, p, b), (0, q, a)])
