"""Median index: outliers clamped, stale and senseless sources left out."""

import math
from collections.abc import Sequence

import pytest

from exchange.oracle.feed import IndexTick
from exchange.oracle.index import IndexRules, MedianFeed, MedianIndex


def index_of(prices: dict[str, float]) -> MedianIndex:
    index = MedianIndex()
    for source, price in prices.items():
        assert index.update(source, price, 1_000)
    return index


def test_the_mean_of_sources_that_agree() -> None:
    assert index_of({"a": 100.0, "b": 100.2, "c": 100.4}).value(1_000) == pytest.approx(100.2)


def test_an_outlier_pulls_no_further_than_the_clamp() -> None:
    value = index_of({"a": 100.0, "b": 100.0, "c": 1_000_000.0}).value(1_000)
    assert value == pytest.approx((100.0 + 100.0 + 100.5) / 3)


def test_a_stale_source_is_left_out_and_comes_back() -> None:
    index = index_of({"a": 100.0, "b": 102.0})
    index.update("a", 101.0, 7_000)
    assert index.value(6_000) == pytest.approx(101.5, abs=0.01)
    assert index.value(7_000) == 101.0
    index.update("b", 101.2, 8_000)
    assert index.value(8_000) == pytest.approx(101.1)


def test_too_few_fresh_sources_give_no_index() -> None:
    index = MedianIndex(IndexRules(sources_min=2))
    index.update("a", 100.0, 1_000)
    assert index.value(1_000) is None
    index.update("b", 100.0, 1_000)
    assert index.value(1_000) == 100.0
    assert index.value(6_001) is None


@pytest.mark.parametrize("price", [math.nan, math.inf, 0.0, -5.0])
def test_senseless_prices_are_refused(price: float) -> None:
    index = index_of({"a": 100.0})
    assert not index.update("a", price, 2_000)
    assert index.value(1_000) == 100.0


def test_prices_out_of_order_are_refused() -> None:
    index = index_of({"a": 100.0})
    assert not index.update("a", 101.0, 999)
    assert index.value(1_000) == 100.0


@pytest.mark.parametrize("rules", [{"stale_ms": 0}, {"sources_min": 0}, {"clamp": 1.0}, {"clamp": -0.1}])
def test_senseless_rules_are_refused(rules: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="index rules"):
        IndexRules(**rules)


class Script:
    """A feed that says what it was told to say."""

    def __init__(self, *ticks: IndexTick) -> None:
        self._ticks = list(ticks)

    def advance(self, now_ms: int) -> Sequence[IndexTick]:
        due = [tick for tick in self._ticks if tick.at_ms <= now_ms]
        self._ticks = [tick for tick in self._ticks if tick.at_ms > now_ms]
        return due


def test_several_feeds_make_one() -> None:
    one = Script(IndexTick("BTC", 100.0, 0), IndexTick("BTC", 101.0, 200), IndexTick("ETH", math.nan, 0))
    two = Script(IndexTick("BTC", 102.0, 0), IndexTick("ETH", 10.0, 100))
    feed = MedianFeed({"one": one, "two": two})
    assert [(t.underlying, round(t.price, 6)) for t in feed.advance(0)] == [("BTC", 101.0)]
    assert feed.ignored_count == 1
    assert [(t.underlying, t.price) for t in feed.advance(100)] == [("ETH", 10.0)]
    assert [(t.underlying, round(t.price, 6)) for t in feed.advance(200)] == [("BTC", 101.5)]
    assert feed.advance(300) == []
    # The second source falls silent: the first alone makes the index.
    assert feed.advance(5_150) == [IndexTick("BTC", 101.0, 5_150)]
    assert feed.advance(6_000) == []


def test_a_feed_without_sources_is_refused() -> None:
    with pytest.raises(ValueError, match="source"):
        MedianFeed({})
