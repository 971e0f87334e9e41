"""What ccxt's drivers read of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from tests.conformance.conftest import RunningVenue
from tests.conformance.markets import PERPETUAL, on_tick, smallest
from tests.conformance.test_ccxt_pro import connected, until_seen

MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def pair(venue: RunningVenue) -> Iterator[tuple[Any, Any]]:
    """Drivers of two accounts that have traded with each other, and an order that was cancelled."""
    clients = [ccxt.deribit(venue.ccxt_config(key)) for key in (venue.maker, venue.taker)]
    maker, taker = clients
    for client in clients:
        client.load_markets()
    market = maker.market(PERPETUAL)
    mark = float(maker.fetch_ticker(PERPETUAL)["info"]["mark_price"])
    amount = smallest(market, 2)
    maker.create_order(PERPETUAL, "limit", "sell", amount, on_tick(market, mark, up=True))
    taker.create_order(PERPETUAL, "market", "buy", amount)
    resting = maker.create_order(PERPETUAL, "limit", "buy", amount, on_tick(market, 0.97 * mark))
    maker.cancel_order(resting["id"])
    yield maker, taker
    for client in clients:
        client.session.close()


def test_closed_orders_and_their_trades(pair: tuple[Any, Any]) -> None:
    for client, side in zip(pair, ("sell", "buy"), strict=True):
        orders = [order for order in client.fetch_closed_orders(PERPETUAL) if order["side"] == side]
        order = orders[-1]
        assert (order["status"], order["filled"]) == ("closed", order["amount"])
        assert order["fee"] is not None
        trades = client.fetch_order_trades(order["id"])
        assert sum(trade["amount"] for trade in trades) == pytest.approx(order["amount"])
        mine = client.fetch_my_trades(PERPETUAL, since=order["timestamp"] - 1_000)
        assert {trade["id"] for trade in trades} <= {trade["id"] for trade in mine}
        assert client.fetch_order(order["id"])["status"] == "closed"
    unfilled = pair[0].fetch_closed_orders(PERPETUAL, params={"include_unfilled": True})
    assert "canceled" in {order["status"] for order in unfilled}


def test_candles_end_with_the_trade(pair: tuple[Any, Any]) -> None:
    maker, _ = pair
    trades = maker.fetch_trades(PERPETUAL)
    candles = maker.fetch_ohlcv(PERPETUAL, "1m", since=trades[0]["timestamp"] - MINUTE_MS)
    starts = [candle[0] for candle in candles]
    assert starts == list(range(starts[0], starts[-1] + 1, MINUTE_MS))
    assert sum(candle[5] for candle in candles) >= sum(trade["amount"] for trade in trades[-1:])
    assert isinstance(maker.fetch_volatility_history("BTC"), list)


def test_candles_are_watched(venue: RunningVenue, pair: tuple[Any, Any]) -> None:
    maker, taker = pair
    market = maker.market(PERPETUAL)

    async def trade() -> None:
        mark = float(maker.fetch_ticker(PERPETUAL)["info"]["mark_price"])
        maker.create_order(PERPETUAL, "limit", "sell", smallest(market), on_tick(market, mark, up=True))
        taker.create_order(PERPETUAL, "market", "buy", smallest(market))

    async def watch() -> None:
        async with connected(venue, venue.maker) as client:
            candles = await until_seen(lambda: client.watch_ohlcv(PERPETUAL, "1m"), trade)
            start, opened, high, low, close, _ = candles[-1]
            assert start % MINUTE_MS == 0
            assert low <= min(opened, close) <= max(opened, close) <= high

    asyncio.run(watch())
