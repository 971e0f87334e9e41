"""A flood of pings harms nobody: who reads is answered, who does not is cut off, a neighbour is served."""

from __future__ import annotations

import asyncio
import socket

from websockets.frames import Frame, Opcode

from exchange.gateway.sockets.config import ServerConfig
from tests.unit.gateway.loopback import HANDSHAKE, PING, FakeVenue, RawClient, running, wait_until

PINGS = 2_000
FLOOD = Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * PINGS


async def test_who_reads_gets_every_pong_and_a_neighbour_its_answer() -> None:
    async with running(FakeVenue()) as (_, port):
        noisy, neighbour = await RawClient.websocket(port), await RawClient.websocket(port)
        noisy.write(FLOOD)
        neighbour.send(PING)
        assert (await neighbour.reply())["id"] == 1
        for _ in range(PINGS):
            assert (await noisy.frame()).opcode is Opcode.PONG
        await noisy.close()
        await neighbour.close()


async def test_who_pings_and_never_reads_is_cut_off() -> None:
    config = ServerConfig(write_buffer_bytes_max=65_536, close_timeout_s=0.2)
    async with running(FakeVenue(), config) as (server, port):
        deaf = socket.create_connection(("127.0.0.1", port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.sendall(HANDSHAKE)
        await wait_until(lambda: len(server.connections) == 1)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()

        async def flood() -> None:
            while True:
                await loop.sock_sendall(deaf, FLOOD)

        flooding = loop.create_task(flood())
        neighbour = await RawClient.websocket(port)
        await wait_until(lambda: len(server.connections) == 1)  # the neighbour's alone
        neighbour.send(PING)
        assert (await neighbour.reply())["id"] == 1
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
        deaf.close()
        await neighbour.close()
