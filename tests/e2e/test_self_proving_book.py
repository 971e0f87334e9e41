"""A book that proves itself, over real sockets: every update checked, a snapshot without resubscribing."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from clients.local_book import LocalBook
from exchange.core import queries
from tests.e2e.stage import Stage
from tests.e2e.test_story import NOW_MS, PERPETUAL, USDC, opening
from tests.e2e.test_streams import trading


class Follower:
    """Books of several channels on one connection."""

    def __init__(self, socket: Any, *intervals: str) -> None:
        self.socket = socket
        self.books = {f"book.{PERPETUAL}.{each}": LocalBook(f"book.{PERPETUAL}.{each}") for each in intervals}
        self.updates = 0
        self.snapshots = 0

    async def read(self) -> Any:
        """One message; a reply is returned."""
        message = json.loads(await self.socket.recv())
        if "id" in message:
            return message["result"]
        params = message["params"]
        assert self.books[params["channel"]].take(params["data"])
        self.updates += 1
        self.snapshots += params["data"]["type"] == "snapshot"
        return None

    async def ask(self, method: str, **params: object) -> Any:
        """Send, and read what comes until the reply."""
        await self.socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
        while (found := await self.read()) is None:
            pass
        return found


async def test_every_update_proves_the_book_and_a_snapshot_comes_on_demand(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, 1_000_000 * USDC) as stage:
        await opening(stage)
        traders = [await stage.trader(name) for name in ("one", "two")]
        await stage.wait_open()
        async with connect(stage.socket, compression=None) as socket:
            follower = Follower(socket, "raw", "100ms")
            grant = {name: traders[0].key[name] for name in ("client_id", "client_secret")}
            await follower.ask("public/auth", grant_type="client_credentials", **grant)
            await follower.ask("private/subscribe", channels=list(follower.books))
            async with asyncio.timeout(60), trading(random.Random(1), traders, 150) as busy:
                while not busy.done():
                    for channel in follower.books:
                        snapshots = follower.snapshots
                        await follower.ask("public/strikebook_book_snapshot", channel=channel)
                        while follower.snapshots == snapshots:
                            await follower.read()
                    await asyncio.sleep(0.005)
            bids, asks = queries.book_levels(stage.engine, 2, 1_000)
            terms = stage.venue.registry.instruments[2].terms
            truth = [
                {price * terms.tick_micro: lots * terms.lot_e8 for price, lots in side}
                for side in (bids, asks)
            ]
            async with asyncio.timeout(5):
                for book in follower.books.values():
                    while [book.bids, book.asks] != truth:
                        await follower.read()
            assert truth[0]
            assert truth[1]
            assert follower.snapshots > 6
            assert follower.updates > 60
