"""The port over WebSocket, through real sockets: what clients send wrong gets its code, alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from tests.unit.gateway.loopback import (
    HANDSHAKE,
    PING,
    FakeVenue,
    RawClient,
    running,
    wait_until,
)


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
