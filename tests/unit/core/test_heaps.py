"""Heaps whose entries know their place: smallest first, any one taken out (`exchange.core.heaps`)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exchange.core.engine import Engine
from exchange.core.heaps import Heap
from exchange.core.layout import EXTRA_WORDS, X_AT, X_ID, X_KEY


def heap_of(keys: list[int]) -> tuple[Heap, list[int]]:
    """A heap of entries with these keys, ids from 1; their slots."""
    extras = Engine().world.extras
    slots = [extras.alloc() for _ in keys]
    heap = Heap(extras)
    for ident, (slot, key) in enumerate(zip(slots, keys, strict=True), 1):
        extras.data[slot * EXTRA_WORDS + X_ID] = ident
        extras.data[slot * EXTRA_WORDS + X_KEY] = key
        heap.push(slot)
    return heap, slots


def popped(heap: Heap) -> list[tuple[int, int]]:
    """Keys and ids of all entries, as they come off the top."""
    found = []
    while heap.count > 0:
        at = heap.slots[0] * EXTRA_WORDS
        found.append((heap.extras.data[at + X_KEY], heap.extras.data[at + X_ID]))
        heap.remove(0)
    return found


KEYS = st.lists(st.integers(-3, 3) | st.integers(-(1 << 42), 1 << 42), max_size=40)


@given(KEYS)
def test_the_smallest_key_comes_first_then_the_smallest_id(keys: list[int]) -> None:
    heap, _ = heap_of(keys)
    assert popped(heap) == sorted((key, ident) for ident, key in enumerate(keys, 1))


@given(KEYS.filter(bool), st.data())
def test_any_entry_is_found_at_its_place_and_taken_out(keys: list[int], data: st.DataObject) -> None:
    heap, slots = heap_of(keys)
    gone = data.draw(st.sets(st.integers(0, len(keys) - 1)))
    for number in gone:
        at = heap.extras.data[slots[number] * EXTRA_WORDS + X_AT]
        assert heap.slots[at] == slots[number]
        heap.remove(at)
    left = [(key, ident) for ident, key in enumerate(keys, 1) if ident - 1 not in gone]
    assert popped(heap) == sorted(left)
