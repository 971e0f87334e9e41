"""Floats become integers here and nowhere else.

Prices, volatilities and Greeks are floats inside `pricing`; the core and every format know integers only.
Each function below names its rounding, checks the range, and raises :class:`QuantizeError` instead of
letting a NaN, an infinity or an overflow through. Rounding acts on the double ``value * per_unit``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pricing import engines
from pricing.engines.quantise_numpy import TO_WHOLE

Integers = NDArray[np.int64]

_MARK_ROWS: Final = 4

MICRO_PER_UNIT: Final = 1_000_000
E9_PER_UNIT: Final = 1_000_000_000

MAX_EXACT: Final = 1 << 53
"""Beyond this a double no longer holds every integer: the widest range any function accepts."""


class QuantizeError(ValueError):
    """A value has no integer in range; `code` is ``"not_finite"`` or ``"out_of_range"``, stable."""

    def __init__(self, code: str, name: str, position: int, value: float, low: int, high: int) -> None:
        super().__init__(f"{name}[{position}] = {value!r} is {code.replace('_', ' ')} {low}…{high}")
        self.code = code
        self.name = name
        self.position = position


def floor_units(
    values: ArrayLike, per_unit: int, *, low: int = -MAX_EXACT, high: int = MAX_EXACT, name: str = "value"
) -> Integers:
    """``⌊value * per_unit⌋`` as int64, same shape; result within low…high or :class:`QuantizeError`."""
    return _quantize(np.floor, values, per_unit, low, high, name)


def ceil_units(
    values: ArrayLike, per_unit: int, *, low: int = -MAX_EXACT, high: int = MAX_EXACT, name: str = "value"
) -> Integers:
    """``⌈value * per_unit⌉`` as int64, same shape; result within low…high or :class:`QuantizeError`."""
    return _quantize(np.ceil, values, per_unit, low, high, name)


def half_even_units(
    values: ArrayLike, per_unit: int, *, low: int = -MAX_EXACT, high: int = MAX_EXACT, name: str = "value"
) -> Integers:
    """``value * per_unit`` to the nearest integer, ties to even; favours nobody over many values."""
    return _quantize(np.rint, values, per_unit, low, high, name)


def half_away_units(
    values: ArrayLike, per_unit: int, *, low: int = -MAX_EXACT, high: int = MAX_EXACT, name: str = "value"
) -> Integers:
    """``value * per_unit`` to the nearest integer, ties away from zero, as people round by hand."""
    return _quantize(_half_away, values, per_unit, low, high, name)


def micro_scalar(value: float, *, low: int, high: int, name: str) -> int:
    """One price in micro-units, ties to even, within low…high or :class:`QuantizeError`."""
    scaled = value * MICRO_PER_UNIT
    if math.isfinite(scaled):
        whole = round(scaled)
        if low <= whole <= high:
            return whole
    code = "out_of_range" if math.isfinite(value) else "not_finite"
    raise QuantizeError(code, name, 0, value, low, high)


def _half_away(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    # floor(|x| + 0.5) would push the largest double below one half up to one; the remainder is exact.
    whole = np.trunc(scaled)
    tie_or_more = np.abs(scaled - whole) >= 0.5
    return np.asarray(whole + np.where(tie_or_more, np.sign(scaled), 0.0))


def _quantize(
    rounding: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    values: ArrayLike, per_unit: int, low: int, high: int, name: str,
) -> Integers:
    if not -MAX_EXACT <= low <= high <= MAX_EXACT:
        raise ValueError(f"{name}: the range {low}…{high} must lie within ±2**53")
    floats = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        whole = rounding(floats * float(per_unit))
        # NaN fails both comparisons.
        fits = (whole >= low) & (whole <= high)
    if not fits.all():
        position = int(np.flatnonzero(~fits)[0])
        value = float(floats.ravel()[position])
        code = "out_of_range" if np.isfinite(value) else "not_finite"
        raise QuantizeError(code, name, position, value, low, high)
    return np.asarray(whole.astype(np.int64))


class ValueTable(NamedTuple):
    """Values as integers from both sides: what a holder may count on, and what a writer may owe."""

    low: Integers
    """Rounded down: the value of a long position."""
    high: Integers
    """Rounded up: the liability of a short one; `low` or one more."""


def value_table(values: ArrayLike, per_unit: int, *, name: str = "scenario_value") -> ValueTable:
    """A scenario table (:func:`pricing.scenarios.scenario_values`) in integers, of the same shape.

    One table serves whoever holds the option and whoever wrote it, and no single rounding is against both:
    so there are two, as the core rounds the mark of a long position down and of a short one up. `per_unit`
    is the integer value of 1 quote unit, in micro-units per 1 of the underlying (MICRO_PER_UNIT) or per lot.
    Values are not negative. :class:`QuantizeError` for NaN and what is out of range.
    """
    floats = np.asarray(values, dtype=np.float64)
    low = floor_units(floats, per_unit, low=0, name=name)
    return ValueTable(low, ceil_units(floats, per_unit, low=0, name=name))


class Row(NamedTuple):
    """How one row of a table becomes integers: see :class:`RowQuantizer`."""

    name: str
    per_unit: int
    low: int
    high: int


class RowQuantizer:
    """Quantises a whole table at once, ties to even, each row with a unit and a range of its own.

    The form the mark loop uses: one pass over contiguous memory instead of one per quantity.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if not -MAX_EXACT <= row.low <= row.high <= MAX_EXACT:
                raise ValueError(f"{row.name}: the range {row.low}…{row.high} must lie within ±2**53")
        self._rows = tuple(rows)
        self._per_unit = np.array([[float(row.per_unit)] for row in rows])
        self._low = np.array([[float(row.low)] for row in rows])
        self._high = np.array([[float(row.high)] for row in rows])

    def __call__(self, table: NDArray[np.float64]) -> Integers:
        """int64 of the shape of `table`, (rows, values); :class:`QuantizeError` for the first misfit."""
        with np.errstate(over="ignore", invalid="ignore"):
            whole = table * self._per_unit
            np.rint(whole, out=whole)
            fits = (whole >= self._low) & (whole <= self._high)
        if not fits.all():
            at, position = np.argwhere(~fits)[0].tolist()
            row, value = self._rows[at], float(table[at, position])
            code = "out_of_range" if np.isfinite(value) else "not_finite"
            raise QuantizeError(code, row.name, position, value, row.low, row.high)
        return np.asarray(whole.astype(np.int64))


