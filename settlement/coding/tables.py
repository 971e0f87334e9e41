"""The frequency tables of a batch: their canonical bytes and their rows.

Layout (integers big-endian), docs/codec-5.md:

    version u8 = 5 · instrument classes u8 · maker classes u8 · taker classes u8 · instrument limit u32 ·
    account limit u32 · contexts u8 each: maker, size, price, order, maker mode · size buckets u8 ·
    price buckets u8 · sizes u8 · scales u8 · the sizes u32 each, rising · the scales u16 each ·
    maps, u8 each: for every instrument class and the escape its maker, size and price context, the place
    of its scale; then the width of each and its widening, u16 each; for every taker symbol its order
    context; for every maker symbol its maker-mode context ·
    rows in the order of `Tables`: u16 cumulative counts of all symbols but the first

A row's cumulative counts never fall; the last symbol always has at least one slot.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.coding import limits as lim
from settlement.coding.coder import TOTAL
from settlement.coding.limits import DecodeError

VERSION: Final = 5
ORDER_MODES: Final = 32
"""taker class (0…7) + 8 · the taker trades by a combo's order + 16 · it rests."""
MAKER_MODES: Final = 16
"""maker class (0…7) + 8 · the maker trades by a combo's order."""
SEEN_RELATIONS: Final = 3
WIDTHS: Final = 8
"""A price row: 3 · price context + 0 if the anchor is the same order's previous fill, 1 or 2 if it is the
instrument's previous fill in this chunk with the same aggressor side or the other. If it is the instrument's
last before the batch: 3 · price contexts + 2 · width + 0 or 1 likewise (`plain.width`)."""
BLOCK_CLASS: Final = 5
"""The taker class that has maker-mode rows of its own."""
_HEAD: Final = 21


class Contexts(NamedTuple):
    """What an instrument class says of its fills."""

    maker: int
    size: int
    price: int
    scale: int
    """The place of its scale: prices move by multiples of that."""
    width: int
    """How far its price may have gone from the anchor before the batch, squared: in the first chunk,"""
    widening: int
    """and more in every chunk after it. In sixteenths of a squared scale."""


class Shape(NamedTuple):
    """Everything but maps and rows."""

    instrument_classes: int
    maker_classes: int
    taker_classes: int
    instrument_limit: int
    account_limit: int
    maker_contexts: int
    size_contexts: int
    price_contexts: int
    order_contexts: int
    mode_contexts: int
    size_buckets: int
    price_buckets: int
    sizes: tuple[int, ...]
    scales: tuple[int, ...]

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """(rows, symbols of each) in the order of `Tables`' first rows."""
        return (
            (1, self.instrument_classes + 3),
            (1, self.taker_classes + 1),
            (1, 2),
            (self.order_contexts, ORDER_MODES),
            (self.maker_contexts, self.maker_classes + 1),
            (2 * self.mode_contexts, MAKER_MODES),
            (self.size_contexts, len(self.sizes) + self.size_buckets + 1),
            (SEEN_RELATIONS * self.price_contexts + 2 * WIDTHS, self.price_buckets + 1),
        )


@dataclass(frozen=True)
class Tables:
    """Maps and rows. A row is its cumulative counts with 0 before and 65,536 behind.

    Rows: instrument (classes, escape, "the same order", INDEX step), taker (classes, escape), side, order
    mode by order context, maker (classes, escape) by maker context, maker mode by 2 · context + block trade,
    size (sizes, buckets, escape) by size context, price (buckets, escape) by SEEN_RELATIONS.
    """

    shape: Shape
    instrument_map: tuple[Contexts, ...]
    taker_map: tuple[int, ...]
    maker_map: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]

    @cached_property
    def first_row(self) -> tuple[int, ...]:
        """Where the rows of each group begin."""
        return (0, *accumulate(count for count, _ in self.shape.groups))

    @cached_property
    def data(self) -> bytes:
        """The canonical bytes."""
        shape = self.shape
        numbers = [(VERSION, 1), *((n, 1) for n in shape[:3]), (shape.instrument_limit, 4)]
        numbers += [(shape.account_limit, 4), *((n, 1) for n in shape[5:12])]
        numbers += [(len(shape.sizes), 1), (len(shape.scales), 1)]
        numbers += [*((size, 4) for size in shape.sizes), *((scale, 2) for scale in shape.scales)]
        numbers += [(n, 1) for contexts in self.instrument_map for n in contexts[:4]]
        numbers += [(n, 2) for contexts in self.instrument_map for n in contexts[4:]]
        numbers += [(n, 1) for n in (*self.taker_map, *self.maker_map)]
        numbers += [(n, 2) for row in self.rows for n in row[1:-1]]
        return b"".join(number.to_bytes(width, "big") for number, width in numbers)

    @cached_property
    def flat(self) -> Flat:
        """The rows as arrays."""
        return Flat.of(self)


