"""Raw, natural and jump-wings SVI: exact both ways, and errors where there is no smile."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings

from pricing.surface import JumpWings, NaturalSvi, SurfaceError, SviSlice, UndeterminedError
from tests.unit.pricing.surface_strategies import raw_svi

GRID = np.linspace(-1.5, 1.5, 31)
VOGT = SviSlice(years=1.0, a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, sigma=0.4153)


@settings(max_examples=60, deadline=None)
@given(raw_svi())
def test_natural_svi_is_the_same_smile_both_ways(piece: SviSlice) -> None:
    natural = NaturalSvi.from_raw(piece)
    x = natural.zeta * (GRID - natural.mu)
    root = np.sqrt((x + natural.rho) ** 2 + 1.0 - natural.rho**2)
    want = natural.delta + 0.5 * natural.omega * (1.0 + natural.rho * x + root)
    scale = float(np.abs(want).max()) + abs(natural.delta) + natural.omega
    assert piece.total_variance(GRID) == pytest.approx(want, abs=1e-13 * scale)
    back = natural.raw()
    for name in ("a", "b", "rho", "m", "sigma"):
        assert getattr(back, name) == pytest.approx(getattr(piece, name), rel=1e-12, abs=1e-13 * scale)


@settings(max_examples=60, deadline=None)
@given(raw_svi())
def test_jump_wings_are_the_same_smile_both_ways(piece: SviSlice) -> None:
    wings = JumpWings.from_raw(piece)
    at_money = float(piece.total_variance(0.0))
    drop = (wings.v - wings.v_least) * wings.years
    assume(drop > 1e-6 * at_money)  # near the minimum jump-wings forget the curvature: see below
    back = wings.raw()
    loss = 1e-13 * at_money / drop
    scale = float(piece.total_variance(GRID).max())
    assert back.total_variance(GRID) == pytest.approx(piece.total_variance(GRID), abs=100 * loss * scale)


def test_jump_wings_read_as_the_field_reads_them() -> None:
    wings = JumpWings.from_raw(VOGT)
    w0 = float(VOGT.total_variance(0.0))
    slope = float(VOGT.derivatives(0.0)[1])
    assert wings.v == pytest.approx(w0)
    assert wings.psi == pytest.approx(0.5 * slope / math.sqrt(w0))
    far = 1e7
    assert wings.p * math.sqrt(w0) == pytest.approx(float(VOGT.total_variance(-far)) / far, rel=1e-6)
    assert wings.c * math.sqrt(w0) == pytest.approx(float(VOGT.total_variance(far)) / far, rel=1e-6)
    least = VOGT.total_variance(np.linspace(-1.0, 1.0, 20_001)).min()
    assert wings.v_least == pytest.approx(float(least), rel=1e-6)
    # Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces", state them for this smile.
    stated = (0.01742625, -0.1752111, 0.6997381, 1.316798, 0.0116249)
    assert (wings.v, wings.psi, wings.p, wings.c, wings.v_least) == pytest.approx(stated, rel=1e-5)


def test_the_minimum_at_the_money_leaves_jump_wings_undetermined() -> None:
    centred = SviSlice(0.5, 0.02, 0.1, 0.0, 0.0, 0.2)
    with pytest.raises(UndeterminedError) as caught:
        JumpWings.from_raw(centred).raw()
    assert caught.value.code == "undetermined_slice"
    with pytest.raises(SurfaceError, match="go together"):
        JumpWings(0.5, 0.04, 0.0, 0.5, 0.5, 0.03).raw()
    with pytest.raises(SurfaceError, match="go together"):
        JumpWings(0.5, 0.04, 0.1, 0.5, 0.5, 0.04).raw()


@pytest.mark.parametrize(
    "bad",
    [
        (0.0, 0.04, -0.1, 0.5, 0.4, 0.03),
        (0.5, -0.04, -0.1, 0.5, 0.4, 0.03),
        (0.5, 0.04, -0.1, 0.5, 0.4, 0.05),
        (0.5, 0.04, -0.1, 0.5, 0.4, -0.01),
        (0.5, 0.04, -0.3, 0.5, 0.4, 0.03),
        (0.5, 0.04, 0.3, 0.5, 0.4, 0.03),
        (0.5, 0.04, -0.1, 0.0, 0.4, 0.03),
        (0.5, math.nan, -0.1, 0.5, 0.4, 0.03),
    ],
)
def test_impossible_jump_wings_are_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(SurfaceError):
        JumpWings(*bad)


@pytest.mark.parametrize(
    "bad",
    [
        (0.0, 0.0, 0.0, 0.1, 0.04, 2.0),
        (0.5, 0.0, 0.0, 1.0, 0.04, 2.0),
        (0.5, 0.0, 0.0, 0.1, -0.04, 2.0),
        (0.5, 0.0, 0.0, 0.1, 0.04, 0.0),
        (0.5, math.inf, 0.0, 0.1, 0.04, 2.0),
    ],
)
def test_impossible_natural_parameters_are_refused(bad: tuple[float, ...]) -> None:
    with pytest.raises(SurfaceError):
        NaturalSvi(*bad)


def test_conversions_to_no_smile_are_refused() -> None:
    with pytest.raises(SurfaceError, match="negative at its minimum"):
        NaturalSvi(0.5, -0.2, 0.0, 0.1, 0.04, 2.0).raw()
    with pytest.raises(SurfaceError, match="wings"):
        JumpWings.from_raw(SviSlice(0.5, 0.04, 0.0, 0.0, 0.0, 0.1))
