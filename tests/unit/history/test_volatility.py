"""The volatility index of a flat surface is its volatility; what cannot be told is not told."""

from __future__ import annotations

import math

import pytest

from exchange.history.volatility import HORIZON_MS, YEAR_MS, Quote, index_percent, total_variance

DAY_MS = 86_400_000
MICRO = 1_000_000


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


STRIKES = (55_000, 65_000, 75_000, 85_000, 90_000, 98_000, 100_000, 105_000, 115_000, 130_000, 180_000)


def chain(vol: float, days: float, forward: float = 98_010.0) -> list[Quote]:
    """Undiscounted Black-76 marks of calls and puts on a coarse, uneven grid of strikes, in micro-USDC."""
    years = days * DAY_MS / YEAR_MS
    found = []
    for strike in STRIKES:
        s = vol * math.sqrt(years)
        d = math.log(forward / strike) / s + s / 2
        call = forward * _normal(d) - strike * _normal(d - s)
        for is_call, price in ((True, call), (False, call - forward + strike)):
            mark = max(0, round(price * MICRO))
            found.append(Quote(strike * MICRO, is_call, mark, round(forward * MICRO)))
    return found


@pytest.mark.parametrize("vol", [0.3, 0.6, 1.2])
def test_a_flat_surface_has_its_own_volatility(vol: float) -> None:
    now_ms = 1_750_000_000_000
    expiries = {now_ms + days * DAY_MS: chain(vol, days) for days in (7, 21, 49)}
    found = index_percent(expiries, now_ms)
    assert found == pytest.approx(100 * vol, rel=2e-4)


def test_the_variance_between_two_expiries_is_linear_in_time() -> None:
    near, later = (20, 0.5), (50, 0.8)
    quotes = {days * DAY_MS: chain(vol, days) for days, vol in (near, later)}
    found = index_percent(quotes, 0)
    v1, v2 = (vol**2 * days for days, vol in (near, later))
    assert found == pytest.approx(100 * math.sqrt((v1 + (v2 - v1) / 3) / 30), rel=3e-4)


@pytest.mark.parametrize("days", [5, 60])
def test_expiries_on_one_side_alone_count_as_they_are(days: int) -> None:
    assert index_percent({days * DAY_MS: chain(0.7, days)}, 0) == pytest.approx(70, rel=3e-4)


def test_a_skew_raises_it_above_the_volatility_at_the_money() -> None:
    """Against the integral of the prices themselves, on a fine grid of strikes of a smile that is a line."""
    forward, days = 98_010.0, 30.0
    years = days / 365

    def price(strike: float) -> float:
        s = (0.6 - 0.4 * math.log(strike / forward)) * math.sqrt(years)
        d = math.log(forward / strike) / s + s / 2
        call = forward * _normal(d) - strike * _normal(d - s)
        return call if strike >= forward else call - forward + strike

    listed = [k * 2_000 for k in range(15, 120)]
    quotes = [
        Quote(k * MICRO, k >= forward, round(price(k) * MICRO), round(forward * MICRO)) for k in listed
    ]
    step = 0.0005
    grid = [forward * math.exp(step * n) for n in range(-2_500, 2_501)]
    variance = 2 * step * sum(price(k) / k for k in grid)
    found = index_percent({round(days * DAY_MS): quotes}, 0)
    assert found == pytest.approx(100 * math.sqrt(variance / years), rel=2e-3)
    assert found is not None
    assert found > 60.5


def test_what_tells_nothing_is_left_out() -> None:
    whole = chain(0.7, 30)
    assert index_percent({}, 0) is None
    assert index_percent({1_000: whole}, 0) is None  # it expires in a second
    assert total_variance([quote for quote in whole if quote.is_call]) is None
    assert total_variance([quote for quote in whole if quote.strike > quote.forward]) is None
    assert total_variance(whole[:4]) is None
    assert total_variance([]) is None
    assert index_percent({HORIZON_MS // 2: whole[:4], HORIZON_MS: whole}, 0) == pytest.approx(70, rel=3e-4)
