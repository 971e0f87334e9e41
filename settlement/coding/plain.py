"""One fill chunk to steps, plainly: the operations of the contract that decides over a wrong decoding.

The specification of `lanes`, which does the same to all chunks of a batch at once. Column after column, each
in the order of the steps. A fill that continues its predecessor's order shares its instrument, taker, side
and order mode, and has no symbols in those columns. INDEX steps have symbols in the first column and the
last three alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from settlement.coding import buckets
from settlement.coding.anchors import Anchors
from settlement.coding.coder import TOTAL, Taker
from settlement.coding.dictionary import INSTRUMENTS, MAKERS, TAKERS, Dictionaries
from settlement.coding.fills import FILL, INDEX, INDEX_BOUND, Step
from settlement.coding.limits import (
    CHUNK_BYTES_MAX,
    CHUNK_STEPS_MAX,
    PRICE_BOUND,
    TRADE_ID_BOUND,
    DecodeError,
)
from settlement.coding.tables import BLOCK_CLASS, SEEN_RELATIONS, WIDTHS, Contexts, Tables
from settlement.columns import unzigzag, zigzag


@dataclass(frozen=True)
class Setting:
    """What every chunk of a batch is decoded with."""

    tables: Tables
    dictionaries: Dictionaries
    anchors: Anchors


class Extent(NamedTuple):
    """What the directory says of a fill chunk."""

    number: int
    """The chunk's place in the batch, from 0."""
    steps: int
    first_trade_id: int
    """That of its first fill."""


def width(contexts: Contexts, number: int) -> int:
    """How wide a price is looked for in the batch's chunk `number`: 0 … 7, an octave of the square each."""
    return min((contexts.width + contexts.widening * number >> 4).bit_length(), WIDTHS - 1)


def decode_chunk(data: bytes, extent: Extent, setting: Setting) -> list[Step]:
    """The steps of a chunk.

    Raises:
        DecodeError: not the bytes of so many steps.
    """
    number, count, first_trade_id = extent
    if not 1 <= count <= CHUNK_STEPS_MAX or len(data) > CHUNK_BYTES_MAX:
        raise DecodeError(f"a chunk of {count} steps in {len(data)} bytes")
    if not 0 <= first_trade_id <= TRADE_ID_BOUND - count:
        raise DecodeError("trade ids beyond their bound")
    chunk = _Chunk(Taker(data), number, setting)
    at = chunk.instruments(count)
    chunk.takers()
    chunk.sides()
    chunk.order_modes()
    chunk.makers()
    chunk.maker_modes()
    chunk.sizes()
    chunk.prices()
    indexes = iter(chunk.indexes(count - len(at)))
    chunk.last_takers()
    chunk.taker.finish()
    chunk.must_not_hide_continuations()
    fills = iter(chunk.fill(j, first_trade_id + j) for j in range(len(at)))
    return [next(fills if step in at else indexes) for step in range(count)]


