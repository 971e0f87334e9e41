"""The whole chain over a real socket: each message alone gives its own marks and Greeks, bit for bit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from clients.chain_model import VALUES, column, repriced
from pricing import engines
from tests.e2e.venue import Venue


async def messages(url: str, count: int) -> list[dict[str, Any]]:
    """The first messages of two chains."""
    address = url.replace("http", "ws", 1) + "/ws/api/v2"
    async with asyncio.timeout(20), connect(address, max_size=None) as socket:
        channels = ["chain.BTC.100ms", "chain.ETH.agg2", "chain.DOGE.100ms"]
        request = {"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": {"channels": channels}}
        await socket.send(json.dumps(request))
        assert json.loads(await socket.recv())["result"] == channels
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found.append(json.loads(await socket.recv())["params"]["data"])
        return found


def test_each_message_reproduces_itself(tmp_path: Path) -> None:
    with Venue(tmp_path / "data", "--no-children") as venue:
        venue.wait_open()
        received = asyncio.run(messages(venue.url, 12))
        by_call = venue.call("public/strikebook_get_chain", currency="ETH")
    assert {message["currency"] for message in received} == {"BTC", "ETH"}
    times = [message["model"]["timestamp"] for message in received if message["currency"] == "BTC"]
    assert len(set(times)) == len(times) > 6
    for message in (*received, by_call):
        engines.select(message["model"]["engine"])
        found = repriced(message)
        for name in VALUES:
            told = np.array(column(message, name), dtype=np.float64)
            assert told.size > 50
            assert told.tobytes() == found[name].tobytes(), name
