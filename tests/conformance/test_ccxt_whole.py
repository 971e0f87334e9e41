"""Every wire method that ccxt's unified calls reach, and every channel template, in each of its drivers.

What a driver sends is recorded: a call that would stop reaching its method fails here too.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import ccxt
import ccxt.async_support as ccxt_async
import ccxt.pro as ccxt_pro
import pytest

from tests.conformance.conftest import Key, RunningVenue, rpc
from tests.conformance.markets import BASE, PERPETUAL, near_the_money, on_tick, smallest

DRIVERS: Final = {"sync": ccxt.deribit, "async": ccxt_async.deribit, "pro": ccxt_pro.deribit}
HOUR_MS: Final = 3_600_000
_NAMES: Final = """
    public/get_book_summary_by_currency public/get_book_summary_by_instrument public/get_currencies
    public/get_funding_rate_history public/get_funding_rate_value public/get_historical_volatility
    public/get_instruments public/get_last_settlements_by_instrument public/get_last_trades_by_instrument
    public/get_last_trades_by_instrument_and_time public/get_order_book public/get_time
    public/get_tradingview_chart_data public/status public/ticker
    private/buy private/cancel private/cancel_all private/cancel_all_by_instrument
    private/create_deposit_address private/edit private/get_account_summaries private/get_account_summary
    private/get_current_deposit_address private/get_deposits private/get_open_orders_by_currency
    private/get_open_orders_by_instrument private/get_order_history_by_currency
    private/get_order_history_by_instrument private/get_order_state private/get_position private/get_positions
    private/get_settlement_history_by_instrument private/get_subaccounts private/get_transfers
    private/get_user_trades_by_currency private/get_user_trades_by_currency_and_time
    private/get_user_trades_by_instrument private/get_user_trades_by_instrument_and_time
    private/get_user_trades_by_order private/get_withdrawals private/sell
    private/submit_transfer_to_subaccount private/withdraw
