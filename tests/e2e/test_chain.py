"""The whole chain over a real socket: each message alone gives its own marks and Greeks, bit for bit."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import connect

from clients.chain_model import VALUES, column, repriced
from pricing import engines
from tests.e2e.test_restart import User
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


def greeks_of_positions(venue: Venue, chain: dict[str, Any]) -> None:
    """Position and portfolio have the chain's Greeks, read between two looks at one and the same chain."""
    one, two = User(venue, "one"), User(venue, "two")
    marks = column(chain, "mark_price")
    at = max(range(len(marks)), key=lambda n: -abs(column(chain, "delta")[n] - 0.5))
    name = column(chain, "instrument_name")[at]
    listed = venue.call("public/get_instrument", instrument_name=name)
    steps = [step["tick_size"] for step in listed["tick_size_steps"] if marks[at] > step["above_price"]]
    tick = Decimal(str([listed["tick_size"], *steps][-1]))
    price = float(round(Decimal(marks[at]) / tick) * tick)
    one.call("private/sell", instrument_name=name, amount=2.0, price=price)
    two.call("private/buy", instrument_name=name, amount=2.0, price=price)
    key = {part: two.key[part] for part in ("client_id", "client_secret")}
    mine = {"access_token": venue.call("public/auth", grant_type="client_credentials", **key)["access_token"]}
    for _ in range(400):  # marks move ten times a second
        before = venue.call("public/strikebook_get_chain", currency="ETH")
        (position,) = venue.call("private/get_positions", currency="ETH", kind="option", **mine)
        summary = venue.call("private/get_account_summary", currency="USDC", **mine)
        after = venue.call("public/strikebook_get_chain", currency="ETH")
        if before["model"] == after["model"]:
            break
    assert before["model"] == after["model"]
    for greek in ("delta", "gamma", "vega", "theta", "rho"):
        told = dict(zip(column(before, "instrument_name"), column(before, greek), strict=True))[name]
        assert position[greek] == told * position["size"] == summary[f"options_{greek}"]
        assert summary[f"options_{greek}_map"] == {"eth_usdc": position[greek]}


def test_each_message_reproduces_itself(tmp_path: Path) -> None:
    with Venue(tmp_path / "data", "--no-children") as venue:
        venue.wait_open()
        received = asyncio.run(messages(venue.url, 12))
        by_call = venue.call("public/strikebook_get_chain", currency="ETH")
        greeks_of_positions(venue, by_call)
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
