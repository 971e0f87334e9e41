from __future__ import annotations

import re

import pytest

from clients.surface_view.quotes import market
from clients.surface_view.terminal import ramp, text
from clients.surface_view.view import View, of_market, of_slices
from pricing.surface import SviSlice
from tests.unit.clients.surface_view.chains import VOGT, summaries


@pytest.fixture(scope="module")
def view() -> View:
    return of_market(market(summaries(), "", "test"), "joint")


@pytest.mark.parametrize("width", [10, 60, 120])
def test_everything_fits_the_width(view: View, width: int) -> None:
    lines = text(view, width, colours=False).splitlines()
    drawn = [line for line in lines if "┤" in line]
    assert drawn
    assert all(len(line) <= max(width, 40) for line in drawn)
    assert sum("24 Nov 26" in line for line in lines) == 1


def test_each_expiry_and_each_picture_has_its_title(view: View) -> None:
    printed = text(view, 100, colours=False)
    for title in ("24 Nov 26", "22 Dec 26", "term structure", "total variance", "no static arbitrage"):
        assert title in printed
    assert "\x1b" not in printed
    assert "98,000" in printed


def test_colours_change_nothing_but_colours(view: View) -> None:
    plain, coloured = text(view, 100, colours=False), text(view, 100, colours=True)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    words = [line.rstrip() for line in bare.splitlines() if "━" not in line]
    assert [line.rstrip() for line in plain.splitlines() if line] == [line for line in words if line]


def test_arbitrage_is_red_and_said_in_words() -> None:
    printed = text(of_slices([SviSlice(**VOGT)], "vogt.json"), 80, colours=True)
    assert "butterfly: 365 d, k from +0.642 to +1.26" in printed
    assert "\x1b[38;5;196m" in printed


def test_near_and_far_expiries_differ_in_colour() -> None:
    assert ramp(0, 1) == ramp(0, 12) != ramp(11, 12)
