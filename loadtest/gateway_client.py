"""The generator of the gateway's benchmark: raw sockets on one core, frames packed beforehand.

It looks into replies as little as it can: it counts a mark that stands once in each of them. The first
bytes of every connection are kept, and whole replies in them are checked afterwards.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from exchange.domain import lane

JSON_REPLY: Final = b'{"jsonrpc":"2.0","id":'
JSON_ERROR: Final = b'"error":{"'
KEPT_BYTES: Final = 1 << 16
_HELLO: Final = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
)
_RECV: Final = 1 << 20
_REPLY_ID: Final = re.compile(rb'\{"jsonrpc":"2\.0","id":(\d+),')


class ClientError(Exception):
    """The server did not behave: no handshake, or the connection ended."""


class Counted(NamedTuple):
    """What one closed-loop run saw."""

    commands: int
    errors: int
    seconds: float
    kept: list[bytes]
    """What each connection received first, from a frame's beginning on."""


def connect(port: int, path: str = "/ws/api/v2", protocol: str = "") -> socket.socket:
    """A WebSocket, upgraded. Raises ClientError."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    more = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
    sock.sendall(_HELLO.format(path=path, more=more).encode())
    response = b""
    while b"\r\n\r\n" not in response:
        data = sock.recv(4096)
        if not data:
            raise ClientError(f"no handshake: {response!r}")
        response += data
    if not response.startswith(b"HTTP/1.1 101"):
        raise ClientError(f"refused: {response[:200]!r}")
    return sock


def ask(sock: socket.socket, frame: bytes, mark: bytes = JSON_REPLY) -> bytes:
    """Send one frame and wait for its reply, which has `mark` in it."""
    sock.sendall(frame)
    found = b""
    while mark not in found:
        data = sock.recv(_RECV)
        if not data:
            raise ClientError(f"ended: {found[-200:]!r}")
        found += data
    return found


class Flow:
    """One connection's frames and what came back: JSON, counted by a mark that stands once in each reply."""

    def __init__(self, sock: socket.socket, frames: Sequence[bytes]) -> None:
        self.sock = sock
        self.frames = frames
        self.at = 0
        self.tail = b""
        self.unsent = b""
        self.kept = b""
        self.commands = 0
        """Commands acknowledged."""
        self.errors = 0

    def received(self, data: bytes) -> int:
        """Take bytes from the venue; how many requests they answer."""
        if len(self.kept) < KEPT_BYTES:
            self.kept += data
        seen = self.tail + data
        count = seen.count(JSON_REPLY)
        if JSON_ERROR in data:
            self.errors += data.count(JSON_ERROR)
        self.tail = seen[1 - len(JSON_REPLY) :]
        self.commands += count
        return count

    def push(self, count: int) -> None:
        """Send the next `count` frames."""
        frames, at = self.frames, self.at
        end = at + count
        if end <= len(frames):
            data = frames[at] if count == 1 else b"".join(frames[at:end])
        else:
            end %= len(frames)
            data = b"".join([*frames[at:], *islice(frames, end)])
        self.at = end % len(frames)
        self.write(data)

    def write(self, data: bytes) -> None:
        if self.unsent:
            self.unsent += data
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self.unsent = data[sent:]

    def resend(self) -> None:
        if self.unsent:
            data, self.unsent = self.unsent, b""
            self.write(data)


class LaneFlow(Flow):
    """One connection of the fast lane: runs that are numbered as they leave, answers counted by header.

    Every `turn`-th message is the next HELLO.
    """

    def __init__(
        self, sock: socket.socket, runs: Sequence[bytes], hellos: Sequence[bytes], turn: int
    ) -> None:
        super().__init__(sock, runs)
        self._hellos = hellos
        self._turn = turn
        self._sent = self._sequence = 0

    def push(self, count: int) -> None:
        """Send the next `count` messages."""
        parts: list[bytes] = []
        for _ in range(count):
            turn, rest = divmod(self._sent, self._turn)
            self._sent += 1
            if rest == 0:
                parts.append(self._hellos[turn % len(self._hellos)])
                continue
            self._sequence += 1
            run = self.frames[self._sequence % len(self.frames)]
            at = lane_sequence_at(run)
            parts += (run[:at], self._sequence.to_bytes(8, "little"), run[at + 8 :])
        self.write(b"".join(parts))

    def received(self, data: bytes) -> int:
        """Take bytes from the venue; how many messages they answer."""
        if len(self.kept) < KEPT_BYTES:
            self.kept += data
        data = self.tail + data
        at = answers = 0
        while at + 4 <= len(data):
            size, start = data[at + 1], at + 2
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if start + max(size, 4) > len(data):
                break
            if data[start] == lane.ACKS:
                self.commands += int.from_bytes(data[start + 2 : start + 4], "little")
            elif data[start] == lane.ERROR:
                self.errors += 1
            answers += data[start] != lane.FILLS
            at = start + size
        self.tail = data[at:]
        return answers