class Flat(NamedTuple):
    """Maps as arrays; all rows, and one more with a single symbol that reads nothing: the null row."""

    instrument_maps: NDArray[np.int64]
    """Six rows: the contexts of each instrument symbol."""
    taker_map: NDArray[np.int64]
    maker_map: NDArray[np.int64]
    scales: NDArray[np.int64]
    sizes: NDArray[np.int64]

    starts: NDArray[np.int64]
    """Of each row: its first symbol's place."""
    edges: NDArray[np.int64]
    """Of each symbol: 65,536 · its row + where its slots begin."""
    frequency: NDArray[np.int64]
    null_row: int

    @staticmethod
    def of(tables: Tables) -> Flat:
        """From rows."""
        rows = [np.array(row, np.int64) for row in (*tables.rows, (0, TOTAL))]
        starts = np.cumsum([0, *(len(row) - 1 for row in rows[:-1])])
        edges = np.concatenate([row[:-1] + TOTAL * number for number, row in enumerate(rows)])
        frequency = np.concatenate([np.diff(row) for row in rows])
        return Flat(
            np.array(tables.instrument_map, np.int64).T,
            np.array(tables.taker_map, np.int64),
            np.array(tables.maker_map, np.int64),
            np.array(tables.shape.scales, np.int64),
            np.array(tables.shape.sizes, np.int64),
            starts,
            edges,
            frequency,
            len(rows) - 1,
        )


def parse(data: bytes) -> Tables:
    """Tables from their canonical bytes.

    Raises:
        DecodeError: not the canonical bytes of tables.
    """
    if not _HEAD <= len(data) <= lim.TABLES_BYTES_MAX or data[0] != VERSION:
        raise DecodeError("tables of an unknown version or length")
    shape, at = _parse_shape(data)
    maps = 8 * (shape.instrument_classes + 1) + shape.taker_classes + 1 + shape.maker_classes + 1
    symbols = sum(rows * (width - 1) for rows, width in shape.groups)
    if len(data) != at + maps + 2 * symbols:
        raise DecodeError(f"tables of {len(data)} bytes where {at + maps + 2 * symbols} belong")
    middle = at + 8 * (shape.instrument_classes + 1)
    takers = middle + shape.taker_classes + 1
    widths = np.frombuffer(data[(at + middle) // 2 : middle], ">u2").reshape(-1, 2).tolist()
    contexts = tuple(Contexts(*data[at + 4 * k : at + 4 * k + 4], *pair) for k, pair in enumerate(widths))
    limits = (*shape[5:8], len(shape.scales))
    if any(n >= most for one in contexts for n, most in zip(one[:4], limits, strict=True)):
        raise DecodeError("an instrument class points at a context that is not there")
    taker_map, maker_map = tuple(data[middle:takers]), tuple(data[takers : at + maps])
    if max(taker_map) >= shape.order_contexts or max(maker_map) >= shape.mode_contexts:
        raise DecodeError("an account class points at a context that is not there")
    return Tables(shape, contexts, taker_map, maker_map, _parse_rows(data, at + maps, shape))


def _parse_shape(data: bytes) -> tuple[Shape, int]:
    small = tuple(data[12:19])
    size_count, scale_count, at = data[19], data[20], _HEAD
    end = at + 4 * size_count + 2 * scale_count
    if end > len(data):
        raise DecodeError("tables are cut short")
    sizes = tuple(int.from_bytes(data[at + 4 * k : at + 4 * k + 4], "big") for k in range(size_count))
    at += 4 * size_count
    scales = tuple(int.from_bytes(data[at + 2 * k : at + 2 * k + 2], "big") for k in range(scale_count))
    instruments, accounts = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
    shape = Shape._make((*data[1:4], instruments, accounts, *small, sizes, scales))
    _check(shape)
    return shape, end


def _check(shape: Shape) -> None:
    contexts = shape[5:10]
    if max(shape[:3]) > lim.CLASSES_MAX or min(contexts) < 1 or max(contexts) > lim.CONTEXTS_MAX:
        raise DecodeError("too many classes, or no or too many contexts")
    if not 1 <= len(shape.scales) <= lim.SCALES_MAX:
        raise DecodeError("no or too many scales")
    if min(shape.instrument_limit, shape.account_limit, *shape.scales) < 1:
        raise DecodeError("a limit or scale of nothing")
    if shape.size_buckets > lim.SIZE_BUCKETS_MAX or shape.price_buckets > lim.PRICE_BUCKETS_MAX:
        raise DecodeError("too many buckets")
    if len(shape.sizes) + shape.size_buckets < 1 or shape.price_buckets < 1:
        raise DecodeError("a row with nothing but its escape")
    if len(shape.sizes) > lim.SIZE_LIST_MAX or list(shape.sizes) != sorted(set(shape.sizes)):
        raise DecodeError("sizes that do not rise")


def _parse_rows(data: bytes, at: int, shape: Shape) -> tuple[tuple[int, ...], ...]:
    numbers = np.frombuffer(data, ">u2", offset=at).tolist()
    rows: list[tuple[int, ...]] = []
    place = 0
    for count, width in shape.groups:
        for _ in range(count):
            row = (0, *numbers[place : place + width - 1], TOTAL)
            if any(row[k] > row[k + 1] for k in range(width)):
                raise DecodeError("a row whose counts fall")
            rows.append(row)
            place += width - 1
    return tuple(rows)
