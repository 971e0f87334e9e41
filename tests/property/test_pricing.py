"""Properties of Black-76 and its inversion over the whole sensible range."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.european import black76
from pricing.implied import Reason, implied_vol
from pricing.quantize import ceil_units, floor_units, half_even_units

forwards = st.floats(1e-3, 1e6)
moneyness = st.floats(-2.5, 2.5)
years = st.floats(1e-6, 5.0)
vols = st.floats(0.01, 4.0)
discounts = st.floats(0.5, 1.0)
# A busy machine is no failure.
unhurried = settings(deadline=None)

anything = st.floats(allow_nan=True, allow_infinity=True)


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
    low, high = black76(forward, strike, t, np.array([vol, vol * factor]), is_call).price
    assert low <= high * (1 + 1e-14)


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


@unhurried
@given(forwards, moneyness, years, vols, st.booleans(), discounts)
def test_implied_volatility_round_trip(
    forward: float, x: float, t: float, vol: float, is_call: bool, discount: float
) -> None:
    """Priced out of the money the volatility comes back; in the money, the price does."""
    strike = forward * math.exp(x)
    price = float(black76(forward, strike, t, vol, is_call, discount).price)
    out = implied_vol(price, forward, strike, t, is_call, discount)
    if out.reason != Reason.OK:
        # Only where the time value is lost beside the intrinsic value, or the bound is reached.
        intrinsic = discount * max(forward - strike if is_call else strike - forward, 0.0)
        bound = discount * (forward if is_call else strike)
        assert price - intrinsic <= 1e-14 * max(forward, strike) or price >= bound * (1 - 1e-10)
        return
    again = float(black76(forward, strike, t, out.vol, is_call, discount).price)
    assert abs(again - price) <= 1e-14 * max(forward, strike)
    out_of_the_money = (forward <= strike) == is_call
    if out_of_the_money and price < 0.99 * discount * min(forward, strike) and price > 1e-280:
        assert abs(float(out.vol) / vol - 1.0) < 1e-11


@unhurried
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_floor_nearest_and_ceiling_are_in_order_and_within_one(values: list[float]) -> None:
    low, near, high = (f(values, 1_000_000) for f in (floor_units, half_even_units, ceil_units))
    assert (low <= near).all()
    assert (near <= high).all()
    assert (high - low <= 1).all()
