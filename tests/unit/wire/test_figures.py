"""Tickers, summaries, positions and accounts as the dialect's clients read them."""

from __future__ import annotations

import msgspec
import pytest

from exchange.wire import figures
from exchange.wire.figures import Greeks, MarketFigures, PositionValues
from exchange.wire.instruments import InstrumentView
from tests.unit.wire import shapes
from tests.unit.wire.samples import OPTION, PERPETUAL

MARKET = MarketFigures(
    time_ms=5,
    best_bid=(200, 10),
    best_ask=(202, 20),
    last_ticks=200,
    high_ticks=210,
    low_ticks=190,
    volume_lots=300,
    volume_micro=3_000_000_000,
    open_interest_lots=50,
    index_micro=100_000_000_000,
    forward_micro=100_100_000_000,
    mark_micro=1_001_500_000,
    min_price_ticks=100,
    max_price_ticks=300,
    mark_iv=61.2,
    bid_iv=60.0,
    ask_iv=62.0,
    greeks=Greeks(0.5, 0.00001, 10.0, -20.0, 30.0),
    seq=99,
)


def through_json(value: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(value))


def test_an_options_ticker_carries_volatilities_and_greeks() -> None:
    found = figures.ticker_object(OPTION, MARKET)
    shapes.check_shape(through_json(found), shapes.OPTION_TICKER)
    shapes.check_shape(found["greeks"], shapes.GREEKS)
    shapes.check_shape(found["stats"], shapes.STATS)
    assert (found["best_bid_price"], found["best_ask_amount"]) == (1000.0, 0.2)
    assert (found["mark_price"], found["underlying_price"]) == (1001.5, 100100.0)
    assert (found["min_price"], found["max_price"], found["seq"]) == (500.0, 1500.0, 99)


def test_a_perpetuals_ticker_carries_funding() -> None:
    found = figures.ticker_object(PERPETUAL, MARKET)
    shapes.check_shape(through_json(found), shapes.TICKER)
    assert (found["current_funding"], found["funding_8h"]) == (0.0, 0.0)
    assert "greeks" not in found


def test_an_empty_market_has_nulls_where_there_is_no_price() -> None:
    found = figures.ticker_object(OPTION, MarketFigures())
    shapes.check_shape(through_json(found), shapes.OPTION_TICKER)
    assert (found["best_bid_price"], found["last_price"]) == (None, None)
    shapes.check_shape(figures.book_summary_object(OPTION, MarketFigures()), shapes.BOOK_SUMMARY)


def test_prices_that_came_to_be_are_added() -> None:
    found = figures.ticker_object(OPTION, MarketFigures(delivery_micro=5_000_000, settlement_micro=6_000_000))
    assert (found["delivery_price"], found["settlement_price"]) == (5.0, 6.0)


def test_an_order_book_is_a_ticker_with_levels() -> None:
    found = figures.order_book_object(OPTION, MARKET, [(200, 10)], [(202, 20)], 7)
    shapes.check_shape(through_json(found), shapes.OPTION_TICKER)
    assert (found["bids"], found["asks"], found["change_id"]) == ([[1000.0, 0.1]], [[1010.0, 0.2]], 7)


@pytest.mark.parametrize("view", [OPTION, PERPETUAL])
def test_a_book_summary(view: InstrumentView) -> None:
    found = figures.book_summary_object(view, MARKET)
    shapes.check_shape(through_json(found), shapes.BOOK_SUMMARY)
    if view is OPTION:
        assert found["mid_price"] == 1005.0
        assert (found["mark_iv"], found["bid_iv"], found["ask_iv"]) == (61.2, 60.0, 62.0)


@pytest.mark.parametrize(
    ("size_lots", "entry_micro", "direction", "average", "floating"),
    [
        (20, 200_000_000, "buy", 1000.0, 0.3),
        (-20, -200_000_000, "sell", 1000.0, -0.3),
        (0, 0, "zero", 0.0, 0.0),
    ],
)
def test_a_position(
    size_lots: int, entry_micro: int, direction: str, average: float, floating: float
) -> None:
    values = PositionValues(
        size_lots,
        entry_micro,
        initial_micro=1_000_000,
        maintenance_micro=800_000,
        open_orders_micro=500_000,
        realized_micro=250_000,
        mark_micro=1_001_500_000,
        greeks=Greeks(delta=0.5),
    )
    found = figures.position_object(OPTION, values)
    shapes.check_shape(through_json(found), shapes.POSITION)
    assert (found["direction"], found["average_price"]) == (direction, average)
    assert found["floating_profit_loss"] == floating
    assert found["total_profit_loss"] == floating + 0.25
    assert found["delta"] == 0.5 * size_lots / 100
    margins = (found["initial_margin"], found["maintenance_margin"], found["open_orders_margin"])
    assert margins == (1.0, 0.8, 0.5)


def test_a_perpetual_position_has_leverage_one() -> None:
    found = figures.position_object(PERPETUAL, PositionValues(size_lots=5, settlement_micro=3_000_000))
    shapes.check_shape(through_json(found), shapes.POSITION)
    assert (found["leverage"], found["settlement_price"]) == (1, 3.0)
