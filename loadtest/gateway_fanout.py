"""Book changes to many subscribers: what a venue writes, and what its clients have read and parsed.

A thousand connections listen to the conflated books of a hundred instruments, which a trickle of orders keeps
changing; every frame is cut out of its connection's bytes and decoded as JSON before it counts. The yardstick
is `websockets.broadcast`: frames as long to as many connections, read and parsed by the same client.
"""

from __future__ import annotations

import contextlib
import json
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from clients import fast_lane
from loadtest import gateway_client as client
from loadtest import gateway_flow as flow
from loadtest.gateway_flow import Market
from loadtest.gateway_processes import Process, echo, venue
from loadtest.gateway_rows import Plan, Row
from loadtest.gateway_world import anchor_ticks

SUBSCRIBERS: Final = 1_000
BOOKS: Final = 100
INTERVAL: Final = "100ms"
STIR_S: Final = 0.03
"""Between two messages of orders, which change every book once each."""
WARM_S: Final = 0.5
PATIENCE_S: Final = 120.0
_RECV: Final = 1 << 18
_STIR_LEVELS: Final = 12


class _Data(msgspec.Struct):
    change_id: int
    type: str = ""
    prev_change_id: int = 0


class _Params(msgspec.Struct):
    channel: str
    data: _Data


class _Frame(msgspec.Struct):
    params: _Params | None = None


class GapError(Exception):
    """A book frame does not follow the one before: changes were lost."""


class Listener:
    """One connection that reads, parses and counts frames; `follows`: and checks that no book has a gap."""

    def __init__(self, sock: socket.socket, *, follows: bool) -> None:
        self.sock = sock
        self.frames = 0
        self._tail = b""
        self._follows = follows
        self._known: dict[str, int] = {}
        self._decode = msgspec.json.Decoder(_Frame if follows else dict).decode

    def received(self, data: bytes) -> None:
        """Take bytes from the server.

        Raises:
            GapError: a book frame that does not chain.
            msgspec.DecodeError: a frame that is no JSON.
        """
        data = self._tail + data
        at, end = 0, len(data)
        while at + 4 <= end:
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = data[at + 2] << 8 | data[at + 3], at + 4
            elif size == 127:
                if at + 10 > end:
                    break
                size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            at_end = start + size
            if at_end > end:
                break
            found = self._decode(data[start:at_end])
            if self._follows and isinstance(found, _Frame) and found.params is not None:
                self._follow(found.params)
            self.frames += 1
            at = at_end
        self._tail = data[at:]

    def _follow(self, told: _Params) -> None:
        known = self._known.get(told.channel)
        if known is not None and told.data.type == "change" and told.data.prev_change_id != known:
            raise GapError(f"{told.channel}: {told.data.prev_change_id} follows {known}")
        self._known[told.channel] = told.data.change_id


class Heard(NamedTuple):
    """What one run came to."""

    frames: int
    seconds: float
    cpu_s: float
    """Of the server."""


def raise_file_limit(wanted: int) -> None:
    """Let this process, and those it starts, hold so many sockets.

    Raises OSError or ValueError where the machine does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= 0 else wanted, hard))


@contextlib.contextmanager
def audience(
    port: int, count: int, channels: Sequence[str], path: str = "/ws/api/v2"
) -> Iterator[list[Listener]]:
    """So many connections, each subscribed to the channels (to none, where the server asks for none)."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": {"channels": list(channels)}}
    frame = flow.masked(json.dumps(asked).encode())
    listeners: list[Listener] = []
    try:
        for number in range(count):
            sock = client.connect(port, path)
            if channels:
                sock.sendall(frame)
            listeners.append(Listener(sock, follows=bool(channels) and number % 100 == 0))
        if channels:
            _await_first(listeners, len(channels) + 1)  # the reply, and a snapshot of each book
        yield listeners
    finally:
        for each in listeners:
            each.sock.close()


def _await_first(listeners: Sequence[Listener], frames: int) -> None:
    """Read until every connection has had so many frames.

    Raises:
        ClientError: they do not come, or a connection ended.
    """
    give_up_s = time.perf_counter() + PATIENCE_S
    for each in listeners:
        each.sock.settimeout(PATIENCE_S)
        while each.frames < frames:
            data = each.sock.recv(_RECV)
            if not data or time.perf_counter() > give_up_s:
                raise client.ClientError(f"{each.frames} of {frames} first frames")
            each.received(data)


