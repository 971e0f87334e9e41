"""The port, through real sockets: what clients send wrong gets its code, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from exchange.gateway import connection as connections
from exchange.gateway.server_config import ServerConfig
from exchange.wire.credits import CreditPolicy
from exchange.wire.errors import UNAUTHORIZED, error
from exchange.wire.session import Session
from tests.unit.gateway.loopback import HANDSHAKE, FakeVenue, RawClient, running, wait_until

PING = {"jsonrpc": "2.0", "id": 1, "method": "public/test", "params": {}}


def http_get(target: str, *headers: str) -> bytes:
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode()


def http_post(body: bytes, target: str = "/api/v2", *headers: str) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


# --- WebSocket -----------------------------------------------------------------------------------------


async def test_requests_are_answered_in_their_envelope() -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.websocket(port)
        client.call("a", "public/echo", x=1.5)
        reply = await client.reply()
        assert reply["id"] == "a"
        assert reply["result"] == {"x": 1.5}
        assert reply["usIn"] <= reply["usOut"]
        await client.close()


async def test_all_frames_of_a_wake_up_are_answered_in_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = FakeVenue()
    async with running(venue) as (server, port):
        client = await RawClient.websocket(port)
        await wait_until(lambda: len(server.connections) == 1)
        (connection,) = server.connections
        transport = connection._transport
        assert transport is not None
        writes: list[int] = []

        class Counting:
            def write(self, data: bytes) -> None:
                writes.append(len(data))
                assert transport is not None
                transport.write(data)

            def __getattr__(self, name: str) -> Any:
                return getattr(transport, name)

        monkeypatch.setattr(connection, "_transport", Counting())
        frame = Frame(Opcode.TEXT, json.dumps(PING).encode()).serialize(mask=True)
        client.write(frame * 50)
        for _ in range(50):
            assert (await client.reply())["id"] == 1
        assert len(writes) <= 3  # one, unless the kernel cut what the client wrote
        await client.close()


MALFORMED: list[tuple[str, Opcode, bytes, int]] = [
    ("no JSON", Opcode.TEXT, b"hello", -32700),
    ("empty", Opcode.TEXT, b"", -32700),
    ("cut JSON", Opcode.TEXT, b'{"id":1,"method":"public/test"', -32700),
    ("NaN", Opcode.TEXT, b'{"id":1,"method":"public/echo","params":{"price":NaN}}', -32700),
    ("no UTF-8", Opcode.TEXT, b'{"id":1,"method":"\xff\xfe\xfd"}', -32700),
    ("deep nesting", Opcode.TEXT, b"[" * 30_000, -32700),
    ("batch", Opcode.TEXT, b'[{"id":1,"method":"public/test"}]', 11050),
    ("number", Opcode.TEXT, b"7", 11050),
    ("no id", Opcode.TEXT, b'{"method":"public/test"}', 11050),
    ("no method", Opcode.TEXT, b'{"id":1}', 11050),
    ("wrong version", Opcode.TEXT, b'{"jsonrpc":"1.0","id":1,"method":"public/test"}', 11050),
    ("positional params", Opcode.TEXT, b'{"id":1,"method":"public/test","params":[1]}', -32602),
    ("unknown method", Opcode.TEXT, b'{"id":1,"method":"public/nothing"}', -32601),
    ("private method", Opcode.TEXT, b'{"id":1,"method":"private/echo"}', 13009),
    ("fault in a handler", Opcode.TEXT, b'{"id":1,"method":"public/break"}', 11094),
    ("too large", Opcode.TEXT, b'{"id":1,"method":"public/test","params":{"x":"' + b"x" * 40_000, -32600),
    ("binary", Opcode.BINARY, b"\0\1\2", 13018),
]


@pytest.mark.parametrize(
    ("opcode", "data", "code"), [m[1:] for m in MALFORMED], ids=[m[0] for m in MALFORMED]
)
async def test_a_bad_message_gets_its_code_and_the_connection_stays(
    opcode: Opcode, data: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(FakeVenue()) as (_, port):
        client, other = await RawClient.websocket(port), await RawClient.websocket(port)
        client.send_frame(opcode, data)
        assert (await client.reply())["error"]["code"] == code
        for connection in (client, other):
            connection.send(PING)
            assert (await connection.reply())["result"]["version"]
            await connection.close()


VIOLATIONS = [
    ("unmasked", Frame(Opcode.TEXT, b"{}").serialize(mask=False), 1002),
    ("reserved bit", b"\xf1\x80\0\0\0\0", 1002),
    ("unknown opcode", b"\x8f\x80\0\0\0\0", 1002),
    ("continuation of nothing", Frame(Opcode.CONT, b"x").serialize(mask=True), 1002),
    ("huge length", b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009),
]


@pytest.mark.parametrize(("wire", "code"), [v[1:] for v in VIOLATIONS], ids=[v[0] for v in VIOLATIONS])
async def test_a_protocol_violation_closes_that_connection_alone(wire: bytes, code: int) -> None:
    venue = FakeVenue()
    async with running(venue) as (_, port):
        client, other = await RawClient.websocket(port), await RawClient.websocket(port)
        client.write(wire)
        assert (await client.close_code())[0] == code
        assert await client.at_eof()
        other.send(PING)
        assert (await other.reply())["id"] == 1
        await wait_until(lambda: len(venue.closed) == 1)
        await client.close()
        await other.close()


async def test_fragments_pings_and_frames_in_pieces() -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.websocket(port)
        data = json.dumps(PING).encode()
        client.send_frame(Opcode.TEXT, data[:10], fin=False)
        client.send_frame(Opcode.PING, b"hello")
        client.send_frame(Opcode.CONT, data[10:])
        frames = [await client.frame(), await client.frame()]
        assert {frame.opcode for frame in frames} == {Opcode.PONG, Opcode.TEXT}
        for byte in Frame(Opcode.TEXT, data).serialize(mask=True):
            client.write(bytes((byte,)))
            await asyncio.sleep(0)
        assert (await client.reply())["id"] == 1
        await client.close()


async def test_a_close_is_answered_and_the_gateway_is_told_once() -> None:
    venue = FakeVenue()
    async with running(venue) as (server, port):
        client = await RawClient.websocket(port)
        client.send(PING)
        await client.reply()
        client.send_frame(Opcode.CLOSE, (1000).to_bytes(2, "big"))
        assert (await client.close_code())[0] == 1000
        assert await client.at_eof()
        await wait_until(lambda: not server.connections)
        assert len(venue.closed) == 1
        assert venue.sessions[0].closed
        venue.sessions[0].send(b"into the void")
        await client.close()


async def test_a_client_that_vanishes_ends_its_session() -> None:
    venue = FakeVenue()
    async with running(venue) as (server, port):
        client = await RawClient.websocket(port)
        client.call(1, "public/later")
        await wait_until(lambda: len(venue.waiting) == 1)
        client.writer.transport.abort()
        await wait_until(lambda: not server.connections)
        assert venue.closed == [venue.sessions[0].session_id]
        venue.answer(0, "too late")
        await client.close()


async def test_frames_right_behind_the_handshake_are_not_lost() -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        client.write(HANDSHAKE + Frame(Opcode.TEXT, json.dumps(PING).encode()).serialize(mask=True))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"101" in head
        assert (await client.reply())["id"] == 1
        await client.close()


async def test_a_slow_consumer_is_cut_off_and_others_are_served() -> None:
    venue = FakeVenue()
    config = ServerConfig(write_buffer_bytes_max=1_000_000, close_timeout_s=0.3)
    async with running(venue, config) as (server, port):
        slow = socket.create_connection(("127.0.0.1", port))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        flood = {"jsonrpc": "2.0", "id": 1, "method": "public/flood"}
        slow.sendall(HANDSHAKE + Frame(Opcode.TEXT, json.dumps(flood).encode()).serialize(mask=True))
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


async def test_heartbeats_are_sent_and_silence_closes_with_4000() -> None:
    venue = FakeVenue()
    async with running(venue) as (server, port):
        client = await RawClient.websocket(port)
        client.call(1, "public/set_heartbeat", interval=10)
        assert (await client.reply())["result"] == "ok"
        venue.clock.advance_ms(10_000)
        server.tick(venue.clock.now_ms())
        assert (await client.reply())["params"] == {"type": "test_request"}
        client.send(PING)
        await client.reply()
        venue.clock.advance_ms(10_000)
        server.tick(venue.clock.now_ms())
        assert (await client.reply())["params"] == {"type": "test_request"}
        venue.clock.advance_ms(10_000)
        server.tick(venue.clock.now_ms())
        assert await client.close_code() == (4000, "heartbeat_timeout")
        await client.close()


async def test_stopping_says_goodbye() -> None:
    venue = FakeVenue()
    async with running(venue) as (server, port):
        client = await RawClient.websocket(port)
        idle = await RawClient.connect(port)
        await wait_until(lambda: len(server.connections) == 2)
        stopping = asyncio.create_task(server.stop())
        assert await client.close_code() == (1001, "going away")
        client.send_frame(Opcode.CLOSE, (1001).to_bytes(2, "big"))
        await stopping
        assert not server.connections
        assert await idle.at_eof()
        await client.close()
        await idle.close()


# --- HTTP ----------------------------------------------------------------------------------------------


async def test_a_method_by_path_and_by_body() -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/api/v2/public/echo?price=1.5&flag=true"))
        status, reply = await client.json_response()
        assert (status, reply["result"]) == (200, {"price": "1.5", "flag": "true"})
        client.write(http_post(b'{"jsonrpc":"2.0","id":9,"method":"public/echo","params":{"price":1.5}}'))
        status, reply = await client.json_response()
        assert (status, reply["id"], reply["result"]) == (200, 9, {"price": 1.5})
        await client.close()


async def test_pipelined_requests_are_answered_in_order_when_handlers_are_not() -> None:
    venue = FakeVenue()
    async with running(venue) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/api/v2/public/later") * 2 + http_get("/api/v2/public/echo?n=3"))
        await wait_until(lambda: len(venue.waiting) == 2)
        venue.answer(1, "second")
        await asyncio.sleep(0)
        venue.answer(0, "first")
        results = [(await client.json_response())[1]["result"] for _ in range(3)]
        assert results == ["first", "second", {"n": "3"}]
        await wait_until(lambda: len(venue.closed) == 3)
        await client.close()


async def test_a_client_may_close_its_half_and_still_read_its_reply() -> None:
    venue = FakeVenue()
    async with running(venue) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/api/v2/public/later"))
        client.writer.write_eof()
        await wait_until(lambda: len(venue.waiting) == 1)
        await asyncio.sleep(0.01)
        venue.answer(0, "late")
        assert (await client.json_response())[1]["result"] == "late"
        assert await client.at_eof()
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


HTTP_ERRORS = [
    ("unknown method", http_get("/api/v2/public/nothing"), 400, -32601),
    ("no method", http_get("/api/v2"), 400, -32601),
    ("private method", http_get("/api/v2/private/echo"), 400, 13009),
    ("no JSON", http_post(b"{"), 400, -32700),
    ("no request", http_post(b"{}"), 400, 11050),
    ("wrong params", http_post(b'{"id":1,"method":"a","params":[]}'), 400, -32602),
    ("body and path differ", http_post(b'{"id":1,"method":"a"}', "/api/v2/public/test"), 400, 11050),
    ("query no UTF-8", http_get("/api/v2/public/echo?a=%ff"), 400, 11050),
    ("too large", http_post(b" " * 40_000), 413, -32600),
    ("fault in a handler", http_get("/api/v2/public/break"), 400, 11094),
]


@pytest.mark.parametrize(
    ("wire", "status", "code"), [case[1:] for case in HTTP_ERRORS], ids=[case[0] for case in HTTP_ERRORS]
)
async def test_a_bad_http_request_gets_its_code_and_the_connection_stays(
    wire: bytes, status: int, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        client.write(wire)
        found, reply = await client.json_response()
        assert (found, reply["error"]["code"]) == (status, code)
        client.write(http_get("/api/v2/public/test"))
        assert (await client.json_response())[0] == 200
        await client.close()


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        (http_post(b"z" * 300_000), 413),
        (b"GET /api/v2/public/test HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 200),
    ],
)
async def test_what_is_no_http_is_answered_and_closed(wire: bytes, status: int) -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/api/v2/public/test") + wire)
        assert (await client.json_response())[0] == 200
        found, reply = await client.json_response()
        assert found == status
        assert status == 200 or reply["error"]["code"] in (11050, -32600)
        assert await client.at_eof()
        await client.close()


async def test_static_files_health_and_what_is_not_there() -> None:
    well: dict[str, object] = {"ok": True, "seq": 5}
    async with running(FakeVenue(), health=lambda: well) as (_, port):
        client = await RawClient.connect(port)
        client.write(http_get("/"))
        status, headers, body = await client.response()
        assert (status, headers["content-type"], body) == (200, "text/html; charset=utf-8", b"<p>hello</p>")
        client.write(http_get("/health"))
        assert await client.json_response() == (200, well)
        well["ok"] = False
        client.write(http_get("/health"))
        assert (await client.json_response())[0] == 503
        client.write(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        status, headers, body = await client.response(has_body=False)
        assert (status, headers["content-length"], body) == (200, "12", b"")
        for wire, expected in (
            (http_get("/nothing"), 404),
            (http_get("/../etc/passwd"), 404),
            (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
            (b"PUT /api/v2/public/test HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405),
            (http_get("/ws/api/v2"), 426),
        ):
            client.write(wire)
            assert (await client.response())[0] == expected
        await client.close()


async def test_a_request_may_wait_for_100_continue() -> None:
    async with running(FakeVenue()) as (_, port):
        client = await RawClient.connect(port)
        body = b'{"id":1,"method":"public/test"}'
        wire = http_post(body, "/api/v2", "Expect: 100-continue")
        client.write(wire[: -len(body)])
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.write(body)
        assert (await client.json_response())[0] == 200
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


class FakeAuthenticator:
    """Knows one token and one header."""

    def by_token(self, session: Session, token: str) -> None:
        if token != "good":
            raise error(UNAUTHORIZED, reason="invalid_token")
        session.authenticate(64, "key", frozenset({"trade:read_write"}))

    def by_header(
        self, session: Session, header: str, verb: str, target: bytes, body: bytes, method: str
    ) -> None:
        self.by_token(session, header.removeprefix("Bearer "))


async def test_tokens_open_private_methods() -> None:
    async with running(FakeVenue(), authenticator=FakeAuthenticator()) as (_, port):
        web, http = await RawClient.websocket(port), await RawClient.connect(port)
        web.call(1, "private/whoami", access_token="bad")
        assert (await web.reply())["error"]["code"] == 13009
        web.call(2, "private/whoami", access_token="good")
        assert (await web.reply())["result"] == 64
        web.call(3, "private/whoami")  # the connection is authenticated from then on
        assert (await web.reply())["result"] == 64
        http.write(http_get("/api/v2/private/whoami", "Authorization: Bearer good"))
        assert (await http.json_response())[1]["result"] == 64
        http.write(http_get("/api/v2/private/whoami", "Authorization: Bearer bad"))
        assert (await http.json_response())[1]["error"]["code"] == 13009
        http.write(http_get("/api/v2/private/whoami"))  # each exchange stands for itself
        assert (await http.json_response())[1]["error"]["code"] == 13009
        http.write(http_get("/api/v2/private/whoami?access_token=good"))
        assert (await http.json_response())[1]["result"] == 64
        await web.close()
        await http.close()
