"""The venue's one port: HTTP and WebSocket connections on an asyncio loop.

All frames that have arrived at a wake-up are decoded and dispatched in one go, and everything a
connection has to say is written once per loop iteration: a reply marks its connection dirty, and one
`call_soon` flushes all dirty connections. A connection that does not read is cut off
(`connection_too_slow`), and nothing one client sends disturbs another.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from exchange.domain.lane import PROTOCOL
from exchange.edge.caller import OnReply
from exchange.edge.link import Link, Outgoing
from exchange.gateway.meters import Meters
from exchange.gateway.sockets import http
from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.sockets.connection import Connection
from exchange.gateway.sockets.host import Express
from exchange.wire.auth import check_access
from exchange.wire.credits import CreditMeter
from exchange.wire.errors import INTERNAL_ERROR, INVALID_CONTENT_TYPE, TOO_MANY_REQUESTS, error
from exchange.wire.jsonrpc import BadRequest, decode_request
from exchange.wire.params import has, text
from exchange.wire.session import Request, RpcError, Session
from exchange.wire.session_methods import Clock

CLOSE_GOING_AWAY: Final = 1001
CLOSE_POLICY: Final = 1008
TICK_S: Final = 1.0
METERS_TICKS: Final = 30
_log: Final = logging.getLogger("exchange.gateway.sockets.server")

Dispatcher = Callable[[Session, Request], None]


class PackedLane(Protocol):
    """Serves sessions of the packed subprotocol; see `exchange.gateway.packed_lane.FastLane`."""

    def take(
        self, session: Session, message: bytes | None, received_us: int, meter: CreditMeter | None
    ) -> None: ...

    def on_close(self, session: Session) -> None: ...


class Authenticator(Protocol):
    """Binds a session to an account by what the client shows; raises RpcError if it is no good."""

    def by_token(self, session: Session, token: str) -> None: ...

    def by_header(
        self, session: Session, header: str, verb: str, target: bytes, body: bytes, method: str
    ) -> None: ...


def _no_close(_session: Session) -> None:
    """Nobody wants to know of closed sessions."""


def _lowest_tier(_account: int) -> int:
    return 0


def _always_well() -> dict[str, object]:
    return {"ok": True}


class Server:
    """The listening port and its connections. Construct it, then `await start(...)`.

    `dispatcher(session, request)` handles every request, at once or later; `on_close(session)` is
    called once for each session when it is over. `static` maps paths to files; `health` is asked by
    `GET /health` and answers with at least `ok`. `on_reply(method, microseconds)` is told of every
    result sent. `tier_of(account)` is its fee tier, which sizes its budget. `express` may take a WebSocket's
    messages in the dispatcher's place. `lane` serves the packed subprotocol; without one it is not offered.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        clock: Clock,
        config: ServerConfig | None = None,
        *,
        authenticator: Authenticator | None = None,
        on_close: Callable[[Session], None] = _no_close,
        static: Mapping[str, http.StaticFile] | None = None,
        health: Callable[[], Mapping[str, object]] = _always_well,
        on_reply: OnReply | None = None,
        tier_of: Callable[[int], int] = _lowest_tier,
        express: Express | None = None,
        lane: PackedLane | None = None,
    ) -> None:
        self.clock = clock
        self.config = config or ServerConfig()
        self.outgoing = Outgoing(self._schedule_flush, self._not_written, self.config.write_buffer_bytes_max)
        self.static: Mapping[str, http.StaticFile] = dict(static or {})
        self.authenticator = authenticator
        self.connections: dict[Connection, None] = {}
        self.express = express
        self.intake = None if express is None else express.intake
        self.lane = lane
        self._dispatcher = dispatcher
        self._on_close = on_close
        self._health = health
        self._on_reply = on_reply
        self._per_ip: Counter[str] = Counter()
        self._sessions_made = 0
        self._ticks = 0
        self._meters = Meters(self.config.credits, tier_of)
        self._listener: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- life ----------------------------------------------------------------------------------------

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Listen, with `tls` for https and wss alone; returns the port, chosen by the system if 0 was asked
        for."""
        self._loop = asyncio.get_running_loop()
        self._listener = await self._loop.create_server(
            lambda: Connection(self), host, port, backlog=self.config.backlog, ssl=tls
        )
        self._timer = self._loop.call_later(TICK_S, self._on_timer)
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Stop listening, say goodbye (1001) to every session and close all connections."""
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.connections):
            connection.shut(CLOSE_GOING_AWAY, "going away")
        deadline_s = self.loop.time() + self.config.close_timeout_s
        while self.connections and self.loop.time() < deadline_s:
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        if self._listener is not None:
            await self._listener.wait_closed()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop the server was started on."""
        if self._loop is None:
            raise RuntimeError("the server has not been started")
        return self._loop

    def _on_timer(self) -> None:
        self.tick(self.clock.now_ms())
        self._timer = self.loop.call_later(TICK_S, self._on_timer)

    def tick(self, now_ms: int) -> None:
        """Heartbeats and idle HTTP connections; called once a second."""
        for connection in list(self.connections):
            connection.tick(now_ms)
        self._ticks += 1
        if self._ticks % METERS_TICKS == 0:
            self._meters.tend(now_ms * 1_000, set(self._per_ip))

    # --- what connections ask for ----------------------------------------------------------------------

    def admit_connection(self, connection: Connection, remote: str) -> bool:
        """Count a new connection; False if its address has too many."""
        self.connections[connection] = None
        self._per_ip[remote] += 1
        local = remote.startswith("127.") or remote in ("::1", "")
        limit = self.config.connections_of_loopback_max if local else self.config.connections_per_ip_max
        return not limit or self._per_ip[remote] <= limit

    def forget_connection(self, connection: Connection, remote: str) -> None:
        """A connection is gone."""
        self.connections.pop(connection, None)
        self._per_ip[remote] -= 1
        if self._per_ip[remote] <= 0:
            del self._per_ip[remote]

    def is_full(self) -> bool:
        """Whether the venue takes no more connections at all."""
        limit = self.config.connections_max
        return bool(limit) and len(self.connections) >= limit

    def new_session(self, connection: Connection, *, is_websocket: bool, remote: str) -> Session:
        """A session on a connection."""
        self._sessions_made += 1
        session = Session(
            self._sessions_made,
            is_websocket=is_websocket,
            now_us=self.clock.now_us,
            wake=connection.mark_dirty,
            remote=remote,
            testnet=self.config.testnet,
        )
        session.on_reply = self._on_reply
        return session

    def end_session(self, session: Session) -> None:
        """Tell the gateway that a session is over, once."""
        if session.closed:
            return
        session.closed = True
        try:
            if self.lane is not None:
                self.lane.on_close(session)
            self._on_close(session)
        except Exception:
            _log.exception("closing session %d failed", session.session_id)

    def admit(self, session: Session, request: Request) -> bool:
        """Have a request paid for; one that is not is answered with 10028.

        What answers an open test request costs nothing: a used-up budget must not end a session.
        """
        meter = self._meters.assign(session, request.received_us)
        if meter is None or meter.spend(request.method, request.received_us):
            return True
        heartbeat = session.heartbeat
        if heartbeat is not None and heartbeat.is_asked and request.method == "public/test":
            return True
        session.fail(request, error(TOO_MANY_REQUESTS, wait_ms=meter.wait_ms(request.method)))
        if meter.policy.terminate:
            session.close(CLOSE_POLICY, "too_many_requests")
        return False

    def handle(self, session: Session, request: Request) -> None:
        """Admit one request (credits, token, scope) and dispatch it; failures become replies."""
        try:
            if not self.admit(session, request):
                return
            if self.authenticator is not None and has(request.params, "access_token"):
                self.authenticator.by_token(session, text(request.params, "access_token"))
            check_access(
                request.method, session.authenticated, session.scopes, request.params, session.grant
            )
            self._dispatcher(session, request)
        except RpcError as refused:
            session.fail(request, refused)
        except Exception:
            _log.exception("%s failed", request.method)
            session.fail(request, error(INTERNAL_ERROR))

    def handle_texts(
        self, session: Session, messages: list[bytes | None], start: int, received_us: int
    ) -> int:
        """The next messages of a WebSocket that speaks JSON (None: a binary one); how many were handled."""
        meter = session.credits
        if meter is None or session.metered != session.account:
            meter = self._meters.assign(session, received_us)
        if self.express is not None:
            taken = self.express.take(session, messages, start, received_us, meter)
            if taken:
                return taken
        message = messages[start]
        try:
            if message is None:
                raise BadRequest(INVALID_CONTENT_TYPE, "binary frames are not spoken here")
            request = decode_request(message, received_us)
        except BadRequest as bad:
            session.fail_id(bad.request_id, bad, received_us)
        else:
            self.handle(session, request)
        return 1

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """The WebSocket subprotocols that are spoken beside JSON."""
        return () if self.lane is None else (PROTOCOL,)

    def handle_packed(
        self, session: Session, messages: list[bytes | None], start: int, received_us: int
    ) -> int:
        """The next message of a session that speaks the packed subprotocol; how many were handled."""
        if self.lane is not None:
            meter = self._meters.assign(session, received_us)
            self.lane.take(session, messages[start], received_us, meter)
        return 1

    def authenticate_http(self, session: Session, request: http.HttpRequest, method: str) -> None:
        """Bind an HTTP exchange by its Authorization header, if it has one. Raises RpcError."""
        header = request.headers.get("authorization")
        if header is not None and self.authenticator is not None:
            self.authenticator.by_header(
                session, header, request.verb, request.target, request.body, method
            )

    def page(self, request: http.HttpRequest) -> tuple[int, str, bytes] | None:
        """(status, content type, body) of `/health` or a static file; None if there is none."""
        path = request.path
        if path == "/health":
            health = self._health()
            status = 200 if health.get("ok", True) else 503
            return status, http.JSON, msgspec.json.encode(health)
        found = self.static.get(path)
        return None if found is None else (200, found.content_type, found.body)

    # --- writing ---------------------------------------------------------------------------------------

    def _schedule_flush(self) -> None:
        """Connections have something to write: they all do so at the end of this loop iteration."""
        self.loop.call_soon(self.outgoing.flush)

    def _not_written(self, link: Link) -> None:
        """Writing to a connection has raised."""
        if isinstance(link, Connection):
            _log.exception("writing to %s failed", link.remote)
            link.abort()
