"""The node behind HTTP/1.1 on loopback: JSON-RPC by POST, the beacon API's blobs by GET.

Everything is bounded: connections, header and body sizes, the time a request may take to arrive.
"""

from __future__ import annotations

import asyncio
import http
from typing import Final

import httptools

from settlement.devnet.beacon import Beacon
from settlement.devnet.chain import Chain
from settlement.devnet.rpc import Node, ReplyLost

HOST: Final = "127.0.0.1"
MAX_CONNECTIONS: Final = 128
MAX_TARGET_BYTES: Final = 8_192
MAX_HEADER_BYTES: Final = 16_384
MAX_BODY_BYTES: Final = 4 << 20  # six blobs with their proofs in hexadecimal are 1.7 MiB
REQUEST_TIMEOUT_S: Final = 60.0
_CHUNK: Final = 65_536


class _TooLarge(Exception):
    pass


class _Request:
    """What httptools reads; done when `complete`."""

    def __init__(self) -> None:
        self.target, self.body, self.complete, self.keep_alive = b"", b"", False, False
        self._header_bytes = 0
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        """Take bytes. Raises _TooLarge, or httptools.HttpParserError."""
        self._parser.feed_data(data)

    @property
    def method(self) -> str:
        """The request's verb."""
        return str(self._parser.get_method().decode("ascii"))

    def on_url(self, url: bytes) -> None:
        self.target += url
        if len(self.target) > MAX_TARGET_BYTES:
            raise _TooLarge

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise _TooLarge

    def on_body(self, body: bytes) -> None:
        self.body += body
        if len(self.body) > MAX_BODY_BYTES:
            raise _TooLarge

    def on_message_complete(self) -> None:
        self.complete = True
        self.keep_alive = self._parser.should_keep_alive()


class Server:
    """Serves one chain. Everything happens on one event loop, so the chain needs no lock."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._node = Node(chain)
        self._beacon = Beacon(chain)
        self._connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> int:
        """Listen on loopback; the port, chosen by the system where 0 was given. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, HOST, port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._connections += 1
        try:
            if self._connections <= MAX_CONNECTIONS:
                while await self._one(reader, writer):
                    pass
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the peer went away, was silent for too long, or the server stops
        finally:
            self._connections -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may follow."""
        request = _Request()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                while not request.complete:
                    data = await reader.read(_CHUNK)
                    if not data:
                        return False
                    request.feed(data)
        except _TooLarge:
            return await self._reply(writer, 413, b"", keep_alive=False)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            too_large = isinstance(error.__context__, _TooLarge)
            return await self._reply(writer, 413 if too_large else 400, b"", keep_alive=False)
        if self._chain.faults.delay_ms:
            await asyncio.sleep(self._chain.faults.delay_ms / 1_000)
        try:
            status, body = self._answer(request)
        except ReplyLost:
            return False
        return await self._reply(writer, status, body, keep_alive=request.keep_alive)

    def _answer(self, request: _Request) -> tuple[int, bytes]:
        if request.method == "POST":
            return 200, self._node.handle(request.body)
        if request.method == "GET":
            return self._beacon.get(request.target.decode("latin-1"))
        return 405, b""

    async def _reply(
        self, writer: asyncio.StreamWriter, status: int, body: bytes, *, keep_alive: bool
    ) -> bool:
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
        )
        writer.write(head.encode("ascii") + body)
        await writer.drain()
        return keep_alive
