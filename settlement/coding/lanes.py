"""All fill chunks of a batch at once, in the order `plain` tells: its fast twin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from settlement.coding import buckets
from settlement.coding import grid as groups
from settlement.coding.coder import TOTAL
from settlement.coding.dictionary import INSTRUMENTS, MAKERS, TAKERS
from settlement.coding.fills import INDEX_BOUND, Fills, columns
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
from settlement.coding.lane_coder import Ints, LaneTaker
from settlement.coding.limits import (
    CHUNK_BYTES_MAX,
    CHUNK_STEPS_MAX,
    PRICE_BOUND,
    TRADE_ID_BOUND,
    DecodeError,
)
from settlement.coding.plain import Extent, Setting
from settlement.coding.tables import BLOCK_CLASS


def decode_chunks(chunks: Sequence[bytes], extents: Sequence[Extent], setting: Setting) -> Fills:
    """The steps of all chunks, in order: what `plain.decode_chunk` gives for each.

    Raises:
        DecodeError: what `plain.decode_chunk` refuses of any chunk.
    """
    for data, (_, count, first) in zip(chunks, extents, strict=True):
        if not 1 <= count <= CHUNK_STEPS_MAX or len(data) > CHUNK_BYTES_MAX:
            raise DecodeError(f"a chunk of {count} steps in {len(data)} bytes")
        if not 0 <= first <= TRADE_ID_BOUND - count:
            raise DecodeError("trade ids beyond their bound")
    if not chunks:
        return columns(())
    grid = Grid([extent.steps for extent in extents])
    numbers = np.array([extent.number for extent in extents], np.int64)
    reader = _Reader(LaneTaker(chunks, setting.tables.flat), grid, numbers, setting)
    found = reader.columns(np.array([extent.first_trade_id for extent in extents], np.int64))
    return Fills._make(grid.flatten(matrix) for matrix in found)


class _Reader:
    """The columns as they come, all chunks together."""

    def __init__(self, taker: LaneTaker, grid: Grid, numbers: Ints, setting: Setting) -> None:
        self.taker, self.grid, self.numbers, self.setting = taker, grid, numbers, setting
        self.flat, self.shape = setting.tables.flat, setting.tables.shape
        self.rows = Rows(setting.tables, grid)

    def columns(self, first_trade_ids: Ints) -> tuple[Ints, ...]:
        """Every field."""
        classes = self.shape.instrument_classes
        kinds = self.taker.tables(self.rows.of(groups.INSTRUMENT, 0, self.grid.real))
        fills = self.grid.real & (kinds != classes + 2)
        continues = fills & (kinds == classes + 1)
        fresh = fills & ~continues
        origin = self.grid.latest(fresh)
        if (continues & (origin == ABSENT)).any():
            raise DecodeError("a chunk's first fill continues nothing")
        kinds = np.where(fresh, kinds, 0)
        ids = self._ids(INSTRUMENTS, kinds, self.shape.instrument_limit, fresh)
        instrument = at_rows(ids, origin)
        mapped = (at_rows(one[kinds], origin) for one in self.flat.instrument_maps)
        makers, sizes, prices, scales, width, widening = mapped
        wide = Wide(prices, width, widening, self.numbers, self.shape.price_contexts)
        places, remaining, sells, mode = self._order(fresh)
        sells, mode = at_rows(sells, origin), at_rows(mode, origin)
        maker_kinds = self.taker.tables(self.rows.of(groups.MAKER, makers, fills))
        maker = self._ids(MAKERS, maker_kinds, self.shape.account_limit, fills)
        mode_rows = 2 * self.flat.maker_map[maker_kinds] + (mode % 8 == BLOCK_CLASS)
        maker_mode = self.taker.tables(self.rows.of(groups.MODE, mode_rows, fills))
        size = self._sizes(sizes, fills)
        price = self._prices(instrument, sells, continues, wide, self.flat.scales[scales], fills)
        underlying, index = self._indexes(self.grid.real & ~fills)
        places = places + self.taker.remainders(remaining)
        self.taker.must_be_finished()
        account = at_rows(self._named(TAKERS, places), origin)
        self._must_not_hide(fresh, fills, instrument, account, sells, mode)
        sides = maker_mode >> 3 | (mode >> 3) << 1
        trade_ids = first_trade_ids + np.cumsum(fills, axis=0) - 1
        found = maker, account, sells, sides, maker_mode & 7, mode & 7, price, size, trade_ids
        kept = [np.where(fills, column, 0) for column in found]
        kept[6] += index
        return fills.astype(np.int64), np.where(fills, instrument, underlying), *kept

    def _order(self, fresh: Flags) -> tuple[Ints, Ints, Ints, Ints]:
        """Of an order's first fill: the taker's place, how many the remainder tells apart, side, mode."""
        kinds = self.taker.tables(self.rows.of(groups.TAKER, 0, fresh))
        listed = fresh & (kinds != self.shape.taker_classes)
        sizes = self.setting.dictionaries.placed(TAKERS).sizes[kinds]
        last = tail(sizes, listed)
        places = self._places(TAKERS, kinds, self.shape.account_limit, fresh, last)
        sells = self.taker.tables(self.rows.of(groups.SIDE, 0, fresh))
        modes = self.taker.tables(self.rows.of(groups.ORDER, self.flat.taker_map[kinds], fresh))
        return places, np.where(last, sizes, 1), sells, modes

    def _ids(self, dictionary: int, kinds: Ints, limit: int, wanted: Flags) -> Ints:
        places = self._places(dictionary, kinds, limit, wanted, np.zeros_like(wanted))
        return self._named(dictionary, places)

    def _named(self, dictionary: int, places: Ints) -> Ints:
        """The ids of places that `_places` gave."""
        ids = self.setting.dictionaries.placed(dictionary).ids
        return np.where(places >= 0, ids[np.maximum(places, 0)], -1 - places)

    def _places(self, dictionary: int, kinds: Ints, limit: int, wanted: Flags, later: Flags) -> Ints:
        """Where in the dictionary each id stands (`later`: its class begins), −1 − id behind an escape."""
        placed = self.setting.dictionaries.placed(dictionary)
        escaped = wanted & (kinds == self.shape[dictionary])
        listed = wanted & ~escaped
        sizes = placed.sizes[kinds]
        if (sizes[listed] == 0).any():
            raise DecodeError(f"an empty class of dictionary {dictionary}")
        starts = np.where(listed, placed.starts[kinds], 0)
        counts = np.where(listed & ~later, sizes, 1)
        if not escaped.any():
            return starts + self.taker.uniforms(counts)
        # A step's high half, then its low one: two steps, of which few lanes have the first.
        high = np.where(escaped, (limit - 1) // TOTAL + 1, 1)
        low = np.where(escaped, min(limit, TOTAL), counts)
        both = np.stack((high, low), axis=1).reshape(-1, low.shape[1])
        got = self.taker.uniforms(both).reshape(len(low), 2, -1)
        ids = got[:, 0] * TOTAL + got[:, 1]
        if (ids[escaped] >= limit).any():
            raise DecodeError(f"an id beyond {limit}")
        return np.where(escaped, -1 - ids, starts + got[:, 1])

    def _must_not_hide(self, fresh: Flags, fills: Flags, *order: Ints) -> None:
        earlier = self.grid.earlier(fills)
        same = fresh & (earlier != ABSENT)
        for column in order:
            same &= column == at_rows(column, earlier)
        if same.any():
            raise DecodeError("an order's next fill does not say that it is one")

    def _sizes(self, contexts: Ints, real: Flags) -> Ints:
        shape = self.shape
        listed = np.append(self.flat.sizes, 0)
        symbols = self.taker.tables(self.rows.of(groups.SIZE, contexts, real)) - len(shape.sizes)
        escaped = real & (symbols == shape.size_buckets)
        bucketed = real & (symbols >= 0) & ~escaped
        bucket = np.where(bucketed, symbols, 0)
        raw = self.taker.bits(
            np.where(escaped, buckets.RAW_BITS, buckets.raw_bits_all(bucket, buckets.SIZE_EXACT))
        )
        sizes = np.where(escaped, raw, buckets.join_all(bucket, raw, buckets.SIZE_EXACT))
        written = real & (symbols >= 0)
        bad = written & ((sizes < 0) | np.isin(sizes, self.flat.sizes))
        if escaped.any():
            symbol, _ = buckets.split_all(np.maximum(sizes, 0), buckets.SIZE_EXACT)
            bad |= escaped & (symbol < shape.size_buckets)
        if bad.any():
            raise DecodeError("a size is not written like that")
        return np.where(written, sizes, listed[np.where(real & ~written, symbols + len(shape.sizes), 0)])

    def _prices(
        self, instrument: Ints, sells: Ints, continues: Flags, wide: Wide, scales: Ints, real: Flags
    ) -> Ints:
        shape = self.shape
        previous = before(instrument, real, self.grid)
        anchors, anchor_sells = self.setting.anchors.all(instrument)
        rows = price_rows(sells, continues, previous, anchor_sells, wide)
        symbols = self.taker.tables(self.rows.of(groups.PRICE, rows, real))
        escaped = real & (symbols == shape.price_buckets)
        bucket = np.where(real & ~escaped, symbols, 0)
        raw = self.taker.bits(
            np.where(escaped, buckets.RAW_BITS, buckets.raw_bits_all(bucket, buckets.PRICE_EXACT))
        )
        coded = buckets.join_all(bucket, raw, buckets.PRICE_EXACT)
        steps = np.where(coded & 1, -(coded >> 1) - 1, coded >> 1)
        moves = np.where(sells == 1, -steps, steps) * scales
        price = np.empty_like(moves)
        for step in range(len(price)):
            earlier = previous[step]
            base = price[np.maximum(earlier, 0), self.grid.lane[0]]
            anchor = np.where(earlier == ABSENT, anchors[step], base)
            price[step] = np.where(escaped[step], raw[step], anchor + moves[step])
            if escaped[step].any():
                self._must_need_escape(step, escaped[step], price[step] - anchor, sells, scales)
            if (((price[step] >= PRICE_BOUND) | (price[step] <= -PRICE_BOUND)) & real[step]).any():
                raise DecodeError("a price beyond its bound")
        return price

    def _indexes(self, cells: Flags) -> tuple[Ints, Ints]:
        """Underlyings and indexes of the INDEX steps, zero elsewhere."""
        if not cells.any():
            return np.zeros_like(self.grid.steps), np.zeros_like(self.grid.steps)
        underlying = self.taker.bits(np.where(cells, 10, 0))
        width = self.taker.bits(np.where(cells, 6, 0))
        coded = self.taker.bits(width)
        moves = np.where(coded & 1, -(coded >> 1) - 1, coded >> 1)
        previous = before(underlying, cells, self.grid)
        index = np.zeros_like(moves)
        for step, earlier in enumerate(previous):
            base = np.where(earlier == ABSENT, 0, index[np.maximum(earlier, 0), self.grid.lane[0]])
            index[step] = np.where(cells[step], base + moves[step], 0)
        shortest = (width == 0) | (coded >> np.maximum(width - 1, 0) == 1)
        if (cells & ((width > 49) | ~shortest | (index < 0) | (index >= INDEX_BOUND))).any():
            raise DecodeError("an index is not written like that")
        return underlying, index

    def _must_need_escape(
        self, step: int, escaped: Flags, off: Ints, sells: Ints, scales: Ints
    ) -> None:
        off = np.where(sells[step] == 1, -off, off)
        symbol, _ = buckets.split_all(zigzag_all(off // scales[step]), buckets.PRICE_EXACT)
        if (escaped & (off % scales[step] == 0) & (symbol < self.shape.price_buckets)).any():
            raise DecodeError("a price is not written in full")
