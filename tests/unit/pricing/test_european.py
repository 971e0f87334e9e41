"""Black-76 on every engine: against 80 and 400 digits, its conventions, and its documented edges."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pricing import engines
from pricing.european import Black76, SecondOrder, black76, black76_second_order, years_between
from tests.golden.pricing.make_black76 import greeks
from tests.unit.pricing.engine_choice import ENGINES, using
from tests.unit.pricing.hard_grid import FIRST, SECOND, Options, grid_truth, truth

GOLDEN = Path(__file__).parents[2] / "golden" / "pricing" / "black76.json"
ERROR_MAX = {"numpy": 5e-13, "numba": 1e-14}


@pytest.fixture(autouse=True, params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    with using(request.param):
        yield request.param


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
    return table


def column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows])


def worst(thorough: bool) -> dict[str, float]:
    options, want = grid_truth(thorough=thorough)
    got = black76(*options)._asdict() | black76_second_order(*options)._asdict()
    assert not any(np.isnan(values).any() for values in got.values())
    return {field: float(want[field].relative_error(got[field]).max()) for field in (*FIRST, *SECOND)}


def test_price_and_every_greek_on_the_hard_grid(engine: str) -> None:
    errors = worst(thorough=False)
    assert max(errors.values()) < ERROR_MAX[engine], errors


@pytest.mark.slow
def test_price_and_every_greek_on_twenty_thousand_points_more(engine: str) -> None:
    errors = worst(thorough=True)
    assert max(errors.values()) < ERROR_MAX[engine], errors


@pytest.mark.parametrize("field", Black76._fields)
def test_matches_decimal_arithmetic_with_discounting_too(
    rows: list[dict[str, Any]], field: str, engine: str
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
        assert abs((Decimal(float(value)) - want) / want) < Decimal(ERROR_MAX[engine]), row
    assert checked > 600


def test_the_golden_table_is_what_its_script_computes(rows: list[dict[str, Any]]) -> None:
    row = rows[123]
    again = greeks(*(row[name] for name in ("forward", "strike", "years", "vol", "is_call", "discount")))
    assert again == {name: row[name] for name in Black76._fields}


def test_an_option_is_priced_alike_alone_and_among_many() -> None:
    """Blocks, their last part and one option alone: the same to rounding."""
    random = np.random.default_rng(5)
    count = 25_003
    strike = 100.0 * np.exp(random.normal(size=count))
    vol = random.uniform(0.05, 2.0, count)
    years = random.uniform(0.001, 3.0, count)
    many = black76(100.0, strike, years, vol, strike > 90.0)
    for index in (0, 1, 10_239, 10_240, 25_000, 25_002):
        one = black76(100.0, strike[index], years[index], vol[index], strike[index] > 90.0)
        alone = [float(part) for part in one]
        assert [part[index] for part in many] == pytest.approx(alone, rel=1e-12, abs=0.0)


def test_arguments_broadcast() -> None:
    out = black76(100.0, np.array([[90.0], [100.0]]), np.array([0.1, 0.2, 0.3]), 0.5, True)
    assert all(part.shape == (2, 3) for part in out)
    assert black76(100.0, 90.0, 0.1, 0.5, False).price.shape == ()
    assert black76(np.empty(0), 1.0, 1.0, 1.0, True).price.shape == (0,)
    assert black76(100.0, 90.0, 0.1, 0.5, False, [0.9, 0.8]).price.shape == (2,)
    assert black76_second_order(100.0, 90.0, [0.1, 0.2], 0.5, [[True], [False]]).charm.shape == (2, 2)


def test_arrays_of_any_kind_and_order_are_taken() -> None:
    strike = np.arange(80, 120, dtype=np.int32)
    want = black76(100.0, strike.astype(float), 0.5, 0.4, True)
    assert np.array_equal(black76(100, strike, [0.5], 0.4, 1).price, want.price)
    table = np.asfortranarray(strike.reshape(8, 5).astype(float))
    turned = black76(100.0, table, 0.5, 0.4, True)
    assert turned.price == pytest.approx(want.price.reshape(8, 5), rel=1e-15)
    every_other = black76(100.0, strike.astype(float)[::2], 0.5, 0.4, True)
    assert every_other.price == pytest.approx(want.price[::2], rel=1e-14, abs=0.0)


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


@pytest.mark.parametrize("is_call", [True, False])
def test_second_order_greeks_are_the_slopes_of_the_first(is_call: bool) -> None:
    rate = 0.07

    def at(vol: float, years: float) -> Black76:
        return black76(100.0, 108.0, years, vol, is_call, math.exp(-rate * years))

    got = black76_second_order(100.0, 108.0, 0.25, 0.6, is_call, math.exp(-rate * 0.25))
    up, down = at(0.605, 0.25), at(0.595, 0.25)
    assert float(up.delta - down.delta) == pytest.approx(float(got.vanna), rel=1e-4)
    assert float(up.vega - down.vega) == pytest.approx(float(got.volga), rel=1e-3)
    later, sooner = at(0.6, 0.25 - 0.05 / 365), at(0.6, 0.25 + 0.05 / 365)
    assert float(later.delta - sooner.delta) / 0.1 == pytest.approx(float(got.charm), rel=1e-4)


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
    second = black76_second_order(100.0, strike, years, vol, is_call)
    assert second.volga == second.charm == 0.0
    nearly = black76_second_order(100.0, strike, max(years, 0.0), 1e-9, is_call).vanna
    assert second.vanna == pytest.approx(float(nearly))


def test_nothing_left_to_chance_is_discounted_like_the_rest() -> None:
    out = black76(100.0, 90.0, 0.5, 0.0, True, 0.9)
    rate_day = -math.log(0.9) / 0.5 / 365
    assert [float(part) for part in out] == pytest.approx(
        [9.0, 0.9, 0.0, 0.0, rate_day * 9.0, 0.01 * 90.0 * 0.5 * 0.9]
    )
    assert float(black76(100.0, 90.0, 0.0, 0.5, True, 0.9).theta) == 0.0


@pytest.mark.parametrize("years", [0.0, 0.5])
@pytest.mark.parametrize("vol", [0.0, 0.5])
def test_a_strike_of_zero_or_infinity_has_its_limit(years: float, vol: float) -> None:
    def fields(strike: float, is_call: bool) -> list[float]:
        return [float(part) for part in black76(100.0, strike, years, vol, is_call)]

    assert fields(0.0, True) == [100.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    assert fields(0.0, False) == [0.0] * 6
    assert fields(math.inf, True) == [0.0] * 6
    assert fields(math.inf, False) == [math.inf, -1.0, 0.0, 0.0, 0.0, -math.inf if years else 0.0]
    for strike in (0.0, math.inf):
        assert [float(part) for part in black76_second_order(100.0, strike, years, vol, True)] == [0.0] * 3


def test_a_strike_of_zero_or_infinity_is_discounted_too() -> None:
    rate_day = -math.log(0.9) / 0.5 / 365
    call = [float(part) for part in black76(100.0, 0.0, 0.5, 0.5, True, 0.9)]
    assert call == pytest.approx([90.0, 0.9, 0.0, 0.0, rate_day * 90.0, 0.0])
    put = [float(part) for part in black76(100.0, math.inf, 0.5, 0.5, False, 0.9)]
    assert put == [math.inf, -0.9, 0.0, 0.0, math.inf, -math.inf]


@pytest.mark.parametrize(
    "arguments",
    [
        (math.nan, 100.0, 0.5, 0.5),
        (100.0, math.nan, 0.5, 0.5),
        (100.0, 100.0, math.nan, 0.5),
        (100.0, 100.0, 0.5, math.nan),
        (math.inf, 100.0, 0.5, 0.5),
        (100.0, 100.0, math.inf, 0.5),
        (100.0, 100.0, -math.inf, 0.5),
        (100.0, 100.0, 0.5, math.inf),
        (0.0, 100.0, 0.5, 0.5),
        (-1.0, 100.0, 0.5, 0.5),
        (-1.0, -1.0, 0.5, 0.5),
        (100.0, -1e-300, 0.5, 0.5),
        (100.0, 100.0, 0.5, -0.1),
        (100.0, 100.0, 0.5, 0.5, 0.0),
        (100.0, 100.0, 0.5, 0.5, -0.9),
        (100.0, 100.0, 0.5, 0.5, math.inf),
        (100.0, 100.0, 0.5, 0.5, math.nan),
    ],
)
@pytest.mark.parametrize("company", [0, 3])
def test_senseless_arguments_give_nan_in_every_field_and_no_warning(
    arguments: tuple[float, ...], company: int
) -> None:
    forward, strike, years, vol, *discount = arguments
    first = np.full(1 + company, 100.0)
    first[0] = forward
    out = black76(first, strike, years, vol, True, *discount)
    assert all(np.isnan(part[0]) for part in out)
    second = black76_second_order(first, strike, years, vol, True, *discount)
    assert all(np.isnan(part[0]) for part in second)


def test_a_bad_entry_leaves_its_neighbours_alone() -> None:
    strike = np.array([90.0, math.nan, 110.0, 95.0, 95.0])
    years = np.array([0.5, 0.5, 0.0, 1e-9, 0.5])
    vol = np.array([0.5, 0.5, 0.5, 1e-160, 1e-160])
    mixed = black76(100.0, strike, years, vol, True)
    alone = black76(100.0, 90.0, 0.5, 0.5, True)
    assert [part[0] for part in mixed] == pytest.approx([float(part) for part in alone], rel=1e-14, abs=0.0)
    assert np.isnan(mixed.price[1])
    assert mixed.price[2] == 0.0
    assert mixed.price[3] == mixed.price[4] == 5.0
    second = black76_second_order(100.0, strike, years, vol, True)
    assert np.isnan(second.vanna).tolist() == [False, True, False, False, False]


def test_extreme_arguments_neither_warn_nor_overflow() -> None:
    out = black76([1e-300, 1e300, 1e-5], [1e300, 1e-300, 1e5], [1e-12, 1e3, 1.0], [1e-6, 50.0, 1e3], True)
    assert np.isfinite(out.price).all()
    assert out.price[0] == 0.0
    assert out.price[1] == 1e300


def test_a_standard_deviation_beyond_the_doubles_gives_the_bound() -> None:
    first = black76(
        100.0, [90.0, 90.0, 100.0], [1e150, 1.0, 1e200], [1e300, 1.7e308, 1e250], [True, False, True]
    )
    assert first.price.tolist() == [100.0, 90.0, 100.0]
    assert first.delta.tolist() == [1.0, 0.0, 1.0]
    assert not np.concatenate(first[2:5]).any()
    assert not np.concatenate(black76_second_order(100.0, 90.0, [1e150, 1e300], 1e300, True)).any()


def test_volga_keeps_its_digits_where_its_factors_leave_the_doubles() -> None:
    """At the money at a small deviation it is -1e-4 F phi(0) T^(3/2) vol / 4."""
    got = black76_second_order(1e300, 1e300, 1e150, 1e-300, True).volga
    assert float(got) == pytest.approx(-0.25e-4 / math.sqrt(2.0 * math.pi) * 1e225, rel=1e-13)


def test_sizes_beyond_the_ordinary_keep_their_digits() -> None:
    """Prices scale with forward and strike even where an engine hands over to the common code."""
    for scale in (2.0**-900, 2.0**-340, 2.0**340, 2.0**900):
        for strike, is_call in ((70.0, True), (100.0, False), (140.0, True)):
            small = black76(100.0, strike, 0.5, 0.4, is_call)
            large = black76(100.0 * scale, strike * scale, 0.5, 0.4, is_call)
            for got, want in zip(large, small, strict=True):
                if got is not large.gamma and got is not large.delta:
                    assert float(got / scale) == pytest.approx(float(want), rel=1e-12, abs=0.0)
            assert float(large.delta) == pytest.approx(float(small.delta), rel=1e-12, abs=0.0)


def test_total_volatility_alone_decides_the_price() -> None:
    """Time and volatility of absurd size, the same vol * sqrt(years): also where squares would overflow."""
    want = black76(100.0, 130.0, 1.0, 0.5, True)
    for power in (-120, -40, 40, 120):
        got = black76(100.0, 130.0, 10.0 ** (2 * power), 0.5 * 10.0**-power, True)
        assert float(got.price) == pytest.approx(float(want.price), rel=1e-12, abs=0.0)
        assert float(got.gamma) == pytest.approx(float(want.gamma), rel=1e-12, abs=0.0)


def test_strikes_absurdly_far_away_keep_their_digits() -> None:
    """ln(F/K) in the hundreds and a volatility to match: beyond what engines take for ordinary."""
    log_strike = np.array([-400.0, -230.5, -100.0, 100.0, 230.5, 400.0])
    strike = np.exp(log_strike)
    vol = np.full(6, 20.0)
    is_call = np.array([True, False] * 3)
    got = black76(1.0, strike, 1.0, vol, is_call)
    want = truth(Options(np.ones(6), strike, np.ones(6), vol, is_call))
    for field in FIRST:
        assert want[field].relative_error(getattr(got, field)).max() < 1e-12, field


def test_engines_agree_on_edges_to_the_bit() -> None:
    values = [math.nan, -math.inf, -1.0, 0.0, 1e-320, 1e-200, 0.3, 100.0, 1e200, math.inf]
    forward, strike, years, vol = (part.ravel() for part in np.meshgrid(values, values, values, values))
    odd = ~((forward == 100.0) & np.isin(strike, (0.3, 100.0)))
    got = []
    for name in ENGINES:
        engines.select(name)
        out = black76(forward[odd], strike[odd], years[odd], vol[odd], np.arange(odd.sum()) % 2 == 0, 0.9)
        got.append(np.stack(out))
    ordinary = np.all([(part >= 1e-100) & (part <= 1e100) for part in (forward, strike, years, vol)], axis=0)
    for other in got[1:]:
        same = (got[0] == other) | (np.isnan(got[0]) & np.isnan(other))
        assert same[:, ~ordinary[odd]].all()


def test_results_are_plain_tuples_of_arrays() -> None:
    out = black76(100.0, [90.0, 110.0], 0.5, 0.5, True)
    assert Black76._fields == FIRST
    assert SecondOrder._fields == SECOND
    assert all(type(part) is np.ndarray and part.dtype == np.float64 for part in out)


def test_a_year_is_365_days_of_milliseconds() -> None:
    assert years_between(1_000, 1_000 + 365 * 86_400_000) == 1.0
    assert years_between([0, 10], [5, 5]).tolist() == [5 / 31_536_000_000, -5 / 31_536_000_000]