def hear(
    listeners: Sequence[Listener], server: Process, warm_s: float, seconds: float, stir: Callable[[], None]
) -> Heard:
    """Read for a while; `stir()` is called every few milliseconds.

    Raises:
        ClientError: a connection ended.
    """
    poll = select.epoll()
    by_number = {}
    for each in listeners:
        each.sock.setblocking(False)
        by_number[each.sock.fileno()] = each
        poll.register(each.sock.fileno(), select.EPOLLIN)
    counting_s = time.perf_counter() + warm_s
    end_s = counting_s + seconds
    began_s = began_cpu_s = 0.0
    began = 0
    try:
        while True:
            for number, _ in poll.poll(0.01):
                stir()
                data = by_number[number].sock.recv(_RECV)
                if not data:
                    raise client.ClientError("a subscriber's connection ended")
                by_number[number].received(data)
            stir()
            now_s = time.perf_counter()
            if not began_s and now_s >= counting_s:
                began_s, began_cpu_s = now_s, server.cpu_s()
                began = sum(each.frames for each in listeners)
            if now_s >= end_s:
                break
    finally:
        poll.close()
    frames = sum(each.frames for each in listeners) - began
    return Heard(frames, now_s - began_s, server.cpu_s() - began_cpu_s)


class Stirrer:
    """Changes the books of the first instruments: resting orders of many accounts, over the fast lane."""

    def __init__(self, port: int, market: Market) -> None:
        self._sock = client.connect(port, protocol="strikebook.v1")
        runs = [_run(level) for level in range(_STIR_LEVELS)]
        hellos = flow.lane_hellos(market, 0, 2)
        self._flow = client.LaneFlow(self._sock, runs, hellos, 2)
        self._sock.setblocking(False)
        self._next_s = 0.0

    def __call__(self) -> None:
        """Send the next orders if it is time."""
        now_s = time.perf_counter()
        if now_s < self._next_s:
            return
        self._next_s = now_s + STIR_S
        self._flow.push(2)  # a HELLO of the next account, and its orders
        with contextlib.suppress(BlockingIOError):
            while self._flow.received(self._sock.recv(_RECV)):
                pass

    @property
    def errors(self) -> int:
        """Messages that were refused."""
        return self._flow.errors

    def close(self) -> None:
        self._sock.close()


def _run(level: int) -> bytes:
    """One order on each of the books, below the touch."""
    orders = [
        fast_lane.new_order(number, sell=False, price_ticks=anchor_ticks(number) - 1 - level, size_lots=1)
        for number in range(BOOKS)
    ]
    return flow.unmasked(fast_lane.Lane().commands(orders))


def channels(market: Market) -> list[str]:
    """The books that are listened to."""
    return [f"book.{name}.{INTERVAL}" for name in market.names[:BOOKS]]


def no_stir() -> None:
    """A server that talks by itself needs nobody to make it."""


def fanout_row(plan: Plan, core: int, least: float, more: Sequence[str]) -> Row:
    """Book changes to a thousand subscribers beside `websockets.broadcast`, run by run.

    Raises:
        GapError: a subscriber missed a change.
    """
    raise_file_limit(3 * SUBSCRIBERS)
    rates: list[float] = []
    ratios: list[float] = []
    heard: list[Heard] = []
    bases: list[Heard] = []
    with (
        venue(core, more) as (server, market),
        echo("broadcast", core) as peer,
        contextlib.closing(Stirrer(server.port, market)) as stirrer,
        audience(server.port, SUBSCRIBERS, channels(market)) as listeners,
    ):
        for _ in range(plan.runs):
            with audience(peer.port, SUBSCRIBERS, ()) as others:  # nobody stirs the venue's books meanwhile
                bases.append(hear(others, peer, WARM_S, plan.seconds, no_stir))
            heard.append(hear(listeners, server, WARM_S, plan.seconds, stirrer))
            rates.append(heard[-1].frames / heard[-1].seconds)
            ratios.append(rates[-1] / (bases[-1].frames / bases[-1].seconds))
        errors = stirrer.errors
    cpu_s = sum(each.cpu_s for each in heard)
    per_cpu = sum(each.frames for each in heard) / cpu_s
    base_per_cpu = sum(each.frames for each in bases) / sum(each.cpu_s for each in bases)
    share = 100 * cpu_s / sum(each.seconds for each in heard)
    name = f"book changes, {SUBSCRIBERS} × {BOOKS} books at {INTERVAL} (frames)"
    row = Row(name, rates, ratios, per_cpu / base_per_cpu, share, float(errors), least)
    print(row.text(), flush=True)
    base = sum(each.frames for each in bases) / sum(each.seconds for each in bases)
    print(f"  websockets.broadcast {base:,.0f}/s, {base_per_cpu:,.0f} a CPU second; venue {per_cpu:,.0f}")
    return row
