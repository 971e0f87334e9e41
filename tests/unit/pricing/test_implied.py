"""Implied volatility: reasons, accuracy on a grid, and a real chain."""

import csv
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pricing.european import black76, years_between
from pricing.implied import Reason, implied_vol

CHAIN = Path(__file__).parents[2] / "golden" / "pricing" / "deribit_eth_20240108.csv"


@pytest.mark.parametrize(
    ("price", "strike", "years", "is_call", "reason"),
    [
        (5.0, 100.0, 0.5, True, Reason.OK),
        (-0.1, 110.0, 0.5, True, Reason.BELOW_INTRINSIC),
        (9.9, 90.0, 0.5, True, Reason.BELOW_INTRINSIC),
        (9.9, 110.0, 0.5, False, Reason.BELOW_INTRINSIC),
        (10.0, 90.0, 0.5, True, Reason.AT_INTRINSIC),
        (0.0, 90.0, 0.5, False, Reason.AT_INTRINSIC),
        (100.0, 110.0, 0.5, True, Reason.AT_OR_ABOVE_BOUND),
        (110.0, 110.0, 0.5, False, Reason.AT_OR_ABOVE_BOUND),
        (500.0, 90.0, 0.5, True, Reason.AT_OR_ABOVE_BOUND),
        (5.0, 100.0, 0.0, True, Reason.EXPIRED),
        (5.0, 100.0, -1.0, True, Reason.EXPIRED),
        (math.nan, 100.0, 0.5, True, Reason.BAD_INPUT),
        (math.inf, 100.0, 0.5, True, Reason.BAD_INPUT),
        (5.0, math.nan, 0.5, True, Reason.BAD_INPUT),
        (5.0, -1.0, 0.5, True, Reason.BAD_INPUT),
        (5.0, 100.0, math.nan, True, Reason.BAD_INPUT),
    ],
)
def test_where_none_exists_the_reason_is_named(
    price: float, strike: float, years: float, is_call: bool, reason: Reason
) -> None:
    out = implied_vol(price, 100.0, strike, years, is_call)
    assert out.reason == reason
    assert np.isnan(out.vol) == (reason != Reason.OK)


def test_bad_forward_and_discount_are_bad_input() -> None:
    assert implied_vol(5.0, 0.0, 100.0, 0.5, True).reason == Reason.BAD_INPUT
    assert implied_vol(5.0, 100.0, 100.0, 0.5, True, 0.0).reason == Reason.BAD_INPUT


def test_recovers_the_volatility_on_a_hard_grid() -> None:
    """Moneyness to e^6, total deviation 1e-7 to 9, prices down to 1e-250: two steps suffice."""
    moneyness = np.concatenate([[0.0, 1e-12, 1e-8], np.geomspace(1e-5, 6.0, 25)])
    x, s = np.meshgrid(moneyness, np.geomspace(1e-7, 9.0, 90))
    keep = x / s < 33.0
    strike, s = np.exp(x[keep]), s[keep]
    price = black76(1.0, strike, 1.0, s, True).price
    keep = 1.0 - price > 1e-3  # nearer to the bound the price itself has lost the digits
    out = implied_vol(price[keep], 1.0, strike[keep], 1.0, True)
    assert (out.reason == Reason.OK).all()
    assert np.max(np.abs(out.vol / s[keep] - 1.0)) < 1e-13


def test_discounted_puts_and_calls_broadcast() -> None:
    strike = np.array([[80.0], [120.0]])
    call = np.array([True, False])
    price = black76(100.0, strike, 0.3, 0.7, call, 0.9).price
    out = implied_vol(price, 100.0, strike, 0.3, call, 0.9)
    assert out.vol.shape == out.reason.shape == (2, 2)
    assert out.vol == pytest.approx(0.7, rel=1e-13)


def test_scalars_and_nothing_at_all() -> None:
    assert implied_vol(black76(100.0, 90.0, 1.0, 0.5, False).price, 100.0, 90.0, 1.0, False).vol.shape == ()
    assert implied_vol(np.empty(0), 1.0, 1.0, 1.0, True).vol.shape == (0,)


def test_inverts_a_real_chain() -> None:
    with CHAIN.open(newline="") as file:
        rows = list(csv.DictReader(file))
    forward = np.array([float(row["underlying_price"]) for row in rows])
    price = np.array([float(row["mark_price"]) for row in rows]) * forward  # quoted in ETH
    strike = np.array([float(row["strike_price"]) for row in rows])
    call = np.array([row["option_type"] == "C" for row in rows])
    expiry_ms = [
        int(datetime.strptime(row["expire_date"], "%d%b%y").replace(hour=8, tzinfo=UTC).timestamp()) * 1000
        for row in rows
    ]
    years = years_between([int(row["creation_timestamp"]) for row in rows], expiry_ms)
    out = implied_vol(price, forward, strike, years, call)
    found = out.reason == Reason.OK
    assert found.sum() >= 680
    again = black76(forward, strike, years, out.vol, call).price
    assert again[found] == pytest.approx(price[found], rel=1e-12)
    assert 0.3 < out.vol[found].min() < np.median(out.vol[found]) < out.vol[found].max() < 3.0
    assert set(out.reason[~found]) <= {Reason.BELOW_INTRINSIC, Reason.AT_INTRINSIC}
