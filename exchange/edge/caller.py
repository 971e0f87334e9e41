"""A client session as the order path knows it: who pays, who is asked for, what waits to be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mypy_extensions import mypyc_attr

from exchange.edge.credit_pool import CreditPool


class OnReply(Protocol):
    """Told of results that were sent: of what method, the microseconds since it came, how many."""

    def __call__(self, method: str, took_us: int, count: int = 1) -> None: ...


@mypyc_attr(allow_interpreted_subclasses=True)
class Caller:
    """The attributes that every order looks at; `exchange.wire.session.Session` has the rest. What compiled
    code does to it stands in functions: of a class with interpreted heirs it calls no method directly."""

    def __init__(self, now_us: Callable[[], int], wake: Callable[[], object], testnet: bool) -> None:
        self.now_us = now_us
        self.wake = wake
        """Called when the outbox is empty no more, and when the session asks to be closed."""
        self.testnet = testnet
        self.account: int | None = None
        self.scopes: frozenset[str] = frozenset()
        self.closed = False
        self.close_code = 0  # WebSocket close code the session asks for; 0: stay open
        self.outbox: list[bytes] = []
        self.order_credits: CreditPool | None = None  # what pays for its orders
        self.metered: int | None = None  # the account whose credits these are
        self.cancel_on_disconnect = False
        self.heard: Callable[[int], None] | None = None
        """Told when bytes have come (ms), where there is a heartbeat."""
        self.on_reply: OnReply | None = None


def queue(caller: Caller, frames: list[bytes]) -> None:
    """Add frames to the outbox. Dropped once the session is closed."""
    if caller.closed or caller.close_code != 0 or not frames:
        return
    if not caller.outbox:
        caller.wake()
    caller.outbox += frames