class _Chunk:
    """The columns as they come: of the FILL steps alone."""

    def __init__(self, taker: Taker, number: int, setting: Setting) -> None:
        self.taker, self.number, self.setting = taker, number, setting
        self.shape, self.rows = setting.tables.shape, setting.tables.rows
        self.first_row = setting.tables.first_row
        self.count = 0
        self.contexts: list[Contexts] = []
        self.continues: list[bool] = []
        self.instrument: list[int] = []
        self.account: list[int] = []
        self.order_context: list[int] = []
        self.tail: dict[int, list[int]] = {}
        self.sell: list[int] = []
        self.order_mode: list[int] = []
        self.maker: list[int] = []
        self.mode_context: list[int] = []
        self.maker_mode: list[int] = []
        self.size: list[int] = []
        self.price: list[int] = []

    def symbol(self, group: int, row: int = 0) -> int:
        """One symbol of a row of a group (docs of `Tables`)."""
        return self.taker.table(self.rows[self.first_row[group] + row])

    def id_of(self, dictionary: int, kind: int, classes: int, limit: int) -> int:
        """The id in a class, or behind the escape."""
        if kind == classes:
            high = self.taker.uniform((limit - 1) // TOTAL + 1) if limit > TOTAL else 0
            found = high * TOTAL + self.taker.uniform(min(limit, TOTAL))
            if found >= limit:
                raise DecodeError(f"id {found} beyond {limit}")
            return found
        ids = self.setting.dictionaries.lists[dictionary][kind]
        if not ids:
            raise DecodeError(f"class {kind} of dictionary {dictionary} is empty")
        return ids[self.taker.uniform(len(ids))]

    def instruments(self, count: int) -> set[int]:
        """Which steps are fills; which fills continue an order; the others' instruments."""
        classes = self.shape.instrument_classes
        symbols = [self.symbol(0) for _ in range(count)]
        at = [step for step in range(count) if symbols[step] != classes + 2]
        kinds = [symbols[step] for step in at]
        self.count = len(kinds)
        self.continues = [kind == classes + 1 for kind in kinds]
        if self.continues and self.continues[0]:
            raise DecodeError("a chunk's first fill continues nothing")
        for j, kind in enumerate(kinds):
            if self.continues[j]:
                self.instrument.append(self.instrument[j - 1])
                self.contexts.append(self.contexts[j - 1])
            else:
                self.instrument.append(self.id_of(INSTRUMENTS, kind, classes, self.shape.instrument_limit))
                self.contexts.append(self.setting.tables.instrument_map[kind])
        return set(at)

    def takers(self) -> None:
        """Takers, and which order-mode row theirs is."""
        classes, limit = self.shape.taker_classes, self.shape.account_limit
        kinds = [classes if self.continues[j] else self.symbol(1) for j in range(self.count)]
        self.tail = self.fits_the_remainder([kind if kind < classes else -1 for kind in kinds])
        for j, kind in enumerate(kinds):
            if self.continues[j]:
                self.account.append(self.account[j - 1])
                self.order_context.append(self.order_context[j - 1])
            else:
                self.account.append(0 if j in self.tail else self.id_of(TAKERS, kind, classes, limit))
                self.order_context.append(self.setting.tables.taker_map[kind])

    def fits_the_remainder(self, kinds: list[int]) -> dict[int, list[int]]:
        """The class's ids of the takers whose positions fit into 16 bits together, from the last on."""
        product = 1
        found: dict[int, list[int]] = {}
        for j in range(self.count - 1, -1, -1):
            if kinds[j] >= 0:
                ids = self.setting.dictionaries.lists[TAKERS][kinds[j]]
                if ids and product * len(ids) <= TOTAL:
                    product *= len(ids)
                    found[j] = ids
        return found

    def last_takers(self) -> None:
        """Those whose positions are what remains of the state."""
        for j, ids in self.tail.items():
            self.account[j] = ids[self.taker.remainder(len(ids))]
        for j in range(self.count):
            if self.continues[j]:
                self.account[j] = self.account[j - 1]

    def sides(self) -> None:
        """1: the taker sells."""
        for j in range(self.count):
            self.sell.append(self.sell[j - 1] if self.continues[j] else self.symbol(2))

    def order_modes(self) -> None:
        """The taker's class, whether it trades by a combo's order, whether it rests."""
        for j in range(self.count):
            known = self.continues[j]
            self.order_mode.append(self.order_mode[j - 1] if known else self.symbol(3, self.order_context[j]))

    def must_not_hide_continuations(self) -> None:
        """What could continue an order must say so."""
        orders = list(zip(self.instrument, self.account, self.sell, self.order_mode, strict=True))
        if any(orders[j] == orders[j - 1] and not self.continues[j] for j in range(1, self.count)):
            raise DecodeError("an order's next fill does not say that it is one")

    def makers(self) -> None:
        """Makers, and which maker-mode row theirs is."""
        classes, limit = self.shape.maker_classes, self.shape.account_limit
        kinds = [self.symbol(4, self.contexts[j].maker) for j in range(self.count)]
        for kind in kinds:
            self.maker.append(self.id_of(MAKERS, kind, classes, limit))
            self.mode_context.append(self.setting.tables.maker_map[kind])

    def maker_modes(self) -> None:
        """The maker's class, whether it trades by a combo's order."""
        for j in range(self.count):
            block = int(self.order_mode[j] % 8 == BLOCK_CLASS)
            self.maker_mode.append(self.symbol(5, 2 * self.mode_context[j] + block))

    def sizes(self) -> None:
        """Lots: listed, in a bucket, or in full."""
        sizes, most = self.shape.sizes, len(self.shape.sizes) + self.shape.size_buckets
        symbols = [self.symbol(6, self.contexts[j].size) for j in range(self.count)]
        for symbol in symbols:
            bucket = symbol - len(sizes)
            if bucket < 0:
                self.size.append(sizes[symbol])
                continue
            escaped = symbol == most
            raw = self.taker.bits(
                buckets.RAW_BITS if escaped else buckets.raw_bits(bucket, buckets.SIZE_EXACT)
            )
            found = raw if escaped else buckets.join(bucket, raw, buckets.SIZE_EXACT)
            in_bucket = buckets.split(found, buckets.SIZE_EXACT)[0] < self.shape.size_buckets
            if found in sizes or found >= 1 << 63 or (escaped and in_bucket):
                raise DecodeError(f"a size of {found} lots is not written like that")
            self.size.append(found)

    def prices(self) -> None:
        """Differences to an anchor in the direction of the aggressor, or in full."""
        last: dict[int, int] = {}
        rows: list[int] = []
        for j, instrument in enumerate(self.instrument):
            contexts, before = self.contexts[j], last.get(instrument)
            if self.continues[j]:
                rows.append(SEEN_RELATIONS * contexts.price)
            elif before is not None:
                rows.append(SEEN_RELATIONS * contexts.price + 1 + (self.sell[j] != self.sell[before]))
            else:
                other = self.sell[j] != self.setting.anchors.one(instrument)[1]
                wide = 2 * width(contexts, self.number)
                rows.append(SEEN_RELATIONS * self.shape.price_contexts + wide + other)
            last[instrument] = j
        symbols = [self.symbol(7, row) for row in rows]
        now: dict[int, int] = {}
        for j, instrument in enumerate(self.instrument):
            anchor = now.get(instrument, self.setting.anchors.one(instrument)[0])
            now[instrument] = self.price_of(symbols[j], anchor, self.contexts[j].scale, self.sell[j])
            self.price.append(now[instrument])

    def price_of(self, symbol: int, anchor: int, place: int, sells: int) -> int:
        """One price."""
        scale, most = self.shape.scales[place], self.shape.price_buckets
        if symbol < most:
            raw = self.taker.bits(buckets.raw_bits(symbol, buckets.PRICE_EXACT))
            steps = unzigzag(buckets.join(symbol, raw, buckets.PRICE_EXACT)) * scale
            found = anchor - steps if sells else anchor + steps
        else:
            found = self.taker.bits(buckets.RAW_BITS)
            found -= found >> 63 << 64
            off = (anchor - found) if sells else (found - anchor)
            symbol = buckets.split(zigzag(off // scale), buckets.PRICE_EXACT)[0]
            if off % scale == 0 and symbol < most:
                raise DecodeError(f"a price of {found} is not written in full")
        if abs(found) >= PRICE_BOUND:
            raise DecodeError(f"a price of {found}")
        return found

    def indexes(self, count: int) -> list[Step]:
        """The INDEX steps: underlyings, then how long the differences are, then these."""
        underlyings = [self.taker.bits(10) for _ in range(count)]
        widths = [self.taker.bits(6) for _ in range(count)]
        last: dict[int, int] = {}
        found: list[Step] = []
        for underlying, width in zip(underlyings, widths, strict=True):
            coded = self.taker.bits(width)
            index = last.get(underlying, 0) + unzigzag(coded)
            if coded.bit_length() != width or width > 49 or not 0 <= index < INDEX_BOUND:
                raise DecodeError(f"an index of {index}")
            last[underlying] = index
            found.append(Step(INDEX, underlying, 0, 0, 0, 0, 0, 0, index, 0, 0))
        return found

    def fill(self, j: int, trade_id: int) -> Step:
        """One fill of the columns."""
        mode, maker_mode = self.order_mode[j], self.maker_mode[j]
        sides = maker_mode >> 3 | (mode >> 3) << 1
        accounts = self.maker[j], self.account[j]
        how = self.sell[j], sides, maker_mode & 7, mode & 7
        return Step(FILL, self.instrument[j], *accounts, *how, self.price[j], self.size[j], trade_id)
