from __future__ import annotations

import numpy as np
import pytest

from loadtest import pricing_rows as rows
from loadtest import pricing_venue
from loadtest.pricing_table import NUMBA, NUMPY, Cell, PeerRow
from loadtest.pricing_timing import Timed
from loadtest.pricing_truth import Truth
from loadtest.pricing_workload import Options
from pricing import engines

LIMITS = {NUMPY: 60.0, NUMBA: 16.0}
RATIOS = {NUMPY: 1.4, NUMBA: 0.35}


def timed(name: str, *ns: float) -> Timed:
    return Timed(name, lambda: None, 1, seconds=[each * 1e-9 for each in ns])


def test_absolute_times_are_shown_and_ratios_are_judged() -> None:
    ours = {NUMPY: timed(NUMPY, 70.0, 70.0), NUMBA: timed(NUMBA, 15.0, 15.0)}
    absolute, ratio = rows.speed_rows("prices", ours, LIMITS, timed("naive", 50.0, 52.0), RATIOS, "naive")
    assert (absolute.cells[NUMPY].verdict, absolute.cells[NUMPY].judged) == ("over", False)
    assert absolute.cells[NUMBA].verdict == "met"
    assert ratio.cells[NUMPY].value == pytest.approx((70 / 50 + 70 / 52) / 2)
    assert ratio.cells[NUMPY].verdict == "met"
    assert (ratio.what, ratio.note) == ("  to naive", "51.0 ns")


def test_a_ratio_without_the_other_and_an_engine_that_is_missing_are_missed_bars() -> None:
    absolute, ratio = rows.speed_rows("iv", {NUMPY: timed(NUMPY, 50.0)}, LIMITS, None, RATIOS, "none")
    assert ratio.cells[NUMPY].verdict == "MISSED"
    assert absolute.cells[NUMBA] == Cell(None, "no numba", passed=False)


def test_without_numba_its_cells_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "numba_installed", lambda: False)
    asked: list[str] = []

    def measure(engine: str) -> Cell:
        asked.append(engine)
        return Cell(1.0, "1", passed=True)

    cells = rows.by_engine(measure)
    assert asked == [NUMPY]
    assert (cells[NUMPY].passed, cells[NUMBA].passed) == (True, False)


def case() -> rows.Case:
    """Four calls on a forward of 100: ordinary, worth nothing, worth its bound, deep in the money."""
    strike = np.array([110.0, 300.0, 100.0, 1.0])
    ones = np.ones(4)
    options = Options(100 * ones, strike, ones, 0.5 * ones, strike > 0, np.zeros(4, dtype=np.intp))
    price = np.array([16.0, 0.0, 100.0, 99.0 + 1e-12])
    elasticity = np.array([2.0, 1.0, 1.0, 1e-12])
    return rows.Case("four", options, Truth(price, price, price, price, price, price, elasticity))


def test_inversions_are_judged_where_a_volatility_is_defined() -> None:
    four = case()
    assert rows.invertible(four.options, four.truth.price).tolist() == [True, False, False, True]
    found = np.array([0.5 * (1 + 3e-15), np.nan, 7.0, 0.4])
    judged = rows.inversion(found, four.truth.price, four)
    assert judged.error == pytest.approx(3e-15, rel=0.1)
    assert (judged.unanswered, judged.defined) == (0, 2)
    assert rows.inversion(np.full(4, np.nan), four.truth.price, four).unanswered == 2
    assert rows.inversion(np.zeros(4), four.truth.price, four).unanswered == 2


def test_who_is_ahead_of_us_is_said() -> None:
    ours = PeerRow("strikebook", NUMPY, 50.0, {}, {"price": 1e-14})
    fast = PeerRow("fast", "1", 40.0, {}, {"price": 1e-9})
    exact = PeerRow("exact", "1", 400.0, {}, {"price": 1e-16})
    absent = PeerRow("absent", "", None)
    assert rows.remarks_on([ours, absent]) == []
    assert rows.remarks_on([ours, PeerRow("slow", "1", 90.0, {}, {"price": 1e-9})])[0].startswith("ahead of")
    assert rows.remarks_on([ours, fast, exact, absent]) == [
        "BEHIND in speed: fast is faster than our numpy engine",
        "BEHIND in accuracy: exact, price: 1.0e-16, our numpy 1.0e-14",
    ]


def test_the_venues_times_are_judged_in_options_of_the_naive_twin() -> None:
    ours = {NUMPY: timed(NUMPY, 106_000.0, 212_000.0), NUMBA: timed(NUMBA, 40_000.0, 80_000.0)}
    naive = timed("naive", 53.0, 106.0)
    cells = pricing_venue.naive_cells(ours, naive, {NUMPY: 106_000.0, NUMBA: 30_000.0})
    assert cells[NUMPY].value == pytest.approx(2_000)
    assert (cells[NUMPY].verdict, cells[NUMPY].judged) == ("met", True)
    assert cells[NUMBA].verdict == "MISSED"
    assert pricing_venue.time_cells(ours, {NUMPY: 100.0, NUMBA: 100.0})[NUMPY].verdict == "over"
    del ours[NUMBA]
    assert pricing_venue.naive_cells(ours, naive, {NUMPY: 1.0})[NUMBA].passed is False
