"""What must hold between Black-76 prices and Greeks, on every engine, and against QuantLib."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pricing import engines
from pricing.engines import Floats
from pricing.european import black76, black76_second_order
from tests.unit.pricing.engine_choice import ENGINES, using

forwards = st.floats(1e-3, 1e6)
moneyness = st.floats(-5.0, 5.0)
years = st.floats(1.0 / 525_600.0, 5.0)
vols = st.floats(0.001, 10.0)
sides = st.booleans()
# A busy machine is no failure; the engine stays selected for all examples of a test.
unhurried = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

ERROR = 1e-12
TINY = 1e-280


@pytest.fixture(autouse=True, params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    with using(request.param):
        yield request.param


def sorted_floats(low: float, high: float) -> st.SearchStrategy[Floats]:
    arrays = hnp.arrays(np.float64, st.integers(2, 40), elements=st.floats(low, high))
    return arrays.map(np.sort)


def never_falls(values: Floats) -> bool:
    """Not by more than the error of either neighbour."""
    return bool(np.all(values[1:] >= values[:-1] * (1.0 - 2.0 * ERROR) - TINY))


@unhurried
@given(forwards, moneyness, years, sorted_floats(0.001, 10.0), sides)
def test_more_volatility_never_costs_less(
    forward: float, x: float, t: float, vol: Floats, is_call: bool
) -> None:
    assert never_falls(black76(forward, forward * math.exp(x), t, vol, is_call).price)


@unhurried
@given(forwards, sorted_floats(-5.0, 5.0), years, vols)
def test_calls_fall_and_puts_rise_with_the_strike(forward: float, x: Floats, t: float, vol: float) -> None:
    strike = forward * np.exp(x)
    call, put = (black76(forward, strike, t, vol, is_call) for is_call in (True, False))
    assert never_falls(call.price[::-1])
    assert never_falls(put.price)
    assert never_falls(call.delta[::-1])
    assert never_falls(-put.delta)


@unhurried
@given(forwards, moneyness, years, vols, st.floats(0.5, 1.0))
def test_put_call_parity_of_prices_and_greeks(
    forward: float, x: float, t: float, vol: float, discount: float
) -> None:
    strike = forward * math.exp(x)
    call, put = (black76(forward, strike, t, vol, is_call, discount) for is_call in (True, False))
    size = 1e-15 * max(forward, strike)
    assert abs(call.price - put.price - discount * (forward - strike)) <= 4 * size
    assert abs(call.delta - put.delta - discount) <= 1e-15
    assert call.gamma == put.gamma
    assert call.vega == put.vega
    assert abs(call.rho - put.rho - 0.01 * t * discount * strike) <= 0.04 * t * size


@unhurried
@given(forwards, moneyness, years, vols, sides)
def test_a_call_is_a_put_with_forward_and_strike_exchanged(
    forward: float, x: float, t: float, vol: float, is_call: bool
) -> None:
    strike = forward * math.exp(x)
    one, other = black76(forward, strike, t, vol, is_call), black76(strike, forward, t, vol, not is_call)
    for got, want in ((one.price, other.price), (one.vega, other.vega), (one.theta, other.theta)):
        assert abs(got - want) <= ERROR * abs(want) + TINY * strike


@unhurried
@given(forwards, moneyness, years, vols, sides, st.integers(-60, 60))
def test_scaling_by_a_power_of_two_changes_no_digit(
    forward: float, x: float, t: float, vol: float, is_call: bool, power: int
) -> None:
    strike, scale = forward * math.exp(x), 2.0**power
    one = black76(forward, strike, t, vol, is_call)
    scaled = black76(forward * scale, strike * scale, t, vol, is_call)
    if float(one.vega) < TINY * 1e20:  # the digits of still smaller ones end with the range of doubles
        return
    for got, want in zip(scaled, one, strict=True):
        factor = 1.0 if got is scaled.delta else 1.0 / scale if got is scaled.gamma else scale
        assert got == want * factor


@unhurried
@given(forwards, moneyness, years, vols, sides)
def test_the_greeks_hang_together(forward: float, x: float, t: float, vol: float, is_call: bool) -> None:
    """The differential equation, vega from gamma, Euler's theorem, and the second order from the first."""
    strike = forward * math.exp(x)
    out = black76(forward, strike, t, vol, is_call)
    second = black76_second_order(forward, strike, t, vol, is_call)
    heat = forward * forward * float(out.gamma) * vol
    if heat < TINY * 1e20:
        return
    assert float(out.theta) == pytest.approx(-0.5 * heat * vol / 365.0, rel=ERROR, abs=0.0)
    assert float(out.vega) == pytest.approx(0.01 * heat * t, rel=ERROR, abs=0.0)
    euler = forward * float(out.delta) - float(out.rho) / (0.01 * t)
    assert abs(euler - float(out.price)) <= 4e-15 * max(forward, strike)
    from_vanna = -100.0 * float(second.vanna) * vol / (2.0 * t * 365.0)
    assert float(second.charm) == pytest.approx(from_vanna, rel=ERROR, abs=0.0)


@unhurried
@given(forwards, moneyness, years, vols, sides)
def test_quantlib_agrees_within_its_own_error(
    forward: float, x: float, t: float, vol: float, is_call: bool
) -> None:
    """Its normal distribution is good to 1e-15 of the whole, not of itself, and its Greeks to 1e-10."""
    strike = forward * math.exp(x)
    stdev = vol * math.sqrt(t)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if is_call else ql.Option.Put, strike)
    theirs = ql.BlackCalculator(payoff, forward, stdev)
    ours = black76(forward, strike, t, vol, is_call)
    assert abs(theirs.value() - float(ours.price)) <= 4e-15 * max(forward, strike)
    assert abs(theirs.deltaForward() - float(ours.delta)) <= 1e-9
    assert abs(theirs.vega(t) / 100.0 - float(ours.vega)) <= 1e-12 * forward * math.sqrt(t)
    assert abs(theirs.gammaForward() - float(ours.gamma)) <= 1e-9 / (forward * stdev)


@unhurried
@given(st.integers(0, 2**32 - 1))
def test_engines_agree(seed: int) -> None:
    random = np.random.default_rng(seed)
    strike = 100.0 * np.exp(random.uniform(-5, 5, 200) * random.random(200))
    t, vol, is_call = 10 ** random.uniform(-5, 0.7, 200), 10 ** random.uniform(-2.5, 1, 200), strike > 90.0
    results = []
    for name in ENGINES:
        engines.select(name)
        results.append(black76(100.0, strike, t, vol, is_call))
    for got, want in zip(results[-1], results[0], strict=True):
        assert np.all(np.abs(got - want) <= ERROR * np.abs(want) + TINY)
