"""A WebSocket connection as the order path knows it: bytes in, usual orders to the sequencer, frames out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, final

from mypy_extensions import mypyc_attr

from exchange.edge.caller import Caller
from exchange.edge.frames import Joiner, PlainStream, take_frames
from exchange.edge.intake import Intake


class Transport(Protocol):
    """The part of `asyncio.Transport` that is used here."""

    def is_closing(self) -> bool: ...

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...


@mypyc_attr(allow_interpreted_subclasses=True)
class Link:
    """What `gateway.sockets.connection.Connection` is on most of its wake-ups; it has the rest: HTTP,
    whatever is unusual in a stream, closing. `intake` is there once it speaks JSON over a WebSocket."""

    def __init__(self, now_us: Callable[[], int], outgoing: Outgoing) -> None:
        self.now_us = now_us
        self.outgoing = outgoing
        self.transport: Transport | None = None
        self.stream: PlainStream | None = None
        self.caller: Caller | None = None
        self.intake: Intake | None = None
        self.first_byte = 0
        """Of its frames."""
        self.active_us = 0
        """When something came last."""
        self.waiting: list[bytes | None] = []
        """Messages that were read and are not all handled."""
        self.direct: list[bytes] = []
        """Bytes to write that are not replies."""
        self.closing = False
        """Nothing more is read, or written after what is queued."""
        self.dirty = False

    def data_received(self, data: bytes) -> None:
        """Bytes have come (asyncio)."""
        now_us = self.active_us = self.now_us()
        stream, caller, intake = self.stream, self.caller, self.intake
        if stream is None or caller is None or intake is None or self.closing or self.waiting:
            self.receive(data, now_us)
            return
        messages: list[bytes | None] = []
        rest = take_frames(stream, data, messages)
        if caller.heard is not None:
            caller.heard(now_us // 1_000)
        count = 0
        if messages and caller.close_code == 0 and caller.metered == caller.account:
            count = intake.take(caller, messages, 0, now_us, caller.order_credits)
        if count < len(messages) or rest or stream.has_spoken:
            self.go_on(messages, count, rest, now_us)

    def receive(self, data: bytes, now_us: int) -> None:
        """Take bytes that came, the general way."""
        raise NotImplementedError

    def go_on(self, messages: list[bytes | None], done: int, rest: bytes, now_us: int) -> None:
        """Handle messages from place `done` on, and the bytes behind them, the general way."""
        raise NotImplementedError

    def mark_dirty(self) -> None:
        """Something waits to be written, or the session asks to be closed."""
        if not self.dirty and self.transport is not None:
            self.dirty = True
            self.outgoing.add(self)

    def flush_slowly(self) -> None:
        """Write what waits, the general way."""
        raise NotImplementedError

    def check_speed(self) -> None:
        """Much of what was written is unread."""
        raise NotImplementedError


@final
class Outgoing:
    """The connections that have something to write, each of which does it in one call. `schedule` is called
    when the first one comes, `failed` with one that could not; whose buffer holds more than `unread_max` is
    looked at."""

    def __init__(
        self, schedule: Callable[[], object], failed: Callable[[Link], None], unread_max: int
    ) -> None:
        self._schedule = schedule
        self._failed = failed
        self._unread_max = unread_max
        self._joiner = Joiner()
        self._links: list[Link] = []

    def add(self, link: Link) -> None:
        """A connection has something to write."""
        if not self._links:
            self._schedule()
        self._links.append(link)

    def flush(self) -> None:
        """Write it all."""
        links = self._links
        self._links = []
        for link in links:
            try:
                self._write(link)
            except Exception:
                self._failed(link)

    def _write(self, link: Link) -> None:
        link.dirty = False
        transport = link.transport
        if transport is None or transport.is_closing():
            return
        stream, caller = link.stream, link.caller
        if stream is None or caller is None or link.direct or caller.close_code != 0 or stream.finished:
            link.flush_slowly()
            return
        if caller.outbox:
            transport.write(self.frames(link, caller))
            if transport.get_write_buffer_size() > self._unread_max:
                link.check_speed()

    def frames(self, link: Link, caller: Caller) -> bytes:
        """What a connection's session has to say, as frames; its outbox is empty afterwards."""
        payloads = caller.outbox
        caller.outbox = []
        return self._joiner.join(payloads, link.first_byte)
