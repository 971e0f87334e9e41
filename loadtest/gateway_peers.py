"""Echo servers the gateway is measured against: ``python -m loadtest.gateway_peers websockets|picows``.

Each answers every message with the same bytes, on uvloop, without compression and with TCP_NODELAY: what
the library can do where there is nothing to do. `lean` is this project's own stream with coalesced writes.
One line with the port is printed when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from exchange.gateway.sockets.websocket import WebSocketStream, accept, join_frames
from loadtest.timing import pin

KINDS: Final = ("websockets", "picows", "lean", "broadcast")
BROADCAST_TEXT: Final = (
    '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTC_USDC-27DEC26-60000-C.100ms","data":'
    '{"type":"change","timestamp":1700000000000,"instrument_name":"BTC_USDC-27DEC26-60000-C","prev_change_id":'
    '123456,"change_id":123556,"checksum":1234567890,"bids":[["change",1234.5,0.125]],"asks":[]}}}'
)
"""As long as a change of one level is, and JSON as it is."""
_SETTLED_S: Final = 0.3


async def _echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):  # the generator leaves without a closing handshake
        async for message in connection:
            await connection.send(message, text=True)


async def websockets_echo() -> int:
    """The library's asyncio server."""
    server = await serve(_echo, "127.0.0.1", 0, compression=None, max_size=1 << 20, ping_interval=None)
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


async def websockets_broadcast() -> int:
    """Sends a book change to all connections by `websockets.broadcast`, as fast as it can; begins anew when
    nobody has joined for a moment."""
    everybody: set[ServerConnection] = set()

    async def join(connection: ServerConnection) -> None:
        everybody.add(connection)
        try:
            await connection.wait_closed()
        finally:
            everybody.discard(connection)

    async def talk() -> None:
        known = 0
        while True:
            while not everybody or known != len(everybody):
                known = len(everybody)
                await asyncio.sleep(_SETTLED_S)
            broadcast(set(everybody), BROADCAST_TEXT)
            await asyncio.sleep(0.001)

    server = await serve(join, "127.0.0.1", 0, compression=None, ping_interval=None)
    _kept.append(asyncio.get_running_loop().create_task(talk()))
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


_kept: Final[list[Any]] = []


async def picows_echo() -> int:
    """picows, which answers every frame with a write of its own."""
    picows: Any = importlib.import_module("picows")

    def answer(_listener: object, transport: Any, frame: Any) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.disconnect()
        else:
            transport.send(picows.WSMsgType.TEXT, frame.get_payload_as_bytes())

    listener = type("Listener", (picows.WSListener,), {"on_ws_frame": answer})
    server = await picows.ws_create_server(lambda _request: listener(), "127.0.0.1", 0)
    _kept.append(server)
    port: int = server.sockets[0].getsockname()[1]
    return port


class _Lean(asyncio.Protocol):
    """This project's stream: all frames of a wake-up in, one write out."""

    def __init__(self) -> None:
        self._stream: WebSocketStream | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._stream is None:
            head = data.decode("latin-1").split("\r\n")
            fields = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
            verb, target, _ = head[0].split(" ")
            self._transport.write(accept(verb, target, fields).response)
            self._stream = WebSocketStream()
            return
        messages = [message for message in self._stream.receive(data) if isinstance(message, bytes)]
        self._transport.write(join_frames(messages) + self._stream.take_control())
        if self._stream.finished:
            self._transport.close()


async def lean_echo() -> int:
    """Our own stream without a venue behind it."""
    server = await asyncio.get_running_loop().create_server(_Lean, "127.0.0.1", 0)
    _kept.append(server)
    port: int = server.sockets[0].getsockname()[1]
    return port


async def run(kind: str) -> None:
    """Listen until killed."""
    starts = {
        "websockets": websockets_echo,
        "picows": picows_echo,
        "lean": lean_echo,
        "broadcast": websockets_broadcast,
    }
    print(await starts[kind](), flush=True)
    await asyncio.Event().wait()


def main(argv: Sequence[str]) -> None:
    """The process."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.gateway_peers")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--core", type=int, default=0)
    options = parser.parse_args(argv)
    pin(options.core)
    uvloop.run(run(options.kind))


if __name__ == "__main__":
    main(sys.argv[1:])
