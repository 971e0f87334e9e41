"""Flat storage: a pool of fixed-size records in one integer array."""

from __future__ import annotations

from librt.vecs import append, vec
from mypy_extensions import i64


class Pool:
    """Records of `stride` words in `data`, addressed by slot; slot 0 is never handed out.

    `start` words are left out before the first record. `free` heads a list of free slots linked through
    their first words. Memory for `capacity` records is taken at once, so that growth up to there never
    copies.
    """

    def __init__(self, stride: i64, capacity: i64, start: i64 = 0) -> None:
        self.stride: i64 = stride
        self.start: i64 = start
        self.free: i64 = 0
        self.slots: i64 = 0
        self.data = vec[i64](capacity=start + stride * capacity)
        while start > 0:
            self.data = append(self.data, 0)
            start -= 1
        self.extend()
        self.free = 0

    def extend(self) -> None:
        """Put a new slot on the (empty) free list; `data` may move."""
        data = self.data
        at: i64 = 0
        while at < self.stride:
            data = append(data, 0)
            at += 1
        self.data = data
        self.free = self.slots
        self.slots += 1

    def alloc(self) -> i64:
        """A free slot; its words hold whatever was there before."""
        if self.free == 0:
            self.extend()
        slot = self.free
        self.free = self.data[slot * self.stride + self.start]
        return slot

    def release(self, slot: i64) -> None:
        """Give a slot back; its first word becomes the free list's link."""
        self.data[slot * self.stride + self.start] = self.free
        self.free = slot
