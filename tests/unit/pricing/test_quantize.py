"""The float to integer door: named rounding, ranges, refusals."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pricing import engines
from pricing.quantize import (
    MAX_EXACT,
    Integers,
    MarkQuantizer,
    QuantizeError,
    Row,
    RowQuantizer,
    ceil_units,
    floor_units,
    half_away_units,
    half_even_units,
    micro_scalar,
)

ALL = (floor_units, ceil_units, half_even_units, half_away_units)


def test_each_rounding_does_what_it_is_called() -> None:
    values = [-2.5, -1.5, -0.2, 0.2, 0.5, 1.5, 2.5]
    assert floor_units(values, 1).tolist() == [-3, -2, -1, 0, 0, 1, 2]
    assert ceil_units(values, 1).tolist() == [-2, -1, 0, 1, 1, 2, 3]
    assert half_even_units(values, 1).tolist() == [-2, -2, 0, 0, 0, 2, 2]
    assert half_away_units(values, 1).tolist() == [-3, -2, 0, 0, 1, 2, 3]


def test_half_away_does_not_lift_what_lies_just_below_one_half() -> None:
    assert half_away_units(math.nextafter(0.5, 0.0), 1) == 0


@pytest.mark.parametrize("function", ALL)
def test_results_are_int64_of_the_same_shape(function: Callable[..., Integers]) -> None:
    out = function(np.array([[1.25, 2.0], [0.0, -3.5]]), 4)
    assert out.dtype == np.int64
    assert out.tolist() == [[5, 8], [0, -14]]


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (math.nan, "not_finite"),
        (math.inf, "not_finite"),
        (-math.inf, "not_finite"),
        (1e300, "out_of_range"),
        (1.8e308, "not_finite"),
        (10.1, "out_of_range"),
        (-5.1, "out_of_range"),
    ],
)
def test_what_has_no_integer_in_range_is_refused(
    function: Callable[..., Integers], bad: float, code: str
) -> None:
    with pytest.raises(QuantizeError) as caught:
        function([1.0, bad, 2.0], 1_000_000, low=-5_000_000, high=10_000_000, name="mark_micro")
    assert isinstance(caught.value, ValueError)
    assert (caught.value.code, caught.value.name, caught.value.position) == (code, "mark_micro", 1)


def test_the_range_is_inclusive_and_applies_after_rounding() -> None:
    assert half_even_units([9.4, 10.4], 1, high=10).tolist() == [9, 10]
    with pytest.raises(QuantizeError):
        half_even_units(10.6, 1, high=10)
    assert half_even_units(float(MAX_EXACT), 1) == MAX_EXACT
    with pytest.raises(QuantizeError):
        half_even_units(float(MAX_EXACT + 2), 1)


def test_a_range_a_double_cannot_hold_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="2\\*\\*53"):
        floor_units(1.0, 1, high=1 << 60)
    with pytest.raises(ValueError, match="2\\*\\*53"):
        RowQuantizer([Row("x", 1, 0, 1 << 60)])


def test_a_scalar_price_in_micro_units() -> None:
    assert micro_scalar(43_210.1234564, low=1, high=1 << 42, name="index_micro") == 43_210_123_456


def test_a_table_is_quantised_row_by_row() -> None:
    rows = RowQuantizer([Row("mark", 1_000_000, 0, 1 << 42), Row("delta", 10**9, -(10**9), 10**9)])
    table = np.array([[1.2345678, 0.0], [-1.0, 0.1234567894]])
    assert rows(table).tolist() == [[1_234_568, 0], [-1_000_000_000, 123_456_789]]
    for row, column, bad, code in ((0, 1, -0.1, "out_of_range"), (1, 0, math.nan, "not_finite")):
        spoiled = table.copy()
        spoiled[row, column] = bad
        with pytest.raises(QuantizeError) as caught:
            rows(spoiled)
        assert (caught.value.code, caught.value.position) == (code, column)
        assert caught.value.name == ("mark", "delta")[row]


# --- a chain's block --------------------------------------------------------------------------------

ROWS = (
    Row("delta", 10**9, -(10**9), 10**9),
    Row("mark", 1_000_000, 0, 10**12),
    Row("vega", 1_000_000, 0, 10**9),
    Row("forward", 1_000_000, 1, 10**12),
)
ENGINES = ("numpy", "numba") if engines.numba_installed() else ("numpy",)
BLOCK = np.dtype([("id", "<u4"), ("delta", "<i4"), ("mark", "<i8"), ("vega", "<i8"), ("forward", "<i8")])


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    before = engines.current()
    yield engines.select(request.param)
    engines.select(before)


def fill(table: Sequence[Sequence[float]], rows: Sequence[Row] = ROWS) -> NDArray[np.void]:
    block = np.zeros(len(table[0]), dtype=BLOCK)
    block["id"] = np.arange(block.size) + 0xFFFF_FFF0
    MarkQuantizer(rows)(np.array(table), block.view(np.int64).reshape(-1, 4))
    return block


def test_a_block_is_rounded_to_the_nearest_ties_to_even(engine: str) -> None:
    block = fill(
        [
            [0.25, -1.0, 1.0],
            [2.5e-6, 3.5e-6, 7.0000004],
            [0.0, 1.5e-6, 0.4e-6],
            [98_000.25, 98_001.0000005, 98_000.25],
        ]
    )
    assert block["mark"].tolist() == [2, 4, 7_000_000]
    assert block["delta"].tolist() == [250_000_000, -1_000_000_000, 1_000_000_000]
    assert block["vega"].tolist() == [0, 2, 0]
    assert block["forward"].tolist() == [98_000_250_000, 98_001_000_000, 98_000_250_000]
    assert block["id"].tolist() == [0xFFFF_FFF0, 0xFFFF_FFF1, 0xFFFF_FFF2]
    assert fill([[], [], [], []]).size == 0


MOST = (1 << 51) - 1


@given(st.lists(st.tuples(*[st.floats(-MOST, MOST)] * 4), min_size=1))
def test_a_block_holds_what_rounding_one_by_one_gives(values: list[tuple[float, ...]]) -> None:
    wide = (Row(name, 1, -MOST, MOST) for name in ("mark", "vega", "forward"))
    rows = [Row("delta", 1, -(10**9), 10**9), *wide]
    table = [[math.fmod(row[0], 1e9) for row in values], *([row[i] for row in values] for i in (1, 2, 3))]
    before = engines.current()
    try:
        for name in ENGINES:
            engines.select(name)
            block = fill(table, rows)
            for field, row in zip(("delta", "mark", "vega", "forward"), table, strict=True):
                assert block[field].tolist() == [round(value) for value in row]
    finally:
        engines.select(before)


@pytest.mark.parametrize(
    ("row", "value", "code"),
    [
        (0, 1.001, "out_of_range"), (0, 3e15, "out_of_range"), (1, math.nan, "not_finite"),
        (1, -1e-3, "out_of_range"), (1, 1e7, "out_of_range"), (1, -1e300, "out_of_range"),
        (2, math.inf, "not_finite"), (2, -math.inf, "not_finite"), (3, 0.0, "out_of_range"),
        (3, math.nan, "not_finite"),
    ],
)  # fmt: skip
def test_a_misfit_in_a_block_is_told(engine: str, row: int, value: float, code: str) -> None:
    table = [[0.5, 0.5], [1.0, 1.0], [1.0, 1.0], [100.0, 100.0]]
    table[row][1] = value
    with pytest.raises(QuantizeError) as caught:
        fill(table)
    assert (caught.value.code, caught.value.position) == (code, 1)
    assert caught.value.name == ROWS[row].name


def test_a_block_needs_four_rows_of_moderate_range() -> None:
    with pytest.raises(ValueError, match="four rows"):
        MarkQuantizer(ROWS[:3])
    for number, bound in ((0, 1 << 31), (1, 1 << 51), (3, 1 << 51)):
        rows = list(ROWS)
        rows[number] = rows[number]._replace(high=bound)
        with pytest.raises(ValueError, match=f"{rows[number].name}.*{bound}"):
            MarkQuantizer(rows)
    with pytest.raises(ValueError, match=r"chain of 2 .*\(3, 4\)"):
        MarkQuantizer(ROWS)(np.ones((4, 2)), np.zeros((3, 4), dtype=np.int64))