"""
REST: Final = frozenset(_NAMES.split())
SESSION: Final = {"public/auth", "public/subscribe", "private/subscribe"}
CHANNELS: Final = {
    "ticker", "quote", "book.interval", "book.group.depth.interval", "trades", "chart.trades", "user.orders",
    "user.trades", "user.portfolio",
}  # fmt: skip
Ask = Callable[..., Awaitable[Any]]


def recorded(driver: str, venue: RunningVenue, key: Key) -> tuple[Any, set[str]]:
    """A driver, and the wire methods it will have asked over HTTP."""
    client = DRIVERS[driver](venue.ccxt_config(key))
    seen: set[str] = set()
    send = client.fetch

    def fetch(url: str, *rest: Any, **more: Any) -> Any:
        seen.add(urlsplit(url).path.removeprefix("/api/v2/"))
        return send(url, *rest, **more)

    client.fetch = fetch
    return client, seen


async def asked(call: Callable[..., Any], *args: Any) -> Any:
    """The answer of a driver that waits for it, or of one that is waited for."""
    found = call(*args)
    return await found if inspect.isawaitable(found) else found


async def closed(client: Any) -> None:
    if isinstance(client, ccxt_async.Exchange):
        await client.close()
    else:
        client.session.close()


@pytest.fixture(scope="module")
def money(venue: RunningVenue) -> tuple[int, str]:
    """A subaccount of the taker, and the address that withdrawals go to."""
    grant = {"grant_type": "client_credentials", "client_id": venue.taker.client_id}
    token = rpc(venue.url, "public/auth", {**grant, "client_secret": venue.taker.secret})["access_token"]
    made = rpc(venue.url, "private/create_subaccount", {"name": "ccxt"}, token)
    found = rpc(venue.url, "private/get_current_deposit_address", {"currency": "USDC"}, token)
    return made["id"], found["address"]


@pytest.mark.parametrize("driver", DRIVERS)
async def test_every_wire_method_is_reached(
    venue: RunningVenue, money: tuple[int, str], driver: str
) -> None:
    maker, _ = recorded(driver, venue, venue.maker)
    taker, seen = recorded(driver, venue, venue.taker)
    try:
        for client in (maker, taker):
            await asked(client.load_markets)
        await market_data(taker)
        bought = await trading(maker, taker)
        await histories(taker, bought)
        await moving(taker, *money)
        await asked(taker.cancel_all_orders)
    finally:
        for client in (maker, taker):
            await closed(client)
    assert seen == REST


async def market_data(client: Any) -> None:
    now_ms = client.milliseconds()
    ticker = await asked(client.fetch_ticker, PERPETUAL)
    option = near_the_money(client.markets, float(ticker["info"]["index_price"]), now_ms)["symbol"]
    assert 0 < (await asked(client.fetch_greeks, option))["delta"] < 1
    assert option in await asked(client.fetch_option_chain, BASE)
    assert (await asked(client.fetch_option, option))["currency"] == BASE
    assert option in await asked(client.fetch_tickers, None, {"code": BASE})
    assert (await asked(client.fetch_open_interest, PERPETUAL))["symbol"] == PERPETUAL
    assert (await asked(client.fetch_order_book, PERPETUAL, 5))["symbol"] == PERPETUAL
    assert (await asked(client.fetch_status))["status"] == "ok"
    assert abs(await asked(client.fetch_time) - now_ms) < HOUR_MS
    assert "USDC" in await asked(client.fetch_currencies)
    assert isinstance(await asked(client.fetch_volatility_history, BASE), list)
    assert (await asked(client.fetch_funding_rate, PERPETUAL))["symbol"] == PERPETUAL
    for call in (client.fetch_funding_rate_history, client.fetch_liquidations, client.fetch_my_liquidations):
        assert isinstance(await asked(call, PERPETUAL), list)


async def trading(maker: Any, taker: Any) -> str:
    """The id of an order of the taker's that was filled."""
    market = maker.market(PERPETUAL)
    mark = float((await asked(maker.fetch_ticker, PERPETUAL))["info"]["mark_price"])
    low, lower = on_tick(market, 0.8 * mark), on_tick(market, 0.79 * mark)
    amount = smallest(market)
    rests = await asked(taker.create_order, PERPETUAL, "limit", "buy", amount, low)
    moved = await asked(taker.edit_order, rests["id"], PERPETUAL, "limit", "buy", amount, lower)
    assert (moved["id"], moved["price"]) == (rests["id"], lower)
    assert (await asked(taker.fetch_order, rests["id"]))["status"] == "open"
    for symbol in (PERPETUAL, None):
        more = {} if symbol else {"code": "USDC"}
        found = await asked(taker.fetch_open_orders, symbol, None, None, more)
        assert rests["id"] in {order["id"] for order in found}
    assert (await asked(taker.cancel_order, rests["id"], PERPETUAL))["status"] == "canceled"
    far = await asked(taker.create_order, PERPETUAL, "limit", "sell", amount, on_tick(market, 1.2 * mark))
    await asked(taker.cancel_all_orders, PERPETUAL)
    assert (await asked(taker.fetch_order, far["id"]))["status"] == "canceled"
    await asked(maker.create_order, PERPETUAL, "limit", "sell", amount, on_tick(market, mark, up=True))
    bought = await asked(taker.create_order, PERPETUAL, "market", "buy", amount)
    assert bought["status"] == "closed"
    return str(bought["id"])


async def histories(client: Any, bought: str) -> None:
    since_ms = client.milliseconds() - HOUR_MS
    assert await asked(client.fetch_ohlcv, PERPETUAL, "1m", since_ms)
    (trade,) = await asked(client.fetch_order_trades, bought)
    assert trade["order"] == bought
    for symbol in (PERPETUAL, None):
        more = {} if symbol else {"code": "USDC"}
        for since in (None, since_ms):
            trades = await asked(client.fetch_my_trades, symbol, since, 100, more)
            assert bought in {each["order"] for each in trades}
        orders = await asked(client.fetch_closed_orders, symbol, None, 100, more)
        assert bought in {order["id"] for order in orders}
    for since in (None, since_ms):
        printed = await asked(client.fetch_trades, PERPETUAL, since, 1_000)
        assert trade["id"] in {each["id"] for each in printed}
    assert (await asked(client.fetch_position, PERPETUAL))["contracts"] != 0
    held = await asked(client.fetch_positions, None, {"currency": "USDC"})
    assert PERPETUAL in {position["symbol"] for position in held}


