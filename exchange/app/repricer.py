"""Orders priced in volatility follow the market: new prices as sequenced REPRICE commands.

After marks have moved, each such order's price is found anew from the oracle's surface and sent if it is
another one. A turn looks at `looks_per_turn` orders at most, in turn, and one command reprices 64: however
many there are, trading goes on between.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final, Protocol

from exchange.app.venue_port import VenuePort
from exchange.core import queries, risk_queries
from exchange.domain import commands_orders, events
from exchange.domain import records as r
from exchange.domain.limits import MAX_REPRICES
from exchange.gateway.ports import OracleView, Timer
from exchange.gateway.volatility_prices import prices_ticks
from exchange.wire.extended import OrderExtra
from exchange.wire.instruments import InstrumentView
from exchange.wire.session import RpcError

TURN_S: Final = 0.1
LOOKS_PER_TURN: Final = 512
_RULES: Final = 3
_log = logging.getLogger(__name__)


class VolatileOrders(Protocol):
    """Which orders are priced in volatility; `exchange.gateway.order_extras.OrderExtras` fits."""

    def volatile(self) -> Iterator[tuple[int, int]]:
        """(instrument, order id) of each."""

    def get(self, order_id: int) -> OrderExtra | None:
        """What an order has besides price and size."""


class Repricer:
    """Sequences REPRICE commands of one venue; idle where no order is priced in volatility."""

    def __init__(
        self,
        venue: VenuePort,
        oracle: OracleView,
        orders: VolatileOrders,
        *,
        turn_s: float = TURN_S,
        looks_per_turn: int = LOOKS_PER_TURN,
    ) -> None:
        self._venue = venue
        self._oracle = oracle
        self._orders = orders
        self._turn_s = turn_s
        self._looks = looks_per_turn
        self._left: list[tuple[int, int]] = []
        self._under_way = 0
        self._timer: Timer | None = None
        self.repriced = 0
        """Orders that were given another price."""

    def start(self) -> None:
        """Look now and from now on."""
        self._timer = self._venue.loop.call_later(self._turn_s, self.start)
        if not self._venue.halted:
            self.turn()

    def stop(self) -> None:
        """No more commands."""
        if self._timer is not None:
            self._timer.cancel()

    def report(self) -> dict[str, object]:
        """What the status shows."""
        return {"repriced": self.repriced}

    def turn(self) -> None:
        """Look at the next orders; nothing while commands of the last turn are under way."""
        engine = self._venue.engine
        if self._under_way or risk_queries.rules(engine) < _RULES or risk_queries.mode(engine) != r.MODE_OPEN:
            return
        if not self._left:
            self._left = list(self._orders.volatile())
        looked, self._left = self._left[: self._looks], self._left[self._looks :]
        found = self._moved(looked)
        for first in range(0, len(found), MAX_REPRICES):
            if not self._send(commands_orders.reprice(found[first : first + MAX_REPRICES])):
                return

    def _moved(self, looked: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """(order id, new price in ticks) of those whose price is another."""
        wanted: dict[int, list[tuple[events.Order, InstrumentView, int]]] = {}
        for instrument, order_id in looked:
            record = queries.order_record(self._venue.engine, order_id)
            extra = self._orders.get(order_id)
            order = events.read_event(record) if record else None
            if extra is None or not extra.volatility_e6 or not isinstance(order, events.Order):
                continue
            view = self._venue.registry.instruments[instrument]
            wanted.setdefault(view.terms.underlying, []).append((order, view, extra.volatility_e6))
        found: list[tuple[int, int]] = []
        for members in wanted.values():
            asked = [(view, volatility, order.is_sell) for order, view, volatility in members]
            prices = prices_ticks(self._oracle, asked)
            found += [
                (order.order_id, ticks)
                for (order, _, _), ticks in zip(members, prices, strict=True)
                if ticks is not None and ticks != order.price_ticks
            ]
        return found

    def _send(self, command: bytes) -> bool:
        try:
            self._venue.submit(command, self._done)
        except RpcError as refused:  # a full queue or a halt: the next turn looks again
            _log.warning("new prices were not taken: %s", refused)
            return False
        self._under_way += 1
        return True

    def _done(self, packed: bytes) -> None:
        self._under_way -= 1
        for event in events.read_events(packed):
            if isinstance(event, events.Done):
                self.repriced += event.affected
                return
