"""Implied volatility on every engine: reasons, accuracy against 80 digits, shapes, and a real chain."""

import csv
import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from numpy.typing import NDArray

from pricing import engines
from pricing.engines import Floats, implied_numpy
from pricing.european import black76, years_between
from pricing.implied import ImpliedVol, Reason, implied_vol
from tests.unit.pricing.hard_grid import TINY, Options, Truth, grid_truth

CHAIN = Path(__file__).parents[2] / "data" / "deribit_eth_20240108.csv"
ENGINES = ("numpy", "numba") if engines.numba_installed() else ("numpy",)

ACCURACY = 2e-15
"""Relative error of a volatility per condition: the bar is 1e-14."""


@pytest.fixture(params=ENGINES, autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    before = engines.current()
    yield engines.select(request.param)
    engines.select(before)


def condition(price: Floats, vol: Floats, vega_per_point: Floats) -> Floats:
    """What a relative change of the price becomes in the volatility, at least 1."""
    return np.maximum(1.0, price / (vol * 100.0 * vega_per_point))


# price, forward, strike, years, is_call, discount
CASES = [
    ((5.0, 100.0, 100.0, 0.5, True, 1.0), Reason.OK),
    ((90.0, 100.0, 100.0, 0.5, True, 1.0), Reason.OK),
    ((-0.1, 100.0, 110.0, 0.5, True, 1.0), Reason.BELOW_INTRINSIC),
    ((9.9, 100.0, 90.0, 0.5, True, 1.0), Reason.BELOW_INTRINSIC),
    ((9.9, 100.0, 110.0, 0.5, False, 1.0), Reason.BELOW_INTRINSIC),
    ((8.9, 100.0, 110.0, 0.5, False, 0.9), Reason.BELOW_INTRINSIC),
    ((10.0, 100.0, 90.0, 0.5, True, 1.0), Reason.AT_INTRINSIC),
    ((5.0, 100.0, 90.0, 0.5, True, 0.5), Reason.AT_INTRINSIC),
    ((0.0, 100.0, 90.0, 0.5, False, 1.0), Reason.AT_INTRINSIC),
    ((0.0, 100.0, 100.0, 0.5, False, 1.0), Reason.AT_INTRINSIC),
    ((100.0, 100.0, 110.0, 0.5, True, 1.0), Reason.AT_OR_ABOVE_BOUND),
    ((110.0, 100.0, 110.0, 0.5, False, 1.0), Reason.AT_OR_ABOVE_BOUND),
    ((500.0, 100.0, 90.0, 0.5, True, 1.0), Reason.AT_OR_ABOVE_BOUND),
    ((60000.0, 60000.0, 6648.189501740032, 5.0, True, 1.0), Reason.AT_OR_ABOVE_BOUND),
    ((50.0, 100.0, 90.0, 0.5, True, 0.5), Reason.AT_OR_ABOVE_BOUND),
    ((5.0, 100.0, 100.0, 0.0, True, 1.0), Reason.EXPIRED),
    ((5.0, 100.0, 100.0, -1.0, True, 1.0), Reason.EXPIRED),
    ((500.0, 100.0, 100.0, -1.0, True, 1.0), Reason.EXPIRED),
    ((math.nan, 100.0, 100.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((math.inf, 100.0, 100.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((5.0, math.nan, 100.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((5.0, math.inf, 100.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((5.0, 0.0, 100.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((5.0, 100.0, 0.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((100.0, 100.0, 0.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((0.0, 100.0, math.inf, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((5.0, 100.0, -1.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((-60.0, -100.0, -100.0, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((5.0, 100.0, math.nan, 0.5, True, 1.0), Reason.BAD_INPUT),
    ((5.0, 100.0, 100.0, math.nan, True, 1.0), Reason.BAD_INPUT),
    ((5.0, 100.0, 100.0, math.inf, True, 1.0), Reason.BAD_INPUT),
    ((5.0, 100.0, 100.0, 0.5, True, 0.0), Reason.BAD_INPUT),
    ((-5.0, 100.0, 100.0, 0.5, True, -1.0), Reason.BAD_INPUT),
    ((5.0, 100.0, 100.0, 0.5, True, math.inf), Reason.BAD_INPUT),
    ((5.0, 100.0, 100.0, 0.5, True, math.nan), Reason.BAD_INPUT),
    ((1e-305, 1.0, 1.0, 1e100, True, 1.0), Reason.NO_CONVERGENCE),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "reason"), CASES)
def test_where_none_exists_the_reason_is_named(
    arguments: tuple[float, float, float, float, bool, float], reason: Reason
) -> None:
    out = implied_vol(*arguments)
    assert out.reason == reason
    assert np.isnan(out.vol) == (reason != Reason.OK)


def test_the_same_reasons_among_many() -> None:
    columns = zip(*(arguments for arguments, _ in CASES), strict=True)
    price, forward, strike, years, is_call, discount = (np.array(column) for column in columns)
    out = implied_vol(price, forward, strike, years, is_call, discount)
    assert out.reason.tolist() == [reason for _, reason in CASES]
    assert (np.isnan(out.vol) == (out.reason != Reason.OK)).all()


def check_round_trip(options: Options, truth: dict[str, Truth]) -> None:
    price, vega = truth["price"].value, truth["vega"].value
    intrinsic = np.maximum(np.where(options.is_call, 1, -1) * (options.forward - options.strike), 0.0)
    bound = np.where(options.is_call, options.forward, options.strike)
    # Elsewhere the price was rounded to its intrinsic value or its bound, and holds no volatility.
    exists = (price > intrinsic) & (price < bound)
    assert exists.sum() > 1_000
    out = implied_vol(price, options.forward, options.strike, options.years, options.is_call)
    assert ((out.reason == Reason.OK) == exists).all()
    exact = exists & (price > TINY)
    error = np.abs(out.vol[exact] / options.vol[exact] - 1.0)
    assert np.max(error / condition(price[exact], options.vol[exact], vega[exact])) < ACCURACY


def test_the_volatility_comes_back_from_exact_prices_of_the_hard_grid() -> None:
    """vol -> price in 80 digits -> vol, in and out of the money: within 2e-15 of it per condition, no NaN."""
    check_round_trip(*grid_truth())


@pytest.mark.slow
def test_the_volatility_comes_back_from_many_more_exact_prices() -> None:
    check_round_trip(*grid_truth(thorough=True))


def exact_share(x: mp.mpf, s: mp.mpf) -> mp.mpf:
    """c(s), the out-of-the-money price over the smaller of forward and strike."""
    near, far = x / s - s / 2, x / s + s / 2
    return (mp.erfc(near / mp.sqrt(2)) - mp.exp(x) * mp.erfc(far / mp.sqrt(2))) / 2


RATIOS = (1.0, 1.0 + 1e-15, 1.01, 700.0, 1e6, 1e60, 1e250)
STDEVS = (3e-5, 1e-3, 0.02, 0.4, 1.3, 3.0, 9.0, 15.0, 40.0)
FORWARDS = (1.0, 2.0**-500, 2.0**70)


def test_extremes_have_their_volatility() -> None:
    """Prices down to 1e-300, strikes at 1e250 times the forward, sizes near 1e-150 and 1e250."""
    tried = 0
    for ratio, stdev in itertools.product(RATIOS, STDEVS):
        with mp.workdps(400):
            x, s = mp.log(mp.mpf(ratio)), mp.mpf(stdev)
            if x / s > 38:
                continue
            share = exact_share(x, s)
            kappa = max(1.0, float(share / (s * mp.npdf(x / s - s / 2))))
        for forward in FORWARDS:
            price = float(share * forward)
            if 1e-300 < price < (1 - 3e-16) * forward:
                out = implied_vol(price, forward, ratio * forward, 0.25, True)
                assert out.reason == Reason.OK
                assert abs(float(out.vol) / (2.0 * stdev) - 1.0) < ACCURACY * kappa
                tried += 1
    assert tried > 70


def test_price_without_normal_digits_still_has_a_volatility() -> None:
    vol = float(implied_vol(5e-324, 1.0, 2.0, 1.0, True).vol)
    price = exact_share(mp.log(2), mp.mpf(vol))
    assert 0.999 < price / mp.mpf(5e-324) < 1.001


def options_in_abundance(count: int) -> tuple[NDArray[Any], ...]:
    """price, forward, strike, years, is_call, vol: seeded, wide, above and below half the bound."""
    random = np.random.default_rng(1)
    forward = random.uniform(10.0, 1e5, count)
    years = 10 ** random.uniform(-5, 0.7, count)
    vol = 10 ** random.uniform(-2, 0.8, count)
    strike = forward * np.exp(random.uniform(-4, 4, count) * np.minimum(vol * np.sqrt(years), 1.2))
    is_call = strike >= forward
    return black76(forward, strike, years, vol, is_call).price, forward, strike, years, is_call, vol


def test_long_arrays_and_single_options_agree() -> None:
    *arguments, _vol = options_in_abundance(2 * implied_numpy._BLOCK + 1_001)
    many = implied_vol(*arguments)
    rows = range(0, len(many.vol), 101)
    alone = [implied_vol(*(column[row] for column in arguments)) for row in rows]
    assert [float(one.vol) for one in alone] == pytest.approx(many.vol[::101], rel=4e-15, nan_ok=True)
    assert [int(one.reason) for one in alone] == many.reason[::101].tolist()
    some = implied_vol(*(column[:100] for column in arguments))
    assert some.vol == pytest.approx(many.vol[:100], rel=4e-15, nan_ok=True)


def test_engines_agree(engine: str) -> None:
    *arguments, _vol = options_in_abundance(5_000)
    found = implied_vol(*arguments)
    engines.select("numpy")
    plain = implied_vol(*arguments)
    engines.select(engine)
    assert (found.reason == plain.reason).all()
    error = np.abs(found.vol / plain.vol - 1.0)[plain.reason == Reason.OK]
    # Near the bound, prices that differ in no bit leave many volatilities: the condition again.
    price, forward, strike, years, is_call = (each[plain.reason == Reason.OK] for each in arguments)
    vol = plain.vol[plain.reason == Reason.OK]
    vega = black76(forward, strike, years, vol, is_call.astype(np.bool_)).vega
    assert np.max(error / condition(price, vol, vega)) < ACCURACY


def test_arguments_broadcast_and_are_left_alone() -> None:
    strike = np.array([[80.0], [120.0]])
    call = np.array([True, False])
    price = black76(100.0, strike, 0.3, 0.7, call, 0.9).price
    before = price.copy(), strike.copy(), call.copy()
    out = implied_vol(price, 100.0, strike, 0.3, call, 0.9)
    assert out.vol.shape == out.reason.shape == (2, 2)
    assert out.vol == pytest.approx(0.7, rel=1e-13)
    for argument, copy in zip((price, strike, call), before, strict=True):
        assert (argument == copy).all()
    with pytest.raises(ValueError, match="shape"):
        implied_vol(np.ones(2), np.ones(3), 1.0, 1.0, True)


def test_any_layout_will_do() -> None:
    strike = np.linspace(60.0, 160.0, 40)
    price = np.array([black76(100.0, k, 0.5, 0.6, True).price for k in strike.tolist()]).reshape(4, 10)
    strike = strike.reshape(4, 10)
    for order in (np.asfortranarray, np.ascontiguousarray, lambda array: array[::-1, ::2]):
        out = implied_vol(order(price), 100, order(strike), 0.5, 1)
        assert out.vol == pytest.approx(0.6, rel=1e-12)
    strike.flags.writeable = price.flags.writeable = False
    assert implied_vol(price, 100, strike, 0.5, True).vol == pytest.approx(0.6, rel=1e-12)
    assert implied_vol(price.tolist(), 100, strike.tolist(), 0.5, True).vol == pytest.approx(0.6, rel=1e-12)


def test_scalars_and_nothing_at_all() -> None:
    out: ImpliedVol = implied_vol(black76(100.0, 90.0, 1.0, 0.5, False).price, 100.0, 90.0, 1.0, False)
    assert out.vol.shape == out.reason.shape == ()
    assert out.vol == pytest.approx(0.5, rel=1e-14)
    empty = implied_vol(np.empty(0), 1.0, 1.0, 1.0, True)
    assert empty.vol.shape == empty.reason.shape == (0,)


def test_inverts_a_real_chain() -> None:
    with CHAIN.open(newline="") as file:
        rows = list(csv.DictReader(file))
    forward = np.array([float(row["underlying_price"]) for row in rows])
    price = np.array([float(row["mark_price"]) for row in rows]) * forward  # quoted in ETH
    strike = np.array([float(row["strike_price"]) for row in rows])
    call = np.array([row["option_type"] == "C" for row in rows])
    expiries = [datetime.strptime(row["expire_date"], "%d%b%y").replace(hour=8, tzinfo=UTC) for row in rows]
    expiry_ms = [int(expiry.timestamp()) * 1000 for expiry in expiries]
    years = years_between([int(row["creation_timestamp"]) for row in rows], expiry_ms)
    out = implied_vol(price, forward, strike, years, call)
    found = out.reason == Reason.OK
    assert found.sum() >= 680
    again = black76(forward, strike, years, out.vol, call).price
    assert again[found] == pytest.approx(price[found], rel=1e-12)
    assert 0.3 < out.vol[found].min() < np.median(out.vol[found]) < out.vol[found].max() < 3.0
    assert set(out.reason[~found].tolist()) <= {Reason.BELOW_INTRINSIC, Reason.AT_INTRINSIC}
