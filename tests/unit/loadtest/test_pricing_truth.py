from __future__ import annotations

import mpmath
import numpy as np
import pytest

from loadtest.pricing_truth import PRICE_MIN, Point, exact, hard_points, relative_errors, solve
from pricing import black76


def quiet(done: int, total: int) -> None:
    """No progress shown."""


def test_the_grid_reaches_every_corner_of_the_bars() -> None:
    points = hard_points()
    k = np.array([np.log(point.strike / point.forward) for point in points])
    years, vol = np.array([point.years for point in points]), np.array([point.vol for point in points])
    assert k.min() == pytest.approx(-5.0)
    assert k.max() == pytest.approx(5.0)
    assert (k == 0.0).any()
    assert sum(1e-13 < abs(x) < 2e-12 for x in k) > 100
    assert years.min() * 525_600 == pytest.approx(1.0)
    assert years.max() == pytest.approx(5.0)
    assert (vol.min(), vol.max()) == (pytest.approx(0.001), pytest.approx(10.0))
    assert len(hard_points(thinned=100)) == -(-len(points) // 100)


def test_at_the_money_the_price_is_what_the_closed_form_says() -> None:
    with mpmath.workdps(65):
        call, put = exact(Point(100.0, 100.0, 1.0, 0.5))
        expected = 100 * mpmath.erf(mpmath.mpf("0.25") / mpmath.sqrt(2))
        assert mpmath.almosteq(call[0], expected, rel_eps=mpmath.mpf(10) ** -60)
        assert mpmath.almosteq(call[0], put[0], rel_eps=mpmath.mpf(10) ** -60)
        assert mpmath.almosteq(call[1] - put[1], 1, rel_eps=mpmath.mpf(10) ** -60)


def test_greeks_are_the_slopes_of_the_price() -> None:
    with mpmath.workdps(65):
        forward, strike, years, vol = (mpmath.mpf(each) for each in ("100", "120", "0.5", "0.4"))

        def call(f: mpmath.mpf, y: mpmath.mpf, v: mpmath.mpf) -> mpmath.mpf:
            return exact(Point(f, strike, y, v))[0][0]

        values = exact(Point(forward, strike, years, vol))[0]
        slopes = (
            mpmath.diff(lambda f: call(f, years, vol), forward),
            mpmath.diff(lambda f: call(f, years, vol), forward, 2),
            mpmath.diff(lambda v: call(forward, years, v), vol) / 100,
            -mpmath.diff(lambda y: call(forward, y, vol), years) / 365,
        )
        for found, slope in zip(values[1:5], slopes, strict=True):
            assert mpmath.almosteq(found, slope, rel_eps=mpmath.mpf(10) ** -18)
        assert mpmath.almosteq(values[6], vol * slopes[2] * 100 / values[0], rel_eps=mpmath.mpf(10) ** -18)


def test_both_engines_would_be_judged_on_options_worth_something() -> None:
    steps: list[tuple[int, int]] = []
    options, truth = solve(hard_points(thinned=60), lambda done, total: steps.append((done, total)))
    assert (truth.price >= PRICE_MIN).all()
    assert truth.price.size == options.vol.size > 100
    assert (truth.condition >= 1.0).all()
    assert steps[0][0] == 0
    assert steps[-1][0] == steps[-1][1]
    assert relative_errors(black76(*options[:5]).price, truth.price).max() < 1e-11
    chosen = truth.at(np.array([1, 3]))
    assert chosen.vega.tolist() == [truth.vega[1], truth.vega[3]]


def test_an_error_is_infinite_without_an_answer_and_none_where_nothing_can_be_told() -> None:
    found = np.array([1.0, np.nan, np.inf, 5.0, 0.0])
    exactly = np.array([2.0, 1.0, 1.0, 1e-291, 1.0])
    assert relative_errors(found, exactly).tolist() == [0.5, np.inf, np.inf, 0.0, 1.0]
