"""A session against a loopback venue: pipelining, restarts, renewal, refusals, shutdown."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from clients.rpc import RpcError
from clients.session import CallTimeout, ConnectionLost, Session, SessionEnded, backoff_delays
from tests.unit.clients.fake_venue import FakeVenue, Refusal


def no_pause(_rng: random.Random) -> Iterator[float]:
    while True:
        yield 0.01


@pytest.fixture
async def venue() -> AsyncIterator[FakeVenue]:
    async with FakeVenue().running() as venue:
        yield venue


def session_with(venue: FakeVenue, **changes: Any) -> Session:
    return Session(venue.url, "id", changes.pop("secret", venue.secret), backoff=no_pause, **changes)


async def test_many_calls_are_open_at_once_and_each_gets_its_own_reply(venue: FakeVenue) -> None:
    async with session_with(venue) as session:
        await session.wait_ready()
        names = list(venue.listings)[:40]
        replies = await asyncio.gather(
            *(session.call("public/ticker", {"instrument_name": name}) for name in names)
        )
        assert [reply["instrument_name"] for reply in replies] == names


async def test_a_refusal_is_an_rpc_error_and_the_session_goes_on(venue: FakeVenue) -> None:
    async with session_with(venue) as session:
        await session.wait_ready()
        with pytest.raises(RpcError) as error:
            await session.call("public/no_such_method")
        assert error.value.code == -32601
        assert await session.call("public/test") == {"version": "1"}


async def test_subscriptions_survive_a_restart(venue: FakeVenue) -> None:
    heard: asyncio.Queue[float] = asyncio.Queue()
    async with session_with(venue) as session:
        first = await session.wait_ready()
        channel = "deribit_price_index.btc_usdc"
        await session.subscribe([channel], lambda _, data: heard.put_nowait(data["price"]))
        await venue.move_index("BTC", 1.0)
        assert await heard.get() == 1.0
        await venue.restart()
        await session.wait_lost(first)
        assert await session.wait_ready() == first + 1
        await venue.move_index("BTC", 2.0)
        assert await heard.get() == 2.0
        await session.unsubscribe([channel])
        assert not venue.subscribed(channel)


async def test_calls_open_when_the_connection_breaks_fail_as_lost(venue: FakeVenue) -> None:
    venue.silent_methods.add("private/buy")
    async with session_with(venue) as session:
        await session.wait_ready()
        name = next(iter(venue.listings))
        order = {"instrument_name": name, "amount": 0.01, "type": "market"}
        call = asyncio.create_task(session.call("private/buy", order))
        await venue.wait_until(lambda: venue.calls["private/buy"] == 1)
        await venue.restart()
        with pytest.raises(ConnectionLost):
            await call


async def test_a_venue_that_is_not_there_yet_is_waited_for(venue: FakeVenue) -> None:
    port = int(venue.url.rsplit(":", 1)[1].split("/")[0])
    await venue.stop()
    async with session_with(venue) as session:
        with pytest.raises(ConnectionLost):
            await session.call("public/test")
        await venue.start(port)
        await session.wait_ready()
        assert session.is_ready


async def test_a_reply_that_never_comes_times_out(venue: FakeVenue) -> None:
    venue.silent_methods.add("public/test")
    async with session_with(venue) as session:
        await session.wait_ready()
        with pytest.raises(CallTimeout):
            await session.call("public/test", timeout_s=0.02)


async def test_wrong_credentials_end_the_session(venue: FakeVenue) -> None:
    async with session_with(venue, secret="wrong") as session:
        with pytest.raises(SessionEnded, match="credentials"):
            await session.wait_ready()
        with pytest.raises(SessionEnded):
            await session.call("public/test")
    assert venue.calls["public/auth"] == 1


async def test_an_address_that_is_none_ends_the_session() -> None:
    async with Session("http://127.0.0.1:1/") as session:
        with pytest.raises(SessionEnded):
            await session.wait_ready()


async def test_a_venue_that_refuses_for_a_while_is_tried_again(venue: FakeVenue) -> None:
    refusals = iter([Refusal(10041, "settlement_in_progress")])
    venue.refuse = lambda method, _: next(refusals, None) if method == "public/auth" else None
    async with session_with(venue) as session:
        await session.wait_ready()
    assert venue.calls["public/auth"] == 2


async def test_the_token_is_renewed_before_it_expires(venue: FakeVenue) -> None:
    venue.expires_in = 0  # renewed after the shortest pause there is
    async with session_with(venue) as session:
        generation = await session.wait_ready()
        await venue.wait_until(lambda: venue.calls["auth:refresh_token"] == 1)
        assert session.generation == generation


async def test_heartbeat_tests_are_answered(venue: FakeVenue) -> None:
    async with session_with(venue) as session:
        await session.wait_ready()
        await venue.send_raw('{"method": "heartbeat", "params": {"type": "test_request"}}')
        await venue.wait_until(lambda: venue.calls["public/test"] == 1)


async def test_nonsense_from_the_venue_costs_the_connection_not_the_session(venue: FakeVenue) -> None:
    async with session_with(venue) as session:
        first = await session.wait_ready()
        await venue.send_raw("{nonsense")
        await session.wait_lost(first)
        assert await session.wait_ready() > first


async def test_a_handler_that_raises_ends_the_session_loudly(venue: FakeVenue) -> None:
    def broken(_channel: str, _data: object) -> None:
        raise KeyError("bug")

    async with session_with(venue) as session:
        generation = await session.wait_ready()
        await session.subscribe(["deribit_price_index.btc_usdc"], broken)
        await venue.move_index("BTC", 1.0)
        await session.wait_lost(generation)
        with pytest.raises(SessionEnded, match="handler"):
            await session.wait_ready()


async def test_close_ends_every_wait_and_leaves_no_task(venue: FakeVenue) -> None:
    venue.silent_methods.add("public/test")
    session = session_with(venue)
    await session.__aenter__()
    await session.wait_ready()
    call = asyncio.create_task(session.call("public/test"))
    await venue.wait_until(lambda: venue.calls["public/test"] == 1)
    await session.close()
    await session.close()
    with pytest.raises(ConnectionLost):
        await call
    with pytest.raises(SessionEnded):
        await session.wait_ready()
    own = [task for task in asyncio.all_tasks() if task.get_name().startswith("session")]
    assert own == []


def test_pauses_grow_to_a_limit_and_never_vanish() -> None:
    delays = backoff_delays(random.Random(3), first_s=0.1, factor=2.0, limit_s=1.0)
    drawn = [next(delays) for _ in range(50)]
    assert all(0.05 <= delay <= 1.0 for delay in drawn)
    assert max(drawn[10:]) > 0.5
