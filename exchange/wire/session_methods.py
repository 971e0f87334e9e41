"""Methods that concern the session alone: test, hello, heartbeats.

They are ordinary handlers, `(venue, session, request) -> None`; all they ask of the venue is a clock.
"""

from __future__ import annotations

from typing import Final, Protocol

from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.heartbeat import INTERVAL_S_MAX, INTERVAL_S_MIN, Heartbeat
from exchange.wire.params import integer, text
from exchange.wire.session import Request, Session

API_VERSION: Final = "1.2.26"


class Clock(Protocol):
    """The time, as the application gives it: milliseconds and microseconds since the Unix epoch."""

    def now_ms(self) -> int: ...

    def now_us(self) -> int: ...


class HasClock(Protocol):
    """What these handlers ask of the venue."""

    @property
    def clock(self) -> Clock: ...


def must_be_websocket(session: Session) -> None:
    """Raises 10030 over HTTP, where there is no connection to speak of."""
    if not session.is_websocket:
        raise error(errors.MUST_BE_WEBSOCKET)


def test(venue: HasClock, session: Session, request: Request) -> None:
    """`public/test`: the version; answers an open test request. `expected_result: exception` fails."""
    if session.heartbeat is not None:
        session.heartbeat.on_test(venue.clock.now_ms())
    if text(request.params, "expected_result", "") == "exception":
        raise error(errors.INTERNAL_ERROR, reason="expected_result asked for an exception")
    session.reply(request, {"version": API_VERSION})


def hello(_venue: HasClock, session: Session, request: Request) -> None:
    """`public/hello`: the client introduces itself."""
    text(request.params, "client_name", bytes_max=64)
    text(request.params, "client_version", bytes_max=64)
    session.reply(request, {"version": API_VERSION})


def get_time(venue: HasClock, session: Session, request: Request) -> None:
    """`public/get_time`: milliseconds since the epoch."""
    session.reply(request, venue.clock.now_ms())


def set_heartbeat(venue: HasClock, session: Session, request: Request) -> None:
    """`public/set_heartbeat {interval}` in seconds, 10 to 3,600."""
    must_be_websocket(session)
    interval_s = integer(request.params, "interval", maximum=INTERVAL_S_MAX)
    if interval_s < INTERVAL_S_MIN:
        raise invalid_param("interval", f"must be at least {INTERVAL_S_MIN} seconds")
    session.heartbeat = Heartbeat(interval_s * 1_000, venue.clock.now_ms())
    session.reply(request, "ok")


def disable_heartbeat(_venue: HasClock, session: Session, request: Request) -> None:
    """`public/disable_heartbeat`."""
    must_be_websocket(session)
    session.heartbeat = None
    session.reply(request, "ok")
