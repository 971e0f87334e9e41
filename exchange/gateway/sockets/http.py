"""The HTTP side of a connection, without a socket: bytes in, exchanges out, responses in order out.

Requests may be pipelined and their handlers may answer in any order; responses leave in the order of
the requests. `httptools` does the parsing.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple
from urllib.parse import unquote

import httptools

from exchange.wire import errors
from exchange.wire.jsonrpc import (
    BadRequest,
    decode_request,
    request_from_body,
    request_from_query,
)
from exchange.wire.limits import FRAME_BYTES_MAX
from exchange.wire.session import Request, Session

TARGET_BYTES_MAX: Final = 16_384
HEADER_BYTES_MAX: Final = 16_384
HEADER_COUNT_MAX: Final = 64
# A longer body is answered with -32600; beyond this it is not even read to its end.
BODY_BYTES_HARD_MAX: Final = 262_144
API_ROOT: Final = "/api/v2"
WEBSOCKET_PATH: Final = "/ws/api/v2"
_WEBSOCKET_TARGET: Final = WEBSOCKET_PATH.encode()

JSON: Final = "application/json"
_REASONS: Final = {
    100: "Continue",
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    414: "URI Too Long",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class StaticFile(NamedTuple):
    """A file the venue serves as it is."""

    content_type: str
    body: bytes


class HttpRequest(NamedTuple):
    """One request as it arrived. `target` is the raw path and query, header names are lower case."""

    verb: str
    target: bytes
    headers: dict[str, str]
    body: bytes
    keep_alive: bool
    too_large: bool = False
    upgrade: bool = False  # asks to become the venue's WebSocket

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.target.partition(b"?")[0].decode("latin-1"))

    @property
    def query(self) -> str:
        return self.target.partition(b"?")[2].decode("latin-1")


class HttpFault(Exception):
    """Bytes that are no HTTP, or too much of it: the status to answer with before closing."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class Exchange:
    """One request waiting for its response, in the order of its connection."""

    __slots__ = ("head_only", "keep_alive", "response", "session")

    def __init__(self, session: Session | None, keep_alive: bool, head_only: bool = False) -> None:
        self.session = session
        self.keep_alive = keep_alive
        self.head_only = head_only
        self.response: bytes | None = None

    def respond(
        self, status: int, content_type: str, body: bytes, extra: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Set the response; the first one counts."""
        if self.response is None:
            head = response_head(status, content_type, len(body), self.keep_alive, extra)
            self.response = head if self.head_only else head + body


def response_head(
    status: int,
    content_type: str,
    size: int,
    keep_alive: bool,
    extra: tuple[tuple[str, str], ...] = (),
) -> bytes:
    """Status line and headers of a response."""
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Type: {content_type}",
        f"Content-Length: {size}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        *(f"{name}: {value}" for name, value in extra),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def status_of(error_code: int) -> int:
    """The HTTP status beside a JSON-RPC reply: 200, or 400 for every error but the two with their own."""
    if error_code == 0:
        return 200
    if error_code == errors.TOO_LARGE:
        return 413
    return 429 if error_code == errors.TOO_MANY_REQUESTS else 400


class HttpParser:
    """Turns bytes into requests.

    Feed it with `receive`. After an upgrade the bytes that follow are in `upgraded`; after a fault the
    connection's framing is lost and it is to be closed.
    """

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._requests: list[HttpRequest] = []
        self.fault: HttpFault | None = None
        self.upgraded: bytes | None = None
        self.wants_continue = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._header_count = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    def receive(self, data: bytes) -> list[HttpRequest]:
        """The requests these bytes complete. What is wrong after them is left in `fault`."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgraded = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self.fault = self.fault or HttpFault(400, "not an HTTP/1.1 request")
        found = self._requests
        self._requests = []
        return found

    @property
    def idle(self) -> bool:
        """Whether no request has been begun and not finished."""
        return not self._target and not self._header_bytes

    # --- callbacks of httptools --------------------------------------------------------------------

    def _fail(self, status: int, reason: str) -> None:
        self.fault = HttpFault(status, reason)
        raise self.fault  # httptools stops, wraps it and hands it to `receive`

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > TARGET_BYTES_MAX:
            self._fail(414, "request target too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        self._header_count += 1
        if self._header_bytes > HEADER_BYTES_MAX or self._header_count > HEADER_COUNT_MAX:
            self._fail(431, "too many header bytes")
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self.wants_continue = True

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > BODY_BYTES_HARD_MAX:
            self._fail(413, "request entity too large")
        if self._body_bytes <= FRAME_BYTES_MAX:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self.wants_continue = False
        self._requests.append(
            HttpRequest(
                self._parser.get_method().decode("latin-1"),
                self._target,
                self._headers,
                b"".join(self._body),
                self._parser.should_keep_alive(),
                self._body_bytes > FRAME_BYTES_MAX,
                self._parser.should_upgrade() and self._target.partition(b"?")[0] == _WEBSOCKET_TARGET,
            )
        )
        self._begin()


class ResponseQueue:
    """The exchanges of one connection, oldest first."""

    __slots__ = ("_exchanges",)

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque()

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)

    def exchanges(self) -> list[Exchange]:
        """All that wait, oldest first."""
        return list(self._exchanges)

    def collect(self) -> tuple[list[bytes], list[Session], bool]:
        """Responses that may leave now, the sessions that end with them, and whether to close after."""
        responses: list[bytes] = []
        ended: list[Session] = []
        while self._exchanges:
            exchange = self._exchanges[0]
            session = exchange.session
            if exchange.response is None and session is not None:
                frames = session.take()
                if frames:
                    exchange.respond(status_of(session.error_code), JSON, frames[0])
            if exchange.response is None:
                break
            self._exchanges.popleft()
            responses.append(exchange.response)
            if session is not None:
                ended.append(session)
            if not exchange.keep_alive:
                return responses, ended, True
        return responses, ended, False


def rpc_request(http: HttpRequest, received_us: int) -> Request:
    """The JSON-RPC request an HTTP request carries under `/api/v2`.

    Raises:
        BadRequest: as in `exchange.wire.jsonrpc`; -32601 for a path without a method.
    """
    if http.too_large:
        raise BadRequest(errors.TOO_LARGE, f"at most {FRAME_BYTES_MAX} bytes")
    method = http.path.removeprefix(API_ROOT).strip("/")
    if not method:
        if http.verb != "POST" and not http.body.strip():
            raise BadRequest(errors.METHOD_NOT_FOUND, "name a method, or send a JSON-RPC request")
        return decode_request(http.body, received_us)
    if http.body.strip():
        return request_from_body(method, http.body, received_us)
    return request_from_query(method, http.query, received_us)
