"""JSON-RPC to an Ethereum node: one question, one answer, and what can go wrong with either.

A node's error is an answer (RpcError); no answer, a cut one or one that is no JSON-RPC is L1Unavailable: the
request may have taken effect.
"""

from __future__ import annotations

import http.client
import itertools
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec

from settlement.l1.port import L1Error, L1Unavailable

MAX_REPLY_BYTES: Final = 64 << 20
TIMEOUT_S: Final = 10.0


class RpcError(L1Error):
    """The node answered with an error. `data` is what a reverted call returned, if it says so."""

    severity = "critical"

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class Rpc(Protocol):
    """What carries a question to a node."""

    def call(self, method: str, *params: Any) -> Any:
        """The result. Raises RpcError or L1Unavailable."""


def result_of(method: str, body: bytes) -> Any:
    """The result in a reply's JSON. Raises RpcError or L1Unavailable."""
    try:
        reply = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise L1Unavailable(f"{method}: the reply is not JSON") from error
    if not isinstance(reply, dict) or ("result" not in reply and not isinstance(reply.get("error"), dict)):
        raise L1Unavailable(f"{method}: the reply is no answer")
    refusal = reply.get("error")
    if isinstance(refusal, dict):
        code = refusal.get("code")
        message = str(refusal.get("message", ""))[:2_000]
        raise RpcError(method, code if isinstance(code, int) else 0, message, refusal.get("data"))
    return reply["result"]


class HttpRpc:
    """A node behind http:// or https://. One connection, kept open; one thread at a time."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, max_reply: int = MAX_REPLY_BYTES) -> None:
        """Raises ValueError for an address that is no http address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not the address of a node (http://host:port)")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._max_reply = max_reply
        self._ids = itertools.count(1)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._connection.close()

    def call(self, method: str, *params: Any) -> Any:
        """See `Rpc`."""
        body = msgspec.json.encode(
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        )
        return result_of(method, self.exchange("POST", self._path, body))

    def exchange(self, verb: str, path: str, body: bytes | None = None) -> bytes:
        """The body of a reply with status 200. Raises L1Unavailable, or LookupError for status 404."""
        headers = {"Content-Type": "application/json"} if body is not None else {"Accept": "application/json"}
        try:
            self._connection.request(verb, path, body, headers)
            reply = self._connection.getresponse()
            data = reply.read(self._max_reply + 1)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise L1Unavailable(f"the node: {type(error).__name__} {error}".rstrip()) from error
        if len(data) > self._max_reply:
            self._connection.close()
            raise L1Unavailable(f"the node's reply is longer than {self._max_reply} bytes")
        if reply.status == 404:
            raise LookupError(path)
        if reply.status != 200:
            raise L1Unavailable(f"the node answers with status {reply.status}")
        return data
