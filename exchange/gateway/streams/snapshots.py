"""The state of one account as of a number of its stream: open orders, positions, portfolio."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Raw

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.gateway.figures import Figures
from exchange.gateway.ports import Loop
from exchange.gateway.rendering import Rendering
from exchange.gateway.streams.streams import Streams
from exchange.gateway.views import Views
from exchange.wire.accounts import portfolio_data
from exchange.wire.objects import JsonObject

Read = Callable[[Callable[[], "_State"], Callable[["_State | None"], None]], None]
Done = Callable[[JsonObject | None, int], None]


class _State(NamedTuple):
    """What the engine said behind the command `seq` (counter)."""

    seq: int
    data: JsonObject


class AccountSnapshots:
    """Takes snapshots of accounts."""

    def __init__(
        self,
        engine: Engine,
        streams: Streams,
        figures: Figures,
        rendering: Rendering,
        views: Views,
        read: Read,
        loop: Loop,
        halted: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._streams = streams
        self._figures = figures
        self._rendering = rendering
        self._views = views
        self._read = read
        self._loop = loop
        self._halted = halted

    def take(self, account: int, done: Done) -> None:
        """`done(snapshot, its number)` once what it tells is durable and released; `done(None, 0)` if the
        venue has halted."""

        def deliver(state: _State | None) -> None:
            if state is None or self._halted():
                done(None, 0)
            elif state.seq != self._views.seq:  # part of the engine's last group is still to be released
                self._loop.call_soon(lambda: self.take(account, done))
            else:
                number = self._streams.number_of(account)
                done({"type": "snapshot", "account_seq": number, **state.data}, number)

        self._read(lambda: self._compute(account), deliver)

    def _compute(self, account: int) -> _State:
        seq = self._engine.next_seq - 1
        data: JsonObject = {
            "seq": seq,
            "timestamp": self._engine.now_ms,
            "orders": self._orders(account),
            "positions": list(self._figures.positions(account).values()),
            "portfolio": portfolio_data(self._figures.account(account)),
        }
        return _State(seq, data)

    def _orders(self, account: int) -> list[Raw]:
        packed = queries.open_orders(self._engine, account)
        found: list[Raw] = []
        at = 0
        while at < len(packed):
            found.append(Raw(self._rendering.order_json(packed, at)))
            at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
        return found
