"""How far, and how fast, slices may go from where they are allowed."""

import numpy as np
import pytest

from pricing.simulated_surface import simulated_surface
from pricing.surface import BandRules, SurfaceError, SviSlice, go_toward, vols

OUTSIDE = simulated_surface("BTC").slices[2:5]
K = np.stack([np.linspace(-0.15, 0.2, 21)] * 3)
RULES = BandRules()


def lifted(factor: float) -> list[SviSlice]:
    """The smiles times `factor`."""
    f = factor * factor
    return [SviSlice(p.years, p.a * f, p.b * f, p.rho, p.m, p.sigma) for p in OUTSIDE]


def test_the_width_is_ten_points_or_fifteen_percent() -> None:
    assert RULES.width(np.array([0.3, 2 / 3, 1.0, 2.0])) == pytest.approx([0.1, 0.1, 0.15, 0.3])


def test_slices_within_the_limits_come_back_as_they_are() -> None:
    outside = vols(OUTSIDE, K)
    wanted = lifted(1.1)
    assert go_toward(OUTSIDE, wanted, K, outside - 0.1, outside + 0.1) == wanted


@pytest.mark.parametrize("factor", [0.3, 0.7, 1.5, 6.0])
def test_slices_beyond_go_as_far_as_the_limits_and_no_further(factor: float) -> None:
    outside = vols(OUTSIDE, K)
    width = RULES.width(outside)
    found = vols(go_toward(OUTSIDE, lifted(factor), K, outside - width, outside + width), K)
    used = np.abs(found - outside) / width
    assert used.max() <= 1.0
    assert used.max(axis=1) == pytest.approx(1.0, abs=1e-4)


def test_together_all_go_the_share_of_the_least() -> None:
    outside = vols(OUTSIDE, K)
    wanted = [lifted(6.0)[0], *lifted(1.1)[1:]]
    found = vols(go_toward(OUTSIDE, wanted, K, outside - 0.1, outside + 0.1, together=True), K)
    assert np.abs(found - outside)[0].max() == pytest.approx(0.1, abs=1e-4)
    assert np.abs(found - outside)[1:].max() < 0.01


def test_a_start_that_is_not_allowed_is_where_it_stays() -> None:
    outside = vols(OUTSIDE, K)
    found = go_toward(lifted(2.0), lifted(3.0), K, outside - 0.1, outside + 0.1)
    assert vols(found, K) == pytest.approx(2.0 * outside)


@pytest.mark.parametrize("bad", [{"points": 0.0}, {"share": -0.1}, {"pace_per_s": np.inf}])
def test_senseless_rules_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(SurfaceError):
        BandRules(**bad)
