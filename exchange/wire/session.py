"""The state of one client session and the requests it sends, without sockets and clocks.

A session is one WebSocket connection, or one HTTP exchange (one request, one reply). Handlers reply
through it at once or later; what they send waits in `outbox` until the shell that owns the socket
writes it, once per wake-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from exchange.edge.caller import Caller, queue
from exchange.wire.envelope import error_frame, result_frame

if TYPE_CHECKING:
    from exchange.wire.credits import CreditMeter
    from exchange.wire.heartbeat import Heartbeat


class RpcError(Exception):
    """A request that failed, as the client is told: stable code, message, optional data."""

    def __init__(self, code: int, message: str, data: dict[str, object] | None = None) -> None:
        super().__init__(code, message, data)
        self.code = code
        self.message = message
        self.data = data

    def __str__(self) -> str:
        return f"{self.code} {self.message}" + (f" {self.data}" if self.data is not None else "")


class Request(msgspec.Struct):
    """One JSON-RPC request. `received_us` is the venue's time at which its bytes were read."""

    id: int | str | None
    method: str
    params: dict[str, object]
    received_us: int


class Session(Caller):
    """One client session.

    `wake` is called when the outbox turns non-empty and when the session asks to be closed; the shell
    then drains `outbox` (see `take`) and obeys `close_code`.
    """

    __slots__ = (
        "_credits",
        "_heartbeat",
        "authenticated",
        "client_id",
        "close_reason",
        "context",
        "error_code",
        "grant",
        "is_slow",
        "is_websocket",
        "logged_out",
        "missed",
        "remote",
        "session_id",
        "sid",
        "subscriptions",
    )

    def __init__(
        self,
        session_id: int,
        *,
        is_websocket: bool,
        now_us: Callable[[], int],
        wake: Callable[[], None],
        remote: str = "",
        testnet: bool = True,
    ) -> None:
        super().__init__(now_us, wake, testnet)
        self.session_id = session_id
        self.is_websocket = is_websocket
        self.remote = remote
        self.client_id = ""
        self.authenticated = False
        self.grant = 0  # whose session key opened it; 0: somebody with an API key
        self.sid = ""  # what its tokens name; empty for a request that showed none
        self.logged_out = False  # its end was asked for, and is no disconnection
        self.subscriptions: set[str] = set()
        self.error_code = 0  # of the last failure; an HTTP shell chooses its status by it
        self.close_reason = ""
        self._heartbeat: Heartbeat | None = None
        self._credits: CreditMeter | None = None
        self.is_slow = False  # much of what was sent is unread
        self.missed: dict[object, bytes] = {}  # newest frame by topic, held back while it is slow
        self.context: object = None  # free for the gateway

    @property
    def credits(self) -> CreditMeter | None:
        """Who pays for its requests; `metered` says whose account that is."""
        return self._credits

    @credits.setter
    def credits(self, meter: CreditMeter | None) -> None:
        self._credits = meter
        self.order_credits = None if meter is None else meter.orders

    @property
    def heartbeat(self) -> Heartbeat | None:
        """Its heartbeat, if it asked for one."""
        return self._heartbeat

    @heartbeat.setter
    def heartbeat(self, heartbeat: Heartbeat | None) -> None:
        self._heartbeat = heartbeat
        self.heard = None if heartbeat is None else heartbeat.on_frame

    def send(self, frame: bytes) -> None:
        """Queue one text frame, or the body of the HTTP reply. Dropped once the session is closed."""
        if self.closed or self.close_code:
            return
        if not self.outbox:
            self.wake()
        self.outbox.append(frame)

    def send_many(self, frames: list[bytes]) -> None:
        """Queue text frames. Dropped once the session is closed."""
        queue(self, frames)

    def reply(self, request: Request, result: object, seq: int | None = None) -> None:
        """Answer a request; `seq` is the sequence number of the command behind a change of state."""
        if self.closed or self.close_code:
            return
        now_us = self.now_us()
        if self.on_reply is not None:
            self.on_reply(request.method, now_us - request.received_us)
        meter = self.credits
        budget = None if meter is None else meter.budget(request.method)
        self.send(result_frame(request.id, result, request.received_us, now_us, self.testnet, seq, budget))

    def fail(self, request: Request, error: RpcError) -> None:
        """Answer a request with an error."""
        meter = self.credits
        budget = None if meter is None else meter.budget(request.method)
        self.fail_id(request.id, error, request.received_us, budget)

    def fail_id(
        self, request_id: int | str | None, error: RpcError, received_us: int, budget: int | None = None
    ) -> None:
        """Answer with an error where there is no request to speak of: its bytes made no sense."""
        self.error_code = error.code
        self.send(
            error_frame(
                request_id,
                error.code,
                error.message,
                error.data,
                received_us,
                self.now_us(),
                self.testnet,
                budget,
            )
        )

    def close(self, code: int, reason: str) -> None:
        """Ask the shell to close the connection once what is queued has been written."""
        if not self.closed and not self.close_code:
            self.close_code = code
            self.close_reason = reason
            self.wake()

    def send_newest(self, topic: object, frame: bytes) -> None:
        """Queue the newest state of a topic; while the client is slow only the last one is kept."""
        if self.is_slow:
            self.missed[topic] = frame
        else:
            self.send(frame)

    def take_missed(self) -> list[bytes]:
        """What was held back, the topics' newest states."""
        frames = list(self.missed.values())
        self.missed.clear()
        return frames

    def take(self) -> list[bytes]:
        """The queued frames; the outbox is empty afterwards."""
        frames = self.outbox
        self.outbox = []
        return frames

    def authenticate(
        self, account: int, client_id: str, scopes: frozenset[str], sid: str = "", grant: int = 0
    ) -> None:
        """Bind the session to an account under the scopes that were granted, or under a grant."""
        self.grant = grant
        self.sid = sid
        self.account = account
        self.client_id = client_id
        self.scopes = scopes
        self.authenticated = True

    def deauthenticate(self) -> None:
        """Forget who is behind the session (logout)."""
        self.grant = 0
        self.account = None
        self.client_id = ""
        self.scopes = frozenset()
        self.authenticated = False
        self.sid = ""
