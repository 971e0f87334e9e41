"""A map from ids to the slots of a pool. The interpreted core has a dict instead (`plain`)."""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core.pool import Pool
from exchange.core.words import zeros

_MIX: Final = 0x5851F42D  # an odd 31-bit constant; products stay below 2**62


def fold(key: i64) -> i64:
    """31 bits of an id. Ids that follow each other share a run of eight, so dense ids stay close."""
    high = key >> 3
    high = (high ^ (high >> 31)) & 0x7FFFFFFF
    return ((((high * _MIX) >> 13) << 3) | (key & 7)) & 0x7FFFFFFF


class IdMap:
    """From a record's first word (its id) to its slot: open addressing over the slots of one pool.

    A cell is `fold(id) << 32 | slot`, 0 when empty: searching, closing a gap and growing read records only
    where the folded ids agree. At most half of the cells are ever in use; the table doubles when that is
    about to be passed.
    """

    def __init__(self, pool: Pool, cells: i64) -> None:
        self.pool = pool
        self.used: i64 = 0
        self.mask: i64 = cells - 1
        self.cells = zeros(cells)

    def find(self, key: i64) -> i64:
        """The slot of the record with this id, or 0."""
        cells = self.cells
        mask = self.mask
        folded = fold(key)
        at = folded & mask
        while True:
            cell = cells[at]
            if cell == 0:
                return 0
            if cell >> 32 == folded:
                slot = cell & 0xFFFFFFFF
                pool = self.pool
                if pool.data[slot * pool.stride + pool.start] == key:
                    return slot
            at = (at + 1) & mask

    def insert(self, key: i64, slot: i64) -> None:
        """Add a record that is not in the map."""
        if (self.used + 1) * 2 > self.mask + 1:
            self._grow()
        self.used += 1
        cells = self.cells
        mask = self.mask
        folded = fold(key)
        at = folded & mask
        while cells[at] != 0:
            at = (at + 1) & mask
        cells[at] = folded << 32 | slot

    def remove(self, key: i64, slot: i64) -> None:
        """Take out a record that is in the map."""
        cells = self.cells
        mask = self.mask
        cell = fold(key)
        at = cell & mask
        cell = cell << 32 | slot
        while cells[at] != cell:
            at = (at + 1) & mask
        self.used -= 1
        gap = at
        while True:
            at = (at + 1) & mask
            cell = cells[at]
            if cell == 0:
                break
            # A cell may move into the gap unless its home lies cyclically in (gap, at].
            if ((at - (cell >> 32)) & mask) >= ((at - gap) & mask):
                cells[gap] = cell
                gap = at
        cells[gap] = 0

    def _grow(self) -> None:
        old = self.cells
        count = self.mask + 1
        self.mask = count * 2 - 1
        self.cells = zeros(count * 2)
        fresh = self.cells
        mask = self.mask
        seen: i64 = 0
        while seen < count:
            cell = old[seen]
            if cell != 0:
                at = (cell >> 32) & mask
                while fresh[at] != 0:
                    at = (at + 1) & mask
                fresh[at] = cell
            seen += 1
