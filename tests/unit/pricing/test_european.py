"""Black-76 against 400-digit decimals, and its documented edges."""

import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricing.european import Black76, black76, mills_difference, years_between
from tests.golden.pricing.make_black76 import greeks

GOLDEN = Path(__file__).parents[2] / "golden" / "pricing" / "black76.json"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
    return table


def column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows])


@pytest.mark.parametrize("field", Black76._fields)
def test_matches_decimal_arithmetic_to_six_parts_in_ten_trillion(
    rows: list[dict[str, Any]], field: str
) -> None:
    names = ("forward", "strike", "years", "vol", "is_call", "discount")
    got = getattr(black76(*(column(rows, name) for name in names)), field)
    checked = 0
    for row, value in zip(rows, got, strict=True):
        want = Decimal(str(row[field]))
        if abs(want) < Decimal("1e-290"):  # a double this small has few digits
            assert abs(value) < 1e-289
            continue
        checked += 1
        assert abs((Decimal(float(value)) - want) / want) < Decimal("6e-13"), row
    assert checked > 600


def test_the_golden_table_is_what_its_script_computes(rows: list[dict[str, Any]]) -> None:
    row = rows[123]
    again = greeks(*(row[name] for name in ("forward", "strike", "years", "vol", "is_call", "discount")))
    assert again == {name: row[name] for name in Black76._fields}


def test_arguments_broadcast() -> None:
    out = black76(100.0, np.array([[90.0], [100.0]]), np.array([0.1, 0.2, 0.3]), 0.5, True)
    assert all(part.shape == (2, 3) for part in out)
    assert black76(100.0, 90.0, 0.1, 0.5, False).price.shape == ()
    assert black76(np.empty(0), 1.0, 1.0, 1.0, True).price.shape == (0,)


def test_units_are_those_of_the_field() -> None:
    base = black76(100.0, 105.0, 0.25, 0.6, True)
    point = black76(100.0, 105.0, 0.25, 0.61, True).price - black76(100.0, 105.0, 0.25, 0.59, True).price
    assert point / 2 == pytest.approx(base.vega, rel=1e-4)
    day = black76(100.0, 105.0, 0.25 - 0.5 / 365, 0.6, True).price
    day -= black76(100.0, 105.0, 0.25 + 0.5 / 365, 0.6, True).price
    assert day == pytest.approx(base.theta, rel=1e-4)
    # Rho: the spot held, the forward and the discount moving with the rate.
    up, down = (
        black76(100.0 * math.exp(r * 0.25), 105.0, 0.25, 0.6, True, math.exp(-r * 0.25)).price
        for r in (0.005, -0.005)
    )
    assert up - down == pytest.approx(base.rho, rel=1e-4)
    bump = black76(100.01, 105.0, 0.25, 0.6, True).delta - black76(99.99, 105.0, 0.25, 0.6, True).delta
    assert bump / 0.02 == pytest.approx(base.gamma, rel=1e-4)


def test_theta_of_a_discounted_option_includes_the_discounting() -> None:
    rate = 0.05

    def price(years: float) -> float:
        return float(black76(100.0, 80.0, years, 0.4, True, math.exp(-rate * years)).price)

    theta = black76(100.0, 80.0, 0.5, 0.4, True, math.exp(-rate * 0.5)).theta
    assert price(0.5 - 0.5 / 365) - price(0.5 + 0.5 / 365) == pytest.approx(float(theta), rel=1e-5)


@pytest.mark.parametrize(("years", "vol"), [(0.0, 0.5), (-1.0, 0.5), (0.5, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize(
    ("strike", "is_call", "price", "delta"),
    [
        (90.0, True, 10.0, 1.0),
        (90.0, False, 0.0, 0.0),
        (110.0, True, 0.0, 0.0),
        (110.0, False, 10.0, -1.0),
        (100.0, True, 0.0, 0.5),
        (100.0, False, 0.0, -0.5),
    ],
)
def test_at_expiry_or_without_volatility_the_intrinsic_value_is_left(
    years: float, vol: float, strike: float, is_call: bool, price: float, delta: float
) -> None:
    out = black76(100.0, strike, years, vol, is_call)
    assert [float(part) for part in (out.price, out.delta, out.gamma, out.theta)] == [price, delta, 0.0, 0.0]
    if strike != 100.0 or years <= 0.0:
        assert out.vega == 0.0
    else:
        assert out.vega == pytest.approx(black76(100.0, 100.0, years, 1e-9, is_call).vega)
    assert out.rho == pytest.approx(0.01 * strike * max(years, 0.0) * delta)


@pytest.mark.parametrize(
    "arguments",
    [
        (math.nan, 100.0, 0.5, 0.5),
        (100.0, math.nan, 0.5, 0.5),
        (100.0, 100.0, math.nan, 0.5),
        (100.0, 100.0, 0.5, math.nan),
        (math.inf, 100.0, 0.5, 0.5),
        (100.0, 100.0, 0.5, math.inf),
        (0.0, 100.0, 0.5, 0.5),
        (-1.0, 100.0, 0.5, 0.5),
        (100.0, 100.0, 0.5, -0.1),
        (100.0, 100.0, 0.5, 0.5, 0.0),
        (100.0, 100.0, 0.5, 0.5, math.nan),
    ],
)
def test_senseless_arguments_give_nan_in_every_field_and_no_warning(arguments: tuple[float, ...]) -> None:
    forward, strike, years, vol, *discount = arguments
    assert all(np.isnan(part) for part in black76(forward, strike, years, vol, True, *discount))


def test_a_bad_entry_leaves_its_neighbours_alone() -> None:
    mixed = black76(100.0, np.array([90.0, math.nan, 110.0]), np.array([0.5, 0.5, 0.0]), 0.5, True)
    alone = black76(100.0, 90.0, 0.5, 0.5, True)
    assert [part[0] for part in mixed] == pytest.approx([float(part) for part in alone], rel=1e-14)
    assert np.isnan(mixed.price[1])
    assert mixed.price[2] == 0.0


def test_extreme_arguments_neither_warn_nor_overflow() -> None:
    out = black76([1e-300, 1e300, 1e-5], [1e300, 1e-300, 1e5], [1e-12, 1e3, 1.0], [1e-6, 50.0, 1e3], True)
    assert np.isfinite(out.price).all()
    assert out.price[0] == 0.0
    assert out.price[1] == 1e300


@pytest.mark.parametrize("z", [0.0, 0.5, 4.0, 20.0])
def test_the_series_of_the_mills_difference_joins_the_plain_difference(z: float) -> None:
    below, above = mills_difference(np.array([z, z]), np.array([0.05 * (1 - 1e-12), 0.05]))
    assert below == pytest.approx(above, rel=1e-10)


def test_a_year_is_365_days_of_milliseconds() -> None:
    assert years_between(1_000, 1_000 + 365 * 86_400_000) == 1.0
    assert years_between([0, 10], [5, 5]).tolist() == [5 / 31_536_000_000, -5 / 31_536_000_000]
