"""A fill chunk's columns (codec-5.md: Fill chunk)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.second_verifier import step as s
from tests.second_verifier import tables as t
from tests.second_verifier.reading import Coder, bucket, of_bucket, unzigzag, zigzag
from tests.second_verifier.state import need
from tests.second_verifier.step import Step
from tests.second_verifier.tables import Tables

INSTRUMENTS, MAKERS, TAKERS = range(3)
HALF = 65_536
BLOCK = 5
SIZE_EXACT, PRICE_EXACT = 3, 5


@dataclass
class Known:
    """Of the state before the batch: ids by dictionary and class; last price and last taker sells."""

    dictionaries: Sequence[Mapping[int, Sequence[int]]]
    anchors: Mapping[int, tuple[int, int]]


@dataclass
class Fill:
    instrument_class: int = 0
    same_order: bool = False
    taker_class: int = 0
    instrument: int = 0
    maker: int = 0
    taker: int = 0
    side: int = 0
    order_mode: int = 0
    maker_class: int = 0
    maker_mode: int = 0
    size: int = 0
    price: int = 0


class FillChunk:
    """Decodes one chunk."""

    def __init__(self, data: bytes, number: int, tables: Tables, known: Known) -> None:
        need(len(data) <= 16_384, "a long chunk")
        self.coder, self.number, self.tables, self.known = Coder(data), number, tables, known

    def steps(self, count: int, first_trade_id: int) -> list[Step]:
        instruments = self.tables.classes[0]
        symbols = [self._symbol(t.INSTRUMENT) for _ in range(count)]
        places = [n for n, symbol in enumerate(symbols) if symbol != instruments + 2]
        self.fills = [Fill(symbols[n], symbols[n] == instruments + 1) for n in places]
        need(not self.fills or not self.fills[0].same_order, "the same order as none")
        need(first_trade_id + len(self.fills) <= 1 << 63, "a trade id")
        self._orders()
        self._makers()
        self._sizes()
        self._prices()
        found = dict(zip(places, self._made(first_trade_id), strict=True))
        indices = iter(self._indices(count - len(places)))
        steps = [found[n] if n in found else next(indices) for n in range(count)]
        self._remainder(found, places)
        self.coder.end()
        self._check_same()
        return steps

    def _symbol(self, group: int, row: int = 0) -> int:
        return self.coder.symbol(self.tables.rows[group][row])

    def _ident(self, dictionary: int, kind: int) -> int:
        """An id in its class, or in full."""
        if kind < self.tables.classes[dictionary]:
            ids = self.known.dictionaries[dictionary].get(kind, ())
            need(len(ids) > 0, "a class without ids")
            return ids[self.coder.one_of(len(ids))]
        limit = self.tables.account_limit if dictionary else self.tables.instrument_limit
        high = self.coder.one_of((limit - 1) // HALF + 1) if limit > HALF else 0
        found = high * HALF + self.coder.one_of(min(limit, HALF))
        need(found < limit, "an id beyond its limit")
        return found

    def _orders(self) -> None:
        fresh = [fill for fill in self.fills if not fill.same_order]
        for fill in fresh:
            fill.instrument = self._ident(INSTRUMENTS, fill.instrument_class)
        for fill in fresh:
            fill.taker_class = self._symbol(t.TAKER)
        self.late: list[tuple[Fill, Sequence[int]]] = []
        product = 1
        for fill in reversed(fresh):
            ids = self.known.dictionaries[TAKERS].get(fill.taker_class, ())
            inside = fill.taker_class < self.tables.classes[TAKERS] and len(ids) > 0
            if inside and product * len(ids) <= HALF:
                product *= len(ids)
                self.late.append((fill, ids))
        waiting = {id(fill) for fill, _ in self.late}
        for fill in fresh:
            if id(fill) not in waiting:
                fill.taker = self._ident(TAKERS, fill.taker_class)
        for fill in fresh:
            fill.side = self._symbol(t.SIDE)
        for fill in fresh:
            fill.order_mode = self._symbol(t.ORDER, self.tables.order_context[fill.taker_class])
        for before, fill in pairwise(self.fills):
            if fill.same_order:
                fill.instrument_class, fill.taker_class = before.instrument_class, before.taker_class
                fill.instrument, fill.side, fill.order_mode = (
                    before.instrument,
                    before.side,
                    before.order_mode,
                )

    def _makers(self) -> None:
        tables = self.tables
        for fill in self.fills:
            fill.maker_class = self._symbol(t.MAKER, tables.maker_context[fill.instrument_class])
        for fill in self.fills:
            fill.maker = self._ident(MAKERS, fill.maker_class)
        for fill in self.fills:
            row = 2 * tables.mode_context[fill.maker_class] + (fill.order_mode % 8 == BLOCK)
            fill.maker_mode = self._symbol(t.MAKER_MODE, row)

    def _sizes(self) -> None:
        listed, buckets = self.tables.sizes, self.tables.size_buckets
        symbols = [
            self._symbol(t.SIZE, self.tables.size_context[fill.instrument_class]) for fill in self.fills
        ]
        for fill, symbol in zip(self.fills, symbols, strict=True):
            if symbol < len(listed):
                fill.size = listed[symbol]
                continue
            if symbol < len(listed) + buckets:
                first, raw = of_bucket(symbol - len(listed), SIZE_EXACT)
                fill.size = first + self.coder.bits(raw)
            else:
                fill.size = self.coder.bits(64)
                need(bucket(fill.size, SIZE_EXACT) >= buckets, "a size with a bucket")
            need(fill.size not in listed and fill.size < 1 << 63, "a size")

    def _price_row(self, fill: Fill, before: Mapping[int, Fill]) -> int:
        tables, kind = self.tables, fill.instrument_class
        context = 3 * tables.price_context[kind]
        if fill.same_order:
            return context
        if fill.instrument in before:
            return context + 1 + (before[fill.instrument].side != fill.side)
        wide = (tables.width[kind] + tables.widening[kind] * self.number) // 16
        _, last_side = self.known.anchors.get(fill.instrument, (0, 0))
        return 3 * tables.price_contexts + 2 * min(7, wide.bit_length()) + (fill.side != last_side)

    def _prices(self) -> None:
        before: dict[int, Fill] = {}
        symbols = []
        for fill in self.fills:
            symbols.append(self._symbol(t.PRICE, self._price_row(fill, before)))
            before[fill.instrument] = fill
        last = {n: price for n, (price, _) in self.known.anchors.items()}
        for fill, symbol in zip(self.fills, symbols, strict=True):
            anchor, sign = last.get(fill.instrument, 0), -1 if fill.side else 1
            scale = self.tables.scales[self.tables.scale_of[fill.instrument_class]]
            if symbol < self.tables.price_buckets:
                first, raw = of_bucket(symbol, PRICE_EXACT)
                fill.price = anchor + sign * scale * unzigzag(first + self.coder.bits(raw))
            else:
                raw_price = self.coder.bits(64)
                fill.price = raw_price - (raw_price >> 63 << 64)
                steps, rest = divmod(sign * (fill.price - anchor), scale)
                told = rest == 0 and bucket(zigzag(steps), PRICE_EXACT) < self.tables.price_buckets
                need(not told, "a price with a bucket")
            need(abs(fill.price) < 1 << 62, "a price")
            last[fill.instrument] = fill.price

    def _made(self, first_trade_id: int) -> list[Step]:
        """The steps; takers that stand in the remainder are not known yet."""
        made = []
        for n, fill in enumerate(self.fills):
            combo, rests = fill.order_mode // 8 & 1, fill.order_mode // 16
            flags = fill.side | fill.maker_mode // 8 << 1 | combo << 2 | rests << 3
            classes = fill.maker_mode % 8 << 4 | fill.order_mode % 8
            made.append(
                Step(
                    s.FILL,
                    classes,
                    flags,
                    fill.instrument,
                    fill.maker,
                    0,
                    first_trade_id + n,
                    fill.price,
                    fill.size,
                )
            )
        return made

    def _indices(self, count: int) -> list[Step]:
        underlyings = [self.coder.bits(10) for _ in range(count)]
        widths = [self.coder.bits(6) for _ in range(count)]
        last: dict[int, int] = {}
        made = []
        for underlying, width in zip(underlyings, widths, strict=True):
            value = self.coder.bits(width)
            need(value.bit_length() == width and width <= 49, "a width")
            last[underlying] = last.get(underlying, 0) + unzigzag(value)
            need(0 <= last[underlying] < 1 << 48, "an index")
            made.append(Step(s.INDEX, instrument=underlying, p=last[underlying]))
        return made

    def _remainder(self, found: Mapping[int, Step], places: Sequence[int]) -> None:
        for fill, ids in self.late:
            fill.taker = ids[self.coder.x % len(ids)]
            self.coder.x //= len(ids)
        for before, fill in pairwise(self.fills):
            if fill.same_order:
                fill.taker = before.taker
        for place, fill in zip(places, self.fills, strict=True):
            found[place].second = fill.taker

    def _check_same(self) -> None:
        for before, fill in pairwise(self.fills):
            one, other = (
                (each.instrument, each.taker, each.side, each.order_mode) for each in (before, fill)
            )
            need(fill.same_order or one != other, "the same order, not told")
