"""The fast lane through the real process: what it placed is there for JSON, and after a kill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from clients import fast_lane
from clients.fast_lane import Acks, Welcome
from exchange.domain import lane
from tests.e2e.venue import Venue, wait_until


def ask(socket: ClientConnection, message: bytes) -> fast_lane.Answer:
    """Send a message and read its answer."""
    socket.send(message)
    said = socket.recv(timeout=10)
    assert isinstance(said, bytes)
    return fast_lane.read(said)


@contextmanager
def joined(venue: Venue, token: str) -> Iterator[ClientConnection]:
    """A connection of the lane that may trade."""
    with connect(
        venue.url.replace("http", "ws", 1) + "/ws/api/v2",
        subprotocols=[Subprotocol(fast_lane.SUBPROTOCOL)],
        compression=None,
    ) as socket:
        assert socket.subprotocol == fast_lane.SUBPROTOCOL
        assert isinstance(ask(socket, fast_lane.hello(token)), Welcome)
        yield socket


def entered(venue: Venue, key: dict[str, Any]) -> str:
    """An access token."""
    found = venue.call(
        "public/auth",
        grant_type="client_credentials",
        client_id=key["client_id"],
        client_secret=key["client_secret"],
    )
    token: str = found["access_token"]
    return token


def test_a_run_of_orders_survives_a_kill(tmp_path: Path) -> None:
    with Venue(tmp_path / "venue", "--no-children") as venue:
        venue.wait_open()
        key = venue.call("public/strikebook_sign_up", name="packed")
        (perpetual,) = [
            found
            for found in venue.call("public/get_instruments", currency="BTC", kind="future")
            if found["instrument_name"].endswith("PERPETUAL")
        ]
        index = venue.call("public/get_index_price", index_name="btc_usdc")["index_price"]
        tick = min([perpetual["tick_size"], *(step["tick_size"] for step in perpetual["tick_size_steps"])])
        bid = int(index * 0.99 / tick)
        orders = [
            fast_lane.new_order(
                perpetual["instrument_id"],
                sell=False,
                price_ticks=bid - bid % 100 - 100 * n,
                size_lots=10,
                client_order_id=n + 1,
            )
            for n in range(3)
        ]
        token = entered(venue, key)

        def funded() -> bool:
            summary = venue.call("private/get_account_summary", access_token=token, currency="USDC")
            return bool(summary["balance"] > 0)

        wait_until(funded, "the faucet")
        with joined(venue, token) as socket:
            first = ask(socket, fast_lane.Lane().commands(orders))
        assert isinstance(first, Acks)
        assert all(ack.accepted for ack in first.acks), first
        placed = [str(ack.order_id) for ack in first.acks]
        venue.kill()
        venue.start().wait_open()
        token = entered(venue, key)
        found = venue.call("private/get_open_orders", access_token=token)
        assert sorted(order["order_id"] for order in found) == sorted(placed)
        with joined(venue, token) as socket:
            again = ask(socket, fast_lane.Lane().commands(orders))
        assert isinstance(again, Acks)
        assert [ack.status for ack in again.acks] == [lane.REPEATED] * 3
        assert [str(ack.order_id) for ack in again.acks] == placed
