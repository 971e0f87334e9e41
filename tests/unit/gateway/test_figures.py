"""Volatilities and Greeks come from the oracle's snapshot, computed once a price and snapshot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.gateway.rig import OPTION, PERPETUAL, PUT, Rig


class Values(NamedTuple):
    mark_iv_percent: float | None = 55.0
    delta: float = 0.4
    gamma: float = 0.01
    vega: float = 90.0
    theta: float = -20.0
    rho: float = 7.0


class Chain:
    at_ms = 1

    def __init__(self) -> None:
        self.asked: list[tuple[int, float]] = []

    def get(self, instrument_id: int) -> Values | None:
        return Values() if instrument_id < 2 else None

    def model(self) -> dict[str, object] | None:
        return None

    def listed(self) -> list[int]:
        return []

    def rows(self) -> list[list[float]]:
        return []

    def iv_percent(self, instrument_ids: Sequence[int], prices: Sequence[float]) -> NDArray[np.float64]:
        self.asked += [pair for pair in zip(instrument_ids, prices, strict=True) if not math.isnan(pair[1])]
        return np.array(prices) / 100


class Oracle:
    def __init__(self) -> None:
        self.btc = Chain()

    def chain(self, underlying: int) -> Chain | None:
        return self.btc if underlying == 0 else None

    def is_fresh(self) -> bool:
        return True

    def estimated_delivery_price(self, underlying: int, expiry_ms: int) -> float | None:
        return 100_050.25 if underlying == 0 else None


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def rig(oracle: Oracle) -> Rig:
    return Rig(oracle=oracle).open()


def test_ticker_and_summary_show_volatilities_and_greeks(rig: Rig) -> None:
    client = rig.client()
    client.buy(amount=1, price=4000)
    client.sell(PUT, amount=1, price=6000)
    ticker = client.call("public/ticker", instrument_name=OPTION)
    assert (ticker["mark_iv"], ticker["bid_iv"], ticker["ask_iv"]) == (55, 40, 0)
    assert ticker["greeks"] == {"delta": 0.4, "gamma": 0.01, "rho": 7, "theta": -20, "vega": 90}
    summaries = client.call("public/get_book_summary_by_currency", currency="BTC", kind="option")
    assert [(s["bid_iv"], s["ask_iv"]) for s in summaries] == [(40, 0), (0, 60)]
    assert "greeks" not in client.call("public/ticker", instrument_name=PERPETUAL)


def test_a_volatility_is_computed_once_a_price_and_snapshot(rig: Rig, oracle: Oracle) -> None:
    client = rig.client()
    client.buy(amount=1, price=4000)
    for _ in range(3):
        client.call("public/ticker", instrument_name=OPTION)
    assert oracle.btc.asked == [(0, 4000)]
    oracle.btc.at_ms = 2
    client.call("public/ticker", instrument_name=OPTION)
    client.buy(amount=1, price=4005)
    client.call("public/ticker", instrument_name=OPTION)
    assert oracle.btc.asked == [(0, 4000), (0, 4000), (0, 4005)]


def test_an_accounts_greeks_are_those_of_its_positions(rig: Rig) -> None:
    client, other = rig.client(), rig.client()
    other.sell(amount=2, price=5000)
    client.buy(amount=2, price=5000)
    other.sell(PERPETUAL, amount=0.5, price=100_000)
    client.buy(PERPETUAL, amount=0.5, price=100_000)
    summary = client.call("private/get_account_summary", currency="USDC")
    assert summary["options_delta"] == 0.8
    assert summary["options_vega"] == 180
    assert summary["delta_total"] == 1.3
    assert summary["delta_total_map"] == {"btc_usdc": 1.3}
    assert summary["options_value"] == 10_000
    assert client.call("private/get_position", instrument_name=OPTION)["delta"] == 0.8
    assert rig.venue.figures.mark_micro(0) == 5_000_000_000
