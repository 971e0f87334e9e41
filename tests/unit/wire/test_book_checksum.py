"""The checksum of a book, against zlib's own words."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from exchange.wire.book_checksum import MASK, book_checksum, level_checksum

_LEVELS = st.dictionaries(
    st.tuples(st.integers(0, 1), st.integers(1, 10**15)), st.integers(1, 10**15), max_size=30
)


def test_the_text_of_a_level_is_the_documented_one() -> None:
    assert level_checksum(0, 4_995_000_000, 25_000_000) == zlib.crc32(b"b:4995000000:25000000")
    assert level_checksum(1, 1, 2) == zlib.crc32(b"a:1:2")
    assert level_checksum(0, 5, 0) == 0
    assert book_checksum([]) == 0


def test_the_example_of_the_documentation_holds() -> None:
    one, two = (0, 97_907_000_000, 1_000_000), (0, 97_957_000_000, 1_000_000)
    assert (book_checksum([one]), book_checksum([one, two])) == (2_831_277_645, 2_069_488_040)


@given(_LEVELS)
def test_a_book_is_the_sum_of_its_levels(levels: dict[tuple[int, int], int]) -> None:
    texts = [f"{'ba'[side]}:{price}:{amount}" for (side, price), amount in levels.items()]
    expected = sum(zlib.crc32(text.encode()) for text in texts) & MASK
    assert book_checksum((*key, amount) for key, amount in levels.items()) == expected


@given(st.integers(1, 999), st.integers(1, 999), st.integers(1, 999), st.integers(1, 999))
def test_amounts_that_changed_places_are_seen(p: int, q: int, a: int, b: int) -> None:
    """A xor of checksums would not see it."""
    if p != q and a != b:
        assert book_checksum([(0, p, a), (0, q, b)]) != book_checksum([(0, p, b), (0, q, a)])
