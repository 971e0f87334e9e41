"""Orders with a trigger, a link or a volatility, as rows: what EXTENDED told of them, and how triggers ended.

A trigger ends by firing, by being refused as it fires, or with its order while that waits. `Waiting` are
the orders whose trigger has not ended, so that it can be told which ORDER events end one.
"""

from __future__ import annotations

import sqlite3
import struct
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.events_orders import Extended
from exchange.domain.limits import COUNTER_MASK

TABLES: Final = """
CREATE TABLE IF NOT EXISTS extended (
    order_id INTEGER PRIMARY KEY, record BLOB NOT NULL, fired INTEGER NOT NULL, primary_id INTEGER NOT NULL,
    closed_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS trigger_log (
    account INTEGER NOT NULL, seq INTEGER NOT NULL, event_index INTEGER NOT NULL, instrument INTEGER NOT NULL,
    label INTEGER NOT NULL, order_record BLOB NOT NULL, extended BLOB NOT NULL, primary_id INTEGER NOT NULL,
    PRIMARY KEY (account, seq, event_index)) WITHOUT ROWID;
"""
INDEXES: Final = """
CREATE INDEX IF NOT EXISTS extended_by_age ON extended (closed_ms);
"""
LAST_INDEX: Final = "extended_by_age"
LOG_MAX: Final = 10_000
"""Ends of triggers kept of one account."""
_FOREVER: Final = -1  # closed_ms of an order that is kept for ever, since it was filled
_ORDER: Final = struct.Struct("<4xIQIIQ16xq8x4xBB10xI")
_TRIGGERED_LINKS: Final = (r.LINK_OTO, r.LINK_OTOCO)
_ALIVE: Final = (r.ORDER_STATE_OPEN, r.ORDER_STATE_UNTRIGGERED)


class ExtendedRow(NamedTuple):
    """The last EXTENDED of an order, and its primary if it is a member."""

    record: bytes
    primary_id: int


class TriggerRow(NamedTuple):
    """How one trigger ended: the ORDER and the EXTENDED of then."""

    account: int
    seq: int
    event_index: int
    instrument: int
    label: int
    order_record: bytes
    extended: bytes
    primary_id: int


class Waiting:
    """EXTENDED of the open orders that have one, and which of them have a trigger that has not fired."""

    def __init__(self) -> None:
        self.known: dict[int, ExtendedRow] = {}
        self.unfired: set[int] = set()

    def load(self, db: sqlite3.Connection) -> None:
        """What the store has of open orders."""
        rows = db.execute("SELECT order_id, record, fired, primary_id FROM extended WHERE closed_ms = 0")
        for order_id, record, fired, primary_id in rows:
            self.known[order_id] = ExtendedRow(record, primary_id)
            if not fired and record[32]:
                self.unfired.add(order_id)


class ExtraRows:
    """The rows of one transaction; `waiting` moves along."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self.told: dict[int, ExtendedRow] = {}
        self.fired: dict[int, None] = {}
        self.closed: dict[int, int] = {}
        """When each order closed (ms); −1 for one that was filled."""
        self.log: list[TriggerRow] = []

    def extended(self, event: Extended, record: bytes) -> None:
        """An EXTENDED."""
        order_id = event.head.id
        known = self._waiting.known.get(order_id)
        is_member = event.link in _TRIGGERED_LINKS and event.members == 0
        primary = known.primary_id if known is not None else event.other_order_id if is_member else 0
        self.told[order_id] = self._waiting.known[order_id] = ExtendedRow(record, primary)
        if known is None and event.trigger:
            self._waiting.unfired.add(order_id)

    def order(self, packed: bytes, at: int, size: int) -> None:
        """The ORDER at byte `at`."""
        waiting = self._waiting
        fields = _ORDER.unpack_from(packed, at)
        index, seq, account, instrument, order_id, filled, kind, state, label = fields
        known = waiting.known.get(order_id)
        if known is None:
            return
        if order_id in waiting.unfired and (kind == r.ORDER_TRIGGERED or state not in _ALIVE):
            waiting.unfired.discard(order_id)
            self.log.append(
                TriggerRow(
                    account,
                    seq & COUNTER_MASK,
                    index,
                    instrument,
                    label,
                    packed[at : at + size],
                    known.record,
                    known.primary_id,
                )
            )
            if kind == r.ORDER_TRIGGERED:
                self.fired[order_id] = None
        if state not in _ALIVE:
            time_ms = int.from_bytes(packed[at + 96 : at + 104], "little")
            self.closed[order_id] = _FOREVER if filled else time_ms
            del waiting.known[order_id]

    def insert(self, db: sqlite3.Connection, oldest_ms: int) -> None:
        """Write the rows; forget what is known of orders without fills that closed before `oldest_ms`."""
        db.executemany(
            "INSERT INTO extended VALUES (?, ?, 0, ?, 0) "
            "ON CONFLICT DO UPDATE SET record = excluded.record",
            ((order_id, *row) for order_id, row in self.told.items()),
        )
        db.executemany("UPDATE extended SET fired = 1 WHERE order_id = ?", ((one,) for one in self.fired))
        db.executemany(
            "UPDATE extended SET closed_ms = ? WHERE order_id = ?",
            ((closed_ms, order_id) for order_id, closed_ms in self.closed.items()),
        )
        db.executemany("INSERT INTO trigger_log VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self.log)
        for account in dict.fromkeys(row.account for row in self.log):
            _limit(db, account)
        if oldest_ms > 0:
            db.execute("DELETE FROM extended WHERE closed_ms > 0 AND closed_ms < ?", (oldest_ms,))


def _limit(db: sqlite3.Connection, account: int) -> None:
    """Drop an account's oldest ends of triggers."""
    row = db.execute(
        "SELECT seq, event_index FROM trigger_log WHERE account = ? "
        "ORDER BY seq DESC, event_index DESC LIMIT 1 OFFSET ?",
        (account, LOG_MAX),
    ).fetchone()
    if row is not None:
        db.execute(
            "DELETE FROM trigger_log WHERE account = ? AND (seq, event_index) <= (?, ?)", (account, *row)
        )
