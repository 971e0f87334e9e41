"""The float to integer door: named rounding, ranges, refusals."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from pricing.quantize import (
    MAX_EXACT,
    Integers,
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
