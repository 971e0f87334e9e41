"""Bars merge in parts, periods without trades carry the close, and volatility is what returns realised."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.history.bars import CANDLE_STEPS_S, HOUR_S, Bar, Bars, filled, merge
from exchange.history.realized import RETURNS_MIN, WINDOW_HOURS, realized_percent

TRADES = st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 50), st.integers(1, 9)), max_size=40)


def made(trades: list[tuple[int, int, int]]) -> Bars:
    bars = Bars()
    for time_s, price, lots in trades:
        bars.add(1, 7, CANDLE_STEPS_S, time_s * 1_000 + 999, price, lots, price * lots)
    return bars


@given(TRADES.map(sorted), st.integers(0, 40))
def test_bars_are_the_trades_of_their_period_however_they_come(
    trades: list[tuple[int, int, int]], cut: int
) -> None:
    whole = made(trades).found
    for (_, _, step_s, start_s), bar in whole.items():
        mine = [trade for trade in trades if start_s <= trade[0] < start_s + step_s]
        prices = [price for _, price, _ in mine]
        assert bar == Bar(
            start_s, prices[0], max(prices), min(prices), prices[-1],
            sum(lots for *_, lots in mine), sum(price * lots for _, price, lots in mine),
        )
    early, late = made(trades[:cut]).found, made(trades[cut:]).found
    for step_s in CANDLE_STEPS_S:
        parts = [[bar for key, bar in part.items() if key[2] == step_s] for part in (early, late, whole)]
        assert merge(parts[0], parts[1]) == parts[2]


@given(TRADES.map(sorted), st.integers(0, 100_000), st.integers(0, 100_000))
def test_there_is_a_candle_for_every_period(
    trades: list[tuple[int, int, int]], from_s: int, length_s: int
) -> None:
    bars = [bar for key, bar in made(trades).found.items() if key[2] == 300]
    found = list(filled(bars, 300, from_s, from_s + length_s))
    starts = [bar.start_s for bar in found]
    assert starts == list(range(starts[0], starts[-1] + 1, 300)) if starts else True
    assert all(from_s <= start <= from_s + length_s and start % 300 == 0 for start in starts)
    known = {bar.start_s: bar for bar in bars}
    last = max((bar for bar in bars if starts and bar.start_s < starts[0]), default=None)
    for bar in found:
        if bar.start_s in known:
            assert bar == known[bar.start_s]
        else:
            assert last is not None
            assert bar == Bar(bar.start_s, last.close, last.close, last.close, last.close)
        last = bar
    if not bars or min(known) > from_s + length_s:
        assert not found


def hour(number: int, close: int) -> Bar:
    return Bar(number * HOUR_S, close, close, close, close)


def test_realised_volatility_of_even_steps() -> None:
    step = 0.01
    hours = [hour(n, round(10**12 * math.exp(step * (n % 2)))) for n in range(WINDOW_HOURS + 50)]
    found = realized_percent(hours, 0)
    assert len(found) == len(hours) - RETURNS_MIN
    assert [time_s for time_s, _ in found][-1] == hours[-1].start_s + HOUR_S
    for _, percent in found:
        assert percent == pytest.approx(100 * step * math.sqrt(365 * 24), rel=1e-6)
    assert realized_percent(hours[:RETURNS_MIN], 0) == []
    assert realized_percent(hours, hours[-1].start_s + HOUR_S)[0][0] == hours[-1].start_s + HOUR_S
    assert realized_percent([], 0) == []


def test_a_missing_hour_is_in_the_return_behind_it() -> None:
    hours = [hour(n, 10**9) for n in range(40)]
    del hours[10]
    hours[-1] = hour(39, 10**9 * 2)
    (_, percent) = realized_percent(hours, 0)[-1]
    assert percent == pytest.approx(100 * math.log(2) / math.sqrt(39) * math.sqrt(365 * 24), rel=1e-9)
