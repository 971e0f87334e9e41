"""The real process: what a kill must not make it forget of signatures and connections; its sealed keys."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.e2e.test_restart import PERPETUAL, User
from tests.e2e.venue import Forks, StartFailed, Venue


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    with Forks() as starter:
        made = Venue(tmp_path / "data", "--no-children", forks=starter)
        yield made
        made.__exit__()


Wire = tuple[str, dict[str, str]]


def signed(user: User, price: float) -> Wire:
    """A signed order: its target and headers."""
    now_ms = int(time.time() * 1_000)
    target = f"/api/v2/private/buy?instrument_name={PERPETUAL}&amount=0.01&price={price}"
    text = f"{now_ms}\nn\nGET\n{target}\n\n".encode()
    sig = hmac.new(user.key["client_secret"].encode(), text, hashlib.sha256).hexdigest()
    header = f"deri-hmac-sha256 id={user.key['client_id']},ts={now_ms},sig={sig},nonce=n"
    return target, {"Authorization": header}


def sent(venue: Venue, wire: Wire) -> Any:
    target, headers = wire
    try:
        with urllib.request.urlopen(urllib.request.Request(venue.url + target, headers=headers)) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as refused:
        with refused:
            return json.load(refused)


async def orders_of_a_connection(venue: Venue, user: User, price: float) -> None:
    """Place orders over a connection with cancel on disconnect, and have the venue killed under it."""
    url = venue.url.replace("http", "ws") + "/ws/api/v2"
    key = {name: user.key[name] for name in ("client_id", "client_secret")}
    order = {"instrument_name": PERPETUAL, "amount": 0.01, "price": price}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("public/auth", {"grant_type": "client_credentials", **key}),
        ("private/enable_cancel_on_disconnect", {}),
        *(("private/buy", order) for _ in range(3)),
    ]
    async with connect(url, proxy=None) as ws:
        for number, (method, params) in enumerate(calls):
            await ws.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
            assert "result" in json.loads(await ws.recv())
        venue.kill()


def test_a_kill_forgets_no_signature_and_no_connection_and_keys_are_sealed(venue: Venue) -> None:
    venue.start()
    venue.wait_open()
    user = User(venue)
    price = round(venue.call("public/ticker", instrument_name=PERPETUAL)["mark_price"] * 0.97)
    wire = signed(user, price)
    assert sent(venue, wire)["result"]["order"]["order_state"] == "open"
    asyncio.run(orders_of_a_connection(venue, user, price))
    venue.start()
    replayed = sent(venue, wire)
    assert (replayed["error"]["code"], replayed["error"]["data"]["reason"]) == (13009, "replayed_request")
    assert len(user.call("private/get_open_orders")) == 1
    secret = user.key["client_secret"].encode()
    assert venue.interrupt() == 0
    assert all(secret not in path.read_bytes() for path in venue.data.iterdir() if path.is_file())
    key = venue.data / "credentials.key"
    kept = key.read_text()
    key.unlink()
    with pytest.raises(StartFailed, match="their key is not here: put it back"):
        venue.start()
    key.write_text("ab" * 32)
    with pytest.raises(StartFailed, match="sealed under another key"):
        venue.start()
    key.write_text(kept)
    venue.start()
    assert len(user.call("private/get_open_orders")) == 1
