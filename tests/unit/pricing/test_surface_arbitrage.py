"""Arbitrage checks: exact over the whole line, with place and amount, against fine grids."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.surface import EssviSlice, SviSlice, check_all, check_between, check_butterfly, check_calendar
from pricing.surface.arbitrage import raw_table
from pricing.surface.polynomials import calendar_roots, density_roots
from tests.unit.pricing.surface_strategies import raw_svi

VOGT = SviSlice(years=1.0, a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, sigma=0.4153)
FINE = np.linspace(-3.0, 3.0, 60_001)


def test_the_vogt_smile_is_found_out_where_and_by_how_much() -> None:
    report = check_butterfly([VOGT])
    (found,) = report.violations
    g = VOGT.density_factor(FINE)
    bad = FINE[g < 0.0]
    assert found.kind == "butterfly"
    assert (found.low, found.high) == pytest.approx((bad[0], bad[-1]), abs=1.1e-4)
    assert found.worst_k == pytest.approx(FINE[g.argmin()], abs=2e-4)
    assert found.amount == pytest.approx(-g.min(), rel=1e-6)
    assert VOGT.density_factor(np.array([found.low, found.high])) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert report.worst is found
    assert not report.is_free


@settings(max_examples=80, deadline=None)
@given(raw_svi())
def test_no_grid_finds_a_butterfly_the_check_does_not(piece: SviSlice) -> None:
    k = piece.m + piece.sigma * np.sinh(np.linspace(-7.0, 7.0, 4001))
    with np.errstate(all="ignore"):
        g = piece.density_factor(k)
    report = check_butterfly([piece])
    inside = np.zeros(k.size, dtype=bool)
    for found in report.violations:
        inside |= (k >= found.low) & (k <= found.high)
        if found.kind == "butterfly":
            assert float(piece.density_factor(found.worst_k)) == pytest.approx(-found.amount, rel=1e-6)
            assert found.amount >= -g[(k >= found.low) & (k <= found.high)].min(initial=0.0) - 1e-9
    assert not (g[~inside & (np.abs(k) < 50)] < -1e-9).any()
    if piece.lee_slope > 2.0:
        assert any(found.kind == "wing" for found in report.violations)


@settings(max_examples=80, deadline=None)
@given(raw_svi(), raw_svi())
@example(SviSlice(1.0, 0.0, 1.0, 0.0, 0.0, 1.0), SviSlice(1.0, 0.0, 1.0, 0.0, 1.1125369292536007e-308, 1.0))
def test_no_grid_finds_a_calendar_the_check_does_not(one: SviSlice, other: SviSlice) -> None:
    near, far = sorted((one, other), key=lambda piece: float(piece.total_variance(0.0)))
    k = np.sinh(np.linspace(-4.5, 4.5, 4001))
    growth = far.total_variance(k) - near.total_variance(k)
    inside = np.zeros(k.size, dtype=bool)
    for found in check_calendar([near, far]).violations:
        inside |= (k >= found.low) & (k <= found.high)
        assert found.amount >= -growth[(k >= found.low) & (k <= found.high)].min(initial=0.0) - 1e-9
    assert not (growth[~inside] < -1e-9).any()


def test_roots_are_roots() -> None:
    other = SviSlice(2.0, 0.01, 0.12, 0.1, 0.1, 0.3)
    (density,) = density_roots(raw_table([VOGT]))
    assert VOGT.density_factor(density) == pytest.approx(np.zeros(density.size), abs=1e-12)
    (crossing,) = calendar_roots(raw_table([VOGT, other]))
    growth = other.total_variance(FINE) - VOGT.total_variance(FINE)
    turns = FINE[:-1][np.diff(np.sign(growth)) != 0]
    assert turns.size > 0
    for turn in turns:
        assert np.abs(crossing - turn).min() < 2e-4


def test_a_violation_between_the_points_of_a_grid_is_found() -> None:
    """The later smile dips a ten-millionth under the earlier, over two millionths of k."""
    at = 0.0031
    near = SviSlice(0.5, 0.02, 0.1, 0.0, at, 0.02)
    far = SviSlice(0.6, float(near.total_variance(at)) - 1e-7, 0.1, 0.0, at, 1e-9)
    (found,) = check_calendar([near, far]).violations
    grown = far.total_variance(found.worst_k) - near.total_variance(found.worst_k)
    assert found.amount == pytest.approx(-float(grown), rel=1e-9)


def test_the_range_may_be_limited() -> None:
    assert check_butterfly([VOGT], within=0.6).is_free
    (found,) = check_butterfly([VOGT], within=0.9).violations
    assert found.high == 0.9
    near = SviSlice.from_ssvi(0.5, 0.04, 0.0, 2.0)
    flatter = SviSlice.from_ssvi(0.6, 0.05, 0.0, 0.8)
    assert check_calendar([near, flatter], within=0.5).is_free
    wide = check_calendar([near, flatter])
    assert [v.low == -math.inf or v.high == math.inf for v in wide.violations] == [True, True]


def test_a_wing_steeper_than_two_is_a_violation_of_its_own() -> None:
    steep = SviSlice(1.0, 0.1, 1.5, 0.5, 0.0, 0.2)
    found = {v.kind: v for v in check_butterfly([steep]).violations}
    assert found["wing"].amount == pytest.approx(0.25)
    assert found["wing"].high == math.inf
    assert "butterfly" in found
    assert {v.kind for v in check_butterfly([steep], within=1.5).violations} == {"butterfly"}


def test_crossing_wings_and_falling_levels_are_calendar_violations_of_the_right_pair() -> None:
    first = SviSlice.from_ssvi(0.25, 0.01, -0.2, 2.0)
    second = SviSlice.from_ssvi(0.5, 0.02, -0.2, 2.0)
    third = SviSlice.from_ssvi(0.75, 0.019, -0.2, 2.0)
    (found,) = check_calendar([first, second, third]).violations
    assert (found.slice, found.low, found.high) == (1, -math.inf, math.inf)
    assert not check_all([first, second, third]).is_free


def test_a_negative_density_between_two_slices_is_found() -> None:
    healthy = SviSlice(0.5, -0.011, 0.1331, 0.306, 0.3586, 0.4153)
    assert check_between([healthy, SviSlice(0.6, 0.05, 0.14, 0.3, 0.35, 0.42)]).is_free
    (found,) = check_between([VOGT, SviSlice(2.0, -0.0409, 0.1331, 0.306, 0.3586, 0.4153)]).violations
    assert found.kind == "between"
    assert 0.0 <= found.weight <= 1.0
    assert found.low <= found.worst_k <= found.high
    assert found.amount == pytest.approx(0.0329, abs=5e-4)


def test_a_lone_slice_has_nothing_between() -> None:
    assert check_between([VOGT]).is_free
    assert check_calendar([VOGT]).is_free


def test_smiles_at_the_edge_of_the_parameters_are_judged_too() -> None:
    flat = SviSlice(0.5, 0.04, 0.0, 0.0, 0.0, 0.1)
    assert check_all([flat, SviSlice(0.6, 0.04, 0.0, 0.0, 0.0, 0.1)]).is_free
    (fall,) = check_calendar([flat, SviSlice(0.6, 0.0399, 0.0, 0.0, 0.0, 0.1)]).violations
    assert (fall.low, fall.high) == (-math.inf, math.inf)
    assert fall.amount == pytest.approx(1e-4)
    good = SviSlice(0.25, 0.01, 0.1, -0.3, 0.02, 0.15)
    assert check_all([good, SviSlice(0.3, 0.01, 0.1, -0.3, 0.02, 0.15)]).is_free  # the very same smile
    touching_zero = SviSlice(1.0, -0.02, 0.1, 0.0, 0.0, 0.2)
    assert not check_butterfly([touching_zero]).is_free
    minute = SviSlice(2e-6, 5e-7, 1e-5, -0.1, 0.0, 1e-3)
    assert check_butterfly([minute]).is_free


@settings(max_examples=80, deadline=None)
@given(raw_svi(), st.floats(0.01, 8.0), st.floats(0.01, 0.99))
def test_a_free_smile_stays_free_when_it_ages_and_when_it_is_raised(
    piece: SviSlice, rise: float, share: float
) -> None:
    """What the surface does beyond its last and before its first expiry."""
    if not check_butterfly([piece]).is_free:
        piece = EssviSlice(piece.years, 0.04, piece.rho, min(2.0 * piece.b, 0.28)).raw()
    level = float(piece.total_variance(0.0))
    raised = SviSlice(piece.years, piece.a + rise * level, piece.b, piece.rho, piece.m, piece.sigma)
    assert check_butterfly([piece, raised, piece.aged(piece.years * share)]).is_free
