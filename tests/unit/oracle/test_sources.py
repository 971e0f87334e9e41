"""The simulated constituents: noisy, sometimes silent, sometimes wrong; the index stays true."""

from typing import Any

import numpy as np
import pytest

from exchange.oracle.feed import SourceTick
from exchange.oracle.index import CombinedFeed
from exchange.oracle.simulated import SimulatedFeed
from exchange.oracle.sources import SOURCES, SimulatedSource, SimulatedSources

START_MS = 1_780_000_000_000
CALM = tuple(SimulatedSource(name, silences_per_hour=0.0, lies_per_hour=0.0) for name in "abc")


def made(seed: int, sources: tuple[SimulatedSource, ...] = SOURCES) -> SimulatedSources:
    return SimulatedSources(SimulatedFeed(seed, START_MS), seed, START_MS, sources)


def walk(seed: int, every_ms: int, until_ms: int) -> list[SourceTick]:
    feed = made(seed)
    ticks: list[SourceTick] = []
    for ms in range(0, until_ms + 1, every_ms):
        ticks = feed.advance(START_MS + ms)
    return ticks


def test_every_source_tells_its_own_price_of_every_underlying() -> None:
    feed = made(1)
    first = feed.advance(START_MS)
    assert [(t.source, t.underlying) for t in first] == [(s.name, u) for u in ("BTC", "ETH") for s in SOURCES]
    assert {t.price for t in first if t.underlying == "BTC"} == {98_000.0}
    later = [t.price for t in feed.advance(START_MS + 10_000) if t.underlying == "BTC"]
    assert len(set(later)) == len(later)
    assert max(later) / min(later) < 1.003


def test_what_they_tell_does_not_depend_on_how_often_one_asks() -> None:
    assert walk(7, 100, 50_000) == walk(7, 2_500, 50_000)
    assert walk(7, 100, 50_000) != walk(8, 100, 50_000)
    feed = made(7)
    feed.advance(START_MS)
    assert feed.advance(START_MS + 50) == []
    assert feed.advance(START_MS - 10_000) == []


def test_the_noise_is_as_large_as_promised() -> None:
    feed = made(3, CALM)
    truth = SimulatedFeed(3, START_MS)
    errors = []
    for ms in range(0, 600_000, 1_000):
        told, true = feed.advance(START_MS + ms), truth.advance(START_MS + ms)
        errors.append([np.log(t.price / true[0].price) for t in told if t.underlying == "BTC"])
    assert np.std(errors[10:]) == pytest.approx(1e-4, rel=0.2)
    assert abs(np.mean(errors)) < 2e-5


def test_silence_and_lies_happen_and_the_index_does_not_mind() -> None:
    sources = made(5)
    truth = SimulatedFeed(5, START_MS)
    feed = CombinedFeed(sources, sources.weights)
    worst, stale, outlying = 0.0, 0, 0
    for ms in range(0, 1_800_000, 500):
        ticks, true = feed.advance(START_MS + ms), truth.advance(START_MS + ms)
        prices = {t.underlying: t.price for t in ticks}
        for tick in true:
            worst = max(worst, abs(prices[tick.underlying] / tick.price - 1.0))
        stale += sum(len(value.stale) for value in feed.values.values())
        outlying += sum(len(value.outlying) for value in feed.values.values())
    assert stale > 0
    assert outlying > 0
    assert worst < 0.002
    assert feed.values["BTC"].confidence > 0.1


def test_a_long_absence_is_bridged_in_bounded_work() -> None:
    feed = made(1)
    feed.advance(START_MS)
    assert feed.advance(START_MS + 30 * 86_400_000)


@pytest.mark.parametrize(
    "bad", [{"noise_stdev": -1.0}, {"lie_max": 1.0}, {"weight": 0.0}, {"half_life_ms": 0}]
)
def test_senseless_sources_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="x:"):
        SimulatedSource("x", **bad)


def test_sources_need_different_names() -> None:
    for sources in ((), (CALM[0], CALM[0])):
        with pytest.raises(ValueError, match="names"):
            made(1, sources)
