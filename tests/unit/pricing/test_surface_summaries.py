"""Deribit's book summaries as arrays."""

import numpy as np
import pytest

from pricing.surface import SurfaceError, read_summaries
from pricing.surface.summaries import expiry_ms
from tests.unit.pricing.real_chain import real_chain

ROW = {
    "instrument_name": "ETH-26JAN24-1200-P",
    "underlying_price": 2241.65,
    "creation_timestamp": 1704712781414,
    "bid_price": "0.0004",
    "ask_price": None,
    "mark_price": 0.000853,
}


def test_the_real_chain_is_all_there() -> None:
    chain = real_chain()
    assert len(chain.names) == chain.strike.size == 684
    expiries = np.unique(chain.expiry_ms)
    assert expiries.size == 11
    assert all(np.unique(chain.forward[chain.expiry_ms == moment]).size == 1 for moment in expiries)
    assert (chain.years > 0.0).all()
    assert np.isfinite(chain.mark).all()
    assert np.isfinite(chain.mark_points().vol).sum() == 682
    assert chain.book().bid is chain.bid


def test_rows_become_prices_in_the_unit_of_the_strike() -> None:
    perpetual = {"instrument_name": "ETH-PERPETUAL"}
    one = read_summaries([perpetual, ROW])
    assert one.names == ("ETH-26JAN24-1200-P",)
    assert (one.strike[0], bool(one.is_call[0]), one.now_ms) == (1200.0, False, 1704712781414)
    assert one.bid[0] == pytest.approx(0.0004 * 2241.65)
    assert np.isnan(one.ask[0])
    assert one.expiry_ms[0] == 1706256000000  # 2024-01-26 08:00 UTC
    assert read_summaries([ROW | {"instrument_name": "XRP_USDC-26JAN24-0d55-C"}]).strike[0] == 0.55


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"underlying_price": 0}, "positive"),
        ({"underlying_price": None}, "positive"),
        ({"bid_price": "cheap"}, "not a number"),
        ({"instrument_name": "ETH-31FEB24-1200-P"}, "not an expiry"),
        ({"instrument_name": "ETH-26JUX24-1200-P"}, "not an expiry"),
    ],
)
def test_rows_that_make_no_sense_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SurfaceError, match=message):
        read_summaries([ROW | change])


def test_no_options_at_all_is_an_error() -> None:
    with pytest.raises(SurfaceError, match="no options"):
        read_summaries([{"instrument_name": "ETH-PERPETUAL"}])


def test_single_digit_days_are_expiries_too() -> None:
    assert expiry_ms("9JAN24") == 1704787200000
