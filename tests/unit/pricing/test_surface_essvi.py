"""eSSVI: formula, conversion to raw SVI, and conditions that suffice."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.surface import (
    EssviSlice,
    SurfaceError,
    SviSlice,
    SviSurface,
    check_between,
    check_butterfly,
    check_calendar,
)
from pricing.surface.essvi import nearest_free
from tests.unit.pricing.surface_strategies import free_essvi

GRID = np.linspace(-2.0, 2.0, 41)


def test_the_slice_is_its_formula_and_converts_both_ways() -> None:
    piece = EssviSlice(0.5, 0.04, -0.3, 0.2)
    x = piece.psi * GRID
    root = np.sqrt((x + piece.theta * piece.rho) ** 2 + piece.theta**2 * (1 - piece.rho**2))
    assert piece.raw().total_variance(GRID) == pytest.approx(
        0.5 * (piece.theta + piece.rho * x + root), rel=1e-13
    )
    back = EssviSlice.from_raw(piece.raw())
    assert (back.theta, back.rho, back.psi) == pytest.approx((0.04, -0.3, 0.2), rel=1e-12)


def test_raw_slices_that_are_not_ssvi_do_not_convert() -> None:
    with pytest.raises(SurfaceError, match="not an SSVI slice"):
        EssviSlice.from_raw(SviSlice(0.25, 0.01, 0.1, -0.3, 0.02, 0.15))


@pytest.mark.parametrize(
    "bad", [(0.0, 0.04, 0.0, 0.2), (0.5, 0.0, 0.0, 0.2), (0.5, 0.04, 1.0, 0.2), (0.5, 0.04, 0.0, 0.0)]
)
def test_impossible_parameters_are_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(SurfaceError):
        EssviSlice(*bad)


@settings(max_examples=60, deadline=None)
@given(free_essvi())
def test_inside_the_sufficient_conditions_there_is_no_arbitrage_anywhere(slices: list[EssviSlice]) -> None:
    assert all(piece.is_butterfly_free() for piece in slices)
    assert all(b.is_calendar_free_after(a) for a, b in itertools.pairwise(slices))
    raw = [piece.raw() for piece in slices]
    assert check_butterfly(raw).is_free
    assert check_calendar(raw).is_free
    assert check_between(raw).is_free


@settings(max_examples=60, deadline=None)
@given(free_essvi())
def test_slices_that_meet_the_conditions_are_their_own_nearest(slices: list[EssviSlice]) -> None:
    for piece, again in zip(slices, nearest_free(slices), strict=True):
        assert (again.theta, again.rho, again.psi) == pytest.approx(
            (piece.theta, piece.rho, piece.psi), rel=1e-10
        )


@settings(max_examples=60, deadline=None)
@given(free_essvi(), st.floats(1.02, 1.5), st.integers(0, 2))
def test_a_slice_raised_above_the_next_is_found_with_place_and_amount(
    slices: list[EssviSlice], factor: float, which: int
) -> None:
    later = slices[which + 1]
    raised = EssviSlice(slices[which].years, later.theta * factor, slices[which].rho, slices[which].psi)
    pair = [raised.raw(), later.raw()]
    worst = check_calendar(pair).worst
    assert worst is not None
    assert worst.low <= worst.worst_k <= worst.high
    fall = float(pair[0].total_variance(worst.worst_k) - pair[1].total_variance(worst.worst_k))
    assert worst.amount == pytest.approx(fall, rel=1e-9, abs=1e-14)
    assert worst.amount >= raised.theta - later.theta - 1e-12  # it is at least as bad as at the money


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-3, 0.5), st.floats(-0.9, 0.9), st.floats(1.01, 3.0))
def test_wings_past_lees_bound_are_found_with_the_amount(theta: float, rho: float, factor: float) -> None:
    steep = EssviSlice(0.5, theta, rho, 4.0 * factor / (1.0 + abs(rho)))
    assert not steep.is_butterfly_free()
    wings = [v for v in check_butterfly([steep.raw()]).violations if v.kind == "wing"]
    assert [v.amount for v in wings] == pytest.approx([2.0 * factor - 2.0])


@settings(max_examples=40, deadline=None)
@given(free_essvi(), st.floats(0.02, 0.98), st.floats(1.0, 30.0))
def test_extrapolation_is_safe_in_time(slices: list[EssviSlice], early: float, late: float) -> None:
    """Before the first and after the last expiry: densities and calendars hold, variance is positive."""
    raw = [piece.raw() for piece in slices]
    surface = SviSurface(raw)
    first, last = raw[0], raw[-1]
    before = first.aged(first.years * early)
    assert surface.total_variance(GRID, before.years) == pytest.approx(before.total_variance(GRID), rel=1e-12)
    years = last.years * late
    rise = float(last.total_variance(0.0)) * (late - 1.0)
    grown = SviSlice(years, last.a + rise, last.b, last.rho, last.m, last.sigma)
    assert surface.total_variance(GRID, years) == pytest.approx(grown.total_variance(GRID), rel=1e-12)
    assert check_butterfly([before, *raw, grown]).is_free
    assert check_calendar([before, *raw] + ([grown] if late > 1.0 else [])).is_free
    assert (surface.total_variance(np.array([-40.0, 0.0, 40.0]), before.years) > 0.0).all()
