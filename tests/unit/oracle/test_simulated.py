"""The seeded feed: one path per seed, whatever the rhythm of asking, with the statistics it promises."""

import math

import numpy as np
import pytest

from exchange.oracle.feed import IndexTick
from exchange.oracle.simulated import BTC, ETH, SimulatedFeed, SimulatedUnderlying

START_MS = 1_780_000_000_000

# Seed 42 after ten seconds.
GOLDEN_42 = [("BTC", 98041.71, 10000), ("ETH", 3401.6, 10000)]


def path(seed: int, moments_ms: list[int]) -> dict[int, list[IndexTick]]:
    feed = SimulatedFeed(seed, START_MS)
    return {ms: feed.advance(START_MS + ms) for ms in moments_ms}


def test_the_first_call_tells_the_starting_prices() -> None:
    assert SimulatedFeed(1, START_MS).advance(START_MS) == [
        IndexTick("BTC", BTC.spot, START_MS),
        IndexTick("ETH", ETH.spot, START_MS),
    ]


def test_the_same_seed_gives_the_same_path_and_another_another() -> None:
    moments = list(range(0, 60_000, 100))
    assert path(7, moments) == path(7, moments)
    assert path(7, moments) != path(8, moments)


def test_the_path_does_not_depend_on_how_often_one_asks() -> None:
    often = path(7, [*range(0, 60_001, 37), 60_100])
    seldom = path(7, [13_331, 60_100])
    assert often[60_100] == seldom[60_100]


def test_a_known_seed_keeps_its_path() -> None:
    ticks = SimulatedFeed(42, START_MS).advance(START_MS + 10_000)
    assert [(tick.underlying, tick.price, tick.at_ms - START_MS) for tick in ticks] == GOLDEN_42


def test_between_steps_and_backwards_in_time_nothing_is_new() -> None:
    feed = SimulatedFeed(1, START_MS)
    assert feed.advance(START_MS + 250)[0].at_ms == START_MS + 200
    assert feed.advance(START_MS + 299) == []
    assert feed.advance(START_MS) == []
    assert feed.advance(START_MS + 300)[0].at_ms == START_MS + 300


def test_a_long_absence_is_bridged_in_bounded_work() -> None:
    feed = SimulatedFeed(1, START_MS)
    feed.advance(START_MS)
    later = feed.advance(START_MS + 90 * 86_400_000)
    assert all(tick.at_ms == START_MS + 90 * 86_400_000 for tick in later)
    assert all(0.1 < tick.price / spot < 10.0 for tick, spot in zip(later, (98_000.0, 3_400.0), strict=True))


def test_volatility_correlation_and_jumps_are_realistic() -> None:
    feed = SimulatedFeed(5, START_MS, step_ms=60_000)
    minutes = 60 * 24 * 20
    prices = np.array([[t.price for t in feed.advance(START_MS + 60_000 * n)] for n in range(minutes)])
    moves = np.diff(np.log(prices), axis=0)
    vol = moves.std(axis=0) * math.sqrt(365 * 24 * 60)
    assert 0.3 < vol[0] < 0.6
    assert 0.4 < vol[1] < 0.8
    assert 0.75 < np.corrcoef(moves.T)[0, 1] < 0.95
    typical = np.median(np.abs(moves), axis=0)
    assert (np.abs(moves).max(axis=0) > 8.0 * typical).all(), "no jump in twenty days"


def test_the_middle_of_many_paths_stays_where_it_began() -> None:
    """A martingale: the mean over seeds is the starting price, within its standard error."""
    ratios = []
    for seed in range(400):
        feed = SimulatedFeed(seed, START_MS, step_ms=86_400_000)
        ratios.append(feed.advance(START_MS + 30 * 86_400_000)[0].price / BTC.spot)
    error = np.std(ratios) / math.sqrt(len(ratios))
    assert abs(np.mean(ratios) - 1.0) < 3.5 * error


@pytest.mark.parametrize(
    "parameters",
    [
        {"spot": 0.0},
        {"spot": math.nan},
        {"vol": -0.1},
        {"beta": 1.1},
        {"jump_stdev": 1.0},
    ],
)
def test_senseless_parameters_are_refused(parameters: dict[str, float]) -> None:
    good = {"spot": 100.0, "vol": 0.5, "beta": 0.9, "jump_stdev": 0.01} | parameters
    with pytest.raises(ValueError, match="XYZ"):
        SimulatedUnderlying("XYZ", good["spot"], good["vol"], good["beta"], good["jump_stdev"])


def test_a_feed_needs_something_to_tell() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SimulatedFeed(1, START_MS, underlyings=())
    with pytest.raises(ValueError, match="step_ms"):
        SimulatedFeed(1, START_MS, step_ms=0)
