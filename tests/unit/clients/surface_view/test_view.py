from __future__ import annotations

import numpy as np
import pytest

from clients.surface_view.files import read
from clients.surface_view.quotes import Market, SurfaceViewError, market
from clients.surface_view.view import delta_vols, of_market, of_slices
from pricing import black76
from pricing.surface import SviSlice
from tests.unit.clients.surface_view.chains import VOGT, slices, summaries
from tests.unit.clients.surface_view.test_files import REAL_CHAIN


@pytest.fixture(scope="module")
def real() -> Market:
    found = read(REAL_CHAIN)
    assert isinstance(found, Market)
    return found


@pytest.mark.parametrize(("method", "bp_max"), [("joint", 10.0), ("separate", 10.0), ("essvi", 1.0)])
def test_a_known_surface_is_found_again(method: str, bp_max: float) -> None:
    view = of_market(market(summaries(), "", "test"), method)
    assert max(view.error_bp) < bp_max
    for fitted, piece in zip(view.slices, slices(), strict=True):
        k = np.linspace(-1.5, 1.5, 7) * piece.total_variance(0.0) ** 0.5
        assert fitted.vol(k) == pytest.approx(piece.vol(k), abs=2e-4 * bp_max)
    assert view.title == "BTC volatility surface, 22 November 2026 11:25 UTC"
    assert "2 expiries · 36 options" in view.subtitle


def test_the_joint_fit_of_a_real_chain_is_free_of_what_separate_fits_leave(real: Market) -> None:
    joint, separate = of_market(real, "joint"), of_market(real, "separate")
    assert joint.findings() == []
    assert any(found.kind == "calendar" for found in separate.violations)
    assert any("total variance falls from 11 Jan 24 to 12 Jan 24" in each for each in separate.findings())
    assert all(-1.5 <= found.low < found.high <= 1.5 for found in separate.violations)


def test_vogts_smile_is_found_out() -> None:
    view = of_slices([SviSlice(**VOGT)], "vogt.json")
    (finding,) = view.findings()
    assert finding.startswith("butterfly: 365 d, k from +0.642 to +1.26")
    low, high = view.shown(0)
    assert low < 0.64
    assert high > 1.26


def test_arbitrage_far_out_is_counted_not_drawn() -> None:
    near = SviSlice(1.0, 0.02, 0.10, 0.0, 0.0, 0.3)
    far = SviSlice(1.5, 0.06, 0.09, 0.0, 0.0, 0.3)
    view = of_slices([near, far], "slices.json")
    assert view.violations == ()
    assert view.beyond_count == 2
    assert view.findings() == ["and 2 at strikes far out, beyond |k| = 1.5"]


def test_an_expiry_without_a_target_is_left_out_and_named() -> None:
    rows = summaries()
    for row in rows:
        if "24NOV26" in row["instrument_name"]:
            row.update(mark_iv=0.0, ask_iv=0.0, mark_price=0.0)
    view = of_market(market(rows, "", "test"), "joint")
    assert view.labels == ("22 Dec 26",)
    assert "left out: 24 Nov 26" in view.subtitle


def test_nothing_to_fit_and_two_slices_of_one_time_are_refused() -> None:
    rows = [{**row, "mark_iv": 0.0, "ask_iv": 0.0, "mark_price": 0.0} for row in summaries()]
    with pytest.raises(SurfaceViewError, match="no expiry has a mark"):
        of_market(market(rows, "", "test"), "joint")
    with pytest.raises(SurfaceViewError, match="rising order"):
        of_slices([SviSlice(**VOGT)] * 2, "twice.json")


def test_the_25_delta_options_have_that_delta() -> None:
    piece = slices()[1]
    k = np.linspace(-1.0, 1.0, 20_001)
    for vol, is_call in zip(delta_vols(piece), (False, True), strict=True):
        delta = np.abs(black76(1.0, np.exp(k), piece.years, piece.vol(k), is_call).delta)
        at = np.abs(delta - 0.25).argmin()
        assert vol == pytest.approx(float(piece.vol(k[at])), abs=1e-4)
