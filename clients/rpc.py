"""JSON-RPC 2.0 as the venue speaks it, without input or output.

:class:`RpcPeer` numbers requests, remembers which are open and says what an incoming frame means. It
never touches a socket, so every shell (asyncio, blocking, a test) drives the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

MAX_FRAME_BYTES: Final = 32_768
"""The largest frame the venue accepts (it answers larger ones with -32600)."""


class RpcError(Exception):
    """The venue refused a request: its stable `code`, its `message`, and `data` if it gave any."""

    def __init__(self, code: int, message: str, data: object = None, method: str = "") -> None:
        super().__init__(f"{method}: {message} ({code})" if method else f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data
        self.method = method


class ProtocolError(Exception):
    """A frame that breaks the protocol; `local` if we made it, else the venue did."""

    def __init__(self, message: str, *, local: bool) -> None:
        super().__init__(message)
        self.local = local


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to request `request_id`: a `result`, or an `error`."""

    request_id: int
    method: str
    result: Any
    error: RpcError | None


@dataclass(frozen=True, slots=True)
class Notification:
    """One push on a subscribed channel."""

    channel: str
    data: Any


@dataclass(frozen=True, slots=True)
class HeartbeatTest:
    """The venue asks whether we live: answer with ``public/test``."""


Incoming = Reply | Notification | HeartbeatTest | None


class RpcPeer:
    """The client's side of one connection: request ids and what is still unanswered."""

    def __init__(self) -> None:
        self._next_id = 1
        self._open: dict[int, str] = {}
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder()

    @property
    def open_count(self) -> int:
        """Requests sent and not yet answered."""
        return len(self._open)

    def request(self, method: str, params: dict[str, Any]) -> tuple[int, bytes]:
        """The next id and the frame to send. ProtocolError (local) if the venue would find it too large."""
        request_id = self._next_id
        try:
            frame = self._encoder.encode(
                {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
            )
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise ProtocolError(f"{method}: parameters are not JSON: {error}", local=True) from error
        if len(frame) > MAX_FRAME_BYTES:
            raise ProtocolError(
                f"{method}: frame of {len(frame)} bytes, the venue takes {MAX_FRAME_BYTES}", local=True
            )
        self._next_id += 1
        self._open[request_id] = method
        return request_id, frame

    def forget(self, request_id: int) -> None:
        """Stop waiting for a reply; should it come, it means nothing."""
        self._open.pop(request_id, None)

    def forget_all(self) -> list[int]:
        """Forget every open request (the connection is gone) and return their ids."""
        ids = list(self._open)
        self._open.clear()
        return ids

    def receive(self, frame: bytes | str) -> Incoming:
        """What the frame says; None for what needs no action. ProtocolError (remote) on nonsense."""
        try:
            message = self._decoder.decode(frame)
        except msgspec.DecodeError as error:
            raise ProtocolError(f"the venue sent a frame that is not JSON: {error}", local=False) from error
        if not isinstance(message, dict):
            raise ProtocolError("the venue sent a frame that is not an object", local=False)
        if "method" in message:
            return self._notification(message)
        return self._reply(message)

    def _reply(self, message: dict[str, Any]) -> Incoming:
        request_id = message.get("id")
        error = message.get("error")
        if not isinstance(request_id, int):
            # Only a frame the venue could not read is answered without an id.
            raise ProtocolError(f"the venue answered without an id: {error!r}", local=False)
        method = self._open.pop(request_id, None)
        if method is None:
            return None
        if error is None:
            return Reply(request_id, method, message.get("result"), None)
        if not isinstance(error, dict) or not isinstance(error.get("code"), int):
            raise ProtocolError(f"{method}: malformed error {error!r}", local=False)
        failure = RpcError(error["code"], str(error.get("message", "")), error.get("data"), method)
        return Reply(request_id, method, None, failure)

    def _notification(self, message: dict[str, Any]) -> Incoming:
        params = message.get("params")
        if not isinstance(params, dict):
            raise ProtocolError("a notification without params", local=False)
        if message["method"] == "subscription":
            channel = params.get("channel")
            if not isinstance(channel, str):
                raise ProtocolError("a subscription push without a channel", local=False)
            return Notification(channel, params.get("data"))
        if message["method"] == "heartbeat" and params.get("type") == "test_request":
            return HeartbeatTest()
        return None
