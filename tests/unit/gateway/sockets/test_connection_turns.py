"""A connection's turn on the order path answers what the general code answers, however its bytes come."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from exchange.gateway.dispatch import Dispatcher
from exchange.gateway.express import Express
from exchange.gateway.methods.table import METHODS
from exchange.gateway.sockets.config import ServerConfig
from exchange.gateway.sockets.connection import Connection
from exchange.gateway.sockets.server import Server
from exchange.wire.auth import DEFAULT_SCOPES
from exchange.wire.credits import CreditPolicy
from exchange.wire.envelope import HEARTBEAT_FRAME
from exchange.wire.heartbeat import Heartbeat
from loadtest.gateway_client import whole_replies
from tests.unit.gateway.rig import OPTION, Rig

UPGRADE = (
    b"GET /ws/api/v2 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TIMES = ("usIn", "usOut", "usDiff")


class Wire(asyncio.Transport):
    """What was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.writes = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def is_closing(self) -> bool:
        return False

    def write(self, data: Any) -> None:
        self.written += bytes(data)
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        return 0


class Desk:
    """A connection of an account with money, on a venue; with the fast way or without."""

    def __init__(self, *, fast: bool) -> None:
        self.rig = Rig().open()
        self.server = Server(
            Dispatcher(self.rig.venue, METHODS),
            self.rig.clock,
            ServerConfig(credits=CreditPolicy()),
            express=Express(self.rig.venue) if fast else None,
        )
        vars(self.server)["_loop"] = self.rig.loop  # it listens nowhere
        self.wire = Wire()
        self.connection = Connection(self.server)
        self.connection.connection_made(self.wire)
        self.connection.data_received(UPGRADE)
        self.rig.loop.run()
        self.wire.written, self.wire.writes = b"", 0
        session = self.connection._session
        assert session is not None
        account = self.rig.client().session.account
        assert account is not None
        session.authenticate(account, "key", DEFAULT_SCOPES)

    def send(self, pieces: list[bytes]) -> list[Any]:
        """Receive these pieces, one a wake-up; the answers."""
        for piece in pieces:
            self.connection.data_received(piece)
            self.rig.loop.run()
        found = []
        for reply in whole_replies(self.wire.written):
            found.append(msgspec.json.decode(reply) if reply.startswith(b"{") else reply)
            if isinstance(found[-1], dict):
                for name in TIMES:
                    found[-1].pop(name, None)
        return found


def call(number: int, method: str, **params: Any) -> bytes:
    asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return Frame(Opcode.TEXT, msgspec.json.encode(asked)).serialize(mask=True)


def buy(number: int, price: float, **more: Any) -> bytes:
    return call(number, "private/buy", instrument_name=OPTION, amount=1.0, price=price, **more)


STREAM = [
    buy(1, 4990.0),
    buy(2, 4985.0),
    Frame(Opcode.PING, b"are you there").serialize(mask=True),
    call(3, "private/cancel_all"),
    buy(4, 4990.1),
    buy(5, 4980.0, label="new"),
    Frame(Opcode.TEXT, buy(0, 4975.0)[8:40], fin=False).serialize(mask=True),
    Frame(Opcode.CONT, b"no JSON").serialize(mask=True),
    buy(6, 4980.0, label="new"),
    Frame(Opcode.BINARY, b"what").serialize(mask=True),
    buy(7, 4970.0),
    Frame(Opcode.TEXT, b"").serialize(mask=True),
    buy(8, 4965.0),
]


@settings(max_examples=20, deadline=None)
@given(cuts=st.sets(st.integers(1, sum(map(len, STREAM)) - 1), max_size=12))
def test_however_the_bytes_are_cut_the_answers_are_the_same(cuts: set[int]) -> None:
    stream = b"".join(STREAM)
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(edges)]
    assert Desk(fast=True).send(pieces) == Desk(fast=False).send(pieces)


def test_orders_that_came_together_are_one_write() -> None:
    desk = Desk(fast=True)
    assert len(desk.send([b"".join(buy(n, 4900.0 + 5 * n) for n in range(10, 20))])) == 10
    assert desk.wire.writes == 1


def test_nothing_is_taken_once_the_session_is_closing() -> None:
    desk = Desk(fast=True)
    session = desk.connection._session
    assert session is not None
    before = desk.rig.engine.next_seq
    session.close(4000, "over")
    desk.send([buy(1, 4990.0)])
    assert desk.rig.engine.next_seq == before


def test_bytes_that_come_are_a_sign_of_life() -> None:
    desk = Desk(fast=True)
    session = desk.connection._session
    assert session is not None
    heartbeat = session.heartbeat = Heartbeat(10_000, 0)
    desk.send([buy(1, 4990.0)])
    assert heartbeat.poll(desk.rig.clock.now_ms()) == HEARTBEAT_FRAME  # and not a test request
    assert desk.connection.active_us == desk.rig.clock.now_us()
