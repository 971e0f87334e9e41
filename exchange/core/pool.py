"""Flat storage: a pool of fixed-size records in one integer array, and a map from ids to its slots."""

from __future__ import annotations

from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

_MIX: Final = 0x5851F42D  # an odd 31-bit constant; products stay below 2**62


def zeros(count: i64) -> vec[i64]:
    """A new array of `count` zeros."""
    found = vec[i64](capacity=count)
    at: i64 = 0
    while at < count:
        found = append(found, 0)
        at += 1
    return found


def words_to_bytes(words: vec[i64], count: i64) -> bytes:
    """The first `count` words as little-endian bytes."""
    return bytes(memoryview(words)[:count])


class Pool:
    """Records of `stride` words in `data`, addressed by slot; slot 0 is never handed out.

    Memory is reserved for `capacity` records and touched only as records are used, so growth up to
    there never copies.
    """

    def __init__(self, stride: i64, capacity: i64) -> None:
        self.stride: i64 = stride
        self.free: i64 = 0
        self.slots: i64 = 1
        self.data = vec[i64](capacity=stride * capacity)
        self._extend()

    def _extend(self) -> None:
        data = self.data
        at: i64 = 0
        while at < self.stride:
            data = append(data, 0)
            at += 1
        self.data = data

    def alloc(self) -> i64:
        """A free slot; its words hold whatever was there before."""
        slot = self.free
        if slot != 0:
            self.free = self.data[slot * self.stride]
            return slot
        slot = self.slots
        self.slots = slot + 1
        self._extend()
        return slot

    def release(self, slot: i64) -> None:
        """Give a slot back; its first word becomes the free list's link."""
        self.data[slot * self.stride] = self.free
        self.free = slot


class IdMap:
    """From a record's first word (its id) to its slot: open addressing over the slots of one pool.

    Ids that follow each other share a run of eight cells, so dense ids stay close in memory. At most
    half of the cells are ever in use: `grow` doubles the table when that is about to be passed.
    """

    def __init__(self, pool: Pool, cells: i64) -> None:
        self.pool = pool
        self.used: i64 = 0
        self.mask: i64 = cells - 1
        self.cells = zeros(cells)

    def home(self, key: i64) -> i64:
        """The cell where a search for this id begins."""
        high = key >> 3
        folded = (high ^ (high >> 31)) & 0x7FFFFFFF
        return ((((folded * _MIX) >> 13) << 3) | (key & 7)) & self.mask

    def find(self, key: i64) -> i64:
        """The slot of the record with this id, or 0."""
        cells = self.cells
        data = self.pool.data
        stride = self.pool.stride
        mask = self.mask
        at = self.home(key)
        while True:
            slot = cells[at]
            if slot == 0 or data[slot * stride] == key:
                return slot
            at = (at + 1) & mask

    def insert(self, key: i64, slot: i64) -> None:
        """Add a record that is not in the map."""
        if (self.used + 1) * 2 > self.mask + 1:
            self._grow()
        self.used += 1
        cells = self.cells
        mask = self.mask
        at = self.home(key)
        while cells[at] != 0:
            at = (at + 1) & mask
        cells[at] = slot

    def remove(self, key: i64) -> None:
        """Take out a record that is in the map, closing the gap it leaves."""
        cells = self.cells
        data = self.pool.data
        stride = self.pool.stride
        mask = self.mask
        at = self.home(key)
        while data[cells[at] * stride] != key:
            at = (at + 1) & mask
        self.used -= 1
        gap = at
        while True:
            at = (at + 1) & mask
            slot = cells[at]
            if slot == 0:
                break
            home = self.home(data[slot * stride])
            # A record may move into the gap unless its home lies cyclically in (gap, at].
            if ((at - home) & mask) >= ((at - gap) & mask):
                cells[gap] = slot
                gap = at
        cells[gap] = 0

    def _grow(self) -> None:
        old = self.cells
        count = self.mask + 1
        self.mask = count * 2 - 1
        self.cells = zeros(count * 2)
        fresh = self.cells
        mask = self.mask
        data = self.pool.data
        stride = self.pool.stride
        seen: i64 = 0
        while seen < count:
            slot = old[seen]
            if slot != 0:
                at = self.home(data[slot * stride])
                while fresh[at] != 0:
                    at = (at + 1) & mask
                fresh[at] = slot
            seen += 1
