"""Listings and the grid of valid prices."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.instruments import TickGrid, parse_instrument, to_micro, to_number, usable_instruments
from tests.unit.clients.fake_venue import NOW_MS, option_listing, perpetual_listing

GRID = TickGrid(((0, 100_000), (1_000_000_000, 1_000_000), (5_000_000_000, 5_000_000)))


def test_an_option_and_a_perpetual_are_read() -> None:
    option = parse_instrument(option_listing("BTC", 2, 90_000.0, "put"))
    assert (option.is_option, option.is_call, option.strike) == (True, False, 90_000.0)
    assert option.expiry_ms > NOW_MS
    assert option.grid.steps == ((0, 100_000), (1_000_000_000, 1_000_000))
    perpetual = parse_instrument(perpetual_listing("ETH"))
    assert (perpetual.is_option, perpetual.index_name) == (False, "eth_usdc")
    assert perpetual.min_amount_micro == 1000


@pytest.mark.parametrize(
    "change",
    [
        {"tick_size": 0},
        {"tick_size": "x"},
        {"strike": None},
        {"min_trade_amount": 1e-9},
        {"option_type": ...},
    ],
)
def test_an_unusable_listing_is_named_and_left_out(change: dict[str, Any]) -> None:
    raw = {**option_listing("BTC", 2, 90_000.0, "call"), **change}
    raw = {key: value for key, value in raw.items() if value is not ...}
    found, complaints = usable_instruments([raw, perpetual_listing("BTC"), "nonsense"])
    assert [instrument.name for instrument in found] == ["BTC_USDC-PERPETUAL"]
    assert "BTC_USDC-D2-90000-C" in complaints[0]
    assert "nonsense" in complaints[1]


def test_inactive_and_dated_futures_are_passed_over() -> None:
    inactive = {**perpetual_listing("BTC"), "is_active": False}
    dated = {**perpetual_listing("BTC"), "settlement_period": "week"}
    assert usable_instruments([inactive, dated]) == ([], [])


@pytest.mark.parametrize("value", [None, "x", math.nan, math.inf, 1e-7, [1]])
def test_what_is_no_number_of_millionths_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"not a decimal|finer"):
        to_micro(value)


@given(st.integers(min_value=0, max_value=10**13))
def test_millionths_survive_the_wire_exactly(micro: int) -> None:
    assert to_micro(to_number(micro)) == micro


@given(st.integers(min_value=0, max_value=10**10))
def test_floor_and_ceil_are_the_nearest_valid_prices(price: int) -> None:
    low, high = GRID.floor(price), GRID.ceil(price)
    assert low <= price <= high
    for valid in (low, high):
        assert valid % GRID.step_micro(valid) == 0
    assert high - low <= GRID.step_micro(price)
    assert GRID.above(price) > price