async def moving(client: Any, subaccount: int, address: str) -> None:
    assert await asked(client.fetch_accounts)
    assert await asked(client.fetch_trading_fees)
    for more in ({}, {"code": "USDC"}):
        assert (await asked(client.fetch_balance, more))["USDC"]["total"] > 0
    sent = await asked(client.transfer, "USDC", 1, "main", str(subaccount))
    assert (sent["amount"], sent["currency"]) == (1, "USDC")
    gone = await asked(client.withdraw, "USDC", 1, address)
    assert gone["info"]["result"]["amount"] == 1  # ccxt parses the envelope, not the result
    for call in (client.fetch_deposits, client.fetch_withdrawals, client.fetch_transfers):
        assert await asked(call, "USDC"), call
    for call in (client.create_deposit_address, client.fetch_deposit_address):
        assert (await asked(call, "USDC"))["address"] == address


def template(channel: str) -> str:
    """The template of a channel that ccxt names."""
    parts = channel.split(".")
    if parts[0] == "book":
        return "book.interval" if len(parts) == 3 else "book.group.depth.interval"
    return ".".join(parts[:2]) if parts[0] in ("user", "chart") else parts[0]


async def test_every_channel_template_is_watched(venue: RunningVenue) -> None:
    maker, _ = recorded("pro", venue, venue.maker)
    watcher, _ = recorded("pro", venue, venue.taker)
    names: set[str] = set()
    methods: set[str] = set()

    def noted(send: Callable[..., Any]) -> Callable[..., Any]:
        def watch(url: str, hashes: Any, message: Any = None, *rest: Any, **more: Any) -> Any:
            methods.add(message["method"])
            names.update(map(template, message["params"].get("channels", ())))
            return send(url, hashes, message, *rest, **more)

        return watch

    watcher.watch, watcher.watch_multiple = noted(watcher.watch), noted(watcher.watch_multiple)
    try:
        for client in (maker, watcher):
            await client.load_markets()
        await all_watched(maker, watcher)
    finally:
        for client in (maker, watcher):
            await client.close()
    assert names == CHANNELS
    assert methods == SESSION


async def all_watched(maker: Any, watcher: Any) -> None:
    """Each watch gives something while the two trade.

    The grouped book is of an option that nobody quotes: ccxt (4.5.90) takes its levels for triples, where the
    dialect has pairs, and stumbles over the first.
    """
    quiet = next(name for name, market in watcher.markets.items() if market["option"])
    watches = [
        asyncio.ensure_future(each)
        for each in (
            watcher.watch_ticker(PERPETUAL),
            watcher.watch_bids_asks([PERPETUAL]),
            watcher.watch_order_book(PERPETUAL),
            watcher.watch_order_book(quiet, 20, {"useDepthEndpoint": True}),
            watcher.watch_trades(PERPETUAL),
            watcher.watch_ohlcv(PERPETUAL, "1m"),
            watcher.watch_orders(),
            watcher.watch_my_trades(),
            watcher.watch_balance(),
        )
    ]
    try:
        async with asyncio.timeout(30):
            while not all(task.done() for task in watches):
                await trading(maker, watcher)
                await asyncio.wait(watches, timeout=0.1)
    finally:
        waiting = [n for n, task in enumerate(watches) if not task.done()]
        for task in watches:
            task.cancel()
        assert waiting == [], "of the watches above"
    ticker, quotes, book, depth, trades, candles, orders, mine, balance = [task.result() for task in watches]
    assert ticker["symbol"] == book["symbol"] == PERPETUAL
    assert (depth["symbol"], depth["bids"], depth["asks"]) == (quiet, [], [])
    assert PERPETUAL in quotes
    assert trades[-1]["symbol"] == orders[-1]["symbol"] == mine[-1]["symbol"] == PERPETUAL
    assert candles[-1][2] >= candles[-1][3]
    assert balance["USDC"]["total"]["USDC"] > 0
