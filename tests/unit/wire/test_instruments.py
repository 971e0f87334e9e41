"""Instrument views: exact numbers and the dialect's words."""

from __future__ import annotations

import pytest

from exchange.wire.instruments import PERPETUAL_EXPIRY_MS, InstrumentView, usdc
from tests.unit.wire.samples import EXPIRY_MS, OPTION, PERPETUAL, option_terms

DAY_MS = 86_400_000


def test_prices_and_amounts_print_their_decimals() -> None:
    assert repr(OPTION.price(201)) == "1005.0"
    assert repr(PERPETUAL.price(1_000_001)) == "100000.1"
    assert repr(OPTION.amount(7)) == "0.07"
    assert repr(usdc(-1)) == "-1e-06"
    assert repr(usdc(123_456_789_012_345)) == "123456789.012345"


def test_average_prices() -> None:
    assert OPTION.average_price(200 * 10 + 202 * 10, 20) == 1005.0
    assert OPTION.average_price(0, 0) == 0.0
    assert OPTION.value_price(200_000_000, 20) == 1000.0
    assert OPTION.value_price(-200_000_000, -20) == 1000.0
    assert OPTION.value_price(5, 0) == 0.0


def test_names_and_kinds() -> None:
    assert (OPTION.name, OPTION.kind, OPTION.index_name) == (
        "BTC_USDC-27DEC26-100000-C",
        "option",
        "btc_usdc",
    )
    assert (PERPETUAL.name, PERPETUAL.kind) == ("BTC_USDC-PERPETUAL", "future")
    assert PERPETUAL.expiration_timestamp == PERPETUAL_EXPIRY_MS
    assert OPTION.expiration_timestamp == EXPIRY_MS


@pytest.mark.parametrize(
    ("days", "period"),
    [
        (-2, "month"),  # Friday 25 December 2026, the last of its month
        (-9, "week"),  # Friday 18 December
        (0, "day"),  # Sunday
        (-1, "day"),
    ],
)
def test_settlement_periods(days: int, period: str) -> None:
    view = InstrumentView(1, "BTC", option_terms(expiry_ms=EXPIRY_MS + days * DAY_MS))
    assert view.settlement_period() == period
    assert PERPETUAL.settlement_period() == "perpetual"
