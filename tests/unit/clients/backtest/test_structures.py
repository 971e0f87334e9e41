"""Positions of options: value, payoff, Greeks."""

from __future__ import annotations

import numpy as np
import pytest

from clients.backtest.structures import Leg, Structure
from pricing import black76

SPOT = np.array([80.0, 95.0, 100.0, 105.0, 140.0])
STRANGLE = Structure([Leg(90.0, -2.0, is_call=False), Leg(110.0, -1.0)], units=0.5)


def test_the_value_is_that_of_its_legs() -> None:
    expected = (
        0.5 * SPOT
        - 2 * black76(SPOT, 90.0, 0.25, 0.4, False).price
        - black76(SPOT, 110.0, 0.25, 0.4, True).price
    )
    assert np.allclose(STRANGLE.value(SPOT, 0.25, 0.4), expected)


def test_the_payoff() -> None:
    assert STRANGLE.payoff(SPOT).tolist() == [40 - 20, 47.5, 50, 52.5, 70 - 30]


def test_delta_and_gamma_are_those_of_black_76() -> None:
    put, call = black76(SPOT, 90.0, 0.25, 0.4, False), black76(SPOT, 110.0, 0.25, 0.4, True)
    log_spot = np.log(SPOT)
    assert np.allclose(STRANGLE.delta(log_spot, 0.25, 0.4), 0.5 - 2 * put.delta - call.delta)
    assert np.allclose(STRANGLE.gamma(log_spot, 0.25, 0.4), -2 * put.gamma - call.gamma)


def test_arguments_are_left_as_they_are() -> None:
    log_spot = np.log(SPOT)
    kept = log_spot.copy()
    STRANGLE.delta(log_spot, 0.25, 0.4), STRANGLE.gamma(log_spot, 0.25, 0.4)
    assert np.array_equal(log_spot, kept)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="strike"):
        Structure([Leg(0.0, 1.0)])
    with pytest.raises(ValueError, match="nothing"):
        Structure([])
