"""SVI slices and surfaces: formulas, arbitrage checks, interpolation, the bound fast path."""

import math

import numpy as np
import pytest

from pricing.simulated_surface import simulated_surface
from pricing.surface import SurfaceError, SviSlice, SviSurface, check_all

GRID = np.linspace(-3.0, 3.0, 1201)
SLICE = SviSlice(years=0.25, a=0.01, b=0.1, rho=-0.3, m=0.02, sigma=0.15)


def test_total_variance_is_raw_svi() -> None:
    k = 0.1
    want = 0.01 + 0.1 * (-0.3 * (k - 0.02) + math.sqrt((k - 0.02) ** 2 + 0.15**2))
    assert SLICE.total_variance(k) == pytest.approx(want, rel=1e-15)
    assert SLICE.vol(k) == pytest.approx(math.sqrt(want / 0.25), rel=1e-15)


def test_derivatives_agree_with_differences() -> None:
    h = 1e-5
    w, first, second = SLICE.derivatives(GRID)
    up, down = SLICE.total_variance(GRID + h), SLICE.total_variance(GRID - h)
    assert (up - down) / (2 * h) == pytest.approx(first, abs=1e-8)
    assert (up - 2 * w + down) / (h * h) == pytest.approx(second, abs=1e-4)


def test_ssvi_parameters_give_the_ssvi_formula() -> None:
    theta, rho, phi = 0.04, -0.2, 3.0
    piece = SviSlice.from_ssvi(0.5, theta, rho, phi)
    want = 0.5 * theta * (1 + rho * phi * GRID + np.sqrt((phi * GRID + rho) ** 2 + 1 - rho**2))
    assert piece.total_variance(GRID) == pytest.approx(want, rel=1e-13)
    assert piece.total_variance(0.0) == pytest.approx(theta, rel=1e-14)


def test_the_butterfly_check_knows_a_smile_that_admits_arbitrage() -> None:
    # Axel Vogt's parameters, the standard example of a slice with negative density.
    vogt = SviSlice(years=1.0, a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, sigma=0.4153)
    assert not vogt.is_butterfly_free(np.linspace(-1.5, 1.5, 301))
    assert SLICE.is_butterfly_free(GRID)


@pytest.mark.parametrize(
    "parameters",
    [
        (0.0, 0.01, 0.1, 0.0, 0.0, 0.1),
        (0.5, 0.01, -0.1, 0.0, 0.0, 0.1),
        (0.5, 0.01, 0.1, 1.0, 0.0, 0.1),
        (0.5, 0.01, 0.1, 0.0, 0.0, 0.0),
        (0.5, -0.5, 0.1, 0.0, 0.0, 0.1),
        (0.5, math.nan, 0.1, 0.0, 0.0, 0.1),
    ],
)
def test_parameters_of_no_slice_are_refused(parameters: tuple[float, ...]) -> None:
    with pytest.raises(SurfaceError) as caught:
        SviSlice(*parameters)
    assert caught.value.code == "bad_surface"


def test_bad_ssvi_and_bad_surfaces_are_refused() -> None:
    with pytest.raises(SurfaceError):
        SviSlice.from_ssvi(0.5, -0.1, 0.0, 1.0)
    with pytest.raises(SurfaceError):
        SviSurface([])
    with pytest.raises(SurfaceError):
        SviSurface([SLICE, SLICE])
    with pytest.raises(SurfaceError, match="DOGE"):
        simulated_surface("DOGE")


def test_between_slices_total_variance_is_linear_in_time() -> None:
    surface = simulated_surface("BTC")
    near, far = surface.slices[3], surface.slices[4]
    middle = 0.25 * near.years + 0.75 * far.years
    want = 0.25 * near.total_variance(GRID) + 0.75 * far.total_variance(GRID)
    assert surface.total_variance(GRID, middle) == pytest.approx(want, rel=1e-12)
    for piece in surface.slices:
        assert surface.total_variance(GRID, piece.years) == pytest.approx(
            piece.total_variance(GRID), rel=1e-12
        )


