"""Fills to chunks: their symbols, their counts for new tables, and the bytes under given tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from settlement.coding import buckets
from settlement.coding import grid as groups
from settlement.coding.coder import TOTAL, TOTAL_BITS
from settlement.coding.dictionary import INSTRUMENTS, MAKERS, TAKERS
from settlement.coding.fills import COMBO_MAKER, FILL, Fills, check
from settlement.coding.grid import (
    ABSENT,
    Flags,
    Grid,
    Rows,
    Wide,
    at_rows,
    before,
    price_rows,
    tail,
    zigzag_all,
)
from settlement.coding.lane_coder import Ints, LanePutter
from settlement.coding.plain import Extent, Setting
from settlement.coding.tables import BLOCK_CLASS, Tables

_NOWHERE = (-1, 0)


@dataclass
class Symbols:
    """The symbols of all chunks, column after column: of rows of the tables, of so many alike, raw bits."""

    tabled: list[tuple[Ints, Ints]] = field(default_factory=list)
    steps: list[tuple[str, Ints, Ints]] = field(default_factory=list)
    remainders: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """What each chunk's state is at the end of reading."""
    moves: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """Of every fill: its price less the anchor, in ticks, in the direction of the aggressor;"""
    seen: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """whether the anchor is a fill of the same chunk."""

    def table(self, rows: Ints, symbols: Ints) -> None:
        """Symbols of rows of the tables."""
        self.tabled.append((rows, symbols))
        self.steps.append(("tables", rows, symbols))

    def uniform(self, counts: Ints, indexes: Ints) -> None:
        """Indexes of so many."""
        self.steps.append(("uniforms", counts, indexes))

    def bits(self, counts: Ints, values: Ints) -> None:
        """Raw bits."""
        self.steps.append(("bits", counts, values))

    def histogram(self, tables: Tables) -> Ints:
        """How often each symbol of each row occurs, rows behind each other as in `Tables.flat`."""
        flat = tables.flat
        places = np.concatenate([(flat.starts[rows] + symbols).ravel() for rows, symbols in self.tabled])
        return np.bincount(places, minlength=len(flat.edges))

    def emit(self, tables: Tables) -> list[bytes]:
        """The chunks' bytes. Raises ValueError where the tables have no slots for a symbol."""
        putter = LanePutter(tables.flat)
        for kind, one, other in self.steps:
            getattr(putter, kind)(one, other)
        return putter.finish(self.remainders)

    def total_bits(self, tables: Tables, histogram: Ints) -> float:
        """Bits that all symbols take under some tables; infinite where there are no slots."""
        alike = sum(float(np.log2(counts).sum()) for kind, counts, _ in self.steps if kind == "uniforms")
        raw = sum(int(counts.sum()) for kind, counts, _ in self.steps if kind == "bits")
        used = histogram > 0
        frequency = tables.flat.frequency[used]
        if (frequency == 0).any():
            return float("inf")
        return alike + raw + float((histogram[used] * (TOTAL_BITS - np.log2(frequency))).sum())


def symbols_of(fills: Fills, extents: Sequence[Extent], setting: Setting) -> Symbols:
    """The symbols of steps cut into chunks of these extents, under the tables' shape and maps.

    Raises:
        ValueError: a fill codec 5 has no bytes for, or none under this shape (an id beyond its limit, a class
            the tables do not have).
    """
    check(fills)
    return _Writer(fills, extents, setting).symbols()


