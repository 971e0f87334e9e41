"""What a client may take of the port: requests, connections, turns, memory."""

from __future__ import annotations

import json

import pytest
from websockets.frames import Frame, Opcode

from exchange.gateway.sockets import connection as connections
from exchange.gateway.sockets.config import ServerConfig
from exchange.wire.credits import CreditPolicy
from tests.unit.gateway.loopback import (
    HANDSHAKE,
    PING,
    FakeAuthenticator,
    FakeVenue,
    RawClient,
    http_get,
    never_reading,
    running,
    wait_until,
)


async def test_a_slow_consumer_is_cut_off_and_others_are_served() -> None:
    venue = FakeVenue()
    config = ServerConfig(write_buffer_bytes_max=1_000_000, close_timeout_s=0.3)
    async with running(venue, config) as (server, port):
        slow = never_reading(port)
        other = await RawClient.websocket(port)
        await wait_until(lambda: len(venue.closed) == 1)
        other.send(PING)
        assert (await other.reply())["id"] == 1
        await wait_until(lambda: len(server.connections) == 1)
        slow.close()
        await other.close()


async def test_too_many_requests_are_refused_and_the_session_stays() -> None:
    venue = FakeVenue()
    policy = CreditPolicy.of_the_field()._replace(terminate=False)
    async with running(venue, ServerConfig(credits=policy, close_timeout_s=0.3)) as (server, port):
        client, other = await RawClient.websocket(port), await RawClient.websocket(port)
        client.call(1, "public/set_heartbeat", interval=10)
        for _ in range(101):
            client.send(PING)
        replies = [await client.reply() for _ in range(102)]
        assert [reply["budget"] for reply in replies[:100]] == list(range(99, -1, -1))
        for reply in replies[100:]:
            assert (reply["error"]["code"], reply["error"]["data"]["wait_ms"]) == (10028, 50)
        # Another connection of the address shares the budget; cancels and answers to test requests do not.
        other.send(PING)
        assert (await other.reply())["error"]["code"] == 10028
        other.call(2, "private/cancel")
        assert (await other.reply())["error"]["code"] == 13009
        session = next(s for s in venue.sessions if s.heartbeat is not None)
        assert session.heartbeat is not None
        assert session.heartbeat.poll(venue.clock.now_ms() + 10_000)
        client.send(PING)
        assert "result" in await client.reply()
        venue.clock.advance_ms(50)
        other.send(PING)
        assert "result" in await other.reply()
        server._meters.tend(venue.clock.now_us(), set())
        assert server._meters._of_address
        venue.clock.advance_ms(100_000)
        server._meters.tend(venue.clock.now_us(), set())
        assert not server._meters._of_address
        await client.close()
        await other.close()


async def test_an_accounts_connections_share_its_budget() -> None:
    policy = CreditPolicy.of_the_field()._replace(terminate=False)
    config = ServerConfig(credits=policy, close_timeout_s=0.3)
    async with running(FakeVenue(), config, authenticator=FakeAuthenticator()) as (_, port):
        clients = [await RawClient.websocket(port) for _ in range(2)]
        for client in clients:
            client.call(0, "private/whoami", access_token="good")
            assert (await client.reply())["result"] == 64
            for n in range(60):
                client.call(n, "private/whoami")
        replies = [await client.reply() for client in clients for _ in range(60)]
        assert sum("result" in reply for reply in replies) == 100
        wire = http_get("/api/v2/private/whoami", "Authorization: Bearer good")
        http = await RawClient.connect(port)
        http.write(wire)
        assert (await http.json_response())[0] == 429
        for client in (*clients, http):
            await client.close()


async def test_who_guesses_credentials_pays_for_it() -> None:
    policy = CreditPolicy.of_the_field()
    async with running(
        FakeVenue(), ServerConfig(credits=policy, close_timeout_s=0.3), authenticator=FakeAuthenticator()
    ) as (_, port):
        client = await RawClient.connect(port)
        wire = http_get("/api/v2/private/whoami", "Authorization: Bearer bad")
        client.write(wire * 101)
        found = [(await client.json_response())[1]["error"]["code"] for _ in range(101)]
        assert found == [13009] * 100 + [10028]
        await client.close()


