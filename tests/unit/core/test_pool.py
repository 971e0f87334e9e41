"""Slots of a pool: never 0, never handed out twice, used again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exchange.core.pool import Pool


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 5))
def test_slots_in_use_are_distinct_and_keep_their_words(takes: list[bool], stride: int) -> None:
    pool = Pool(stride, 2)
    held: dict[int, int] = {}
    for number, take in enumerate(takes):
        if take or not held:
            slot = pool.alloc()
            assert slot > 0
            assert slot not in held
            pool.data[slot * stride] = held[slot] = number
        else:
            slot = max(held)
            assert pool.data[slot * stride] == held.pop(slot)
            pool.release(slot)
    for slot, number in held.items():
        assert pool.data[slot * stride] == number


def test_the_slot_given_back_last_is_handed_out_first() -> None:
    pool = Pool(4, 1)
    first, second = pool.alloc(), pool.alloc()
    pool.release(first)
    pool.release(second)
    assert pool.alloc() == second
    assert pool.alloc() == first
    assert pool.slots == 3  # slot 0 counts, and nothing was added
