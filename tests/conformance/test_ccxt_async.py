"""ccxt's asynchronous driver: the same surface, with many requests open at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import ccxt.async_support as ccxt_async
import pytest

from tests.conformance.conftest import Key, RunningVenue
from tests.conformance.markets import BASE, PERPETUAL, near_the_money, on_tick, smallest


@contextlib.asynccontextmanager
async def connected(venue: RunningVenue, key: Key) -> AsyncIterator[Any]:
    client = ccxt_async.deribit(venue.ccxt_config(key))
    try:
        await client.load_markets()
        yield client
        await client.cancel_all_orders()
    finally:
        await client.close()


async def test_market_data_at_once(venue: RunningVenue) -> None:
    async with connected(venue, venue.maker) as client:
        index = float((await client.fetch_ticker(PERPETUAL))["info"]["index_price"])
        option = near_the_money(client.markets, index, client.milliseconds())["symbol"]
        ticker, book, trades, greeks, chain = await asyncio.gather(
            client.fetch_ticker(option),
            client.fetch_order_book(option),
            client.fetch_trades(option),
            client.fetch_greeks(option),
            client.fetch_option_chain(BASE),
        )
    assert ticker["symbol"] == option
    assert set(book) >= {"bids", "asks"}
    assert isinstance(trades, list)
    assert 0 < greeks["delta"] < 1
    assert option in chain


async def test_many_orders_at_once_are_each_their_own(venue: RunningVenue) -> None:
    async with connected(venue, venue.maker) as client:
        market = client.market(PERPETUAL)
        mark = float((await client.fetch_ticker(PERPETUAL))["info"]["mark_price"])
        prices = [on_tick(market, (0.80 + 0.002 * n) * mark) for n in range(20)]
        amount = smallest(market)
        placed = await asyncio.gather(
            *(client.create_order(PERPETUAL, "limit", "buy", amount, price) for price in prices)
        )
        assert [order["price"] for order in placed] == prices
        assert len({order["id"] for order in placed}) == 20
        moved = on_tick(market, 0.79 * mark)
        amended = await client.edit_order(placed[0]["id"], PERPETUAL, "limit", "buy", amount, moved)
        assert amended["price"] == moved
        resting = await client.fetch_open_orders(PERPETUAL)
        assert {order["id"] for order in resting} == {order["id"] for order in placed}
        await asyncio.gather(*(client.cancel_order(order["id"], PERPETUAL) for order in placed))
        assert await client.fetch_open_orders(PERPETUAL) == []


async def test_a_trade_moves_trades_positions_and_balance(venue: RunningVenue) -> None:
    async with connected(venue, venue.maker) as maker, connected(venue, venue.taker) as taker:
        market = maker.market(PERPETUAL)
        mark = float((await maker.fetch_ticker(PERPETUAL))["info"]["mark_price"])
        price, amount = on_tick(market, mark, up=True), smallest(market)
        resting = await maker.create_order(PERPETUAL, "limit", "sell", amount, price)
        taken = await taker.create_order(PERPETUAL, "limit", "buy", amount, price, {"timeInForce": "IOC"})
        assert (taken["filled"], taken["status"]) == (amount, "closed")
        mine, positions, balance = await asyncio.gather(
            taker.fetch_my_trades(PERPETUAL),
            taker.fetch_positions(None, {"currency": "USDC"}),
            taker.fetch_balance(),
        )
        assert mine[-1]["order"] == taken["id"]
        assert PERPETUAL in {position["symbol"] for position in positions}
        assert balance["USDC"]["total"] > 0
        assert (await maker.fetch_order(resting["id"]))["status"] == "closed"


async def test_a_refusal_is_an_exception_and_the_client_goes_on(venue: RunningVenue) -> None:
    async with connected(venue, venue.maker) as client:
        with pytest.raises(ccxt_async.OrderNotFound):
            await client.cancel_order("999999999", PERPETUAL)
        assert (await client.fetch_status())["status"] == "ok"
