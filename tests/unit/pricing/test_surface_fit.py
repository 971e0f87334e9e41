"""Fits: the real chain within its bars, free of arbitrage over all k; thin, wild and one-sided quotes."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.surface import (
    EssviSlice,
    SurfaceError,
    SviSlice,
    VolPoints,
    check_all,
    check_between,
    check_butterfly,
    check_calendar,
    fit,
    fit_independent,
)
from pricing.surface.fitting import rising_means
from pricing.surface.points import vega_weight
from tests.unit.pricing.real_chain import real_chain
from tests.unit.pricing.surface_strategies import free_essvi

GRID = np.linspace(-1.5, 1.5, 3001)


def error_bp(points: VolPoints, slices: list[SviSlice]) -> np.ndarray:
    """Vega-weighted mean absolute difference by expiry, counted without the library's own figures."""
    out = []
    for i, piece in enumerate(slices):
        here = (points.expiry == i) & np.isfinite(points.vol)
        off = np.abs(piece.vol(points.k[here]) - points.vol[here])
        out.append(1e4 * np.average(off, weights=points.weight[here]))
    return np.array(out)


def sample(slices: list[SviSlice], count: int = 9, noise: float = 0.0, seed: int = 1) -> VolPoints:
    """Volatilities of known slices across three standard deviations."""
    random = np.random.default_rng(seed)
    years = np.array([piece.years for piece in slices])
    steps = np.linspace(-2.5, 2.0, count)
    k = np.concatenate([steps * math.sqrt(float(p.total_variance(0.0))) for p in slices])
    vol = np.concatenate([p.vol(x) for p, x in zip(slices, k.reshape(len(slices), -1), strict=True)])
    expiry = np.repeat(np.arange(years.size), count)
    return VolPoints.from_vols(years, expiry, k, vol + noise * random.normal(size=k.size))


# --- the real chain ----------------------------------------------------------------------------------


def test_separate_fits_of_the_real_chain_are_close_and_cross() -> None:
    points = real_chain().mark_points()
    slices = fit_independent(points)
    errors = error_bp(points, slices)
    assert np.median(errors) < 47.0
    assert errors.max() < 100.0
    assert check_butterfly(slices, within=1.5).is_free
    assert not check_calendar(slices, within=1.5).is_free  # why the joint fit is needed


def test_the_joint_fit_of_the_real_chain_meets_its_bars() -> None:
    points = real_chain().mark_points()
    made = fit(points)
    slices = list(made.surface.slices)
    assert made.method == "svi"
    assert (points.years.size, int(np.isfinite(points.vol).sum())) == (11, 682)
    errors = error_bp(points, slices)
    assert made.error_bp == pytest.approx(errors, rel=1e-9)
    assert np.median(errors) < 32.0
    assert errors.max() < 60.0
    off = np.abs(made.residual[np.isfinite(points.vol)])
    assert np.median(off) < 0.0060  # over instruments, unweighted
    # Not a hair of arbitrage: exactly, over all k, and on a plain grid of the range asked for.
    assert made.arbitrage.is_free
    assert check_all(slices).is_free
    assert min(piece.density_factor(GRID).min() for piece in slices) > 0.0
    assert np.diff([piece.total_variance(GRID) for piece in slices], axis=0).min() > 0.0
    assert all(piece.least_variance > 0.0 for piece in slices)
    assert all(piece.lee_slope < 2.0 for piece in slices)


def test_root_mean_squares_meet_the_bar_too() -> None:
    points = real_chain().mark_points()
    made = fit(points)
    by_expiry = []
    for i in range(points.years.size):
        here = (points.expiry == i) & np.isfinite(points.vol)
        by_expiry.append(1e4 * np.sqrt(np.average(made.residual[here] ** 2, weights=points.weight[here])))
    assert np.median(by_expiry) < 60.0


def test_essvi_fits_the_real_chain_coarsely_and_without_arbitrage() -> None:
    points = real_chain().mark_points()
    made = fit(points, method="essvi")
    assert made.method == "essvi"
    assert made.arbitrage.is_free
    assert made.median_error_bp < 120.0
    pieces = [EssviSlice.from_raw(piece) for piece in made.surface.slices]
    assert all(piece.is_butterfly_free() for piece in pieces)
    assert all(b.is_calendar_free_after(a) for a, b in itertools.pairwise(pieces))