def lane_sequence_at(frame: bytes) -> int:
    """Where the sequence stands in a masked frame whose mask is zero."""
    return (2, 4, 10)[(frame[1] & 0x7F > 125) + (frame[1] & 0x7F > 126)] + 4 + 8


def closed_loop(flows: Sequence[Flow], depth: int, seconds: float, *, warm_s: float = 0.5) -> Counted:
    """Keep `depth` requests in flight on each connection; commands counted after the warm-up.

    Raises:
        ClientError: a connection ended.
    """
    selector = selectors.DefaultSelector()
    for flow in flows:
        flow.sock.setblocking(False)
        selector.register(flow.sock, selectors.EVENT_READ, flow)
        flow.push(depth)
    start_s = time.perf_counter()
    counting_s = start_s + warm_s
    end_s = counting_s + seconds
    counted = counted_errors = 0
    began_s = 0.0
    while True:
        for key, _ in selector.select(0.05):
            flow = key.data
            try:
                data = flow.sock.recv(_RECV)
            except BlockingIOError:
                continue
            if not data:
                raise ClientError(f"the connection ended after {flow.kept[-300:]!r}")
            count = flow.received(data)
            if count:
                flow.push(count)
        now_s = time.perf_counter()
        for flow in flows:
            if flow.unsent:
                flow.resend()
        if not began_s and now_s >= counting_s:
            began_s = now_s
            counted = sum(flow.commands for flow in flows)
            counted_errors = sum(flow.errors for flow in flows)
        if now_s >= end_s:
            break
    took_s = now_s - began_s
    selector.close()
    commands = sum(flow.commands for flow in flows) - counted
    errors = sum(flow.errors for flow in flows) - counted_errors
    return Counted(commands, errors, took_s, [flow.kept for flow in flows])


def open_loop(
    socks: Sequence[socket.socket],
    frames: Sequence[bytes],
    per_second: int,
    seconds: float,
    ids: Callable[[bytes], list[bytes]] = _REPLY_ID.findall,
) -> list[float]:
    """Send request n (its id is n + 1) at its time, whatever comes back; latencies in milliseconds, counted
    from when it was due."""
    flows = [Flow(sock, ()) for sock in socks]
    selector = selectors.DefaultSelector()
    for flow in flows:
        flow.sock.setblocking(False)
        selector.register(flow.sock, selectors.EVENT_READ, flow)
    total = min(len(frames), int(per_second * seconds))
    arrived_s = [0.0] * (total + 1)
    sent = got = 0
    start_s = time.perf_counter() + 0.01
    give_up_s = start_s + seconds + 5.0
    while got < total:
        now_s = time.perf_counter()
        due = min(total, int((now_s - start_s) * per_second)) if now_s > start_s else 0
        if due > sent:
            for number, flow in enumerate(flows):
                first = sent + (number - sent) % len(flows)
                mine = frames[first : due : len(flows)]
                if mine:
                    flow.write(b"".join(mine))
            sent = due
        for key, _ in selector.select(0.0002):
            flow = key.data
            try:
                data = flow.tail + flow.sock.recv(_RECV)
            except BlockingIOError:
                continue
            now_s = time.perf_counter()
            found = ids(data)
            for each in found:
                arrived_s[int(each)] = now_s
            got += len(found)
            # What may be the cut beginning of a reply is looked at again, a whole one is not.
            at = data.rfind(JSON_REPLY)
            cut = data.find(b",", at) if at >= 0 else -1
            flow.tail = data[-len(JSON_REPLY) - 12 :] if cut < 0 or at < 0 else data[cut:][-34:]
        for flow in flows:
            flow.resend()
        if now_s > give_up_s:
            break
    selector.close()
    return [
        (arrived_s[n + 1] - start_s - n / per_second) * 1_000 if arrived_s[n + 1] else 1e9
        for n in range(total)
    ]


def whole_replies(kept: bytes) -> list[bytes]:
    """The payloads of the whole server frames at the beginning of what a connection received."""
    found: list[bytes] = []
    at = 0
    while at + 2 <= len(kept):
        size, start = kept[at + 1] & 0x7F, at + 2
        if size == 126:
            size, start = int.from_bytes(kept[at + 2 : at + 4], "big"), at + 4
        elif size == 127:
            size, start = int.from_bytes(kept[at + 2 : at + 10], "big"), at + 10
        if start + size > len(kept):
            break
        found.append(kept[start : start + size])
        at = start + size
    return found
