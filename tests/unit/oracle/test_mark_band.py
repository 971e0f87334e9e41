"""The marked surface stays near the outside one and moves at its pace, whatever was fitted."""

import numpy as np
import pytest

from exchange.oracle.mark_band import BOUNDED, OUTSIDE, PACE_MS_MAX, SLOWED, MarkBand
from exchange.oracle.marks import UnderlyingMarks
from exchange.oracle.refit_worker import sampled
from pricing.chain import Chain
from pricing.european import MS_PER_YEAR, Floats
from pricing.simulated_surface import simulated_surface
from pricing.surface import SviSlice, SviSurface, check_all
from tests.unit.oracle.books import INDEX, NOW_MS
from tests.unit.oracle.test_refits import make_marks

SURFACE = simulated_surface("BTC")


@pytest.fixture
def chain() -> Chain:
    marks: UnderlyingMarks = make_marks()
    marks.mark(INDEX, NOW_MS)
    return marks.chain


def fitted(chain: Chain, factors: tuple[float, ...] = (1.0, 1.0, 1.0)) -> tuple[list[int], SviSurface]:
    """The outside smiles of the chain's expiries, each times a factor."""
    slices = sampled(SURFACE, chain.expiry_ms, NOW_MS)
    made = [
        SviSlice(p.years, p.a * f * f, p.b * f * f, p.rho, p.m, p.sigma)
        for p, f in zip(slices.values(), factors, strict=True)
    ]
    return list(slices), SviSurface(made)


def distance(surface: SviSurface, chain: Chain, other: SviSurface = SURFACE) -> Floats:
    """How far each option's volatility is from that of `other`."""
    years = ((chain.expiry_ms - NOW_MS) / MS_PER_YEAR)[chain.expiry_of_option]
    k = np.log(chain.strike / chain.forward)
    return surface.vol(k, years) - other.vol(k, years)


def test_a_surface_in_the_band_and_at_its_pace_is_used_as_it_is(chain: Chain) -> None:
    moments, surface = fitted(chain, (1.01, 1.01, 1.01))
    made, codes = MarkBand(SURFACE).bounded(moments, surface, chain, NOW_MS)
    assert made is surface
    assert codes == set()


@pytest.mark.parametrize("factors", [(3.0, 3.0, 3.0), (0.3, 0.3, 0.3), (1.0, 1.0, 2.0), (6.0, 1.0, 1.0)])
def test_a_surface_beyond_comes_to_the_edge_at_its_pace(chain: Chain, factors: tuple[float, ...]) -> None:
    moments, surface = fitted(chain, factors)
    band = MarkBand(SURFACE)
    before, codes = band.bounded(*fitted(chain), chain, NOW_MS)
    assert not codes
    for step in range(1, 40):
        made, codes = band.bounded(moments, surface, chain, NOW_MS + PACE_MS_MAX * step)
        assert BOUNDED in codes
        assert OUTSIDE not in codes
        step_max = band.rules.pace_per_s * PACE_MS_MAX / 1_000.0
        assert np.abs(distance(made, chain, before)).max() <= step_max + 1e-3
        assert check_all(made.slices).is_free
        before = made
    years = ((chain.expiry_ms - NOW_MS) / MS_PER_YEAR)[chain.expiry_of_option]
    vol = SURFACE.vol(np.log(chain.strike / chain.forward), years)
    used = np.abs(distance(made, chain)) / band.rules.width(vol)
    assert used.max() <= 1.0
    if len(set(factors)) == 1:
        assert used.max() > 0.9


def test_a_pause_saves_no_room_and_a_clock_that_steps_back_gives_none(chain: Chain) -> None:
    moments, surface = fitted(chain, (1.14, 1.14, 1.14))
    band = MarkBand(SURFACE)
    start, _ = band.bounded(*fitted(chain), chain, NOW_MS)
    made, codes = band.bounded(moments, surface, chain, NOW_MS + 60_000)
    assert codes == {SLOWED}
    assert np.abs(distance(made, chain, start)).max() == pytest.approx(0.01, abs=1e-3)
    again, codes = band.bounded(moments, surface, chain, NOW_MS + 50_000)
    assert codes == {SLOWED}
    assert np.abs(distance(again, chain, made)).max() < 1e-6


def test_slices_that_cannot_be_mended_leave_the_outside_surface(chain: Chain) -> None:
    moments, surface = fitted(chain, (6.0, 6.0, 6.0))
    band = MarkBand(SURFACE)
    band._anchors = dict(zip(moments, surface.slices, strict=True))
    made, codes = band.bounded(moments, surface, chain, NOW_MS)
    assert made is SURFACE
    assert codes == {BOUNDED, SLOWED, OUTSIDE}


def test_a_listing_the_slices_say_nothing_of_is_bounded_as_well(chain: Chain) -> None:
    moments, surface = fitted(chain, (1.0, 1.0, 1.28))
    made, _ = MarkBand(SURFACE).bounded(moments[2:], SviSurface(surface.slices[2:]), chain, NOW_MS)
    vol = distance(made, chain)
    assert np.abs(vol).max() <= 0.15
