"""Mark prices: the delivery blend, the bounds of the book, the variance rule."""

import math

import numpy as np
import pytest

from pricing.european import Floats
from pricing.mark import (
    AVERAGE_MS,
    SAMPLE_MS,
    BookRules,
    DeliveryAverage,
    MarkVariance,
    VarianceRules,
    blended_forward,
    book_pull,
    delivery_share,
)

NAN = math.nan
EXPIRY_MS = 1_795_000_000_000


def row(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


# --- delivery ---------------------------------------------------------------------------------------


def told(moments: range, index_of: dict[int, int] | None = None, index: int = 100) -> DeliveryAverage:
    average = DeliveryAverage()
    for at_ms in moments:
        average.add(at_ms, (index_of or {}).get(at_ms, index))
    return average


def test_the_delivery_price_is_the_mean_of_450_samples_of_the_last_half_hour() -> None:
    start = EXPIRY_MS - 2 * AVERAGE_MS
    average = DeliveryAverage()
    assert average.price_micro(EXPIRY_MS) is None
    for at_ms in range(start, EXPIRY_MS + 60_001, 1_000):
        inside = EXPIRY_MS - AVERAGE_MS < at_ms <= EXPIRY_MS
        average.add(at_ms, 301 if inside else 100)
    assert average.price_micro(EXPIRY_MS) == 301  # also a minute late
    last = told(range(start, EXPIRY_MS + 1, 100), {EXPIRY_MS: 100 + 450 * 7})
    assert last.price_micro(EXPIRY_MS) == 107


def test_one_sample_per_slot_of_four_seconds() -> None:
    average = DeliveryAverage()
    average.add(0, 100)
    average.add(SAMPLE_MS - 1, 900)
    assert average.price_micro(SAMPLE_MS) == 100
    average.add(SAMPLE_MS + 1, 201)
    average.add(SAMPLE_MS, 999)
    average.add(0, 999)
    assert average.price_micro(2 * SAMPLE_MS) == 150  # 150.5, rounded down
    assert average.since(-1) == 150.5e-6


def test_the_mean_so_far_counts_only_samples_of_the_window() -> None:
    average = DeliveryAverage()
    for n in range(10):
        average.add(n * SAMPLE_MS, 100 * n)
    assert average.since(7 * SAMPLE_MS) == 850e-6
    assert average.since(9 * SAMPLE_MS) is None
    average.add(10 * SAMPLE_MS, 500)
    assert average.since(9 * SAMPLE_MS) == 500e-6


def test_an_hour_is_remembered() -> None:
    average = told(range(0, 5 * AVERAGE_MS, 1_000))
    assert average.price_micro(2 * AVERAGE_MS) is None
    assert average.price_micro(4 * AVERAGE_MS) == 100


def test_the_share_still_to_come_falls_from_one_to_nothing() -> None:
    expiries = np.array([EXPIRY_MS], dtype=np.int64)
    minutes = (31, 30, 20, 1, 0, -1)
    shares = [delivery_share(EXPIRY_MS - left * 60_000, expiries).item() for left in minutes]
    assert shares == pytest.approx([1.0, 1.0, 20 / 30, 1 / 30, 0.0, 0.0])


def test_the_forward_blends_into_the_mean_so_far() -> None:
    blended, moving = blended_forward(row(100.0, 100.0, 100.0), row(1.0, 1 / 3, 0.0), 130.0)
    assert blended == pytest.approx([100.0, 100.0 / 3 + 130.0 * 2 / 3, 130.0])
    assert moving == pytest.approx([1.0, (100.0 / 3) / 120.0, 0.0])


# --- the book ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bid", "ask", "pull"),
    [
        (99.0, 101.0, 0.0),  # inside: the model stands
        (100.5, 101.0, 0.5),  # raised to the bid
        (98.0, 99.25, -0.75),  # lowered to the ask
        (103.0, 104.0, 2.0),  # no further than two (0.02 of volatility, 1 a point)
        (100.5, NAN, 0.5),  # a lone bid lifts
        (99.0, NAN, 0.0),
        (NAN, 99.5, -0.5),  # a lone ask lowers
        (NAN, NAN, 0.0),
        (101.5, 101.0, 0.0),  # crossed: no word on where the price is
        (101.0, 107.0, 0.0),  # too wide
        (0.0, 99.5, -0.5),  # no bid is not a bid of nothing
    ],
)
def test_the_mark_is_pulled_inside_the_book(bid: float, ask: float, pull: float) -> None:
    rules = BookRules(spread_vol_max=0.05, pull_vol_max=0.02)
    assert book_pull(row(100.0), row(1.0), row(bid), row(ask), rules).item() == pull


