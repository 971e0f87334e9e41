"""What the events told of orders with a trigger, a link or a volatility, for as long as it may be shown.

The core forgets a trigger that has fired; clients may still ask. Of open orders everything is kept, of closed
ones the newest: older ones are in the store (`exchange.history`).
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from exchange.core import order_queries, queries
from exchange.core.engine import Engine
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.events_orders import Extended
from exchange.gateway.trigger_ring import TriggerRing
from exchange.wire.extended import OrderExtra, extra_of

CLOSED_KEPT: Final = 100_000
_UNITS_MOVED: Final = 5
_ENDED: Final = (r.ORDER_STATE_FILLED, r.ORDER_STATE_CANCELLED)
_ORDER: Final = struct.Struct("<24xQ36xBB")  # order_id, kind, state


class OrderExtras:
    """By order id. Fed by `views`; read by whoever writes orders."""

    def __init__(self, closed_kept: int = CLOSED_KEPT) -> None:
        self._found: dict[int, OrderExtra] = {}
        self._closed: deque[int] = deque()
        self._closed_kept = closed_kept
        self.triggers = TriggerRing()
        self._waiting: dict[int, dict[int, None]] = {}  # by account: untriggered orders
        self._volatile: dict[int, dict[int, None]] = {}  # by instrument: orders priced in volatility

    @property
    def ids(self) -> Collection[int]:
        """The ids of all orders that are in here; stays the same object."""
        return self._found

    def __bool__(self) -> bool:
        return bool(self._found)

    def get(self, order_id: int) -> OrderExtra | None:
        """What an order has, or None for a plain one."""
        return self._found.get(order_id)

    def waiting(self, account: int) -> Collection[int]:
        """The ids of the account's untriggered orders."""
        return self._waiting.get(account, {})

    def volatile(self) -> Iterator[tuple[int, int]]:
        """(instrument, order id) of the open orders that are priced in volatility."""
        for instrument, orders in self._volatile.items():
            for order_id in orders:
                yield instrument, order_id

    # --- feeding -------------------------------------------------------------------------------------

    def take(self, event: Extended) -> None:
        """An EXTENDED event."""
        order_id = event.head.id
        extra = self._found.get(order_id)
        if extra is None:
            self._found[order_id] = extra_of(event)
        else:
            extra.take(event)
        members = self._volatile.setdefault(event.head.instrument, {})
        if event.volatility_e6:
            members[order_id] = None
        else:
            members.pop(order_id, None)

    def on_order(self, record: bytes, at: int) -> bool:
        """The ORDER at byte `at` of an order that may be in here; whether its level_lots tells anything.

        It does not where the order has never been in the book.
        """
        order_id, kind, state = _ORDER.unpack_from(record, at)
        extra = self._found.get(order_id)
        if extra is None:
            return bool(state != r.ORDER_STATE_UNTRIGGERED)
        self._note_waiting(extra, state)
        if extra.trigger and not extra.fired and (kind == r.ORDER_TRIGGERED or state in _ENDED):
            size = record[at + 2] * r.UNIT_BYTES
            self.triggers.add(extra.account, record[at : at + size], extra)
        if kind == r.ORDER_TRIGGERED or state == r.ORDER_STATE_OPEN:
            extra.fired = extra.trigger != r.TRIGGER_NONE
        if state == r.ORDER_STATE_UNTRIGGERED:
            # One that was filled as far as it may be has left the book; others were never in it.
            extra.in_book = False
            return kind in (r.ORDER_FILLED, r.ORDER_TRIGGERED) or record[at + 2] >= _UNITS_MOVED
        if state == r.ORDER_STATE_OPEN:
            extra.in_book = True
            return True
        was_there = extra.in_book
        extra.in_book = False
        self._close(extra)
        return was_there or bool(state == r.ORDER_STATE_FILLED)

    def _note_waiting(self, extra: OrderExtra, state: int) -> None:
        if state == r.ORDER_STATE_UNTRIGGERED:
            self._waiting.setdefault(extra.account, {})[extra.order_id] = None
            return
        orders = self._waiting.get(extra.account)
        if orders is not None:
            orders.pop(extra.order_id, None)
            if not orders:
                del self._waiting[extra.account]

    def _close(self, extra: OrderExtra) -> None:
        members = self._volatile.get(extra.instrument)
        if members is not None:
            members.pop(extra.order_id, None)
        self._closed.append(extra.order_id)
        if len(self._closed) > self._closed_kept:
            self._found.pop(self._closed.popleft(), None)

    # --- the start -----------------------------------------------------------------------------------

    def load(self, engine: Engine, stored: Iterable[tuple[bytes, int, int]] = ()) -> None:
        """Everything open: what the store has of it (EXTENDED, whether it has fired, its primary), and what
        the recovered engine knows better."""
        for record, fired, primary in stored:
            event = ev.read_event(record)
            if isinstance(event, Extended) and queries.order_record(engine, event.head.id):
                self.take(event)
                extra = self._found[event.head.id]
                extra.fired, extra.primary_order_id = bool(fired), primary
        for event in order_queries.extended_orders(engine):
            known = event.head.id in self._found
            self.take(event)
            if not known:
                self._found[event.head.id].primary_order_id = 0
        for extra in self._found.values():
            record = queries.order_record(engine, extra.order_id)
            extra.in_book = record[69] == r.ORDER_STATE_OPEN
            self._note_waiting(extra, record[69])
            if extra.in_book:
                extra.fired = extra.trigger != r.TRIGGER_NONE
            if extra.is_secondary and not extra.primary_order_id:
                extra.primary_order_id = self._primary_of(extra)

    def _primary_of(self, extra: OrderExtra) -> int:
        """The primary of a member whose first EXTENDED is not known; ids of members follow it."""
        other = extra.other_order_id
        named = self._found.get(other)
        if named is not None and named.members:
            return other
        return min(extra.order_id, other) - 1 if other else 0


def live(engine: Engine, order_id: int, extras: OrderExtras) -> OrderExtra | None:
    """As `OrderExtras.get` of an open order, with its trigger price as it stands now."""
    extra = extras.get(order_id)
    if extra is None or extra.trigger == r.TRIGGER_NONE:
        return extra
    record = queries.extended_record(engine, order_id)
    event = ev.read_event(record) if record else None
    if isinstance(event, Extended):
        extra.trigger_micro = event.trigger_micro
    return extra
