"""`user.stream` over real sockets: whatever breaks, and whenever, no event is missing and none comes twice.

The truth is read from the journal on its own: every event that names the account, in its order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from clients.rpc import RpcError
from clients.stream import CHANNEL, TOO_OLD_CODE, StreamFollower
from exchange.domain import commands, events
from exchange.gateway.streams import streams
from exchange.gateway.streams.log import Tail
from exchange.journal import DiskStorage, EventReader
from tests.e2e.stage import Stage, Trader
from tests.e2e.test_restart import User
from tests.e2e.test_story import NOW_MS, PERPETUAL, USDC, market, opening
from tests.e2e.venue import Forks, Venue

Told = tuple[str, int]
_NAMES = {
    events.Order: "order",
    events.Cash: "cash",
    events.Settled: "settlement",
    events.Account: "account",
    events.Liquidation: "liquidation",
}


def truth(folder: Path, account: int) -> list[Told]:
    """(type, seq) of every event of the account in the journal."""
    found: list[Told] = []
    with DiskStorage(folder / "journal") as storage:
        frames = list(EventReader(storage))
    for frame in frames:
        for event in events.read_events(frame.payload):
            if isinstance(event, events.Trade):
                if account in (event.maker_account, event.taker_account):
                    found.append(("trade", event.head.seq))
            elif type(event) in _NAMES and event.head.account == account:
                found.append((_NAMES[type(event)], event.head.seq))
    return found


def told(event: dict[str, Any]) -> Told:
    return event["type"], event[event["type"]]["seq"]


class Reader:
    """A client of the stream on raw sockets; what it received, as text, by number."""

    def __init__(self, url: str, key: Any, follower: StreamFollower) -> None:
        self.url = url
        self.key = key
        self.follower = follower
        self.received: list[dict[str, Any]] = []
        self.connections = 0

    async def connect(self) -> ClientConnection:
        """A new connection, subscribed from where the follower is."""
        socket = await connect(self.url, compression=None, max_size=None)
        grant = {name: self.key[name] for name in ("client_id", "client_secret")}
        await self.call(socket, "public/auth", grant_type="client_credentials", **grant)
        await self.call(socket, "private/subscribe", **self.follower.subscription())
        self.connections += 1
        return socket

    async def call(self, socket: ClientConnection, method: str, **params: object) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        await socket.send(json.dumps(request))
        while True:
            message = json.loads(await socket.recv())
            if "id" in message:
                if "error" in message:
                    raise RpcError(message["error"]["code"], message["error"]["message"])
                return message["result"]
            self.take(message)

    def take(self, message: Any) -> None:
        assert message["params"]["channel"] == CHANNEL
        self.received += self.follower.take(message["params"]["data"])

    async def read_to(self, number: int, socket: ClientConnection) -> None:
        """Read until event `number` is here."""
        async with asyncio.timeout(10):
            while (self.follower.last or 0) < number:
                self.take(json.loads(await socket.recv()))

    async def read_some(self, rng: random.Random) -> None:
        """Connect, read some frames, cut the connection without a word."""
        socket = await self.connect()
        frames = rng.choice((0, 1, 3, 10))
        with contextlib.suppress(TimeoutError, ConnectionClosed):
            async with asyncio.timeout(0.05):
                for _ in range(frames):
                    self.take(json.loads(await socket.recv()))
        socket.transport.abort()


@asynccontextmanager
async def trading(rng: random.Random, traders: list[Trader], count: int) -> AsyncIterator[asyncio.Task[None]]:
    """Traffic beside the block; it has ended when the block has."""
    task = asyncio.create_task(trade(rng, traders, count))
    try:
        yield task
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def trade(rng: random.Random, traders: list[Trader], count: int) -> None:
    """Orders that rest, trade, are amended and cancelled."""
    for _ in range(count):
        trader = rng.choice(traders)
        dice = rng.random()
        with contextlib.suppress(RpcError):
            if dice < 0.15:
                await trader.call("private/cancel_all")
            elif dice < 0.3 and (orders := await trader.call("private/get_open_orders")):
                order = rng.choice(orders)
                await trader.call(
                    "private/edit", order_id=order["order_id"], amount=0.002, price=order["price"]
                )
            else:
                side, price = rng.choice(("buy", "sell")), 100_000.0 + rng.randrange(-4, 5) * 10
                await trader.order(side, PERPETUAL, 0.001 * rng.randrange(1, 4), price, label=f"n{dice}")


@pytest.mark.parametrize("seed", [1, 2])
async def test_cut_and_resumed_at_any_point_also_over_restarts(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    follower = StreamFollower(0)
    received: list[dict[str, Any]] = []
    keys: list[Any] = []
    connections = 0
    for life in range(3):
        async with Stage(tmp_path, NOW_MS + life * 1_000, 100_000 * USDC) as stage:
            if life == 0:
                await opening(stage)
                traders = [await stage.trader(name) for name in ("one", "two")]
                keys = [trader.key for trader in traders]
            else:
                traders = [await stage._connected(key) for key in keys]
                await stage.operate(market(life + 1, 100_000, 5_000, 55, 2_000, 25))
            await stage.wait_open()
            if life != 1:  # in one life memory reaches back, in the others the journal is asked
                stage.venue.streams.tail = Tail(stage.venue.views.seq + 1, 600)
            reader = Reader(stage.socket, keys[0], follower)
            async with trading(rng, traders, 80) as busy:
                while not busy.done():
                    away_until = stage.venue.streams.number_of(keys[0]["account"]) + rng.choice((0, 3, 12))
                    while not busy.done() and stage.venue.streams.number_of(keys[0]["account"]) < away_until:
                        await asyncio.sleep(0.001)
                    await reader.read_some(rng)
            received += reader.received
            connections += reader.connections
            reader.received = []
            if life == 1:  # counts are kept; the next life counts the rest
                stage.stream_store.save(list(stage.venue.streams.counts), stage.venue.views.seq + 1)
            if life == 2:
                socket = await reader.connect()
                await reader.read_to(stage.venue.streams.number_of(keys[0]["account"]), socket)
                await socket.close()
                received += reader.received
    expected = truth(tmp_path, keys[0]["account"])
    assert connections > 6
    assert len(expected) > 100
    assert [event["account_seq"] for event in received] == list(range(1, len(expected) + 1))
    assert [told(event) for event in received] == expected


async def test_what_is_told_again_is_told_in_the_same_words(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, 100_000 * USDC) as stage:
        await opening(stage)
        one, two = [await stage.trader(name) for name in ("one", "two")]
        await stage.wait_open()
        live = Reader(stage.socket, one.key, StreamFollower(0))
        socket = await live.connect()
        await trade(random.Random(5), [one, two], 40)
        await stage.operate(commands.deposit(one.account, 5 * USDC, 1_000))
        last = stage.venue.streams.number_of(one.account)
        await live.read_to(last, socket)
        await socket.close()
        for size in (1, 1 << 20):  # from the journal, from memory
            stage.venue.streams.tail = Tail(stage.venue.views.seq + 1, size)
            if size > 1:
                for frame in EventReader(stage._storage):
                    stage.venue.streams.tail.add(frame.first_seq, frame.command_count, frame.payload)
            again = Reader(stage.socket, one.key, StreamFollower(3))
            socket = await again.connect()
            await again.read_to(last, socket)
            await socket.close()
            assert [json.dumps(e) for e in again.received] == [json.dumps(e) for e in live.received[3:]]
        kinds = {event["type"] for event in live.received}
        assert kinds == {"account", "cash", "order", "trade"}
        trades = [event["trade"] for event in live.received if event["type"] == "trade"]
        assert any(each["label"] for each in trades)


async def test_a_snapshot_and_the_events_behind_it_make_the_whole(tmp_path: Path) -> None:
    async with Stage(tmp_path, NOW_MS, 100_000 * USDC) as stage:
        await opening(stage)
        one, two = [await stage.trader(name) for name in ("one", "two")]
        await stage.wait_open()
        rng = random.Random(3)
        async with trading(rng, [one, two], 60) as busy:
            for by_call in (False, True):  # the channel's first frame, and the call
                follower = StreamFollower()
                if by_call:
                    snapshot = await one.call("private/strikebook_get_snapshot")
                    follower.take(snapshot)
                reader = Reader(stage.socket, one.key, follower)
                socket = await reader.connect()
                await reader.read_to(stage.venue.streams.number_of(one.account), socket)
                if by_call:
                    await busy
                else:
                    await reader.read_to((follower.last or 0) + 5, socket)
                while True:
                    last = stage.venue.streams.number_of(one.account)
                    await reader.read_to(last, socket)
                    open_now = await one.call("private/get_open_orders")
                    cash = (await one.summary())["balance"]
                    if stage.venue.streams.number_of(one.account) == last:
                        break
                await socket.close()
                assert follower.snapshot is not None
                assert len(reader.received) >= 5
                orders = {order["order_id"]: order for order in follower.snapshot["orders"]}
                balance = follower.snapshot["portfolio"]["balance"]
                for event in reader.received:
                    if event["type"] == "order":
                        orders.pop(event["order"]["order_id"], None)
                        if event["order"]["order_state"] == "open":
                            orders[event["order"]["order_id"]] = event["order"]
                    elif event["type"] == "trade":
                        balance -= event["trade"]["fee"]
                amounts = {order["order_id"]: order["amount"] for order in open_now}
                assert {order_id: order["amount"] for order_id, order in orders.items()} == amounts
                assert balance == pytest.approx(cash, abs=1e-6)


async def test_too_far_back_or_ahead_is_said_clearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Stage(tmp_path, NOW_MS, 100_000 * USDC) as stage:
        await opening(stage)
        one = await stage.trader("one")
        await stage.wait_open()
        await trade(random.Random(1), [one], 10)
        last = stage.venue.streams.number_of(one.account)

        async def resume(number: int) -> Any:
            return await one.call("private/subscribe", channels=[CHANNEL], resume_from=number)

        with pytest.raises(RpcError) as ahead:
            await resume(last + 1)
        assert ahead.value.code == 11029
        assert ahead.value.data == {"reason": "resume_from is ahead", "account_seq": last}
        monkeypatch.setattr(streams, "RESUME_MAX", 3)
        with pytest.raises(RpcError) as too_old:
            await resume(last - 4)
        assert too_old.value.code == TOO_OLD_CODE
        assert too_old.value.data == {"reason": "resume_too_old", "account_seq": last}
        assert await resume(last - 3) == [CHANNEL]
        # The journal has been let go of: the same answer, found by looking.
        monkeypatch.setattr(streams, "RESUME_MAX", 1_000)
        stage.venue.streams.tail = Tail(stage.venue.views.seq + 1, 1)
        for segment in (tmp_path / "journal").glob("events-*"):
            segment.rename(segment.with_suffix(".gone"))
        with pytest.raises(RpcError) as gone:
            await resume(0)
        for segment in (tmp_path / "journal").glob("*.gone"):
            segment.rename(segment.with_suffix(".log"))
        assert gone.value.code in (TOO_OLD_CODE, 13028)


async def test_a_killed_venue_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    """The real process: SIGKILL, a start from disk, and the stream goes on where the client was."""
    received: list[dict[str, Any]] = []

    async def follow(venue: Venue, user: User, last: int, count: int) -> None:
        reader = Reader(f"{venue.url.replace('http', 'ws', 1)}/ws/api/v2", user.key, StreamFollower(last))
        socket = await reader.connect()
        await reader.read_to(last + count, socket)
        await socket.close()
        received.extend(reader.received)

    with Forks() as forks, Venue(tmp_path / "data", "--no-children", forks=forks) as venue:
        venue.wait_open()
        user = await asyncio.to_thread(User, venue)
        orders = [await asyncio.to_thread(user.buy, 50_000.0 + n, f"n{n}") for n in range(3)]
        await follow(venue, user, 0, 6)  # made, capped, paid; three orders
        venue.kill()
        venue.start()  # cancels are taken at once
        await asyncio.to_thread(user.call, "private/cancel", order_id=orders[1]["order_id"])
        await asyncio.to_thread(user.call, "private/cancel_all")
        await follow(venue, user, 6, 3)
        assert venue.interrupt() == 0
        assert (tmp_path / "data" / "journal" / "streams.bin").exists()
    expected = truth(tmp_path / "data", user.account)
    assert [told(event) for event in received] == expected
    assert [event["account_seq"] for event in received] == list(range(1, len(expected) + 1))
