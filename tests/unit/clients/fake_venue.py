"""A loopback venue of a few hundred lines: enough of the dialect for the bots, strict where they may err."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from pricing.european import black76, years_between

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
OPTION_STEPS = [{"above_price": 1000.0, "tick_size": 1.0}]


class Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def option_listing(underlying: str, days: int, strike: float, kind: str) -> dict[str, Any]:
    return {
        "instrument_name": f"{underlying}_USDC-D{days}-{strike:g}-{kind[0].upper()}",
        "kind": "option",
        "base_currency": underlying,
        "option_type": kind,
        "strike": strike,
        "expiration_timestamp": NOW_MS + days * DAY_MS,
        "tick_size": 0.1,
        "tick_size_steps": OPTION_STEPS,
        "min_trade_amount": 0.01,
        "is_active": True,
        "price_index": f"{underlying.lower()}_usdc",
        "settlement_period": "month",
    }


def perpetual_listing(underlying: str) -> dict[str, Any]:
    return {
        "instrument_name": f"{underlying}_USDC-PERPETUAL",
        "kind": "future",
        "base_currency": underlying,
        "tick_size": 0.5,
        "min_trade_amount": 0.001,
        "is_active": True,
        "price_index": f"{underlying.lower()}_usdc",
        "settlement_period": "perpetual",
    }


def chain_listings(underlying: str, index: float) -> list[dict[str, Any]]:
    strikes = [round(index * (0.7 + 0.05 * n)) for n in range(13)]
    options = [
        option_listing(underlying, days, float(strike), kind)
        for days in (2, 30)
        for strike in strikes
        for kind in ("call", "put")
    ]
    return [*options, perpetual_listing(underlying)]


class FakeVenue:
    """Marks from Black-76 at 60 % volatility; quotes and orders rest in dictionaries and never match."""

    def __init__(self) -> None:
        self.index = {"BTC": 100_000.0, "ETH": 4_000.0}
        self.listings = {
            listing["instrument_name"]: listing
            for underlying, index in self.index.items()
            for listing in chain_listings(underlying, index)
        }
        self.secret = "s3cret"
        self.clock_ms = NOW_MS
        self.band_share = 0.05
        self.positions: dict[str, float] = {}
        self.quotes: dict[tuple[str, str], tuple[float, float]] = {}
        self.orders: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.mass_quotes: list[dict[str, Any]] = []
        self.violations: list[str] = []
        self.refuse: Callable[[str, dict[str, Any]], Refusal | None] = lambda method, params: None
        self.silent_methods: set[str] = set()
        self.expires_in = 900
        self._next_order = 1
        self._server: Server | None = None
        self._channels: dict[ServerConnection, set[str]] = {}
        self._authorised: set[ServerConnection] = set()
        self._event = asyncio.Condition()
        self.url = ""

    # --- control ------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[FakeVenue]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self, port: int = 0) -> None:
        self._server = await serve(self._serve, "127.0.0.1", port, compression=None, close_timeout=0.1)
        bound = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{bound}/ws/api/v2"

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def restart(self) -> None:
        """Go away and come back on the same port, orders and quotes kept."""
        port = int(self.url.rsplit(":", 1)[1].split("/")[0])
        await self.stop()
        await self.start(port)

    async def wait_until(self, condition: Callable[[], bool], limit_s: float = 10.0) -> None:
        async with asyncio.timeout(limit_s), self._event:
            await self._event.wait_for(condition)

    async def move_index(self, underlying: str, price: float) -> None:
        self.index[underlying] = price
        name = f"{underlying.lower()}_usdc"
        await self.push(
            f"deribit_price_index.{name}", {"index_name": name, "price": price, "timestamp": self.clock_ms}
        )

    async def push(self, channel: str, data: object) -> None:
        message = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}
        for connection, channels in list(self._channels.items()):
            if channel in channels:
                with contextlib.suppress(ConnectionClosed):
                    await connection.send(json.dumps(message))

    async def send_raw(self, frame: str) -> None:
        for connection in list(self._channels):
            await connection.send(frame)

    def subscribed(self, channel: str) -> bool:
        return any(channel in channels for channels in self._channels.values())

    def best(self, name: str) -> tuple[float, float]:
        """Our view of the one maker's (bid, ask); 0.0 where there is none."""
        return self.quotes.get((name, "bid"), (0.0, 0.0))[0], self.quotes.get((name, "ask"), (0.0, 0.0))[0]

    def mark(self, name: str) -> float:
        listing = self.listings[name]
        index = self.index[listing["base_currency"]]
        if listing["kind"] != "option":
            return index
        years = years_between(self.clock_ms, listing["expiration_timestamp"])
        priced = black76(index, listing["strike"], years, 0.6, listing["option_type"] == "call")
        return float(priced.price)

    # --- wire ---------------------------------------------------------------------------------------

    async def _serve(self, connection: ServerConnection) -> None:
        self._channels[connection] = set()
        try:
            async for frame in connection:
                await self._answer(connection, json.loads(frame))
        except ConnectionClosed:
            pass
        finally:
            self._channels.pop(connection, None)
            self._authorised.discard(connection)

    async def _answer(self, connection: ServerConnection, request: dict[str, Any]) -> None:
        method, params = request["method"], request["params"]
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            refusal = self.refuse(method, params)
            if refusal is not None:
                raise refusal
            if method.startswith("private/") and connection not in self._authorised:
                raise Refusal(13009, "unauthorized")
            reply["result"] = self._handle(connection, method, params)
        except Refusal as error:
            reply["error"] = {"code": error.code, "message": error.message}
        async with self._event:
            self.calls[method] += 1
            self._event.notify_all()
        if method not in self.silent_methods:
            await connection.send(json.dumps(reply))

    def _handle(self, connection: ServerConnection, method: str, params: dict[str, Any]) -> Any:
        if method == "public/auth":
            return self._authenticate(connection, params)
        if method in ("public/subscribe", "private/subscribe"):
            self._channels[connection].update(params["channels"])
            return params["channels"]
        if method in ("public/unsubscribe", "private/unsubscribe"):
            self._channels[connection].difference_update(params["channels"])
            return params["channels"]
        handlers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "public/test": lambda _: {"version": "1"},
            "public/get_instruments": lambda _: list(self.listings.values()),
            "public/get_book_summary_by_currency": lambda _: [self._summary(n) for n in self.listings],
            "public/ticker": self._ticker,
            "private/get_positions": lambda _: self._positions(),
            "private/cancel_quotes": lambda _: self._cancel_quotes(),
            "private/cancel_all": lambda _: self._cancel_all(),
            "private/mass_quote": self._mass_quote,
            "private/buy": lambda p: self._place("buy", p),
            "private/sell": lambda p: self._place("sell", p),
            "private/edit": self._edit,
            "private/cancel": self._cancel,
        }
        if method not in handlers:
            raise Refusal(-32601, "Method not found")
        return handlers[method](params)

    def _authenticate(self, connection: ServerConnection, params: dict[str, Any]) -> dict[str, Any]:
        if params["grant_type"] == "client_credentials" and params["client_secret"] != self.secret:
            raise Refusal(13004, "invalid_credentials")
        if params["grant_type"] == "refresh_token" and params["refresh_token"] != "refresh":
            raise Refusal(13009, "unauthorized")
        self._authorised.add(connection)
        self.calls[f"auth:{params['grant_type']}"] += 1
        return {"access_token": "access", "refresh_token": "refresh", "expires_in": self.expires_in}

    def _summary(self, name: str) -> dict[str, Any]:
        listing = self.listings[name]
        bid, ask = self.best(name)
        is_option = listing["kind"] == "option"
        return {
            "instrument_name": name,
            "bid_price": bid or None,
            "ask_price": ask or None,
            "mark_price": round(self.mark(name), 4),
            "mark_iv": 60.0 if is_option else None,
            "underlying_price": self.index[listing["base_currency"]],
        }

    def _ticker(self, params: dict[str, Any]) -> dict[str, Any]:
        name = params["instrument_name"]
        index = self.index[self.listings[name]["base_currency"]]
        mark, width = self.mark(name), self.band_share * index
        return {
            "instrument_name": name,
            "timestamp": self.clock_ms,
            "index_price": index,
            "mark_price": mark,
            "min_price": max(0.1, mark - width),
            "max_price": mark + width,
        }

    def _positions(self) -> list[dict[str, Any]]:
        return [
            {"instrument_name": name, "size": size, "direction": "sell" if size < 0 else "buy"}
            for name, size in self.positions.items()
        ]

    # --- trading ------------------------------------------------------------------------------------

    def _check_price(self, name: str, price: float) -> None:
        listing = self.listings[name]
        tick = listing["tick_size"]
        for step in listing.get("tick_size_steps", []):
            tick = step["tick_size"] if price >= step["above_price"] else tick
        if price <= 0 or round(price * 1e6) % round(tick * 1e6) or price != float(f"{price:.6f}"):
            self.violations.append(f"{name}: price {price!r} off tick {tick}")
            raise Refusal(10043, "price_wrong_tick")

    def _check_band(self, name: str, side: str, price: float) -> None:
        width = self.band_share * self.index[self.listings[name]["base_currency"]]
        mark = self.mark(name)
        if side in ("bid", "buy") and price > mark + width + 1.0:
            self.violations.append(f"{name}: {side} {price} above the band")
            raise Refusal(10007, "price_too_high")
        if side in ("ask", "sell") and price < mark - width - 1.0:
            self.violations.append(f"{name}: {side} {price} below the band")
            raise Refusal(10005, "price_too_low")

    def _check_amount(self, name: str, amount: float) -> None:
        if amount < 0 or round(amount * 1e6) % round(self.listings[name]["min_trade_amount"] * 1e6):
            self.violations.append(f"{name}: amount {amount!r}")
            raise Refusal(10021, "invalid_amount")

    def _mass_quote(self, params: dict[str, Any]) -> dict[str, Any]:
        entries = params["quotes"]
        self.mass_quotes.append(params)
        if not 1 <= len(entries) <= 100:
            self.violations.append(f"{len(entries)} quotes in one frame")
        if len({self.listings[e["instrument_name"]]["base_currency"] for e in entries}) != 1:
            self.violations.append("two indices in one frame")
        errors = []
        for entry in entries:
            name = entry["instrument_name"]
            for side in ("bid", "ask"):
                if side not in entry:
                    continue
                price, amount = entry[side]["price"], entry[side]["amount"]
                try:
                    refusal = self.refuse(f"quote/{side}", entry)
                    if refusal is not None:
                        raise refusal
                    self._check_price(name, price)
                    self._check_amount(name, amount)
                    if amount:
                        self._check_band(name, side, price)
                    self.quotes[name, side] = (price if amount else 0.0, amount)
                except Refusal as error:
                    self.quotes.pop((name, side), None)
                    refused = {"instrument_name": name, "side": side}
                    errors.append({**refused, "code": error.code, "message": error.message})
            bid, ask = self.best(name)
            if bid and ask and bid >= ask:
                self.violations.append(f"{name}: crossed itself {bid} >= {ask}")
        result: dict[str, Any] = {"errors_count": len(errors)}
        return {**result, "errors": errors, "orders": [], "trades": []} if params["detailed"] else result

    def _cancel_quotes(self) -> int:
        count = sum(1 for _, amount in self.quotes.values() if amount)
        self.quotes.clear()
        return count

    def _cancel_all(self) -> int:
        count = len(self.orders)
        self.orders.clear()
        return count

    def _place(self, direction: str, params: dict[str, Any]) -> dict[str, Any]:
        name = params["instrument_name"]
        self._check_amount(name, params["amount"])
        resting = params.get("time_in_force") == "good_til_cancelled"
        if params["type"] == "limit":
            self._check_price(name, params["price"])
        order = {
            "order_id": str(self._next_order),
            "instrument_name": name,
            "direction": direction,
            "price": params.get("price", "market_price"),
            "amount": params["amount"],
            "order_state": "open" if resting else "cancelled",
        }
        self._next_order += 1
        if resting:
            self.orders[str(order["order_id"])] = order
        return {"order": order, "trades": []}

    def _edit(self, params: dict[str, Any]) -> dict[str, Any]:
        order = self.orders.get(params["order_id"])
        if order is None:
            raise Refusal(10004, "order_not_found")
        self._check_price(order["instrument_name"], params["price"])
        self._check_amount(order["instrument_name"], params["amount"])
        order.update(price=params["price"], amount=params["amount"])
        return {"order": order, "trades": []}

    def _cancel(self, params: dict[str, Any]) -> dict[str, Any]:
        order = self.orders.pop(params["order_id"], None)
        if order is None:
            raise Refusal(10004, "order_not_found")
        return {**order, "order_state": "cancelled"}
