"""Observations: what they hold, and what is refused."""

import numpy as np
import pytest

from pricing.european import black76
from pricing.surface import SurfaceError, VolPoints
from pricing.surface.points import vega_weight

YEARS = np.array([0.1, 0.5])


def test_prices_become_volatilities_with_vega_weights() -> None:
    strike = np.array([90.0, 110.0, 100.0, 250.0])
    years, vol = np.array([0.1, 0.1, 0.5, 0.5]), np.array([0.5, 0.6, 0.7, 0.8])
    call = np.array([True, False, True, True])
    price = black76(100.0, strike, years, vol, call).price
    price[3] = np.nan
    points = VolPoints.from_prices(price, 100.0, strike, years, call)
    assert points.years == pytest.approx(YEARS)
    assert points.expiry.tolist() == [0, 0, 1, 1]
    assert points.vol[:3] == pytest.approx(vol[:3], rel=1e-12)
    assert np.isnan(points.vol[3])
    assert points.weight[3] == 0.0
    vega = black76(100.0, strike, years, vol, call).vega / 100.0
    assert points.weight[:3] == pytest.approx(vega[:3], rel=1e-10)


def test_the_weight_of_a_call_and_of_a_put_is_the_same() -> None:
    k = np.array([-0.5, 0.0, 0.4])
    put = black76(2.0, 2.0 * np.exp(k), 0.3, 0.6, False).vega / 2.0
    assert vega_weight(k, np.full(3, 0.3), np.full(3, 0.6)) == pytest.approx(put, rel=1e-12)


@pytest.mark.parametrize(
    ("years", "expiry", "k", "vol", "weight"),
    [
        ([0.5, 0.1], [0], [0.0], [0.5], [1.0]),
        ([0.0], [0], [0.0], [0.5], [1.0]),
        ([0.1], [1], [0.0], [0.5], [1.0]),
        ([0.1], [0], [np.inf], [0.5], [1.0]),
        ([0.1], [0], [0.0], [0.5], [-1.0]),
        ([0.1], [0, 0], [0.0], [0.5], [1.0]),
    ],
)
def test_what_does_not_fit_together_is_refused(
    years: list[float], expiry: list[int], k: list[float], vol: list[float], weight: list[float]
) -> None:
    with pytest.raises(SurfaceError):
        VolPoints.from_vols(years, expiry, k, vol, weight)


def test_weight_without_volatility_and_bad_importance_are_refused() -> None:
    one, none = np.ones(1), np.zeros(1)
    with pytest.raises(SurfaceError, match="needs a volatility"):
        VolPoints(one, np.zeros(1, np.intp), none, none * np.nan, one, none, one, none)
    with pytest.raises(SurfaceError, match="importance"):
        VolPoints(one, np.zeros(1, np.intp), none, one, one, none, one, none, none)
