"""The store's tables, and how a store of an earlier form is brought up to this one."""

from __future__ import annotations

import sqlite3
from typing import Final

from exchange.domain import events as ev
from exchange.history import extras
from exchange.history.extras import LAST_INDEX
from exchange.history.rows import class_of

__all__ = ["COMMANDS_CURSOR", "EVENTS_CURSOR", "LAST_INDEX", "LAST_TRADES", "Transaction", "prepare"]

EVENTS_CURSOR: Final = "events"
COMMANDS_CURSOR: Final = "labels"

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, next_seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trades (
    trade_id INTEGER PRIMARY KEY, instrument INTEGER NOT NULL, trade_seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, record BLOB NOT NULL, category INTEGER NOT NULL DEFAULT 0,
    tick INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS trades_by_instrument ON trades (instrument, trade_seq);
CREATE TABLE IF NOT EXISTS fills (
    account INTEGER NOT NULL, trade_id INTEGER NOT NULL, instrument INTEGER NOT NULL,
    label INTEGER NOT NULL, order_record BLOB NOT NULL,
    PRIMARY KEY (account, trade_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fills_by_instrument ON fills (account, instrument, trade_id);
CREATE TABLE IF NOT EXISTS orders (
    order_id INTEGER PRIMARY KEY, account INTEGER NOT NULL, record BLOB NOT NULL,
    instrument INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL DEFAULT 0,
    event_index INTEGER NOT NULL DEFAULT 0, filled INTEGER NOT NULL DEFAULT 1,
    time_ms INTEGER NOT NULL DEFAULT 0, label INTEGER NOT NULL DEFAULT 0,
    fee_micro INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS fees (order_id INTEGER PRIMARY KEY, fee_micro INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS movements (
    account INTEGER NOT NULL, seq INTEGER NOT NULL, event_index INTEGER NOT NULL,
    record BLOB NOT NULL, class INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, seq, event_index)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listings (instrument INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS underlyings (instrument INTEGER PRIMARY KEY, underlying INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS terms (instrument INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS indices (underlying INTEGER PRIMARY KEY, index_micro INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS markets (
    seq INTEGER PRIMARY KEY, instrument INTEGER NOT NULL, kind INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    price INTEGER NOT NULL, index_micro INTEGER NOT NULL, long_lots INTEGER NOT NULL,
    gained_micro INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS markets_by_instrument ON markets (instrument, kind, seq);
CREATE INDEX IF NOT EXISTS markets_by_kind ON markets (kind, seq);
CREATE TABLE IF NOT EXISTS losses (
    seq INTEGER PRIMARY KEY, account INTEGER NOT NULL, kind INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    amount_micro INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS labels (
    account INTEGER NOT NULL, label INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (account, label)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bars (
    series INTEGER NOT NULL, member INTEGER NOT NULL, step_s INTEGER NOT NULL, start_s INTEGER NOT NULL,
    open INTEGER NOT NULL, high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL,
    volume INTEGER NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (series, member, step_s, start_s)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
    account INTEGER NOT NULL, user_seq INTEGER NOT NULL, seq INTEGER NOT NULL, event_index INTEGER NOT NULL,
    side INTEGER NOT NULL, time_ms INTEGER NOT NULL, tags INTEGER NOT NULL, instrument INTEGER NOT NULL,
    change_micro INTEGER NOT NULL, fee_micro INTEGER NOT NULL, balance_micro INTEGER NOT NULL,
    position_lots INTEGER NOT NULL, trade_id INTEGER NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (account, user_seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS balances (
    account INTEGER PRIMARY KEY, user_seq INTEGER NOT NULL, balance_micro INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS holdings (
    account INTEGER NOT NULL, instrument INTEGER NOT NULL, lots INTEGER NOT NULL,
    PRIMARY KEY (account, instrument)) WITHOUT ROWID;
"""
# Made last: a reader that finds them finds everything.
_INDEXES: Final = """
CREATE INDEX IF NOT EXISTS movements_by_class ON movements (account, class, seq);
CREATE INDEX IF NOT EXISTS labels_by_text ON labels (account, text);
CREATE INDEX IF NOT EXISTS orders_by_account ON orders (account, seq, event_index);
CREATE INDEX IF NOT EXISTS orders_by_age ON orders (time_ms) WHERE filled = 0;
CREATE INDEX IF NOT EXISTS orders_by_label ON orders (account, label, seq) WHERE label > 0;
CREATE INDEX IF NOT EXISTS ledger_by_time ON ledger (account, time_ms);
CREATE INDEX IF NOT EXISTS trades_by_category ON trades (category, trade_id);
"""
# One look-up an instrument: grouping would read every trade there ever was.
LAST_TRADES: Final = """
SELECT t.record, t.tick FROM listings n JOIN trades t ON t.instrument = n.instrument AND t.trade_seq =
    (SELECT max(x.trade_seq) FROM trades x WHERE x.instrument = n.instrument)
"""
_COLUMNS: Final = {
    "trades": ("category", "tick"),
    "orders": ("instrument", "seq", "event_index", "filled", "time_ms", "label", "fee_micro"),
}


class Transaction:
    """BEGIN … COMMIT, or ROLLBACK if the block raises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        return self._db

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an earlier form up to this one."""
    _add_classes(db)
    _add_columns(db)
    db.executescript(_TABLES + extras.TABLES)
    db.executescript(_INDEXES + extras.INDEXES)


def _columns_of(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def _add_classes(db: sqlite3.Connection) -> None:
    """A store from before movements had a class gets them, in one transaction.

    Settlements of markets from before are in the accounts' movements alone.
    """
    columns = _columns_of(db, "movements")
    if not columns or "class" in columns:
        return
    with Transaction(db):
        db.execute("ALTER TABLE movements ADD COLUMN class INTEGER NOT NULL DEFAULT 0")
        rows = db.execute("SELECT account, seq, event_index, record FROM movements").fetchall()
        db.executemany(
            "UPDATE movements SET class = ? WHERE account = ? AND seq = ? AND event_index = ?",
            [(class_of(ev.read_event(row[3])), *row[:3]) for row in rows],
        )


def _add_columns(db: sqlite3.Connection) -> None:
    """A store from before orders could be listed: its orders get what they are found by.

    Candles, index history and the transaction log of such a store begin where it is brought up to date.
    """
    columns = _columns_of(db, "orders")
    if not columns or "seq" in columns:
        return
    with Transaction(db):
        for table, names in _COLUMNS.items():
            for name in names:
                default = 1 if name == "filled" else 0
                db.execute(f"ALTER TABLE {table} ADD COLUMN {name} INTEGER NOT NULL DEFAULT {default}")
        found = []
        for order_id, record in db.execute("SELECT order_id, record FROM orders").fetchall():
            order = ev.read_event(record)
            if isinstance(order, ev.Order):
                head = order.head
                place = (head.instrument, head.counter, head.event_index)
                found.append((*place, order.time_ms, order.label, order_id))
        db.executemany(
            "UPDATE orders SET instrument = ?, seq = ?, event_index = ?, time_ms = ?, label = ? "
            "WHERE order_id = ?",
            found,
        )
