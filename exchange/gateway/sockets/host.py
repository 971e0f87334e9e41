"""What a connection asks of the server it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, TypeVar

from exchange.edge.intake import Intake
from exchange.edge.link import Outgoing
from exchange.gateway.sockets import http
from exchange.gateway.sockets.config import ServerConfig
from exchange.wire.credits import CreditMeter
from exchange.wire.session import Request, Session
from exchange.wire.session_methods import Clock


class Express(Protocol):
    """Takes usual messages in the dispatcher's place."""

    @property
    def intake(self) -> Intake | None:
        """Its compiled half, if there is one."""

    def take(
        self,
        session: Session,
        messages: list[bytes | None],
        start: int,
        received_us: int,
        meter: CreditMeter | None,
    ) -> int:
        """How many messages of a session from `start` on it has taken, paid from `meter`."""


ConnectionT = TypeVar("ConnectionT", contravariant=True)


class Host(Protocol[ConnectionT]):
    """The server, as its connections (of whatever kind) know it."""

    clock: Clock
    config: ServerConfig
    outgoing: Outgoing
    intake: Intake | None

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