class _Writer:
    def __init__(self, fills: Fills, extents: Sequence[Extent], setting: Setting) -> None:
        self.setting, self.shape, self.flat = setting, setting.tables.shape, setting.tables.flat
        self.grid = Grid([extent.steps for extent in extents])
        self.numbers = np.array([extent.number for extent in extents], np.int64)
        self.rows = Rows(setting.tables, self.grid)
        self.fields = Fills._make(self.grid.spread(column) for column in fills)
        self.fills = self.grid.real & (self.fields.kind == FILL)
        self.out = Symbols()

    def symbols(self) -> Symbols:
        """Column after column."""
        real, fields = self.fills, self.fields
        modes = fields.taker_class + (fields.combo_sides >> 1 << 3)
        continues = self._continues(modes)
        fresh = real & ~continues
        classes = self.shape.instrument_classes
        kinds, places = self._places(INSTRUMENTS, fields.instrument, classes)
        symbols = np.where(real, np.where(continues, classes + 1, kinds), classes + 2)
        self._table(groups.INSTRUMENT, 0, symbols, self.grid.real)
        self._ids(INSTRUMENTS, fields.instrument, kinds, places, fresh, self.shape.instrument_limit)
        contexts = [mapped[kinds] for mapped in self.flat.instrument_maps]
        taker_kinds, places = self._places(TAKERS, fields.taker, self.shape.taker_classes)
        self._table(groups.TAKER, 0, taker_kinds, fresh)
        self._takers(taker_kinds, places, fresh)
        self._table(groups.SIDE, 0, fields.taker_sells, fresh)
        self._table(groups.ORDER, self.flat.taker_map[taker_kinds], modes, fresh)
        maker_kinds, places = self._places(MAKERS, fields.maker, self.shape.maker_classes)
        self._table(groups.MAKER, contexts[0], maker_kinds, real)
        self._ids(MAKERS, fields.maker, maker_kinds, places, real, self.shape.account_limit)
        mode_rows = 2 * self.flat.maker_map[maker_kinds] + (fields.taker_class == BLOCK_CLASS)
        maker_modes = fields.maker_class + ((fields.combo_sides & COMBO_MAKER) << 3)
        self._table(groups.MODE, mode_rows, maker_modes, real)
        self._sizes(contexts[1])
        wide = Wide(contexts[2], contexts[4], contexts[5], self.numbers, self.shape.price_contexts)
        self._prices(wide, self.flat.scales[contexts[3]], continues)
        self._indexes(self.grid.real & ~real)
        return self.out

    def _continues(self, modes: Ints) -> Flags:
        fields, earlier = self.fields, self.grid.earlier(self.fills)
        continues: Flags = self.fills & (earlier != ABSENT)
        for column in (fields.instrument, fields.taker, fields.taker_sells, modes):
            continues &= column == at_rows(column, earlier)
        return continues

    def _table(self, group: int, rows: Ints | int, symbols: Ints, wanted: Flags) -> None:
        self.out.table(self.rows.of(group, rows, wanted), np.where(wanted, symbols, 0))

    def _places(self, dictionary: int, matrix: Ints, classes: int) -> tuple[Ints, Ints]:
        """(class or escape, index) of every id of a matrix."""
        ids, inverse = np.unique(self.grid.flatten(matrix, self.fills), return_inverse=True)
        found = self.setting.dictionaries.places(dictionary)
        known = np.array([found.get(number, _NOWHERE) for number in ids.tolist()] or [_NOWHERE], np.int64)
        kind, place = known.T
        outside = (kind < 0) | (kind >= classes)
        kinds = np.where(outside, classes, kind)
        return self.grid.spread(kinds[inverse], self.fills), self.grid.spread(place[inverse], self.fills)

    def _takers(self, kinds: Ints, places: Ints, fresh: Flags) -> None:
        """Their ids; the last ones' positions are what the states begin with."""
        sizes = self.setting.dictionaries.placed(TAKERS).sizes[kinds]
        last = tail(sizes, fresh & (kinds != self.shape.taker_classes))
        self.out.remainders = np.zeros(fresh.shape[1], np.int64)
        for step in range(len(last)):
            radix = np.where(last[step], sizes[step], 1)
            self.out.remainders = self.out.remainders * radix + np.where(last[step], places[step], 0)
        wanted = fresh & ~last
        self._ids(TAKERS, self.fields.taker, kinds, places, wanted, self.shape.account_limit)

    def _ids(
        self, dictionary: int, ids: Ints, kinds: Ints, places: Ints, wanted: Flags, limit: int
    ) -> None:
        classes = self.shape[dictionary]
        escaped = wanted & (kinds == classes)
        low = np.where(wanted & ~escaped, self.setting.dictionaries.placed(dictionary).sizes[kinds], 1)
        index = np.where(wanted & ~escaped, places, 0)
        if not escaped.any():
            self.out.uniform(low, index)
            return
        if (ids[escaped] >= limit).any():
            raise ValueError(f"an id is not below the tables' limit {limit}")
        high = np.where(escaped, (limit - 1) // TOTAL + 1, 1)
        low = np.where(escaped, min(limit, TOTAL), low)
        top = np.where(escaped, ids >> TOTAL_BITS, 0)
        bottom = np.where(escaped, ids & (TOTAL - 1), index)
        shape = -1, ids.shape[1]
        counts, indexes = np.stack((high, low), axis=1), np.stack((top, bottom), axis=1)
        self.out.uniform(counts.reshape(shape), indexes.reshape(shape))

    def _sizes(self, contexts: Ints) -> None:
        real, shape, sizes = self.fills, self.shape, self.fields.size_lots
        place = np.searchsorted(self.flat.sizes, sizes)
        listed = np.append(self.flat.sizes, -1)[place] == sizes
        bucket, bits = buckets.split_all(sizes, buckets.SIZE_EXACT)
        escaped = real & ~listed & (bucket >= shape.size_buckets)
        symbol = len(shape.sizes) + np.minimum(bucket, shape.size_buckets)
        self._table(groups.SIZE, contexts, np.where(listed, place, symbol), real)
        width = np.where(real & ~listed, np.where(escaped, buckets.RAW_BITS, bits), 0)
        self.out.bits(width, np.where(escaped, sizes, sizes & (np.int64(1) << bits) - 1))

    def _prices(self, wide: Wide, scales: Ints, continues: Flags) -> None:
        real, shape, fields = self.fills, self.shape, self.fields
        previous = before(fields.instrument, real, self.grid)
        anchors, anchor_sells = self.setting.anchors.all(fields.instrument)
        rows = price_rows(fields.taker_sells, continues, previous, anchor_sells, wide)
        anchors = np.where(previous == ABSENT, anchors, at_rows(fields.price_ticks, previous))
        off = fields.price_ticks - anchors
        off = np.where(fields.taker_sells == 1, -off, off)
        self.out.moves = self.grid.flatten(off, real)
        self.out.seen = self.grid.flatten(previous, real) != ABSENT
        coded = zigzag_all(off // scales)
        bucket, bits = buckets.split_all(coded, buckets.PRICE_EXACT)
        escaped = real & ((off % scales != 0) | (bucket >= shape.price_buckets))
        symbol = np.where(escaped, shape.price_buckets, bucket)
        self._table(groups.PRICE, rows, symbol, real)
        width = np.where(real, np.where(escaped, buckets.RAW_BITS, bits), 0)
        self.out.bits(width, np.where(escaped, fields.price_ticks, coded & (np.int64(1) << bits) - 1))

    def _indexes(self, cells: Flags) -> None:
        if not cells.any():
            return
        fields = self.fields
        underlying, index = np.where(cells, fields.instrument, 0), np.where(cells, fields.price_ticks, 0)
        previous = before(underlying, cells, self.grid)
        coded = zigzag_all(index - np.where(previous == ABSENT, 0, at_rows(index, previous)))
        coded = np.where(cells, coded, 0)
        width = np.frexp(coded.astype(np.float64))[1].astype(np.int64)  # below 2^50: exact
        self.out.bits(np.where(cells, 10, 0), underlying)
        self.out.bits(np.where(cells, 6, 0), width)
        self.out.bits(width, coded)
