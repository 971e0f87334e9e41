"""What reader and writer of many chunks share: matrices with a row a step of the chunk and a column a chunk.

Chunks shorter than the longest are filled up with cells that have no symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.coding.coder import TOTAL
from settlement.coding.lane_coder import Ints
from settlement.coding.tables import SEEN_RELATIONS, WIDTHS, Tables

Flags = NDArray[np.bool_]

ABSENT: Final = -1
INSTRUMENT, TAKER, SIDE, ORDER, MAKER, MODE, SIZE, PRICE = range(8)
"""The groups of rows of `Tables`."""


class Grid:
    """Which cells of the matrices are steps."""

    def __init__(self, counts: Sequence[int]) -> None:
        most = np.array(counts, np.int64)
        rows = np.arange(int(most.max()), dtype=np.int64)[:, None]
        self.steps = np.broadcast_to(rows, (len(rows), len(most)))
        self.real = self.steps < most
        self.lane = np.broadcast_to(np.arange(len(most), dtype=np.int64), self.real.shape)

    def flatten(self, matrix: Ints, cells: Flags | None = None) -> Ints:
        """A matrix's steps (or only some cells), chunk after chunk."""
        found: Ints = matrix.T[(self.real if cells is None else cells).T]
        return found

    def spread(self, column: Ints, cells: Flags | None = None, elsewhere: int = 0) -> Ints:
        """The inverse."""
        matrix = np.full(self.real.T.shape, elsewhere, np.int64)
        matrix[(self.real if cells is None else cells).T] = column
        return np.ascontiguousarray(matrix.T)

    def latest(self, cells: Flags) -> Ints:
        """Of each cell: the row of the latest such cell up to it, itself included, or ABSENT."""
        found: Ints = np.maximum.accumulate(np.where(cells, self.steps, ABSENT), axis=0)
        return found

    def earlier(self, cells: Flags) -> Ints:
        """The same, itself not included."""
        found = np.full(self.real.shape, ABSENT, np.int64)
        found[1:] = self.latest(cells)[:-1]
        return found


def at_rows(matrix: Ints, rows: Ints) -> Ints:
    """Each cell's value from another row of its column; row 0 where that is ABSENT."""
    return np.take_along_axis(matrix, np.maximum(rows, 0), axis=0)


def tail(counts: Ints, listed: Flags) -> Flags:
    """Which ids of a column stand in what remains of the state: from the last on, as many as fit 16 bits.

    `counts`: of how many each is one; `listed`: which cells have one.
    """
    found = np.zeros_like(listed)
    product = np.ones(listed.shape[1], np.int64)
    for step in range(len(counts) - 1, -1, -1):
        larger = product * np.where(listed[step], counts[step], 1)
        fits = (larger > 0) & (larger <= TOTAL)
        product = np.where(fits, larger, product)
        found[step] = fits & listed[step]
    return found


def before(instrument: Ints, fills: Flags, grid: Grid) -> Ints:
    """The row of the same instrument's previous fill in the same chunk, or ABSENT."""
    number, lane, row = (grid.flatten(matrix, fills) for matrix in (instrument, grid.lane, grid.steps))
    order = np.lexsort((number, lane))
    number, lane = number[order], lane[order]
    again = 1 + np.flatnonzero((number[1:] == number[:-1]) & (lane[1:] == lane[:-1]))
    found = np.full(len(order), ABSENT, np.int64)
    found[order[again]] = row[order[again - 1]]
    return grid.spread(found, fills, ABSENT)


class Wide(NamedTuple):
    """What a price's row is chosen by, beside its anchor."""

    price: Ints
    """Price contexts, of every cell;"""
    width: Ints
    widening: Ints
    numbers: Ints
    """of every lane: its chunk's number in the batch."""
    contexts: int
    """How many price contexts there are."""


def price_rows(sells: Ints, continues: Flags, previous: Ints, anchor_sells: Ints, wide: Wide) -> Ints:
    """The row of each price (docs of `tables.SEEN_RELATIONS`)."""
    seen = previous != ABSENT
    other = np.where(seen, sells != at_rows(sells, previous), sells != anchor_sells)
    square = wide.width + wide.widening * wide.numbers >> 4
    octave = np.minimum(np.frexp(square.astype(np.float64))[1], WIDTHS - 1)
    among = SEEN_RELATIONS * wide.price + np.where(continues, 0, 1 + other)
    return np.where(seen | continues, among, SEEN_RELATIONS * wide.contexts + 2 * octave + other)


class Rows:
    """Row numbers of the tables, the null row where there is no symbol."""

    def __init__(self, tables: Tables, grid: Grid) -> None:
        self.tables, self.grid = tables, grid
        self.null = tables.flat.null_row

    def of(self, group: int, row: Ints | int, wanted: Flags) -> Ints:
        """Rows of a group."""
        return np.where(wanted, self.tables.first_row[group] + row, self.null)



def zigzag_all(values: Ints) -> Ints:
    """0, −1, 1, −2 … as 0, 1, 2, 3 …; magnitudes above 2^61 count as 2^61."""
    kept = np.clip(values, -(1 << 61), 1 << 61)
    return np.where(kept >= 0, kept << 1, (-kept << 1) - 1)
