"""Methods about the session alone."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from exchange.wire import session_methods as methods
from exchange.wire.session import Request, RpcError, Session


class Venue:
    def __init__(self) -> None:
        self.at_ms = 1_000
        self.clock = self

    def now_ms(self) -> int:
        return self.at_ms

    def now_us(self) -> int:
        return self.at_ms * 1_000


def session(is_websocket: bool = True) -> Session:
    return Session(1, is_websocket=is_websocket, now_us=lambda: 0, wake=lambda: None)


def call(
    method: Callable[[Venue, Session, Request], None], on: Session, venue: Venue, **params: object
) -> object:
    method(venue, on, Request(1, "m", params, 0))
    return msgspec.json.decode(on.take()[0])["result"]


def test_small_methods() -> None:
    venue = Venue()
    assert call(methods.get_time, session(), venue) == 1_000
    assert call(methods.test, session(), venue) == {"version": methods.API_VERSION}
    greeting = {"client_name": "x", "client_version": "1"}
    assert call(methods.hello, session(), venue, **greeting) == {"version": methods.API_VERSION}


def test_an_exception_can_be_asked_for() -> None:
    with pytest.raises(RpcError) as refused:
        call(methods.test, session(), Venue(), expected_result="exception")
    assert refused.value.code == 11094


def test_a_heartbeat_is_set_answered_and_switched_off() -> None:
    venue, on = Venue(), session()
    assert call(methods.set_heartbeat, on, venue, interval="10") == "ok"
    assert on.heartbeat is not None
    assert on.heartbeat.interval_ms == 10_000
    on.heartbeat.poll(11_000)
    venue.at_ms = 12_000
    call(methods.test, on, venue)
    assert not on.heartbeat.expired(60_000)
    assert call(methods.disable_heartbeat, on, venue) == "ok"
    assert on.heartbeat is None


@pytest.mark.parametrize("interval", [9, 0, -1, 3_601, "x", None])
def test_intervals_have_bounds(interval: object) -> None:
    with pytest.raises(RpcError) as refused:
        call(methods.set_heartbeat, session(), Venue(), interval=interval)
    assert refused.value.code == -32602


@pytest.mark.parametrize("method", [methods.set_heartbeat, methods.disable_heartbeat])
def test_heartbeats_need_a_websocket(method: Callable[[Venue, Session, Request], None]) -> None:
    with pytest.raises(RpcError) as refused:
        call(method, session(is_websocket=False), Venue(), interval=30)
    assert refused.value.code == 10030