async def test_too_many_requests_end_the_session_where_the_policy_says_so() -> None:
    config = ServerConfig(credits=CreditPolicy.of_the_field(), close_timeout_s=0.3)
    async with running(FakeVenue(), config) as (_, port):
        client = await RawClient.websocket(port)
        for _ in range(101):
            client.send(PING)
        replies = [await client.reply() for _ in range(101)]
        assert "error" not in replies[99]
        assert replies[100]["error"]["code"] == 10028
        assert await client.close_code() == (1008, "too_many_requests")
        await client.close()


async def test_a_flood_of_pipelined_requests_is_held_back_and_answered() -> None:
    async with running(FakeVenue(), ServerConfig(pipelined_max=4, close_timeout_s=0.3)) as (_, port):
        client = await RawClient.connect(port)
        for i in range(300):
            client.write(http_get(f"/api/v2/public/echo?i={i}"))
        for i in range(300):
            assert (await client.json_response())[1]["result"] == {"i": str(i)}
        await client.close()


async def test_a_flood_from_one_connection_leaves_turns_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request takes more than a turn: the other's one is answered long before the flood is."""
    monkeypatch.setattr(connections, "TURN_US", -1)
    async with running(FakeVenue()) as (_, port):
        flood, other = await RawClient.websocket(port), await RawClient.websocket(port)
        frame = Frame(Opcode.TEXT, json.dumps(PING).encode()).serialize(mask=True)
        flood.write(frame * 2_000 + Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
        other.send(PING)
        assert (await other.reply())["id"] == 1
        for _ in range(2_000):  # all of it, before the close is answered
            assert (await flood.reply())["id"] == 1
        await flood.close()
        await other.close()


async def test_a_flood_over_http_goes_on_as_a_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TURN_US", -1)
    async with running(FakeVenue(), ServerConfig(pipelined_max=4, close_timeout_s=0.3)) as (_, port):
        client = await RawClient.connect(port)
        client.write(b"".join(http_get(f"/api/v2/public/echo?i={i}") for i in range(100)))
        for i in range(100):
            assert (await client.json_response())[1]["result"] == {"i": str(i)}
        client.write(HANDSHAKE)
        assert b" 101 " in await client.reader.readuntil(b"\r\n\r\n")
        client.send(PING)
        assert (await client.reply())["id"] == 1
        await client.close()


async def test_other_addresses_have_32_connections() -> None:
    async with running(FakeVenue()) as (server, _):
        made = [connections.Connection(server) for _ in range(34)]
        assert [server.admit_connection(one, "10.0.0.1") for one in made] == [True] * 32 + [False] * 2
        for one in made:
            server.forget_connection(one, "10.0.0.1")
        assert server.admit_connection(made[0], "10.0.0.1")
        server.forget_connection(made[0], "10.0.0.1")


async def test_connections_of_one_address_are_limited() -> None:
    async with running(FakeVenue(), ServerConfig(connections_of_loopback_max=2, close_timeout_s=0.3)) as (
        server,
        port,
    ):
        first, second = await RawClient.websocket(port), await RawClient.connect(port)
        third = await RawClient.connect(port)
        third.write(HANDSHAKE)
        status, reply = await third.json_response()
        assert (status, reply["error"]["code"]) == (429, 10028)
        await third.close()
        await second.close()
        await wait_until(lambda: len(server.connections) == 1)
        fourth = await RawClient.websocket(port)
        for client in (first, fourth):
            client.send(PING)
            assert (await client.reply())["id"] == 1
            await client.close()


async def test_a_full_venue_takes_no_more_connections() -> None:
    async with running(FakeVenue(), ServerConfig(connections_max=1, close_timeout_s=0.3)) as (_, port):
        first = await RawClient.websocket(port)
        second = await RawClient.connect(port)
        assert await second.at_eof()
        first.send(PING)
        assert (await first.reply())["id"] == 1
        await first.close()
        await second.close()


async def test_an_idle_http_connection_is_closed_and_a_websocket_is_not() -> None:
    venue = FakeVenue()
    async with running(venue) as (server, port):
        idle, client = await RawClient.connect(port), await RawClient.websocket(port)
        await wait_until(lambda: len(server.connections) == 2)
        venue.clock.advance_ms(75_000)
        server.tick(venue.clock.now_ms())
        assert await idle.at_eof()
        client.send(PING)
        assert (await client.reply())["id"] == 1
        await client.close()
        await idle.close()
