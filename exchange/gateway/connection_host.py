"""What a connection asks of the server it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from exchange.edge.frames import Joiner
from exchange.gateway import http
from exchange.gateway.server_config import ServerConfig
from exchange.wire.credits import CreditMeter
from exchange.wire.session import Request, Session
from exchange.wire.session_methods import Clock

Express = Callable[[Session, list[bytes | None], int, int, CreditMeter | None], int]
"""(session, messages, place of the first, microseconds, meter that pays): how many of them it has taken."""
ConnectionT = TypeVar("ConnectionT", contravariant=True)


class Host(Protocol[ConnectionT]):
    """The server, as its connections (of whatever kind) know it."""

    clock: Clock
    config: ServerConfig
    joiner: Joiner

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    @property
    def subprotocols(self) -> tuple[str, ...]: ...

    @property
    def static(self) -> Mapping[str, http.StaticFile]: ...

    def is_full(self) -> bool: ...

    def admit_connection(self, connection: ConnectionT, remote: str) -> bool: ...

    def forget_connection(self, connection: ConnectionT, remote: str) -> None: ...

    def new_session(self, connection: ConnectionT, *, is_websocket: bool, remote: str) -> Session: ...

    def end_session(self, session: Session) -> None: ...

    def authenticate_http(self, session: Session, request: http.HttpRequest, method: str) -> None: ...

    def admit(self, session: Session, request: Request) -> bool: ...

    def handle(self, session: Session, request: Request) -> None: ...

    def handle_packed(
        self, session: Session, messages: list[bytes | None], start: int, received_us: int
    ) -> int: ...

    def handle_texts(
        self, session: Session, messages: list[bytes | None], start: int, received_us: int
    ) -> int: ...

    def page(self, request: http.HttpRequest) -> tuple[int, str, bytes] | None: ...

    def mark_dirty(self, connection: ConnectionT) -> None: ...
