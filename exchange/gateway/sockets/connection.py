"""One TCP connection: HTTP until it upgrades, a WebSocket from then on."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Final, cast

from exchange.edge.link import Link
from exchange.gateway.sockets import http
from exchange.gateway.sockets.host import Host
from exchange.gateway.sockets.http_answers import is_call, plain_answer
from exchange.gateway.sockets.websocket import FIN_BINARY, FIN_TEXT, WebSocketStream, accept
from exchange.wire import errors
from exchange.wire.envelope import error_frame
from exchange.wire.errors import error
from exchange.wire.heartbeat import CLOSE_HEARTBEAT
from exchange.wire.jsonrpc import BadRequest
from exchange.wire.session import RpcError, Session

CLOSE_TOO_SLOW: Final = 1008
CLOSE_INACTIVE: Final = 4_001  # ten silent minutes, where orders die with the connection
TOO_SLOW: Final = "connection_too_slow"
TURN_US: Final = 3_000  # handling of what one connection sent, after which all others have their turn


class Connection(Link, asyncio.Protocol):
    """The protocol object of one accepted socket."""

    def __init__(self, server: Host[Connection]) -> None:
        super().__init__(server.clock.now_us, server.outgoing)
        self.remote = ""
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._parser = http.HttpParser()
        self._queue = http.ResponseQueue()
        self._stream: WebSocketStream | None = None
        self._session: Session | None = None  # of the WebSocket
        self._backlog: deque[http.HttpRequest] = deque()  # read, and not yet handled
        self._next = 0  # the first of the waiting messages that is not handled
        self._arrived_us = 0  # when the backlog was read
        self._is_packed = False  # speaks the packed subprotocol
        self._refused = False
        self._paused = False
        self._resume_at = server.config.pipelined_max // 2

    # --- asyncio ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport has the interface of asyncio's, but is no subclass of it.
        self.transport = self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, tuple) else str(peer or "")
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._transport.set_write_buffer_limits(high=self._server.config.slow_bytes)
        self.active_us = self.now_us()
        full = self._server.is_full()
        self._refused = not self._server.admit_connection(self, self.remote)
        if full:
            self.abort()

    def pause_writing(self) -> None:
        """The client does not read fast enough: of what may be conflated it gets the newest state later."""
        if self._session is not None:
            self._session.is_slow = True

    def resume_writing(self) -> None:
        """It has caught up."""
        session = self._session
        if session is not None:
            session.is_slow = False
            for frame in session.take_missed():
                session.send(frame)

    def receive(self, data: bytes, now_us: int) -> None:
        """Take bytes that are not plain frames of a WebSocket, or that others wait in front of."""
        if self._stream is not None:
            self._on_websocket_bytes(data, now_us)
        elif not self.closing:
            self._on_http_bytes(data, now_us)

    def eof_received(self) -> bool:
        """A client may close its half and still read replies that are on their way, over HTTP only."""
        if self._stream is None and len(self._queue):
            self.closing = True
            return True
        return False

    def connection_lost(self, _exc: Exception | None) -> None:
        self.closing = True
        self.transport = self._transport = None
        if self._session is not None:
            self._server.end_session(self._session)
        for exchange in self._queue.exchanges():
            if exchange.session is not None:
                self._server.end_session(exchange.session)
        self._server.forget_connection(self, self.remote)

    # --- HTTP ------------------------------------------------------------------------------------------

    def _on_http_bytes(self, data: bytes, now_us: int) -> None:
        self._backlog.extend(self._parser.receive(data))
        self._arrived_us = now_us
        self._handle_http(now_us)

    def _handle_http(self, began_us: int) -> None:
        """Handle the requests that have arrived; those beyond this turn's time wait for the next."""
        now_us = self._arrived_us
        while self._backlog:
            request = self._backlog.popleft()
            if self.closing:
                return
            if self._refused:
                self._refuse(429, "too many connections from this address")
                return
            if self._parser.upgraded is not None and request.upgrade and not self._queue:
                self._upgrade(request, now_us)
                return
            self._on_http_request(request, now_us)
            if self._backlog and self._turn_is_over(began_us):
                return
        fault = self._parser.fault
        if fault is not None:
            self._refuse(fault.status, fault.reason)
        elif self._parser.upgraded is not None:
            self._refuse(400, "only a WebSocket upgrade of " + http.WEBSOCKET_PATH)
        elif self._parser.wants_continue and not self._queue:
            self._parser.wants_continue = False
            self.direct.append(http.CONTINUE)
            self.mark_dirty()
        elif len(self._queue) >= self._server.config.pipelined_max and self._transport is not None:
            self._pause()
        elif self._paused:
            self._resume()

    def _turn_is_over(self, began_us: int) -> bool:
        """Whether others are to have a turn now; then reading pauses until the backlog is handled."""
        if self._server.clock.now_us() - began_us < TURN_US:
            return False
        self._pause()
        self._server.loop.call_soon(self._next_turn)
        return True

    def _next_turn(self) -> None:
        if self._transport is None:
            self._backlog.clear()
            self.waiting, self._next = [], 0
        elif self._stream is not None:
            self._handle_messages(self._stream, self._server.clock.now_us())
        else:
            self._handle_http(self._server.clock.now_us())

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _on_http_request(self, request: http.HttpRequest, now_us: int) -> None:
        files = self._server.static
        if is_call(request, files):
            self._on_rpc(request, now_us)
            return
        exchange = http.Exchange(None, request.keep_alive, request.verb == "HEAD")
        exchange.respond(*plain_answer(request, files, self._server.page))
        self._queue.add(exchange)
        self.mark_dirty()

    def _on_rpc(self, request: http.HttpRequest, now_us: int) -> None:
        """One request under /api/v2: its own session, whose first frame is the response."""
        session = self._server.new_session(self, is_websocket=False, remote=self.remote)
        self._queue.add(http.Exchange(session, request.keep_alive))
        try:
            rpc = http.rpc_request(request, now_us)
        except BadRequest as bad:
            session.fail_id(bad.request_id, bad, now_us)
            return
        try:
            self._server.authenticate_http(session, request, rpc.method)
        except RpcError as refused:
            if self._server.admit(session, rpc):  # who guesses pays for it
                session.fail(rpc, refused)
            return
        self._server.handle(session, rpc)

    def _refuse(self, status: int, reason: str) -> None:
        """Answer what is no usable request with an error, after all that waits, and close."""
        code = errors.TOO_LARGE if status in (413, 414, 431) else errors.BAD_REQUEST
        code = errors.TOO_MANY_REQUESTS if status == 429 else code
        wrong = error(code, reason=reason)
        now_us = self._server.clock.now_us()
        body = error_frame(
            None, wrong.code, wrong.message, wrong.data, now_us, now_us, self._server.config.testnet
        )
        exchange = http.Exchange(None, keep_alive=False)
        exchange.respond(status, http.JSON, body)
        self._queue.add(exchange)
        self.closing = True
        self.mark_dirty()

    # --- WebSocket -------------------------------------------------------------------------------------

    def _upgrade(self, request: http.HttpRequest, now_us: int) -> None:
        target, known = request.target.decode("latin-1"), self._server.subprotocols
        answer = accept(request.verb, target, request.headers, known)
        self.direct.append(answer.response)
        self.mark_dirty()
        if not answer.accepted:
            self.closing = True
            return
        self._is_packed = bool(answer.subprotocol)
        self.first_byte = FIN_BINARY if self._is_packed else FIN_TEXT
        self.stream = self._stream = WebSocketStream(binary=self._is_packed)
        self.caller = self._session = self._server.new_session(
            self, is_websocket=True, remote=self.remote
        )
        self.intake = None if self._is_packed else self._server.intake
        if self._parser.upgraded:
            self._on_websocket_bytes(self._parser.upgraded, now_us)
        elif self._paused:
            self._resume()

    def _on_websocket_bytes(self, data: bytes, now_us: int) -> None:
        stream, session = self._stream, self._session
        assert stream is not None
        assert session is not None
        received = stream.receive(data)
        self.waiting = self.waiting + received if self.waiting else received
        self._arrived_us = now_us
        if session.heartbeat is not None and not self.closing:
            session.heartbeat.on_frame(now_us // 1_000)
        self._handle_messages(stream, now_us)

    def go_on(self, messages: list[bytes | None], done: int, rest: bytes, now_us: int) -> None:
        """Handle messages from place `done` on, and the bytes behind them."""
        stream = self._stream
        assert stream is not None
        self.waiting, self._next = messages + stream.receive(rest) if rest else messages, done
        self._arrived_us = now_us
        self._handle_messages(stream, now_us)

    def _handle_messages(self, stream: WebSocketStream, began_us: int) -> None:
        """Handle the messages that have arrived; those beyond this turn's time wait for the next."""
        session, messages, server = self._session, self.waiting, self._server
        assert session is not None
        handle = server.handle_packed if self._is_packed else server.handle_texts
        arrived_us, end = self._arrived_us, len(messages)
        at = self._next
        while at < end and not self.closing and not session.close_code:
            at += handle(session, messages, at, arrived_us)
            if at < end and self._turn_is_over(began_us):
                self._next = at
                return
        self.waiting, self._next = [], 0
        if self._paused:
            self._resume()
        if stream.has_spoken:
            self.direct.append(stream.take_control())
            self.mark_dirty()

    # --- writing and closing ---------------------------------------------------------------------------

    def flush_slowly(self) -> None:
        """Write all that waits in one call, where that is more than replies."""
        if self._stream is None:
            self._flush_http()
        else:
            self._flush_websocket(self._stream)

    def _flush_http(self) -> None:
        responses, ended, close = self._queue.collect()
        assert self._transport is not None
        data = b"".join([*self.direct, *responses])
        self.direct.clear()
        if data:
            self._transport.write(data)
        for session in ended:
            self._server.end_session(session)
            close = close or bool(session.close_code)
        if close or (self.closing and not self._queue):
            self._close_gently()
        elif self._paused and not self._backlog and len(self._queue) < self._resume_at:
            self._resume()
        self.check_speed()

    def _flush_websocket(self, stream: WebSocketStream) -> None:
        session = self._session
        assert session is not None
        assert self._transport is not None
        frames = self.outgoing.frames(self, session) if session.outbox else b""
        finished = stream.finished and not self.waiting
        # The handshake response precedes every frame, a close frame follows them all.
        if finished:
            data = frames + b"".join(self.direct)
        else:
            data = b"".join(self.direct) + frames
        self.direct.clear()
        if session.close_code and not self.closing:
            self._begin_close(stream, session.close_code, session.close_reason)
            data += stream.take_control()
        if data:
            self._transport.write(data)
        if finished:
            self.closing = True
            self._close_gently()
        else:
            self.check_speed()

    def _begin_close(self, stream: WebSocketStream, code: int, reason: str) -> None:
        """Send our close frame after what is queued; cut the connection if no answer comes."""
        self.closing = True
        stream.close(code, reason)
        self._server.loop.call_later(self._server.config.close_timeout_s, self.abort)
        if self._session is not None:
            self._server.end_session(self._session)

    def check_speed(self) -> None:
        """Cut off a client that does not read what it asked for."""
        transport = self._transport
        limit = self._server.config.write_buffer_bytes_max
        if transport is None or transport.get_write_buffer_size() <= limit:
            return
        if self._session is not None and self._stream is not None and not self.closing:
            self._begin_close(self._stream, CLOSE_TOO_SLOW, TOO_SLOW)
            transport.write(self._stream.take_control())
        elif self._stream is None:
            self.abort()

    def _close_gently(self) -> None:
        """Close after what is written has left; what the peer still sends is read and dropped."""
        self.closing = True
        transport = self._transport
        if transport is None:
            return
        if self._stream is not None or not transport.can_write_eof():
            transport.close()
        else:
            transport.write_eof()
        self._server.loop.call_later(self._server.config.close_timeout_s, self.abort)

    def shut(self, code: int, reason: str) -> None:
        """The venue ends this connection."""
        if self._session is not None:
            self._session.close(code, reason)
        elif len(self._queue):
            self.closing = True
            self.mark_dirty()
        else:
            self._close_gently()

    def abort(self) -> None:
        """Cut the connection; nothing more is written."""
        if self._transport is not None:
            self._transport.abort()

    def tick(self, now_ms: int) -> None:
        """Once a second: the heartbeat of a WebSocket, the idle time of an HTTP connection."""
        session = self._session
        if session is not None and session.heartbeat is not None:
            heartbeat = session.heartbeat
            if heartbeat.expired(now_ms):
                session.heartbeat = None
                session.close(CLOSE_HEARTBEAT, "heartbeat_timeout")
            else:
                frame = heartbeat.poll(now_ms)
                if frame is not None:
                    session.send(frame)
        elif session is not None and session.cancel_on_disconnect and self._is_silent(now_ms):
            session.close(CLOSE_INACTIVE, "inactivity")
        elif session is None and not len(self._queue):
            limit_ms = self._server.config.http_idle_ms_max
            if limit_ms and now_ms - self.active_us // 1_000 >= limit_ms:
                self.abort()

    def _is_silent(self, now_ms: int) -> bool:
        limit_ms = self._server.config.inactivity_ms_max
        return bool(limit_ms) and now_ms - self.active_us // 1_000 >= limit_ms