# --- known smiles ------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(free_essvi(), st.floats(0.0, 0.03), st.integers(0, 100))
def test_fits_of_noisy_smiles_are_free_of_arbitrage(
    slices: list[EssviSlice], noise: float, seed: int
) -> None:
    raw = [piece.raw() for piece in slices]
    least = min(float(piece.vol(0.0)) for piece in raw)
    made = fit(sample(raw, noise=noise * least, seed=seed))
    assert made.arbitrage.is_free
    assert check_all(made.surface.slices).is_free


def test_clean_smiles_are_found_again() -> None:
    slices = [EssviSlice(0.1, 0.02, -0.3, 0.3).raw(), EssviSlice(0.5, 0.1, -0.25, 0.6).raw()]
    points = sample(slices, count=25)
    made = fit(points)
    assert made.error_bp.max() < 5.0
    for want, got in zip(slices, made.surface.slices, strict=True):
        k = np.linspace(-2.0, 1.5, 15) * math.sqrt(float(want.total_variance(0.0)))
        assert got.vol(k) == pytest.approx(want.vol(k), rel=0.01)


def test_a_smile_with_arbitrage_is_fitted_without() -> None:
    vogt = SviSlice(1.0, -0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
    k = np.linspace(-1.5, 1.5, 41)
    points = VolPoints.from_vols([1.0], np.zeros(41, int), k, vogt.vol(k), np.ones(41))
    assert not check_butterfly(fit_independent(points)).is_free
    made = fit(points)
    assert check_butterfly(made.surface.slices).is_free
    assert made.error_bp[0] < 300.0


def test_falling_variance_is_lifted_only_as_far_as_need_be() -> None:
    later = SviSlice.from_ssvi(0.4, 0.035, -0.2, 2.0)
    earlier = SviSlice.from_ssvi(0.3, 0.040, -0.2, 2.0)
    made = fit(sample([earlier, later], count=15))
    assert made.arbitrage.is_free
    near, far = (float(piece.total_variance(0.0)) for piece in made.surface.slices)
    assert 0.035 < near <= far < 0.040


# --- awkward quotes ----------------------------------------------------------------------------------


def test_separate_fits_never_sink_below_zero_variance() -> None:
    """Two quotes on one wing, steep enough that the line through them would pass zero."""
    points = VolPoints.from_vols([0.1], [0, 0, 0], [-0.4, -0.2, -0.05], [1.2, 0.7, 0.1])
    (piece,) = fit_independent(points)
    assert piece.least_variance > 0.0
    assert fit(points).arbitrage.is_free


def test_few_quotes_take_the_shape_of_their_neighbours() -> None:
    slices = [EssviSlice(0.1 * i, 0.02 * i, -0.4, 0.35 * math.sqrt(i)).raw() for i in (1, 2, 3)]
    points = sample(slices, count=15)
    middle = np.flatnonzero(points.expiry == 1)
    keep = np.ones(points.k.size, dtype=bool)
    keep[middle] = False
    at_money = middle[np.abs(points.k[middle]).argmin()]
    keep[at_money] = True
    thin = VolPoints.from_vols(points.years, points.expiry[keep], points.k[keep], points.vol[keep])
    made = fit(thin).surface.slices[1]
    k = np.linspace(-2.0, 1.5, 15) * math.sqrt(0.04)
    assert made.vol(k) == pytest.approx(slices[1].vol(k), rel=0.04)
    assert float(made.vol(thin.k[thin.expiry == 1][0])) == pytest.approx(points.vol[at_money], rel=5e-3)


def test_a_wild_quote_is_turned_down_and_reported() -> None:
    slices = [EssviSlice(0.1, 0.02, -0.3, 0.3).raw(), EssviSlice(0.5, 0.1, -0.25, 0.6).raw()]
    points = sample(slices, count=15)
    wild = points.vol.copy()
    wild[8] += 0.5
    made = fit(VolPoints.from_vols(points.years, points.expiry, points.k, wild))
    assert made.outlier[8]
    assert np.count_nonzero(made.outlier) == 1
    assert made.surface.slices[0].vol(points.k[:15]) == pytest.approx(points.vol[:15], abs=0.01)


def test_a_wild_call_beside_its_put_cannot_bend_the_smile_and_hide() -> None:
    """Seven strikes, each quoted twice: the smile could bend to the wild one at little cost to the rest."""
    piece = EssviSlice(0.02, 0.004, -0.1, 0.12).raw()
    k = np.repeat(np.linspace(-1.5, 1.5, 7) * 0.06, 2)
    vol = piece.vol(k)
    wild = vol.copy()
    wild[6] += 0.06
    made = fit(VolPoints.from_vols([0.02], np.zeros(14, int), k, wild))
    assert np.flatnonzero(made.outlier).tolist() == [6]
    assert made.surface.slices[0].vol(k) == pytest.approx(vol, abs=0.002)


def test_bounds_alone_hold_the_smile_between_them() -> None:
    piece = EssviSlice(0.25, 0.05, -0.3, 0.5).raw()
    k = np.linspace(-0.6, 0.5, 13)
    vol, years, index = piece.vol(k), np.array([0.25]), np.zeros(13, np.intp)
    weight = vega_weight(k, np.full(13, 0.25), vol)
    nothing = np.full(13, np.nan)
    bounds = VolPoints(years, index, k, nothing, np.zeros(13), vol - 0.01, vol + 0.01, weight)
    got = fit(bounds).surface.slices[0].vol(k)
    assert (np.abs(got - vol) < 0.014).all()


def test_bounds_beside_hardly_a_target_do_not_outweigh_the_other_expiries() -> None:
    """Two expiries that clash: the one with bounds and a far-off target may not have it all its own way."""
    k = np.linspace(-0.3, 0.3, 7)
    expiry, zero, one = np.repeat([0, 1], 7), np.zeros(7), np.ones(7)
    vol = np.append(0.8 * one, 0.4 * one)
    points = VolPoints(
        np.array([0.24, 0.25]), expiry.astype(np.intp), np.tile(k, 2), vol,
        np.concatenate([one[:1] * 1e-200, zero[1:], one]),
        np.concatenate([0.79 * one, zero - np.inf]), np.concatenate([0.81 * one, zero + np.inf]),
        np.concatenate([one, zero]),
    )  # fmt: skip
    near, far = (float(piece.vol(0.0)) for piece in fit(points).surface.slices)
    assert 0.45 < near < 0.79
    assert far == pytest.approx(near, abs=0.02)


def test_a_prior_decides_what_quotes_leave_open() -> None:
    prior = EssviSlice(0.25, 0.05, -0.5, 0.6).raw()
    k = np.array([0.0])
    made = fit(VolPoints.from_vols([0.25], [0], k, prior.vol(k) + 0.02), prior=[prior])
    wide = np.linspace(-0.5, 0.5, 11)
    shift = made.surface.slices[0].vol(wide) - prior.vol(wide)
    assert shift[5] == pytest.approx(0.02, abs=1e-3)
    assert (np.abs(shift - 0.02) < 0.0125).all()


def test_what_cannot_be_fitted_is_refused() -> None:
    empty = VolPoints.from_vols([0.1, 0.2], [0], [0.0], [0.5])
    with pytest.raises(SurfaceError, match="without any observation"):
        fit(empty)
    good = VolPoints.from_vols([0.1], [0], [0.0], [0.5])
    with pytest.raises(SurfaceError, match="prior slices"):
        fit(good, prior=[None, None])
    with pytest.raises(SurfaceError, match="no method"):
        fit(good, method="splines")


def test_rising_means_pool_what_falls() -> None:
    assert rising_means(np.array([1.0, 3.0, 2.0, 4.0]), np.array([1.0, 1.0, 3.0, 1.0])) == pytest.approx(
        [1.0, 2.25, 2.25, 4.0]
    )
    assert rising_means(np.array([3.0, 2.0, 1.0]), np.ones(3)) == pytest.approx([2.0, 2.0, 2.0])


def test_between_the_fitted_expiries_there_is_no_arbitrage_either() -> None:
    made = fit(real_chain().mark_points())
    assert check_between(made.surface.slices).is_free
    for years in np.linspace(0.001, 1.5, 40):
        k = np.linspace(-1.5, 1.5, 601)
        w = made.surface.total_variance(k, years)
        first, second = np.gradient(w, k), np.gradient(np.gradient(w, k), k)
        g = (1 - k * first / (2 * w)) ** 2 - first**2 / 4 * (1 / w + 0.25) + second / 2
        assert (g[3:-3] > 0.0).all(), years
        assert (made.surface.total_variance(k, years * 1.01) > w).all()
