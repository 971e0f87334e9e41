"""Properties of Black-76 and its inversion over the whole sensible range, on every engine."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricing import engines
from pricing.european import black76
from pricing.implied import Reason, implied_vol
from pricing.quantize import ceil_units, floor_units, half_even_units

forwards = st.floats(1e-3, 1e6)
moneyness = st.floats(-2.5, 2.5)
years = st.floats(1e-6, 5.0)
vols = st.floats(0.01, 4.0)
discounts = st.floats(0.5, 1.0)
# A busy machine is no failure; the engine stays selected for all examples of a test.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

anything = st.floats(allow_nan=True, allow_infinity=True)

PRICE_ERROR = 1e-12
"""Relative error allowed to a price; a volatility's own is 2e-15 per condition."""


@pytest.fixture(params=("numpy", "numba") if engines.numba_installed() else ("numpy",), autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    before = engines.current()
    yield engines.select(request.param)
    engines.select(before)


@unhurried
@given(forwards, moneyness, years, vols, discounts)
def test_put_call_parity(forward: float, x: float, t: float, vol: float, discount: float) -> None:
    strike = forward * math.exp(x)
    call, put = (black76(forward, strike, t, vol, side, discount) for side in (True, False))
    scale = 4e-15 * max(forward, strike)
    assert abs(call.price - put.price - discount * (forward - strike)) <= scale
    assert abs(call.delta - put.delta - discount) <= 1e-15
    assert call.gamma == put.gamma
    assert call.vega == put.vega


@unhurried
@given(forwards, moneyness, years, vols, st.booleans(), st.integers(-200, 200))
def test_homogeneity(forward: float, x: float, t: float, vol: float, is_call: bool, power: int) -> None:
    """Twice the forward and the strike is twice the price; scaling by powers of two changes no bit."""
    strike, scale = forward * math.exp(x), 2.0**power
    one = black76(forward, strike, t, vol, is_call)
    scaled = black76(forward * scale, strike * scale, t, vol, is_call)
    if one.price > 1e-200:
        assert abs(scaled.price / (one.price * scale) - 1.0) <= PRICE_ERROR
    assert abs(scaled.delta - one.delta) <= 1e-15
    found = implied_vol(one.price, forward, strike, t, is_call)
    again = implied_vol(one.price * scale, forward * scale, strike * scale, t, is_call)
    assert again.reason == found.reason or one.price < 1e-200
    if found.reason == Reason.OK and one.price > 1e-200:
        assert abs(again.vol / found.vol - 1.0) <= 4e-15


@unhurried
@given(forwards, moneyness, years, vols, st.booleans(), discounts)
def test_bounds_and_signs(
    forward: float, x: float, t: float, vol: float, is_call: bool, discount: float
) -> None:
    strike = forward * math.exp(x)
    out = black76(forward, strike, t, vol, is_call, discount)
    intrinsic = discount * max(forward - strike if is_call else strike - forward, 0.0)
    upper = discount * (forward if is_call else strike)
    assert intrinsic <= out.price <= upper * (1 + 1e-15)
    assert 0.0 <= (out.delta if is_call else -out.delta) <= discount
    assert out.gamma >= 0.0
    assert out.vega >= 0.0
    assert (out.rho >= 0.0) if is_call else (out.rho <= 0.0)
    if discount == 1.0:
        assert out.theta <= 0.0


@unhurried
@given(forwards, moneyness, years, vols, st.floats(1.001, 1.5), st.booleans())
def test_more_volatility_never_costs_less(
    forward: float, x: float, t: float, vol: float, factor: float, is_call: bool
) -> None:
    strike = forward * math.exp(x)
    low, high = (black76(forward, strike, t, each, is_call).price for each in (vol, vol * factor))
    assert low <= high * (1 + 1e-14)


@unhurried
@given(forwards, moneyness, years, vols, st.floats(1.001, 1.5), st.booleans())
def test_a_higher_strike_makes_calls_cheaper_and_puts_dearer(
    forward: float, x: float, t: float, vol: float, factor: float, is_call: bool
) -> None:
    """And by no more than the strikes differ."""
    low = forward * math.exp(x)
    high = low * factor
    at_low, at_high = (black76(forward, strike, t, vol, is_call).price for strike in (low, high))
    gain = at_low - at_high if is_call else at_high - at_low
    slack = PRICE_ERROR * min(at_low, at_high)
    assert -slack <= gain <= (high - low) * (1 + 1e-14) + slack


@unhurried
@given(anything, anything, anything, anything, st.booleans(), anything)
def test_no_argument_raises_or_warns(
    forward: float, strike: float, t: float, vol: float, is_call: bool, discount: float
) -> None:
    out = black76(forward, strike, t, vol, is_call, discount)
    assert all(part.shape == () for part in out)
    back = implied_vol(forward, strike, t, vol, is_call, discount)
    assert np.isnan(back.vol) == (back.reason != Reason.OK)
    if back.reason == Reason.OK:
        assert 0.0 < back.vol < math.inf


positive = st.floats(1e-300, 1e300)


@unhurried
@given(st.lists(st.tuples(st.floats(0.0, 1.0), positive, positive, st.floats(1e-300, 1e6), st.booleans()),
                min_size=1, max_size=30))  # fmt: skip
def test_a_price_between_its_bounds_has_a_volatility(
    rows: list[tuple[float, float, float, float, bool]],
) -> None:
    """Any share of the way from intrinsic value to bound, any size, alone or among others."""
    share, forward, strike, t, is_call = (np.array(column) for column in zip(*rows, strict=True))
    intrinsic = np.maximum(np.where(is_call, forward - strike, strike - forward), 0.0)
    value = share * np.minimum(forward, strike)
    price = intrinsic + value
    kept = price - intrinsic
    # Elsewhere rounding has put the price on one of its ends, or its share is no normal number.
    inside = (kept > 0) & (kept < np.minimum(forward, strike)) & (price < np.where(is_call, forward, strike))
    inside &= value / np.minimum(forward, strike) > 1e-300
    out = implied_vol(price, forward, strike, t, is_call)
    assert (out.reason[inside] == Reason.OK).all()
    for row in range(len(rows)):
        alone = implied_vol(price[row], forward[row], strike[row], t[row], is_call[row])
        assert alone.reason == out.reason[row]
        assert alone.vol == pytest.approx(out.vol[row], rel=1e-14, nan_ok=True)


@unhurried
@given(forwards, moneyness, years, vols, st.booleans(), discounts)
def test_implied_volatility_round_trip(
    forward: float, x: float, t: float, vol: float, is_call: bool, discount: float
) -> None:
    """The volatility comes back, as exactly as the price holds it."""
    strike = forward * math.exp(x)
    priced = black76(forward, strike, t, vol, is_call, discount)
    price, vega = float(priced.price), 100.0 * float(priced.vega)
    out = implied_vol(price, forward, strike, t, is_call, discount)
    if out.reason != Reason.OK:
        # Only where the time value is lost beside the intrinsic value, or the bound is reached.
        intrinsic = discount * max(forward - strike if is_call else strike - forward, 0.0)
        bound = discount * (forward if is_call else strike)
        assert price - intrinsic <= 1e-14 * max(forward, strike) or price >= bound * (1 - 1e-15)
        return
    if price > 1e-290 and vega * vol > 1e-4 * PRICE_ERROR * price:
        condition = max(1.0, price / (vega * vol))
        error = PRICE_ERROR * condition
        if error < 1e-3:  # beyond, the first-order bound says nothing
            assert abs(float(out.vol) / vol - 1.0) <= 1.1 * error


@unhurried
@given(forwards, moneyness, years, st.booleans(), st.floats(1e-6, 0.999), st.floats(1e-6, 0.999))
def test_a_higher_price_implies_no_lower_volatility(
    forward: float, x: float, t: float, is_call: bool, one: float, two: float
) -> None:
    strike = forward * math.exp(x)
    smaller = min(forward, strike)
    price = max(forward - strike if is_call else strike - forward, 0.0) + np.array([one, two]) * smaller
    low, high = implied_vol(np.sort(price), forward, strike, t, is_call).vol
    assert low <= high * (1 + 4e-15)


@unhurried
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_floor_nearest_and_ceiling_are_in_order_and_within_one(values: list[float]) -> None:
    low, near, high = (f(values, 1_000_000) for f in (floor_units, half_even_units, ceil_units))
    assert (low <= near).all()
    assert (near <= high).all()
    assert (high - low <= 1).all()
