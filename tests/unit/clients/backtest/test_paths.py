"""Simulated paths: seeded, of the law they claim, and refused where they make no sense."""

from __future__ import annotations

import numpy as np
import pytest

from clients.backtest.paths import Heston, Jumps, gbm, heston, merton

YEARS, STEPS, PATHS = 0.5, 40, 20_000
CALM = Heston(0.04, 0.04, 2.0, 0.3, -0.7)
RARE = Jumps(3.0, -0.05, 0.1)


def test_the_same_seed_gives_the_same_paths() -> None:
    one, same, other = (gbm(100.0, 0.3, YEARS, STEPS, 10, seed=seed).spot for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_rows_are_moments() -> None:
    paths = gbm(100.0, 0.3, YEARS, STEPS, 7, seed=1)
    assert (paths.steps, paths.paths) == (STEPS, 7)
    assert paths.years == pytest.approx(YEARS)
    assert np.all(paths.spot[0] == 100.0)
    assert np.all(paths.spot > 0)


@pytest.mark.parametrize("made", ["gbm", "heston", "merton"])
def test_without_drift_prices_are_martingales(made: str) -> None:
    spot = {
        "gbm": lambda: gbm(100.0, 0.4, YEARS, STEPS, PATHS, seed=3),
        "heston": lambda: heston(100.0, CALM, YEARS, STEPS, PATHS, seed=3),
        "merton": lambda: merton(100.0, 0.3, RARE, YEARS, STEPS, PATHS, seed=3),
    }[made]().spot
    error = spot[-1].std() / np.sqrt(PATHS)
    assert abs(spot[-1].mean() - 100.0) < 4 * error


def test_moves_have_the_variance_of_their_law() -> None:
    def variance(spot: np.ndarray) -> float:
        return float(np.log(spot[-1] / spot[0]).var() / YEARS)

    assert variance(gbm(1.0, 0.4, YEARS, STEPS, PATHS, seed=5).spot) == pytest.approx(0.16, rel=0.04)
    jumping = 0.3**2 + RARE.a_year * (RARE.mean_log**2 + RARE.deviation_log**2)
    found = variance(merton(1.0, 0.3, RARE, YEARS, STEPS, PATHS, seed=5).spot)
    assert found == pytest.approx(jumping, rel=0.06)


def test_a_variance_that_does_not_move_is_brownian_motion() -> None:
    still = Heston(0.09, 0.09, 1.0, 0.0, 0.0)
    spot = heston(1.0, still, YEARS, STEPS, PATHS, seed=7).spot
    assert np.log(spot[-1]).std() == pytest.approx(0.3 * np.sqrt(YEARS), rel=0.02)


def test_a_negative_correlation_skews_returns_to_the_left() -> None:
    moves = np.log(heston(1.0, CALM._replace(vol_of_vol=0.8), YEARS, STEPS, PATHS, seed=9).spot[-1])
    centred = moves - moves.mean()
    assert (centred**3).mean() / moves.std() ** 3 < -0.3


def test_drift_moves_the_mean() -> None:
    spot = gbm(100.0, 0.2, YEARS, STEPS, PATHS, seed=11, drift=0.5).spot
    assert spot[-1].mean() == pytest.approx(100 * np.exp(0.25), rel=0.01)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        gbm(100.0, 0.2, 0.0, STEPS, 1, seed=1)
    with pytest.raises(ValueError, match="positive"):
        gbm(100.0, 0.2, 1.0, STEPS, 0, seed=1)
    with pytest.raises(ValueError, match="begins above 0"):
        gbm(0.0, 0.2, 1.0, STEPS, 1, seed=1)
    with pytest.raises(ValueError, match="volatility"):
        gbm(1.0, -0.2, 1.0, STEPS, 1, seed=1)
    with pytest.raises(ValueError, match="no such model"):
        heston(1.0, CALM._replace(correlation=1.1), 1.0, STEPS, 1, seed=1)
    with pytest.raises(ValueError, match="no such model"):
        merton(1.0, 0.2, RARE._replace(a_year=-1.0), 1.0, STEPS, 1, seed=1)
