"""Instrument names as the field writes them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.domain import names
from exchange.domain import records as r
from tests.golden.formats.samples import OPTION, PERPETUAL

DAY_MS = 86_400_000


@given(st.dates(min_value=datetime.date(1970, 1, 1)))
def test_civil_dates(day: datetime.date) -> None:
    days = (day - datetime.date(1970, 1, 1)).days
    assert names.civil_from_days(days) == (day.year, day.month, day.day)


@given(st.dates(min_value=datetime.date(1970, 1, 1)), st.integers(0, DAY_MS - 1))
def test_expiry_code_at_any_time_of_the_day(day: datetime.date, within_ms: int) -> None:
    days = (day - datetime.date(1970, 1, 1)).days
    month = day.strftime("%b").upper()
    assert names.expiry_code(days * DAY_MS + within_ms) == f"{day.day}{month}{day.year % 100:02d}"


@pytest.mark.parametrize(
    ("strike_micro", "code"),
    [
        (100_000_000_000, "100000"),
        (520_000, "0d52"),
        (1_000_001, "1d000001"),
        (2_500_000, "2d5"),
        (1, "0d000001"),
        (10_000_000, "10"),
    ],
)
def test_strike_codes(strike_micro: int, code: str) -> None:
    assert names.strike_code(strike_micro) == code


@given(st.integers(1, 1 << 42))
def test_strike_codes_tell_the_strike(strike_micro: int) -> None:
    whole, _, part = names.strike_code(strike_micro).partition("d")
    assert int(whole) * 10**6 + int(part.ljust(6, "0") or 0) == strike_micro


def test_names() -> None:
    call = OPTION._replace(option_type=r.OPTION_CALL)
    assert names.instrument_name("BTC", OPTION) == "BTC_USDC-27DEC26-100000-P"
    assert names.instrument_name("BTC", call) == "BTC_USDC-27DEC26-100000-C"
    small = call._replace(strike_micro=520_000)
    assert names.instrument_name("XRP", small) == "XRP_USDC-27DEC26-0d52-C"
    assert names.instrument_name("ETH", PERPETUAL) == "ETH_USDC-PERPETUAL"
