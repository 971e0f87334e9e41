"""The maker's surface: it reprices the marks it was drawn from, and moves with the index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clients.fair_value import Surface, fit_smile
from clients.instruments import Instrument, parse_instrument
from pricing.european import black76, years_between
from tests.unit.clients.fake_venue import DAY_MS, NOW_MS, option_listing, perpetual_listing

INDEX = 100_000.0
FORWARD = 100_500.0
STRIKES = (80_000.0, 95_000.0, 100_000.0, 110_000.0, 130_000.0)


def smile_vol(strike: float) -> float:
    return 0.5 + 0.4 * float(np.log(strike / FORWARD)) ** 2


def listed() -> list[Instrument]:
    options = [option_listing("BTC", 30, strike, kind) for strike in STRIKES for kind in ("call", "put")]
    return [parse_instrument(raw) for raw in (*options, perpetual_listing("BTC"))]


def summaries(instruments: list[Instrument]) -> list[dict[str, Any]]:
    return [
        {
            "instrument_name": i.name,
            "mark_iv": 100.0 * smile_vol(i.strike) if i.is_option else None,
            "mark_price": 100_050.0,
            "underlying_price": FORWARD,
        }
        for i in instruments
    ]


def summary_of(perpetual: Instrument, mark: float) -> dict[str, Any]:
    return {"instrument_name": perpetual.name, "mark_price": mark, "mark_iv": None, "underlying_price": INDEX}


def learnt() -> tuple[Surface, list[Instrument]]:
    instruments = listed()
    surface = Surface()
    surface.learn({i.name: i for i in instruments}, summaries(instruments), INDEX)
    return surface, instruments


def test_it_reprices_the_marks_it_was_drawn_from() -> None:
    surface, instruments = learnt()
    valuation = surface.value(instruments, INDEX, NOW_MS)
    for row, instrument in enumerate(instruments):
        if not instrument.is_option:
            assert valuation.value[row] == pytest.approx(100_025.0)  # the mean of index and mark
            assert valuation.delta[row] == 1.0
            continue
        years = years_between(NOW_MS, NOW_MS + 30 * DAY_MS)
        vol = smile_vol(instrument.strike)
        expected = black76(FORWARD, instrument.strike, years, vol, instrument.is_call)
        assert valuation.value[row] == pytest.approx(float(expected.price), rel=1e-9)
        assert valuation.delta[row] == pytest.approx(float(expected.delta), rel=1e-9)


def test_values_move_with_the_index_without_new_marks() -> None:
    surface, instruments = learnt()
    before = surface.value(instruments, INDEX, NOW_MS)
    after = surface.value(instruments, INDEX * 1.01, NOW_MS)
    calls = [row for row, i in enumerate(instruments) if i.is_option and i.is_call]
    puts = [row for row, i in enumerate(instruments) if i.is_option and not i.is_call]
    assert np.all(after.value[calls] > before.value[calls])
    assert np.all(after.value[puts] < before.value[puts])
    assert after.value[-1] == pytest.approx(before.value[-1] * 1.01)


def test_a_perpetual_is_worth_the_mean_of_index_and_mark_so_a_pushed_mark_comes_back() -> None:
    perpetual = parse_instrument(perpetual_listing("BTC"))
    surface, mark = Surface(), INDEX * 1.0038
    for _ in range(8):  # a mark that follows the maker's quotes alone
        surface.learn({perpetual.name: perpetual}, [summary_of(perpetual, mark)], INDEX)
        fair = float(surface.value([perpetual], INDEX, NOW_MS).value[0])
        assert fair == pytest.approx((INDEX + mark) / 2)
        mark = fair
    assert mark == pytest.approx(INDEX, rel=2e-5)


def test_an_expiry_without_a_usable_mark_has_no_value() -> None:
    instruments = listed()
    surface = Surface()
    broken = [
        {"instrument_name": i.name, "mark_iv": bad, "underlying_price": FORWARD, "mark_price": None}
        for i, bad in zip(instruments, (None, 0.0, -5.0, 1e9, "x", float("nan"), *[None] * 9), strict=False)
    ]
    surface.learn({i.name: i for i in instruments}, [*broken, {"instrument_name": "unknown"}], INDEX)
    valuation = surface.value(instruments, INDEX, NOW_MS)
    assert np.all(np.isnan(valuation.value[:-1]))
    assert valuation.value[-1] == INDEX


def test_the_smile_is_flat_beyond_its_strikes_and_averages_equal_ones() -> None:
    smile = fit_smile([100.0, 100.0, 200.0], [0.4, 0.6, 0.8], 100.0, 100.0)
    assert smile is not None
    assert smile.vol_at(np.array([-5.0, 0.0, 5.0])) == pytest.approx([0.5, 0.5, 0.8])
    assert fit_smile([], [], 100.0, 100.0) is None
    assert fit_smile([100.0], [0.5], 0.0, 100.0) is None
