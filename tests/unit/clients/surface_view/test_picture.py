from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from clients.surface_view.picture import _apart, write_png
from clients.surface_view.quotes import SurfaceViewError, market
from clients.surface_view.view import View, of_market, of_slices
from pricing.surface import SviSlice
from tests.unit.clients.surface_view.chains import VOGT, summaries

BAD = np.array([0xD6, 0x28, 0x39]) / 255


def red_share(path: Path) -> float:
    image = imread(path)[:, :, :3]
    return float((np.abs(image - BAD).max(axis=2) < 0.02).mean())


@pytest.fixture(scope="module")
def clean() -> View:
    return of_market(market(summaries(), "", "test"), "joint")


def test_a_picture_is_drawn_and_red_only_where_there_is_arbitrage(clean: View, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    write_png(clean, good)
    near = SviSlice(0.5, 0.05, 0.10, -0.3, 0.0, 0.2)
    crossing = SviSlice(1.0, 0.05, 0.06, 0.3, 0.0, 0.2)
    write_png(of_slices([near, crossing, SviSlice(**{**VOGT, "years": 2.0})], "three.json"), bad)
    image = imread(good)
    assert image.shape[1] == 2080
    assert 0.02 < float((image[:, :, :3].min(axis=2) < 0.9).mean()) < 0.5
    assert red_share(good) == 0.0
    assert red_share(bad) > 0.001


def test_a_picture_that_cannot_be_written(clean: View, tmp_path: Path) -> None:
    with pytest.raises(SurfaceViewError, match=r"cannot write .*: No such file") as refused:
        write_png(clean, tmp_path / "missing" / "surface.png")
    assert refused.value.code == "cannot_write"


def test_labels_are_moved_apart_in_their_order() -> None:
    assert _apart([0.0, 1.0, 3.0], 0.5) == [0.0, 1.0, 3.0]
    moved = _apart([1.0, 0.0, 0.1], 0.5)
    assert sorted(range(3), key=lambda index: moved[index]) == [1, 2, 0]
    assert np.diff(sorted(moved)).min() >= 0.5 - 1e-12
