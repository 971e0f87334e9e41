"""Load on a real venue: WebSocket connections with many requests in flight, and a note of every reply."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.simulation.ledger import ACKNOWLEDGED, REFUSED, Ledger, Sent

IN_FLIGHT = 16
HALTED_CODE = 13028


class Trader:
    """One account and what it does. Lives through all restarts; labels are never used twice."""

    def __init__(self, key: dict[str, Any], ledger: Ledger, random: Random) -> None:
        self.account: int = key["account"]
        self.key = key
        self._ledger = ledger
        self._random = random
        self._labels = 0
        self._instruments: list[dict[str, Any]] = []
        self._marks: dict[str, float] = {}
        self._open: dict[str, dict[str, Any]] = {}
        self._waiting: dict[int, Sent] = {}
        self._next_id = 0

    async def trade(self, url: str) -> None:
        """Connect and send until the connection ends."""
        with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, EOFError):
            address = url.replace("http://", "ws://") + "/ws/api/v2"
            async with connect(address, compression=None, proxy=None, close_timeout=0.2) as ws:
                await self._come_up(ws)
                for _ in range(IN_FLIGHT):
                    await self._send(ws)
                async for frame in ws:
                    self._on_reply(msgspec.json.decode(frame))
                    await self._send(ws)
        self._waiting.clear()  # their outcome stays LOST

    async def _ask(self, ws: ClientConnection, method: str, params: dict[str, Any]) -> Any:
        self._next_id += 1
        frame = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        await ws.send(msgspec.json.encode(frame), text=True)
        reply = msgspec.json.decode(await ws.recv())
        if "error" in reply:
            raise AssertionError(f"{method}: {reply['error']}")
        return reply["result"]

    async def _come_up(self, ws: ClientConnection) -> None:
        grant = {"grant_type": "client_credentials"}
        grant |= {name: self.key[name] for name in ("client_id", "client_secret")}
        await self._ask(ws, "public/auth", grant)
        listed = await self._ask(ws, "public/get_instruments", {"currency": "BTC"})
        listed.sort(key=lambda i: (i["kind"] != "future", i["instrument_name"]))
        self._instruments = [i for i in listed if i["is_active"]][:5]
        for name in [i["instrument_name"] for i in self._instruments]:
            ticker = await self._ask(ws, "public/ticker", {"instrument_name": name})
            self._marks[name] = ticker["mark_price"]
        orders = await self._ask(ws, "private/get_open_orders", {})
        self._open = {order["order_id"]: order for order in orders}

    async def _send(self, ws: ClientConnection) -> None:
        method, params, label = self._next()
        self._next_id += 1
        sent = Sent(self.account, method, params, label)
        self._ledger.sent.append(sent)
        self._waiting[self._next_id] = sent
        frame = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params}
        await ws.send(msgspec.json.encode(frame), text=True)

    def _on_reply(self, reply: dict[str, Any]) -> None:
        sent = self._waiting.pop(reply["id"])
        if "error" in reply:
            sent.outcome = REFUSED
            sent.halted = reply["error"]["code"] == HALTED_CODE
            return
        sent.outcome, sent.seq, sent.result = ACKNOWLEDGED, reply.get("seq", 0), reply["result"]
        if isinstance(sent.result, dict):
            for order in sent.result.get("orders") or [sent.result.get("order", sent.result)]:
                if "order_id" in order:
                    self._saw(order)

    def _saw(self, order: dict[str, Any]) -> None:
        self._ledger.saw_order(self.account, order)
        if order["order_state"] == "open":
            self._open[order["order_id"]] = order
        else:
            self._open.pop(order["order_id"], None)

    def _next(self) -> tuple[str, dict[str, Any], str]:
        dice = self._random.randrange(100)
        self._labels += 1
        label = f"{self.account}-{self._labels}"
        if dice < 10:
            quotes = [self._quote(instrument) for instrument in self._instruments[:3]]
            return "private/mass_quote", {"quotes": quotes, "quote_id": label}, label
        if self._open and dice < 45:
            return "private/cancel", {"order_id": self._random.choice(list(self._open))}, ""
        if self._open and dice < 52:
            order = self._open[self._random.choice(list(self._open))]
            return "private/edit", {"order_id": order["order_id"], "amount": order["amount"] * 2}, ""
        if dice == 99:
            return "private/cancel_all", {}, ""
        instrument = self._random.choice(self._instruments)
        params = {
            "instrument_name": instrument["instrument_name"],
            "amount": instrument["min_trade_amount"],
            "price": self._price(instrument),
            "label": label,
        }
        return self._random.choice(("private/buy", "private/sell")), params, label

    def _quote(self, instrument: dict[str, Any]) -> dict[str, Any]:
        bid, ask = sorted((self._price(instrument), self._price(instrument)))
        amount = instrument["min_trade_amount"]
        return {
            "instrument_name": instrument["instrument_name"],
            "bid": {"price": bid, "amount": amount},
            "ask": {"price": ask, "amount": amount},
        }

    def _price(self, instrument: dict[str, Any]) -> float:
        mark = max(self._marks[instrument["instrument_name"]], 3 * instrument["tick_size"])
        wanted = mark * (1 + self._random.uniform(-0.004, 0.004))
        tick = instrument["tick_size"]
        for step in instrument["tick_size_steps"]:
            if wanted >= step["above_price"]:
                tick = step["tick_size"]
        price: float = round(max(tick, round(wanted / tick) * tick), 6)
        return price


async def load_until(traders: list[Trader], url: str, over: asyncio.Event) -> None:
    """All traders trade until `over` is set; then their connections are left to end by themselves."""
    tasks = [asyncio.create_task(trader.trade(url)) for trader in traders]
    await over.wait()
    await asyncio.wait_for(asyncio.gather(*tasks), timeout=20)
