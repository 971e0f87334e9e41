"""Several sources as one feed."""

import math
from collections.abc import Sequence

import pytest

from exchange.oracle.feed import IndexTick, SourceTick
from exchange.oracle.index import CombinedFeed
from pricing.index import IndexRules

WEIGHTS = {"one": 1.0, "two": 1.0, "three": 2.0}


class Script:
    """Sources that say what they were told to say."""

    def __init__(self, *ticks: SourceTick) -> None:
        self._ticks = list(ticks)

    def advance(self, now_ms: int) -> Sequence[SourceTick]:
        due = [tick for tick in self._ticks if tick.at_ms <= now_ms]
        self._ticks = [tick for tick in self._ticks if tick.at_ms > now_ms]
        return due


def test_several_sources_make_one_index() -> None:
    script = Script(
        SourceTick("one", "BTC", 100.0, 0),
        SourceTick("two", "BTC", 100.4, 0),
        SourceTick("three", "BTC", math.nan, 0),
        SourceTick("two", "ETH", 10.0, 100),
        SourceTick("three", "BTC", 100.4, 200),
        SourceTick("four", "BTC", 1.0, 200),
    )
    feed = CombinedFeed(script, WEIGHTS)
    assert [(t.underlying, round(t.price, 6)) for t in feed.advance(0)] == [("BTC", 100.2)]
    assert feed.ignored_count == 1
    assert [(t.underlying, t.price) for t in feed.advance(100)] == [("ETH", 10.0)]
    (tick,) = feed.advance(200)
    assert (tick.underlying, round(tick.price, 6), tick.at_ms) == ("BTC", 100.3, 200)
    assert feed.ignored_count == 2
    assert feed.advance(300) == []
    assert feed.values["BTC"].used == ("one", "two", "three")
    # Two sources fall silent: the third alone makes the index, at less confidence.
    full = feed.values["BTC"].confidence
    assert feed.advance(5_150) == [IndexTick("BTC", 100.4, 5_150)]
    assert feed.values["BTC"].stale == ("one", "two")
    assert feed.values["BTC"].confidence < full
    assert feed.advance(6_000) == []


def test_without_enough_sources_there_is_no_index() -> None:
    feed = CombinedFeed(Script(SourceTick("one", "BTC", 100.0, 0)), WEIGHTS, IndexRules(sources_min=2))
    assert feed.advance(0) == []
    assert feed.values == {}


def test_a_feed_without_sources_is_refused() -> None:
    with pytest.raises(ValueError, match="source"):
        CombinedFeed(Script(), {})
