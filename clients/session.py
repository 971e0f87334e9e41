"""One WebSocket session with the venue that lives through restarts.

A session connects, authenticates with client credentials, renews its token, restores its subscriptions
and, when the connection breaks, does all of it again with a growing pause. Requests are pipelined: any
number may be open at once, each waits for its own reply. Requests open when a connection breaks fail with
:class:`ConnectionLost`; whether to send again is the caller's decision, because only the caller knows
whether the venue may have acted on the lost one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from clients.rpc import HeartbeatTest, Notification, ProtocolError, Reply, RpcError, RpcPeer

Handler = Callable[[str, Any], None]
"""Called with channel and data of each push, from the reader: it must not block and must not raise."""

MAX_CHANNELS_PER_CALL: Final = 400
MAX_INCOMING_BYTES: Final = 16 << 20
PRIVATE_CHANNELS: Final = ("user.", "block_rfq.maker.", "block_rfq.taker.", "block_trade_confirmations")
"""What the names of channels that need credentials begin with."""
FATAL_AUTH_CODES: Final = frozenset({13002, 13004, 13005, 13007})
"""Refusals of the credentials themselves: trying again cannot help."""

log = logging.getLogger("clients.session")


class ConnectionLost(Exception):
    """The connection broke before the reply came; the venue may or may not have acted on the request."""


class CallTimeout(Exception):
    """No reply within the time allowed; the venue may or may not have acted on the request."""


class SessionEnded(Exception):
    """The session is over for good (closed here, or the venue refused the credentials)."""


def backoff_delays(
    rng: random.Random, first_s: float = 0.1, factor: float = 2.0, limit_s: float = 5.0
) -> Iterator[float]:
    """Endless pauses between attempts: growing to `limit_s`, each cut by up to half at random."""
    delay_s = first_s
    while True:
        yield delay_s * (0.5 + 0.5 * rng.random())
        delay_s = min(delay_s * factor, limit_s)


class Session:
    """A connection kept up. Use as ``async with Session(url, id, secret) as session``.

    `url` is ``ws://host:port/ws/api/v2``. Without `client_id` the session is public. `generation` counts
    connections that became ready: what was learned under one may be stale under the next.
    """

    def __init__(
        self,
        url: str,
        client_id: str = "",
        client_secret: str = "",
        *,
        rng: random.Random | None = None,
        backoff: Callable[[random.Random], Iterator[float]] = backoff_delays,
        call_timeout_s: float = 10.0,
    ) -> None:
        self.url = url
        self.generation = 0
        self._client_id = client_id
        self._client_secret = client_secret
        self._rng = rng or random.Random()
        self._backoff = backoff
        self._call_timeout_s = call_timeout_s
        self._peer = RpcPeer()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._handlers: dict[str, Handler] = {}
        self._connection: ClientConnection | None = None
        self._changed = asyncio.Condition()
        self._ready = False
        self._refresh_token = ""
        self._end: Exception | None = None
        self._runner: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()

    # --- life ---------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._runner = asyncio.create_task(self._run(), name="session")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection and end every wait; open calls fail with ConnectionLost. Idempotent."""
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner
            self._runner = None
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._end is None:
            await self._finish(SessionEnded("the session was closed"))

    @property
    def is_ready(self) -> bool:
        """Connected, authenticated and subscribed again."""
        return self._ready

    async def wait_ready(self) -> int:
        """Wait until requests can be sent; the generation. SessionEnded once there is no hope."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._ready or self._end is not None)
            if self._end is not None:
                raise self._end
            return self.generation

    async def wait_lost(self, generation: int) -> None:
        """Wait until the connection of `generation` is gone."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self.generation != generation or not self._ready or self._end is not None
            )

    async def reconnect(self) -> None:
        """Drop the connection on purpose (say, because it is no longer authorised) and make a new one."""
        if self._connection is not None:
            await self._connection.close()
            await self.wait_lost(self.generation)

    # --- requests -----------------------------------------------------------------------------------

    async def call(
        self, method: str, params: dict[str, Any] | None = None, timeout_s: float | None = None
    ) -> Any:
        """Send one request and wait for its result.

        Raises RpcError (the venue refused), ConnectionLost, CallTimeout, or ProtocolError (too large).
        """
        if not self._ready:
            raise self._end or ConnectionLost(f"{method}: not connected")
        return await self._exchange(method, params or {}, timeout_s)

    async def _exchange(self, method: str, params: dict[str, Any], timeout_s: float | None = None) -> Any:
        connection = self._connection
        if connection is None:
            raise ConnectionLost(f"{method}: not connected")
        request_id, frame = self._peer.request(method, params)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        try:
            async with asyncio.timeout(self._call_timeout_s if timeout_s is None else timeout_s):
                await connection.send(frame, text=True)
                return await future
        except TimeoutError:
            raise CallTimeout(f"{method}: no reply in time") from None
        except ConnectionClosed as error:
            raise ConnectionLost(f"{method}: {error}") from error
        finally:
            self._waiting.pop(request_id, None)
            self._peer.forget(request_id)

    async def subscribe(self, channels: Iterable[str], handler: Handler) -> None:
        """Subscribe and remember: after a reconnect the same handler goes on receiving.

        RpcError if the venue refuses the call. Channels that need credentials go by ``private/subscribe``.
        """
        wanted = list(channels)
        self._handlers.update(dict.fromkeys(wanted, handler))
        if self._ready:
            await self._subscribe(wanted)

    async def unsubscribe(self, channels: Iterable[str]) -> None:
        """Forget the channels, here and at the venue."""
        known = [channel for channel in channels if self._handlers.pop(channel, None) is not None]
        if known and self._ready:
            await self._by_scope("unsubscribe", known)

    async def _subscribe(self, channels: list[str]) -> None:
        granted = await self._by_scope("subscribe", channels)
        refused = [channel for channel in channels if channel not in granted]
        if refused:
            log.warning("the venue did not grant %d channel(s): %s", len(refused), ", ".join(refused[:5]))

    async def _by_scope(self, verb: str, channels: list[str]) -> set[str]:
        granted: set[str] = set()
        for scope, chosen in (
            ("public", [c for c in channels if not c.startswith(PRIVATE_CHANNELS)]),
            ("private", [c for c in channels if c.startswith(PRIVATE_CHANNELS)]),
        ):
            for start in range(0, len(chosen), MAX_CHANNELS_PER_CALL):
                part = chosen[start : start + MAX_CHANNELS_PER_CALL]
                result = await self._exchange(f"{scope}/{verb}", {"channels": part})
                granted.update(result if isinstance(result, list) else part)
        return granted

    # --- connection ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        delays = self._backoff(self._rng)
        while True:
            generation = self.generation
            try:
                await self._live_once()
            except SessionEnded as error:
                await self._finish(error)
                return
            except (OSError, ConnectionClosed, InvalidHandshake, ConnectionLost, CallTimeout) as error:
                log.info("connection to %s: %s", self.url, error)
            except InvalidURI as error:
                await self._finish(SessionEnded(str(error)))
                return
            except (ProtocolError, RpcError) as error:
                log.warning("connection to %s given up: %s", self.url, error)
            except Exception as error:
                log.exception("a handler failed; the session ends")
                await self._finish(SessionEnded(f"a handler failed: {error!r}"))
                return
            finally:
                await self._set_ready(False)
                self._fail_open()
            if self.generation != generation:
                delays = self._backoff(self._rng)
            await asyncio.sleep(next(delays))

    async def _live_once(self) -> None:
        """Connect, come to be ready, read until the connection ends; returns or raises when it does."""
        async with connect(
            self.url,
            compression=None,
            proxy=None,
            max_size=MAX_INCOMING_BYTES,
            open_timeout=5,
            close_timeout=1,
        ) as connection:
            self._connection = connection
            self._peer = RpcPeer()
            start = asyncio.create_task(self._come_up(), name="session-start")
            reader = asyncio.create_task(self._read(connection), name="session-reader")
            try:
                await asyncio.wait({start, reader}, return_when=asyncio.FIRST_COMPLETED)
                if start.done():
                    renew_s = start.result()
                    renewal = self._spawn(self._renew(renew_s)) if renew_s else None
                    try:
                        await reader
                    finally:
                        if renewal is not None:
                            renewal.cancel()
                else:
                    reader.result()
            finally:
                self._connection = None
                for task in (start, reader):
                    task.cancel()
                await asyncio.gather(start, reader, return_exceptions=True)

    async def _come_up(self) -> float:
        """Authenticate and subscribe; seconds after which the token wants renewal (0: there is none)."""
        renew_s = 0.0
        if self._client_id:
            renew_s = await self._authenticate(
                {
                    "grant_type": "client_credentials",
                    "client_id": self._client_id,
                    "client_secret": self._client_secret,
                }
            )
        restored: set[str] = set()
        while missing := [channel for channel in self._handlers if channel not in restored]:
            await self._subscribe(missing)
            restored.update(missing)
        self.generation += 1
        await self._set_ready(True)
        return renew_s

    async def _authenticate(self, grant: dict[str, Any]) -> float:
        try:
            result = await self._exchange("public/auth", grant)
        except RpcError as error:
            if error.code in FATAL_AUTH_CODES:
                raise SessionEnded(f"the venue refused the credentials: {error}") from error
            raise
        if not isinstance(result, dict) or not isinstance(result.get("refresh_token"), str):
            raise ProtocolError("public/auth answered without tokens", local=False)
        self._refresh_token = result["refresh_token"]
        return max(1.0, 0.7 * float(result.get("expires_in", 900)))

    async def _renew(self, renew_s: float) -> None:
        """Renew the token before it expires, again and again; a refusal drops the connection."""
        try:
            while True:
                await asyncio.sleep(renew_s)
                renew_s = await self._authenticate(
                    {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
                )
        except (RpcError, ProtocolError, SessionEnded, CallTimeout, ConnectionLost) as error:
            log.info("token renewal failed, reconnecting: %s", error)
            if self._connection is not None:
                await self._connection.close()

    async def _read(self, connection: ClientConnection) -> None:
        async for frame in connection:
            incoming = self._peer.receive(frame)
            if isinstance(incoming, Notification):
                handler = self._handlers.get(incoming.channel)
                if handler is not None:
                    handler(incoming.channel, incoming.data)
            elif isinstance(incoming, Reply):
                self._settle(incoming)
            elif isinstance(incoming, HeartbeatTest):
                self._spawn(self._answer_heartbeat())

    async def _answer_heartbeat(self) -> None:
        with contextlib.suppress(RpcError, CallTimeout, ConnectionLost):
            await self._exchange("public/test", {})

    def _settle(self, reply: Reply) -> None:
        future = self._waiting.get(reply.request_id)
        if future is None or future.done():
            return
        if reply.error is not None:
            future.set_exception(reply.error)
        else:
            future.set_result(reply.result)

    def _fail_open(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionLost("the connection broke before the reply"))

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _set_ready(self, ready: bool) -> None:
        async with self._changed:
            self._ready = ready
            self._changed.notify_all()

    async def _finish(self, end: Exception) -> None:
        self._end = end
        await self._set_ready(False)
        self._fail_open()
