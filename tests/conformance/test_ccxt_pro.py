"""ccxt's streaming driver: books, tickers, trades, own orders and own trades over WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt.pro as ccxt_pro

from tests.conformance.conftest import Key, RunningVenue
from tests.conformance.markets import PERPETUAL, near_the_money, on_tick, smallest

WATCH_LIMIT_S = 10.0


@contextlib.asynccontextmanager
async def connected(venue: RunningVenue, key: Key) -> AsyncIterator[Any]:
    client = ccxt_pro.deribit(venue.ccxt_config(key))
    try:
        await client.load_markets()
        yield client
        await client.cancel_all_orders()
    finally:
        await client.close()


async def until_seen(
    watch: Callable[[], Awaitable[Any]],
    act: Callable[[], Awaitable[None]],
    condition: Callable[[Any], bool] = lambda _: True,
) -> Any:
    """What `watch` gives once it fulfils the condition, acting again and again.

    The first acts may precede the subscription, and the driver forgets pushes nobody was waiting for.
    """
    async with asyncio.timeout(WATCH_LIMIT_S):
        while True:
            task = asyncio.ensure_future(watch())
            while not task.done():
                await act()
                await asyncio.wait({task}, timeout=0.2)
            if condition(task.result()):
                return task.result()


async def seen_when(watch: Callable[[], Awaitable[Any]], condition: Callable[[Any], bool]) -> Any:
    """The first value of `watch` that fulfils the condition."""
    async with asyncio.timeout(WATCH_LIMIT_S):
        while True:
            value = await watch()
            if condition(value):
                return value


async def place(client: Any, share: float, side: str = "buy") -> dict[str, Any]:
    market = client.market(PERPETUAL)
    mark = float((await client.fetch_ticker(PERPETUAL))["info"]["mark_price"])
    price = on_tick(market, share * mark)
    placed: dict[str, Any] = await client.create_order(PERPETUAL, "limit", side, smallest(market), price)
    return placed


def has(orders: list[dict[str, Any]], order_id: str, status: str) -> bool:
    """Whether the order stands among them in that state."""
    return any(order["id"] == order_id and order["status"] == status for order in orders)


async def trade(maker: Any, taker: Any) -> None:
    resting = await place(maker, 1.001, "sell")
    amount = resting["amount"]
    await taker.create_order(PERPETUAL, "limit", "buy", amount, resting["price"], {"timeInForce": "IOC"})


async def test_watch_order_book_follows_every_change(venue: RunningVenue) -> None:
    async with connected(venue, venue.maker) as maker, connected(venue, venue.taker) as watcher:
        await place(maker, 0.80)
        book = await seen_when(lambda: watcher.watch_order_book(PERPETUAL), lambda b: len(b["bids"]) == 1)
        assert book["symbol"] == PERPETUAL
        second = await place(maker, 0.81)
        await place(maker, 0.82)
        await seen_when(lambda: watcher.watch_order_book(PERPETUAL), lambda b: len(b["bids"]) == 3)
        await maker.cancel_order(second["id"], PERPETUAL)
        book = await seen_when(lambda: watcher.watch_order_book(PERPETUAL), lambda b: len(b["bids"]) == 2)
        truth = await maker.fetch_order_book(PERPETUAL)
        assert [level[:2] for level in book["bids"]] == truth["bids"]
        await maker.cancel_all_orders(PERPETUAL)
        await seen_when(lambda: watcher.watch_order_book(PERPETUAL), lambda b: b["bids"] == [])


async def test_watch_ticker_moves_with_the_mark(venue: RunningVenue) -> None:
    async with connected(venue, venue.taker) as watcher:
        first = await seen_when(lambda: watcher.watch_ticker(PERPETUAL), lambda t: t["symbol"] == PERPETUAL)
        mark = first["info"]["mark_price"]
        later = await seen_when(
            lambda: watcher.watch_ticker(PERPETUAL), lambda t: t["info"]["mark_price"] != mark
        )
        assert later["timestamp"] >= first["timestamp"]
        option = near_the_money(watcher.markets, float(later["info"]["index_price"]), watcher.milliseconds())
        ticker = await seen_when(lambda: watcher.watch_ticker(option["symbol"]), lambda _: True)
        assert 0 < float(ticker["info"]["greeks"]["delta"]) < 1


async def test_watch_bids_asks(venue: RunningVenue) -> None:
    async with connected(venue, venue.maker) as maker, connected(venue, venue.taker) as watcher:
        placed = await place(maker, 0.86)
        quotes = await seen_when(
            lambda: watcher.watch_bids_asks([PERPETUAL]), lambda q: q[PERPETUAL]["bid"] is not None
        )
        assert quotes[PERPETUAL]["bid"] == placed["price"]


async def test_watch_trades(venue: RunningVenue) -> None:
    async with (
        connected(venue, venue.maker) as maker,
        connected(venue, venue.taker) as taker,
        connected(venue, venue.taker) as watcher,
    ):
        trades = await until_seen(lambda: watcher.watch_trades(PERPETUAL), lambda: trade(maker, taker))
        assert trades[-1]["symbol"] == PERPETUAL
        assert trades[-1]["side"] == "buy"
        known = {entry["id"] for entry in await maker.fetch_trades(PERPETUAL)}
        assert trades[-1]["id"] in known


async def test_watch_orders_sees_placing_and_cancelling(venue: RunningVenue) -> None:
    async with connected(venue, venue.maker) as maker, connected(venue, venue.maker) as watcher:
        placed: list[dict[str, Any]] = []

        async def place_one() -> None:
            placed.append(await place(maker, 0.84))

        async def place_and_cancel() -> None:
            await place_one()
            await maker.cancel_order(placed[-1]["id"], PERPETUAL)

        def saw(status: str) -> Callable[[list[dict[str, Any]]], bool]:
            return lambda seen: any(has(seen, order["id"], status) for order in placed)

        orders = await until_seen(watcher.watch_orders, place_one, saw("open"))
        assert orders[-1]["symbol"] == PERPETUAL
        assert orders[-1]["price"] in {order["price"] for order in placed}
        await until_seen(watcher.watch_orders, place_and_cancel, saw("canceled"))


async def test_watch_my_trades_sees_both_roles(venue: RunningVenue) -> None:
    async with (
        connected(venue, venue.maker) as maker,
        connected(venue, venue.taker) as taker,
        connected(venue, venue.taker) as watcher,
        connected(venue, venue.maker) as maker_watcher,
    ):
        bought = await until_seen(watcher.watch_my_trades, lambda: trade(maker, taker))
        assert (bought[-1]["side"], bought[-1]["takerOrMaker"]) == ("buy", "taker")
        sold = await until_seen(maker_watcher.watch_my_trades, lambda: trade(maker, taker))
        assert (sold[-1]["side"], sold[-1]["takerOrMaker"]) == ("sell", "maker")
        assert sold[-1]["fee"]["currency"] == "USDC"
