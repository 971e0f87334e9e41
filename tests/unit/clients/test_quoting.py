"""Targets and the messages that reach them: spreads, lean, limits, bands, and sending only what moved."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.fair_value import Valuation
from clients.instruments import MICRO, parse_instrument, to_micro
from clients.quoting import ASK, BID, NO_QUOTE, Band, QuoteBook, QuoteConfig, Target, make_targets
from tests.unit.clients.fake_venue import option_listing, perpetual_listing

CALL = parse_instrument(option_listing("BTC", 30, 100_000.0, "call"))
PUT = parse_instrument(option_listing("BTC", 30, 100_000.0, "put"))
PERPETUAL = parse_instrument(perpetual_listing("BTC"))
LISTED = [CALL, PUT, PERPETUAL]
CONFIG = QuoteConfig(size_multiple=10, position_limit_multiple=100)
SIZES = {i.name: 10 * i.min_amount_micro for i in LISTED}


def valuation(value: float = 5_000.0, vega: float = 110.0) -> Valuation:
    return Valuation(
        LISTED,
        np.array([value, value, 100_000.0]),
        np.array([0.5, -0.5, 1.0]),
        np.array([vega, vega, 0.0]),
        np.full(3, 100_000.0),
    )


def targets(
    positions: dict[str, int] | None = None, band: Band | None = None, **changes: Any
) -> list[Target]:
    return make_targets(valuation(**changes), positions or {}, CONFIG, band or Band(), SIZES)


def test_a_flat_book_quotes_around_value_with_full_size() -> None:
    for target, value in zip(targets(), (5_000.0, 5_000.0, 100_000.0), strict=True):
        assert target.bid_micro < value * MICRO < target.ask_micro
        middle = (target.bid_micro + target.ask_micro) / 2
        assert middle == pytest.approx(value * MICRO, abs=1e6)
    assert [t.bid_amount_micro for t in targets()] == [SIZES[i.name] for i in LISTED]


def test_the_spread_grows_with_vega() -> None:
    narrow, wide = targets(vega=50.0)[0], targets(vega=200.0)[0]
    assert wide.ask_micro - wide.bid_micro > narrow.ask_micro - narrow.bid_micro


def test_a_long_call_leans_calls_down_and_puts_up() -> None:
    flat = targets()
    long = targets({CALL.name: 100 * CALL.min_amount_micro})
    assert long[0].ask_micro < flat[0].ask_micro
    delta_only = targets({PERPETUAL.name: 25 * MICRO})
    assert delta_only[0].bid_micro < flat[0].bid_micro
    assert delta_only[1].bid_micro > flat[1].bid_micro


def test_the_growing_side_disappears_at_the_position_limit() -> None:
    limit = CONFIG.position_limit_multiple * CALL.min_amount_micro
    long = targets({CALL.name: limit})[0]
    assert (long.bid_amount_micro, long.ask_amount_micro) == (0, SIZES[CALL.name])
    short = targets({CALL.name: -limit + CALL.min_amount_micro})[0]
    assert (short.bid_amount_micro, short.ask_amount_micro) == (SIZES[CALL.name], CALL.min_amount_micro)


def test_no_value_no_quote() -> None:
    assert targets(value=math.nan)[:2] == [NO_QUOTE, NO_QUOTE]


def test_a_worthless_option_is_only_offered() -> None:
    target = targets(value=0.05, vega=1.0)[0]
    assert target.bid_amount_micro == 0
    assert target.ask_micro >= 100_000


def test_the_band_holds_bids_down_and_asks_up() -> None:
    band = Band({CALL.name: 3_000.0, PUT.name: 8_000.0}, option_width=500.0)
    call, put, _ = targets(band=band)
    assert call.bid_micro <= 3_500 * MICRO
    assert put.ask_micro >= 7_500 * MICRO


@settings(max_examples=200)
@given(
    value=st.floats(0.0, 300_000.0),
    vega=st.floats(0.0, 1_000.0),
    held=st.integers(-500, 500),
    mark=st.floats(0.1, 300_000.0),
)
def test_every_target_is_on_tick_uncrossed_and_in_whole_lots(
    value: float, vega: float, held: int, mark: float
) -> None:
    positions = {i.name: held * i.min_amount_micro for i in LISTED}
    band = Band({i.name: mark for i in LISTED}, option_width=2_000.0, perpetual_width=2_000.0)
    for instrument, target in zip(LISTED, targets(positions, band, value=value, vega=vega), strict=True):
        assert target.bid_micro < target.ask_micro
        for side in (BID, ASK):
            price, amount = target.side(side)
            assert amount >= 0
            assert amount % instrument.min_amount_micro == 0
            assert price % instrument.grid.step_micro(price) == 0
            assert price > 0 or amount == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"vol_width_points": -1.0},
        {"size_multiple": 0},
        {"delta_limit": 0.0},
        {"skew_share": 1.0},
        {"position_limit_multiple": 0},
    ],
)
def test_a_configuration_that_cannot_work_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        QuoteConfig(**bad)


def target(bid: float, ask: float, amount: float = 0.1, slack: float = 5.0) -> Target:
    return Target(to_micro(bid), to_micro(amount), to_micro(ask), to_micro(amount), to_micro(slack))


def changes(book: QuoteBook, wanted: Target, now_s: float = 0.0) -> list[dict[str, Any]]:
    return book.changes([CALL], [wanted], now_s, CONFIG)


def test_only_sides_that_moved_are_sent() -> None:
    book = QuoteBook()
    (entry,) = changes(book, target(100.0, 200.0))
    assert entry["bid"] == {"price": 100.0, "amount": 0.1}
    assert entry["ask"] == {"price": 200.0, "amount": 0.1}
    assert changes(book, target(100.0, 200.0)) == []
    assert changes(book, target(104.0, 196.0)) == []
    (entry,) = changes(book, target(110.0, 200.0))
    assert set(entry) == {"instrument_name", "bid"}
    assert len(book) == 2


def test_a_side_that_would_cross_our_other_side_takes_it_along() -> None:
    book = QuoteBook()
    changes(book, target(100.0, 110.0, slack=20.0))
    (entry,) = changes(book, target(125.0, 130.0, slack=20.0))
    assert set(entry) == {"instrument_name", "bid", "ask"}


def test_a_withdrawn_side_is_sent_once_with_amount_zero_and_a_valid_price() -> None:
    book = QuoteBook()
    assert changes(book, NO_QUOTE) == []
    changes(book, target(100.0, 200.0))
    (entry,) = changes(book, NO_QUOTE)
    assert entry["bid"] == {"price": 0.1, "amount": 0.0}
    assert changes(book, NO_QUOTE) == []
    assert len(book) == 0


def test_a_worn_side_is_refilled() -> None:
    book = QuoteBook()
    changes(book, target(100.0, 200.0))
    book.filled(CALL.name, ASK, to_micro(0.03))
    assert changes(book, target(100.0, 200.0)) == []
    book.filled(CALL.name, ASK, to_micro(0.04))
    (entry,) = changes(book, target(100.0, 200.0))
    assert set(entry) == {"instrument_name", "ask"}


def test_a_refused_side_rests_until_its_pause_is_over() -> None:
    book = QuoteBook()
    changes(book, target(100.0, 200.0))
    book.failed(CALL.name, BID, retry_at_s=10.0)
    assert changes(book, target(100.0, 200.0), now_s=9.0) == []
    (entry,) = changes(book, target(100.0, 200.0), now_s=10.0)
    assert set(entry) == {"instrument_name", "bid"}


def test_entries_out_of_sight_are_sent_again_and_gone_instruments_forgotten() -> None:
    book = QuoteBook()
    entries = changes(book, target(100.0, 200.0))
    book.lost_sight(entries)
    assert changes(book, target(100.0, 200.0)) == entries
    book.lost_sight(entries)
    book.forget([CALL.name])
    assert len(book) == 0
    assert changes(book, NO_QUOTE) == []
