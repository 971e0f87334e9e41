"""Orders that wait for a price: the two heaps and the list of one source (docs/rules-3.md, Sources).

Entries are slots of the pool of extras. An entry keeps its position in its record, so that taking one out
from anywhere costs the logarithm of how many wait.
"""

from __future__ import annotations

from librt.vecs import append, vec
from mypy_extensions import i64

from exchange.core.layout import EXTRA_WORDS, X_AT, X_ID, X_KEY
from exchange.core.pool import Pool


class Heap:
    """Entries with the smallest (X_KEY, X_ID) on top."""

    def __init__(self, extras: Pool) -> None:
        self.extras = extras
        self.slots = vec[i64](capacity=8)
        self.count: i64 = 0

    def before(self, one: i64, other: i64) -> bool:
        """Whether an entry comes before another."""
        data = self.extras.data
        x = one * EXTRA_WORDS
        y = other * EXTRA_WORDS
        if data[x + X_KEY] != data[y + X_KEY]:
            return data[x + X_KEY] < data[y + X_KEY]
        return data[x + X_ID] < data[y + X_ID]

    def push(self, slot: i64) -> None:
        """Add an entry."""
        if self.count == i64(len(self.slots)):
            self.slots = append(self.slots, 0)
        self.count += 1
        self._rise(self.count - 1, slot)

    def remove(self, at: i64) -> None:
        """Take out the entry at a position."""
        self.count -= 1
        if at == self.count:
            return
        moved = self.slots[self.count]
        if at > 0 and self.before(moved, self.slots[(at - 1) >> 1]):
            self._rise(at, moved)
        else:
            self._sink(at, moved)

    def _put(self, at: i64, slot: i64) -> None:
        self.slots[at] = slot
        self.extras.data[slot * EXTRA_WORDS + X_AT] = at

    def _rise(self, at: i64, slot: i64) -> None:
        while at > 0:
            parent = (at - 1) >> 1
            above = self.slots[parent]
            if not self.before(slot, above):
                break
            self._put(at, above)
            at = parent
        self._put(at, slot)

    def _sink(self, at: i64, slot: i64) -> None:
        while True:
            child = 2 * at + 1
            if child >= self.count:
                break
            if child + 1 < self.count and self.before(self.slots[child + 1], self.slots[child]):
                child += 1
            below = self.slots[child]
            if not self.before(below, slot):
                break
            self._put(at, below)
            at = child
        self._put(at, slot)


class Source:
    """What waits for one price of one instrument: upwards, downwards, and what trails it."""

    def __init__(self, extras: Pool) -> None:
        self.extras = extras
        self.ups = Heap(extras)
        self.downs = Heap(extras)
        self.trailing = vec[i64](capacity=8)
        self.trailing_count: i64 = 0

    def is_empty(self) -> bool:
        """Whether nothing waits here."""
        return self.ups.count == 0 and self.downs.count == 0 and self.trailing_count == 0

    def trail(self, slot: i64) -> None:
        """Add one that trails."""
        if self.trailing_count == i64(len(self.trailing)):
            self.trailing = append(self.trailing, 0)
        self.trailing[self.trailing_count] = slot
        self.extras.data[slot * EXTRA_WORDS + X_AT] = self.trailing_count
        self.trailing_count += 1

    def untrail(self, at: i64) -> None:
        """Take out the one that trails at a position; the last takes its place."""
        self.trailing_count -= 1
        moved = self.trailing[self.trailing_count]
        self.trailing[at] = moved
        self.extras.data[moved * EXTRA_WORDS + X_AT] = at
