"""The index: weighted, clamped to the median, without stale and outlying sources."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.index import Index, IndexRules

NOW_MS = 1_000


def index_of(*prices: float, rules: IndexRules | None = None, weights: list[float] | None = None) -> Index:
    names = [chr(ord("a") + n) for n in range(len(prices))]
    index = Index(dict(zip(names, weights or [1.0] * len(prices), strict=True)), rules)
    for name, price in zip(names, prices, strict=True):
        assert index.update(name, price, NOW_MS)
    return index


def test_sources_that_agree_give_their_mean_and_full_confidence() -> None:
    value = index_of(100.0, 100.0, 100.0).value(NOW_MS)
    assert value is not None
    assert (value.price, value.confidence, value.used) == (100.0, 1.0, ("a", "b", "c"))
    assert (value.stale, value.outlying) == ((), ())


def test_weights_count() -> None:
    value = index_of(100.0, 100.2, 100.4, weights=[2.0, 1.0, 1.0]).value(NOW_MS)
    assert value is not None
    assert value.price == pytest.approx(100.15)


def test_a_price_beyond_the_clamp_pulls_no_further() -> None:
    value = index_of(100.0, 100.0, 101.5).value(NOW_MS)
    assert value is not None
    assert value.price == pytest.approx((100.0 + 100.0 + 100.5) / 3)
    assert value.used == ("a", "b", "c")
    assert value.confidence < 0.5


def test_an_outlier_is_left_out_and_the_middle_taken_again() -> None:
    value = index_of(100.0, 100.2, 5_000.0, 100.4).value(NOW_MS)
    assert value is not None
    assert value.price == pytest.approx(100.2)
    assert value.outlying == ("c",)
    assert value.confidence == pytest.approx(0.75 * (1.0 - 0.4 / 3.0 / 100.2 / 0.005))


def test_a_heavy_source_cannot_outvote_the_others() -> None:
    value = index_of(100.0, 100.0, 150.0, weights=[1.0, 1.0, 98.0]).value(NOW_MS)
    assert value is not None
    assert (value.price, value.outlying) == (100.0, ("c",))
    assert value.confidence == pytest.approx(0.02 * 2 / 3)


def test_a_stale_source_is_left_out_and_comes_back() -> None:
    index = index_of(100.0, 100.2)
    index.update("a", 101.0, 7_000)
    value = index.value(7_000)
    assert value is not None
    assert (value.price, value.stale) == (101.0, ("b",))
    assert value.confidence == pytest.approx(0.5 / 3)
    index.update("b", 101.2, 8_000)
    both = index.value(8_000)
    assert both is not None
    assert both.price == pytest.approx(101.1)


def test_a_price_from_the_future_is_forgotten_and_bars_no_later_one() -> None:
    index = index_of(100.0, 100.2)
    day_ms = 86_400_000
    assert index.update("a", 90.0, NOW_MS + day_ms)
    value = index.value(NOW_MS)
    assert value is not None
    assert (value.price, value.stale) == (100.2, ("a",))
    assert index.update("a", 100.0, NOW_MS + 1)
    both = index.value(NOW_MS + 1)
    assert both is not None
    assert both.price == pytest.approx(100.1)


def test_one_source_is_followed_and_none_gives_no_index() -> None:
    index = index_of(100.0)
    value = index.value(NOW_MS + 5_000)
    assert value is not None
    assert value.price == 100.0
    assert value.confidence == pytest.approx(1 / 3)
    assert index.value(NOW_MS + 5_001) is None
    assert Index({"a": 1.0}).value(NOW_MS) is None


def test_of_two_that_disagree_the_one_near_the_last_index_counts() -> None:
    index = index_of(100.0, 100.0)
    assert index.value(NOW_MS) is not None
    index.update("b", 104.0, NOW_MS + 100)
    value = index.value(NOW_MS + 100)
    assert value is not None
    assert (value.price, value.used, value.outlying) == (100.0, ("a",), ("b",))


def test_two_that_disagree_from_the_start_meet_in_the_middle_without_confidence() -> None:
    value = index_of(100.0, 104.0).value(NOW_MS)
    assert value is not None
    assert value.price == pytest.approx(102.0)
    assert value.confidence == 0.0
    assert index_of(100.0, 104.0, rules=IndexRules(confidence_min=0.1)).value(NOW_MS) is None


def test_two_camps_meet_in_the_middle() -> None:
    value = index_of(100.0, 100.0, 110.0, 110.0).value(NOW_MS)
    assert value is not None
    assert value.price == pytest.approx(105.0)
    assert value.confidence == 0.0


def test_too_few_sources_give_no_index() -> None:
    index = Index({"a": 1.0, "b": 1.0}, IndexRules(sources_min=2))
    index.update("a", 100.0, NOW_MS)
    assert index.value(NOW_MS) is None
    index.update("b", 100.0, NOW_MS)
    assert index.value(NOW_MS) is not None


@pytest.mark.parametrize("price", [math.nan, math.inf, 0.0, -5.0])
def test_senseless_prices_are_refused(price: float) -> None:
    index = index_of(100.0)
    assert not index.update("a", price, 2_000)
    value = index.value(NOW_MS)
    assert value is not None
    assert value.price == 100.0


def test_prices_out_of_order_and_unknown_sources_are_refused() -> None:
    index = index_of(100.0)
    assert not index.update("a", 101.0, NOW_MS - 1)
    assert not index.update("z", 101.0, NOW_MS)


@pytest.mark.parametrize(
    "rules",
    [
        {"stale_ms": 0}, {"sources_min": 0}, {"sources_min": 4}, {"clamp": 1.0}, {"clamp": 0.0},
        {"clamp": 0.03}, {"outlier": 1.0}, {"confidence_min": 1.1}, {"memory_ms": -1},
    ],
)  # fmt: skip
def test_senseless_rules_are_refused(rules: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="index rules"):
        IndexRules(**rules)


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": math.nan}, {"a": 1.0, "b": -1.0}])
def test_an_index_without_sources_or_with_bad_weights_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="source"):
        Index(weights)


prices = st.floats(min_value=90.0, max_value=110.0)


@given(st.lists(st.tuples(prices, st.floats(0.1, 10.0)), min_size=1, max_size=7), st.floats(0.0, 1e9))
def test_the_index_lies_among_its_sources_and_one_liar_moves_it_no_further_than_the_clamp(
    panel: list[tuple[float, float]], lie: float
) -> None:
    told, weights = [p for p, _ in panel], [w for _, w in panel]
    value = index_of(*told, weights=weights).value(NOW_MS)
    assert value is not None
    assert min(told) * (1.0 - 1e-12) <= value.price <= max(told) * (1.0 + 1e-12)
    assert 0.0 <= value.confidence <= 1.0
    honest = [100.0 + 0.05 * n for n in range(len(told) + 2)]
    lied = index_of(*honest, max(lie, 1e-9), weights=[1.0] * (len(honest) + 1)).value(NOW_MS)
    assert lied is not None
    assert honest[0] * 0.995 <= lied.price <= honest[-1] * 1.005


def test_the_panel_shows_every_source_as_it_counts() -> None:
    index = Index({"a": 3.0, "b": 1.0, "c": 1.0, "d": 1.0}, IndexRules(clamp=0.005, outlier=0.02))
    for source, price in (("a", 100.0), ("b", 101.0), ("c", 110.0)):
        index.update(source, price, 1_000)
    panel = {told.source: told for told in index.panel(2_000)}
    assert list(panel) == ["a", "b", "c"]  # the fourth has told nothing
    assert (panel["a"].weight_percent, panel["b"].weight_percent) == (75.0, 25.0)
    assert (panel["c"].weight_percent, panel["c"].price) == (0.0, 110.0)
    assert panel["b"].original_price == 101.0
    assert panel["b"].price == pytest.approx(100.5 * 1.005, abs=0.01)
    value = index.value(2_000)
    assert value is not None
    mean = sum(told.price * told.weight_percent for told in panel.values()) / 100
    assert value.price == pytest.approx(mean)
    assert [told.weight_percent for told in index.panel(60_000)] == [0.0, 0.0, 0.0]  # all stale
