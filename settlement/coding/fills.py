"""What a fill chunk carries, as rows and as columns: FILL steps, and INDEX steps between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.coding.limits import PRICE_BOUND

Column = NDArray[np.int64]

COMBO_MAKER: Final = 1
"""Bits of combo_sides: the maker trades by a combo's order;"""
COMBO_TAKER: Final = 2
"""the taker does;"""
TAKER_RESTS: Final = 4
"""the taker is one that rests and pays as a maker."""


INDEX: Final = 0
FILL: Final = 1
"""The kinds of step, by their numbers in docs/protocol.md."""


class Step(NamedTuple):
    """A FILL; classes are those of authorisation (0…7), combo_sides 0…7. Or an INDEX: all else zero.

    Of an INDEX the instrument is the underlying, the price its index in micro-USDC.
    """

    kind: int
    instrument: int
    maker: int
    taker: int
    taker_sells: int
    combo_sides: int
    maker_class: int
    taker_class: int
    price_ticks: int
    size_lots: int
    trade_id: int


class Fills(NamedTuple):
    """The same fields as columns of equal length, 64-bit integers."""

    kind: Column
    instrument: Column
    maker: Column
    taker: Column
    taker_sells: Column
    combo_sides: Column
    maker_class: Column
    taker_class: Column
    price_ticks: Column
    size_lots: Column
    trade_id: Column

    @property
    def total(self) -> int:
        """How many steps."""
        return len(self.instrument)

    def part(self, first: int, end: int) -> Fills:
        """Steps first … end − 1."""
        return Fills._make(column[first:end] for column in self)

    def rows(self) -> list[Step]:
        """One tuple a fill."""
        return [Step._make(row) for row in zip(*(column.tolist() for column in self), strict=True)]


def columns(rows: Sequence[Step]) -> Fills:
    """Rows as columns."""
    if not rows:
        return Fills._make(np.zeros(0, np.int64) for _ in Step._fields)
    return Fills._make(np.array(column, np.int64) for column in zip(*rows, strict=True))


_BOUNDS: Final = Step(2, 1 << 32, 1 << 32, 1 << 32, 2, 8, 8, 8, PRICE_BOUND, 1 << 63, 1 << 63)
UNDERLYING_BOUND: Final = 1 << 10
INDEX_BOUND: Final = 1 << 48


def check(steps: Fills) -> None:
    """Raise ValueError for what a fill chunk has no bytes for."""
    for name, column, bound in zip(Step._fields, steps, _BOUNDS, strict=True):
        lowest = 1 - bound if name == "price_ticks" else 0
        if len(column) and (int(column.min()) < lowest or int(column.max()) > bound - 1):
            raise ValueError(f"{name} of a step is outside {lowest} … {bound - 1}")
    at = steps.kind == INDEX
    if not at.any():
        return
    others = steps._replace(kind=steps.kind, instrument=steps.kind, price_ticks=steps.kind)
    if any(column[at].any() for column in others):
        raise ValueError("an INDEX step has an underlying and an index, no more")
    if (steps.instrument[at] >= UNDERLYING_BOUND).any() or (steps.price_ticks[at] >= INDEX_BOUND).any():
        raise ValueError("an INDEX step is out of bounds")
    if (steps.price_ticks[at] < 0).any():
        raise ValueError("an index is negative")
