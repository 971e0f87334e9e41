"""A server on an ephemeral loopback port with a fake dispatcher, and a raw client."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.sockets.http import StaticFile
from exchange.gateway.sockets.server import Authenticator, Server
from exchange.wire import session_methods as methods
from exchange.wire.errors import METHOD_NOT_FOUND, UNAUTHORIZED, error
from exchange.wire.session import Request, Session

HANDSHAKE = (
    b"GET /ws/api/v2 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PAGE = {"/": StaticFile("text/html; charset=utf-8", b"<p>hello</p>")}
PING = {"jsonrpc": "2.0", "id": 1, "method": "public/test", "params": {}}


def http_get(target: str, *headers: str) -> bytes:
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode()


def http_post(body: bytes, target: str = "/api/v2", *headers: str) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


class ManualClock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.at_us = 1_700_000_000_000_000

    def now_ms(self) -> int:
        return self.at_us // 1_000

    def now_us(self) -> int:
        return self.at_us

    def advance_ms(self, passed_ms: int) -> None:
        self.at_us += passed_ms * 1_000


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


class FakeVenue:
    """A dispatcher with a few methods; `public/later` answers when the test calls `answer`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sessions: list[Session] = []
        self.closed: list[int] = []
        self.waiting: list[tuple[Session, Request]] = []

    def __call__(self, session: Session, request: Request) -> None:
        if session not in self.sessions:
            self.sessions.append(session)
        match request.method:
            case "public/test":
                methods.test(self, session, request)
            case "public/set_heartbeat":
                methods.set_heartbeat(self, session, request)
            case "public/echo" | "private/echo":
                session.reply(request, request.params)
            case "private/whoami":
                session.reply(request, session.account)
            case "public/later":
                self.waiting.append((session, request))
            case "public/flood":
                frame = b'"' + b"x" * 60_000 + b'"'
                for _ in range(200):
                    session.send(frame)
            case "public/break":
                raise ZeroDivisionError("a handler with a fault")
            case _:
                raise error(METHOD_NOT_FOUND)

    def on_close(self, session: Session) -> None:
        self.closed.append(session.session_id)

    def answer(self, index: int, result: object) -> None:
        session, request = self.waiting[index]
        session.reply(request, result)


@asynccontextmanager
async def running(
    venue: FakeVenue,
    config: ServerConfig | None = None,
    *,
    authenticator: Authenticator | None = None,
    health: Callable[[], dict[str, object]] = lambda: {"ok": True},
    static: Mapping[str, StaticFile] = PAGE,
) -> AsyncIterator[tuple[Server, int]]:
    """A started server and its port."""
    server = Server(
        venue,
        venue.clock,
        config or ServerConfig(close_timeout_s=0.3),
        authenticator=authenticator,
        on_close=venue.on_close,
        static=static,
        health=health,
    )
    port = await server.start("127.0.0.1", 0)
    try:
        yield server, port
    finally:
        await server.stop()


async def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the loop run until a condition holds."""
    deadline_s = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline_s:
            raise TimeoutError("the condition did not come true")
        await asyncio.sleep(0.001)


def never_reading(port: int) -> socket.socket:
    """A client that asks for a flood over WebSocket and never reads a byte of it."""
    deaf = socket.create_connection(("127.0.0.1", port))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    flood = {"jsonrpc": "2.0", "id": 1, "method": "public/flood"}
    deaf.sendall(HANDSHAKE + Frame(Opcode.TEXT, json.dumps(flood).encode()).serialize(mask=True))
    return deaf


class RawClient:
    """A TCP client; over WebSocket it frames with the library's client side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.protocol = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
        self._events: list[Frame] = []

    @classmethod
    async def connect(cls, port: int) -> RawClient:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def websocket(cls, port: int) -> RawClient:
        client = await cls.connect(port)
        client.write(HANDSHAKE)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"101 Switching Protocols" in head, head
        return client

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    # --- HTTP ----------------------------------------------------------------------------------------

    async def response(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """One HTTP response: status, headers, body."""
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = head.split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
            }
            size = int(headers["content-length"]) if has_body else 0
            return int(lines[0].split()[1]), headers, await self.reader.readexactly(size)

    async def json_response(self) -> tuple[int, Any]:
        status, _, body = await self.response()
        return status, json.loads(body)

    async def at_eof(self) -> bool:
        """Whether the server has closed, with whatever bytes left unread."""
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                while await self.reader.read(65_536):
                    pass
            return True

    # --- WebSocket -----------------------------------------------------------------------------------

    def send(self, message: object) -> None:
        """One text frame of JSON."""
        self.send_frame(Opcode.TEXT, json.dumps(message).encode())

    def send_frame(self, opcode: Opcode, data: bytes, fin: bool = True) -> None:
        self.write(Frame(opcode, data, fin).serialize(mask=True))

    def call(self, request_id: int | str, method: str, **params: object) -> None:
        self.send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})

    async def frame(self) -> Frame:
        """The next frame of any kind."""
        async with asyncio.timeout(5):
            while not self._events:
                data = await self.reader.read(65_536)
                if not data:
                    raise EOFError("the server closed the connection")
                self.protocol.receive_data(data)
                received = self.protocol.events_received()
                self._events += [event for event in received if isinstance(event, Frame)]
        return self._events.pop(0)

    async def reply(self) -> Any:
        """The JSON of the next text frame."""
        frame = await self.frame()
        assert frame.opcode is Opcode.TEXT, frame
        return json.loads(bytes(frame.data))

    async def close_code(self) -> tuple[int, str]:
        """The code and reason of the close frame, replies before it skipped."""
        while True:
            frame = await self.frame()
            if frame.opcode is Opcode.CLOSE:
                received = self.protocol.close_rcvd
                assert received is not None
                return int(
                    CloseCode(received.code) if received.code < 4_000 else received.code
                ), received.reason
