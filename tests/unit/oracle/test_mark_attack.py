"""Somebody quotes every option, tightly and ever further from the truth: the marks stay in their band.

The real worker fits, the real marks are made, on simulated time. Each quote lies a given factor from the mark
of its moment, which a venue's price band would let pass, so that the attacker goes as fast as the marks do.
"""

from __future__ import annotations

import numpy as np
import pytest

from exchange.oracle.fitter import InlineFitter
from exchange.oracle.marks import UnderlyingMarks
from exchange.oracle.refit_job import RefitRequest
from exchange.oracle.refit_worker import SurfaceWorker
from exchange.oracle.refits import INTERVAL_MS, Refits
from pricing.european import MS_PER_YEAR, Floats, black76
from pricing.implied import implied_vol
from pricing.mark import BookRules
from pricing.simulated_surface import simulated_surface
from pricing.surface import BandRules
from tests.unit.oracle.books import DAY_MS, INDEX, NOW_MS, book
from tests.unit.oracle.test_refits import make_marks

SURFACE = simulated_surface("BTC")
RULES = BandRules()
STEP_MS = 200


class Attack:
    """One venue's marks and whoever quotes on it."""

    def __init__(self) -> None:
        self.marks: UnderlyingMarks = make_marks()
        self.marks.mark(INDEX, NOW_MS)
        self.refits = Refits(InlineFitter(SurfaceWorker().handle), [self.marks])
        self.now_ms = NOW_MS
        self.index = INDEX
        self.used_max = 0.0
        """The largest distance from the outside surface, over what is allowed."""
        self.pace_max = 0.0
        """Most volatility points, as a fraction, that the surface moved in a second."""

    def quotes(self, vol: Floats, half_points: float = 0.0005) -> Floats:
        """Columns of a book quoted around `vol` per option."""
        columns = book(SURFACE, self.now_ms)
        chain = self.marks.chain
        years = (columns[0] - self.now_ms) / MS_PER_YEAR
        columns[3] = chain.forward
        for row, sign in ((4, -1.0), (5, 1.0)):
            vols = np.maximum(vol + sign * half_points, 1e-3)
            columns[row] = black76(chain.forward, columns[1], years, vols, chain.is_call).price
        columns[7:9] = 50.0
        return columns

    def run(self, seconds: int, factor: float, low: float, high: float, chosen: slice = slice(None)) -> None:
        """Quote the options `chosen` at `factor` times their mark volatility, in `low` … `high`."""
        before = self.marks.chain.iv.copy()
        asked_ms = -INTERVAL_MS
        for ms in range(0, 1_000 * seconds, STEP_MS):
            self.now_ms += STEP_MS
            if ms - asked_ms >= INTERVAL_MS:
                asked_ms = ms
                columns = self.quotes(np.clip(self.marks.chain.iv * factor, low, high))
                others = np.ones(columns.shape[1], dtype=np.bool_)
                others[chosen] = False
                columns[4:6, others] = np.nan
                request = RefitRequest("BTC", 0, self.marks.listing, self.now_ms, columns)
                self.refits.submit(request, self.now_ms)
            self.refits.poll(self.now_ms)
            self.marks.mark(self.index, self.now_ms)
            self.look()
            if ms % 1_000 == 0:
                self.pace_max = max(self.pace_max, float(np.abs(self.marks.chain.iv - before).max()))
                before = self.marks.chain.iv.copy()

    def look(self) -> None:
        """Compare what every mark stands for, pulls included, with the outside surface."""
        chain = self.marks.chain
        years = chain.expiry_years[chain.expiry_of_option]
        found = implied_vol(chain.mark, chain.forward, chain.strike, years, chain.is_call)
        marked = np.where(found.reason == 0, found.vol, chain.iv)
        outside = SURFACE.vol(np.log(chain.strike / chain.forward), years)
        self.used_max = max(self.used_max, float((np.abs(marked - outside) / RULES.width(outside)).max()))


@pytest.mark.parametrize(
    ("factor", "low", "high", "chosen"),
    [
        (1.35, 0.0, 3.0, slice(None)),
        (0.72, 0.05, 9.0, slice(None)),
        (1.35, 0.0, 3.0, slice(20, 30)),
        (3.0, 0.0, 6.0, slice(10, 12)),
    ],
)
def test_pushed_quotes_carry_the_marks_to_the_edge_and_no_further(
    factor: float, low: float, high: float, chosen: slice
) -> None:
    attack = Attack()
    attack.run(42, factor, low, high, chosen)
    assert attack.used_max <= 1.0 + 1e-6
    assert attack.pace_max <= RULES.pace_per_s + 1e-3
    report = attack.refits.report(0, attack.now_ms)
    if chosen == slice(None):
        assert attack.used_max > 0.9  # the attack is one
        assert report.bounds
        assert attack.refits.bounded["bounded_surface"] > 3


def test_swings_and_an_index_that_moves_do_not_carry_further() -> None:
    attack = Attack()
    for factor, index in ((1.5, 1.0), (0.6, 1.04), (1.5, 0.95), (0.6, 0.95)):
        attack.index = INDEX * index
        attack.run(6, factor, 0.05, 3.0)
    assert attack.used_max <= 1.0 + 1e-6


def test_pulls_left_behind_by_a_dead_worker_stay_in_the_band_as_the_index_moves() -> None:
    attack = Attack()
    chain = attack.marks.chain
    chain_vega = chain.vega.copy()
    attack.marks.set_pull(100.0 * BookRules().pull_vol_max * chain_vega)
    for index in (1.0, 1.1, 0.8, 1.3):
        attack.marks.mark(INDEX * index, NOW_MS + DAY_MS)
        attack.look()
    assert 0.4 < attack.used_max <= 1.0 + 1e-6
