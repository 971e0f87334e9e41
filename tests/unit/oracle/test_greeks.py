"""What the edge reads: floats by instrument id, and volatilities implied by quotes."""

import math

import pytest

from exchange.domain import records as r
from exchange.oracle.marks import MarkedInstrument, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from pricing.european import black76, years_between
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

NOW_MS = 1_795_000_000_000
EXPIRY_MS = NOW_MS + 30 * 86_400_000
CALL, PUT, PERPETUAL = 11, 12, 13


@pytest.fixture
def marks() -> UnderlyingMarks:
    marks = UnderlyingMarks(
        0, "BTC", simulated_surface("BTC"), FlatCarry(0.04), PerpetualPremium(1, NOW_MS)
    )
    marks.set_instruments(
        [
            MarkedInstrument(PUT, r.KIND_OPTION, 90_000_000_000, EXPIRY_MS, False),
            MarkedInstrument(PERPETUAL, r.KIND_PERPETUAL),
            MarkedInstrument(CALL, r.KIND_OPTION, 100_000_000_000, EXPIRY_MS, True),
        ]
    )
    return marks


def test_before_the_first_block_there_is_nothing_to_show(marks: UnderlyingMarks) -> None:
    assert marks.greeks.get(CALL) is None
    assert marks.greeks.bid_iv(CALL, 1_000.0) is None


def test_an_options_numbers_agree_with_black76(marks: UnderlyingMarks) -> None:
    marks.mark(98_000.0, NOW_MS)
    got = marks.greeks.get(CALL)
    assert got is not None
    years = float(years_between(NOW_MS, EXPIRY_MS))
    forward = 98_000.0 * math.exp(0.04 * years)
    assert got.mark_iv_percent is not None
    want = black76(forward, 100_000.0, years, got.mark_iv_percent / 100.0, True)
    assert got.underlying_price == pytest.approx(forward)
    assert (got.index_price, got.at_ms) == (98_000.0, NOW_MS)
    assert (got.mark_price, got.delta, got.gamma, got.vega, got.theta, got.rho) == pytest.approx(
        tuple(float(part) for part in want), rel=1e-9
    )
    assert 45.0 < got.mark_iv_percent < 60.0


def test_a_perpetual_has_delta_one_and_no_volatility(marks: UnderlyingMarks) -> None:
    marks.mark(98_000.0, NOW_MS + 60_000)
    got = marks.greeks.get(PERPETUAL)
    assert got is not None
    assert (got.delta, got.gamma, got.mark_iv_percent, got.underlying_price) == (1.0, 0.0, None, 98_000.0)
    assert got.mark_price == pytest.approx(98_000.0, rel=1e-3)


def test_unknown_instruments_have_none(marks: UnderlyingMarks) -> None:
    marks.mark(98_000.0, NOW_MS)
    assert marks.greeks.get(99) is None
    assert 99 not in marks.greeks
    assert CALL in marks.greeks
    assert PERPETUAL in marks.greeks


def test_the_numbers_move_with_the_index(marks: UnderlyingMarks) -> None:
    marks.mark(98_000.0, NOW_MS)
    before = marks.greeks.get(CALL)
    marks.mark(98_100.0, NOW_MS + 100)
    after = marks.greeks.get(CALL)
    assert before is not None
    assert after is not None
    assert after.mark_price - before.mark_price == pytest.approx(100.0 * before.delta, rel=0.02)


def test_the_mark_implies_the_marks_volatility(marks: UnderlyingMarks) -> None:
    marks.mark(98_000.0, NOW_MS)
    for instrument_id in (CALL, PUT):
        shown = marks.greeks.get(instrument_id)
        assert shown is not None
        assert marks.greeks.bid_iv(instrument_id, shown.mark_price) == pytest.approx(shown.mark_iv_percent)
        bid = marks.greeks.bid_iv(instrument_id, shown.mark_price * 0.98)
        ask = marks.greeks.ask_iv(instrument_id, shown.mark_price * 1.02)
        assert bid is not None
        assert ask is not None
        assert shown.mark_iv_percent is not None
        assert bid < shown.mark_iv_percent < ask


def test_quotes_without_a_volatility(marks: UnderlyingMarks) -> None:
    marks.mark(120_000.0, NOW_MS)
    assert marks.greeks.bid_iv(CALL, 19_000.0) == 0.0  # below intrinsic
    assert marks.greeks.bid_iv(CALL, 0.0) == 0.0
    assert marks.greeks.ask_iv(CALL, 130_000.0) is None  # dearer than the underlying
    assert marks.greeks.ask_iv(CALL, math.nan) is None
    assert marks.greeks.ask_iv(PERPETUAL, 120_000.0) is None
    assert marks.greeks.ask_iv(99, 100.0) is None


def test_many_at_once(marks: UnderlyingMarks) -> None:
    marks.mark(98_000.0, NOW_MS)
    call, put = marks.greeks.get(CALL), marks.greeks.get(PUT)
    assert call is not None
    assert put is not None
    out = marks.greeks.iv_percent([PUT, 99, CALL], [put.mark_price, 5.0, call.mark_price])
    assert out[[0, 2]].tolist() == pytest.approx([put.mark_iv_percent, call.mark_iv_percent])
    assert math.isnan(out[1])
    assert marks.greeks.iv_percent([], []).size == 0
    with pytest.raises(ValueError, match="2 instruments"):
        marks.greeks.iv_percent([PUT, CALL], [1.0])


def test_an_expired_option_shows_its_intrinsic_value(marks: UnderlyingMarks) -> None:
    marks.mark(101_000.0, EXPIRY_MS)
    shown = marks.greeks.get(CALL)
    assert shown is not None
    assert (shown.mark_price, shown.delta, shown.mark_iv_percent, shown.theta) == (1_000.0, 0.0, 0.0, 0.0)
    assert marks.greeks.bid_iv(CALL, 1_500.0) is None