def test_a_contradicted_mark_goes_where_the_mark_variance_says_within_the_book() -> None:
    toward = row(101.5, 99.0, 105.0, NAN, 101.5)
    bid, ask = row(101.0, 101.0, 101.0, 101.0, 99.0), row(102.0, 102.0, 102.0, 102.0, 102.0)
    pull = book_pull(row(*[100.0] * 5), row(*[1.0] * 5), bid, ask, toward=toward)
    assert pull.tolist() == [1.5, 1.0, 2.0, 1.0, 0.0]


def test_a_small_quote_does_not_count() -> None:
    rules = BookRules(size_min=1.0)
    args = (row(100.0, 100.0), row(1.0, 1.0), row(101.0, 101.0), row(102.0, 102.0), rules)
    assert book_pull(*args, row(0.5, 1.0), row(2.0, 2.0)).tolist() == [0.0, 1.0]
    assert book_pull(*args, row(2.0, 2.0), row(0.5, 1.0)).tolist() == [1.0, 1.0]


def test_an_option_without_vega_is_not_pulled() -> None:
    assert book_pull(row(100.0, NAN), row(0.0, 1.0), row(101.0, 1.0), row(102.0, 2.0)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bad", [{"spread_vol_max": 0.0}, {"pull_vol_max": -1.0}, {"size_min": -1.0}])
def test_senseless_book_rules_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="book rules"):
        BookRules(**bad)


# --- variance ---------------------------------------------------------------------------------------


def test_the_median_of_medians() -> None:
    rule = MarkVariance(1)
    got = rule.update(0, bid=row(0.20), ask=row(0.30), last=row(0.26), external=row(0.24))
    # inner: median(0.30, 0.20, 0.26) = 0.26; mid 0.25; external 0.24
    assert got.item() == pytest.approx(0.25)


def test_averages_forget_with_their_time_constants() -> None:
    rule = MarkVariance(1)
    start, then = (row(0.2),) * 4, (row(0.4),) * 4
    rule.update(0, *start)
    rule.update(15_000, *then)
    inner = 0.4 - 0.2 * math.exp(-1.0)
    outer = 0.4 - 0.2 * math.exp(-0.05)
    assert rule._average[:, 0] == pytest.approx([inner] * 3 + [outer] * 2)
    assert rule.update(15_000, *then).item() == pytest.approx(outer)


def test_the_path_does_not_depend_on_how_often_one_value_is_told() -> None:
    often, seldom = MarkVariance(1), MarkVariance(1)
    for rule in (often, seldom):
        rule.update(0, *(row(0.2),) * 4)
    for at_ms in range(100, 10_001, 100):
        value = often.update(at_ms, *(row(0.3),) * 4)
    assert value.item() == pytest.approx(seldom.update(10_000, *(row(0.3),) * 4).item())


def test_what_is_missing_does_not_count() -> None:
    rule = MarkVariance(4)
    got = rule.update(
        0,
        bid=row(NAN, NAN, 0.2, NAN),
        ask=row(NAN, 0.3, 0.3, NAN),
        last=row(NAN, NAN, NAN, NAN),
        external=row(0.5, 0.5, 0.5, NAN),
    )
    # external alone; ask and external; inner 0.25, mid 0.25, external; nothing
    assert got[:3] == pytest.approx([0.5, 0.4, 0.25])
    assert math.isnan(got[3])


def test_a_silent_average_stays_for_a_while_and_then_goes() -> None:
    rule = MarkVariance(1, VarianceRules(forget_ms=1_000))
    rule.update(0, row(0.2), row(0.2), row(0.2), row(NAN))
    silent = (row(NAN),) * 4
    assert rule.update(1_000, *silent).item() == pytest.approx(0.2)
    assert math.isnan(rule.update(1_001, *silent).item())
    assert rule.update(2_000, row(0.3), *silent[:3]).item() == pytest.approx(0.3)


def test_time_that_steps_back_is_time_that_stands_still() -> None:
    rule = MarkVariance(1)
    rule.update(10_000, *(row(0.2),) * 4)
    assert rule.update(5_000, *(row(0.4),) * 4).item() == pytest.approx(0.2)
    assert len(rule) == 1


def test_senseless_variance_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="variance rules"):
        VarianceRules(inner_ms=0)