def test_before_the_first_slice_the_smile_stays_after_the_last_the_volatility_at_the_money() -> None:
    surface = simulated_surface("ETH")
    first, last = surface.slices[0], surface.slices[-1]
    assert surface.vol(GRID, first.years / 7) == pytest.approx(first.vol(GRID), rel=1e-12)
    assert surface.vol(0.0, last.years * 2) == pytest.approx(last.vol(0.0), rel=1e-12)
    grown = surface.total_variance(GRID, last.years * 2) - last.total_variance(GRID)
    assert grown == pytest.approx(np.full(GRID.shape, last.total_variance(0.0)), rel=1e-12)
    assert surface.total_variance(0.1, 0.0) == 0.0


@pytest.mark.parametrize("underlying", ["BTC", "ETH"])
def test_the_simulated_market_is_free_of_static_arbitrage(underlying: str) -> None:
    surface = simulated_surface(underlying)
    assert all(piece.is_butterfly_free(GRID) for piece in surface.slices)
    assert surface.is_calendar_free(GRID)
    assert check_all(surface.slices).is_free  # and so for every k
    at_the_money = [float(piece.vol(0.0)) for piece in surface.slices]
    assert all(0.3 < vol < 0.9 for vol in at_the_money)


@pytest.mark.parametrize("underlying", ["BTC", "ETH"])
def test_interpolated_expiries_have_no_negative_density_either(underlying: str) -> None:
    """Prices convex in strike, by second differences, between slices and before the first."""
    from pricing.european import black76

    surface = simulated_surface(underlying)
    strike = np.linspace(0.5, 2.0, 601)
    for days in (0.5, 1.5, 4, 10, 20, 45, 75, 130, 270, 400):
        years = days / 365
        vol = surface.vol(np.log(strike), years)
        price = black76(1.0, strike, years, vol, True).price
        assert (np.diff(price, 2) > -1e-14).all(), days


def test_a_falling_term_structure_fails_the_calendar_check() -> None:
    later = SviSlice.from_ssvi(0.5, 0.02, 0.0, 1.0)
    earlier = SviSlice.from_ssvi(0.4, 0.03, 0.0, 1.0)
    assert not SviSurface([earlier, later]).is_calendar_free(GRID)


def test_the_bound_surface_follows_time_across_slices() -> None:
    surface = simulated_surface("BTC")
    expiry_of_option = np.array([0, 0, 1, 2, 2, 3])
    k = np.array([-0.1, 0.0, 0.2, -0.5, 0.5, 0.0])
    bound = surface.bind(expiry_of_option, np.array([0.001, 0.01, 0.2, 1.5]))
    for shrink in (1.0, 0.5, 0.1, 0.9):
        years = np.array([0.001, 0.01, 0.2, 1.5]) * shrink
        want = surface.total_variance(k, years[expiry_of_option])
        assert bound.total_variance(k, years) == pytest.approx(want, rel=1e-12)


def test_the_bound_arrays_are_what_a_kernel_needs() -> None:
    """The documented formula over the flat arrays gives the surface, before, between and after slices."""
    surface = simulated_surface("BTC")
    expiry_of_option = np.array([0, 0, 1, 2, 2, 3])
    k = np.array([-0.1, 0.0, 0.2, -0.5, 0.5, 0.0])
    years = np.array([0.001, 0.01, 0.2, 1.5])
    bound = surface.bind(expiry_of_option, years)
    assert not bound.follow(years * 0.999)
    assert bound.follow(years * 0.1)
    years = years * 0.1
    for table, k_of, y in (
        (bound.by_option, k, years[expiry_of_option]),
        (bound.by_expiry, k[[0, 2, 3, 5]], years),
    ):
        at = expiry_of_option if k_of is k else np.arange(4)
        a, b, rho, m, sigma_sq = table
        w = a + b * (rho * (k_of - m) + np.sqrt((k_of - m) ** 2 + sigma_sq))
        total = ((bound.base[:, at] + bound.slope[:, at] * y) * w).sum(axis=0)
        assert total == pytest.approx(surface.total_variance(k_of, y), rel=1e-12)
    for array in (bound.by_option, bound.by_expiry, bound.base, bound.slope):
        assert array.flags.c_contiguous
        assert array.dtype == np.float64


def test_an_aged_slice_keeps_its_volatilities_and_stays_free_of_butterflies() -> None:
    aged = SLICE.aged(0.1)
    assert aged.years == 0.1
    assert aged.vol(GRID) == pytest.approx(SLICE.vol(GRID), rel=1e-12)
    assert aged.is_butterfly_free(GRID)
    for years in (0.0, -0.1, 0.3):
        with pytest.raises(SurfaceError):
            SLICE.aged(years)