class MarkQuantizer:
    """Rounds a refreshed chain straight into a block, ties to even, by the engine's kernel.

    `rows` are those of :attr:`pricing.chain.Chain.quantised`: delta, mark, vega, forward; ranges within
    ±2**51, that of the delta within 32 bits. ValueError for others.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        if len(rows) != _MARK_ROWS:
            raise ValueError("a chain has four rows to round: delta, mark, vega and forward")
        for row, bound in zip(rows, (1 << 31, *(1 << 51,) * 3), strict=True):
            if not -bound < row.low <= row.high < bound:
                raise ValueError(f"{row.name}: the range {row.low}…{row.high} must lie within ±{bound}")
        self._careful = RowQuantizer(rows)
        # Sums of whole numbers below 2**53: exact.
        limits = [(row.per_unit, row.low + TO_WHOLE, row.high + TO_WHOLE) for row in rows]
        self._limits = np.array(limits, dtype=np.float64)

    def __call__(self, quantised: NDArray[np.float64], block: NDArray[np.int64]) -> None:
        """Fill `block`, shape (options, 4), C-contiguous: the last three words are mark, vega and forward.

        The delta is the second int32 of the first word; the first one stays as it is.
        :class:`QuantizeError` for the first misfit; after one the block holds nothing of use.
        """
        if block.shape != (quantised.shape[1], _MARK_ROWS):
            raise ValueError(f"a chain of {quantised.shape[1]} fills no block of shape {block.shape}")
        if not engines.active().quantise(quantised, self._limits, block):
            self._careful(quantised)
            raise AssertionError("the kernel refused what fits")
