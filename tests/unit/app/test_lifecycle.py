"""The calendar on a real engine: the plan is listed, an expired option delivered, the day ended."""

from __future__ import annotations

from exchange.app.lifecycle import AVERAGE_MS, SAMPLE_MS, DeliveryAverage


def test_the_delivery_price_is_the_mean_of_the_last_half_hour() -> None:
    average = DeliveryAverage()
    assert average.price_micro() is None
    for n in range(1_000):
        average.add(n * SAMPLE_MS, 100 if n * SAMPLE_MS <= 999 * SAMPLE_MS - AVERAGE_MS else 301)
    assert average.price_micro() == 301


def test_samples_closer_than_four_seconds_do_not_count() -> None:
    average = DeliveryAverage()
    average.add(0, 100)
    average.add(SAMPLE_MS - 1, 900)
    assert average.price_micro() == 100
    average.add(SAMPLE_MS, 201)
    assert average.price_micro() == 150  # 150.5, rounded down
