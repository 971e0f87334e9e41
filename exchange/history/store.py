"""The queryable past: fills, closed orders with fills, settlements, cash movements, listings in SQLite.

One writer, in its own process, feeds the store from event segments; each batch of frames and the cursor
behind it are one transaction, so a crash neither loses nor doubles anything. Readers open the file
read-only. Records are kept packed, as the events they came in, beside the columns that are searched.

Kept forever: every TRADE (once, and once a side with that side's order), SETTLED, CASH, LIQUIDATION and
MOVED event of each account, one row for each settlement of a market and each covered loss, the last ORDER
of every order that was filled at least in part. Orders that closed without a fill are not kept:
the gateway's ring remembers the recent ones.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.history.rows import Indices, LossRow, MarketRow, Rows, class_of

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cursors (name TEXT PRIMARY KEY, next_seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trades (
    trade_id INTEGER PRIMARY KEY, instrument INTEGER NOT NULL, trade_seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, record BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS trades_by_instrument ON trades (instrument, trade_seq);
CREATE TABLE IF NOT EXISTS fills (
    account INTEGER NOT NULL, trade_id INTEGER NOT NULL, instrument INTEGER NOT NULL,
    label INTEGER NOT NULL, order_record BLOB NOT NULL,
    PRIMARY KEY (account, trade_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fills_by_instrument ON fills (account, instrument, trade_id);
CREATE TABLE IF NOT EXISTS orders (
    order_id INTEGER PRIMARY KEY, account INTEGER NOT NULL, record BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS movements (
    account INTEGER NOT NULL, seq INTEGER NOT NULL, event_index INTEGER NOT NULL,
    record BLOB NOT NULL, class INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, seq, event_index)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listings (instrument INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS underlyings (instrument INTEGER PRIMARY KEY, underlying INTEGER NOT NULL);
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
"""
_CLASS_INDEX: Final = """
CREATE INDEX IF NOT EXISTS movements_by_class ON movements (account, class, seq);
"""
_EVENTS_CURSOR: Final = "events"
_LABELS_CURSOR: Final = "labels"


class StoreInUse(Exception):
    """Another process writes this store."""


class StoredFill(NamedTuple):
    """One side of a match: the TRADE, that side's ORDER after it (may be empty), its label's text."""

    trade: bytes
    order: bytes
    label: str


class HistoryWriter:
    """The store's one writer; it holds a lock beside the file.

    Raises:
        StoreInUse: another writer holds it.
        sqlite3.Error: the file is no store, or the disk refuses.
    """

    def __init__(self, path: str | Path) -> None:
        self._lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StoreInUse(str(path)) from None
        self._db = sqlite3.connect(path, isolation_level=None)
        # FULL: a cursor is published only behind what would survive a power loss.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        _add_classes(self._db)
        self._db.executescript(_SCHEMA)
        self._db.executescript(_CLASS_INDEX)
        self._indices = Indices(
            dict(self._db.execute("SELECT instrument, underlying FROM underlyings")),
            dict(self._db.execute("SELECT underlying, index_micro FROM indices")),
        )

    def close(self) -> None:
        """Close the file and release the lock."""
        self._db.close()
        os.close(self._lock)

    @property
    def next_seq(self) -> int:
        """Counter of the first command whose events are not stored yet."""
        return self._cursor(_EVENTS_CURSOR)

    @property
    def labels_next_seq(self) -> int:
        """Counter of the first command not yet searched for labels."""
        return self._cursor(_LABELS_CURSOR)

    def _cursor(self, name: str) -> int:
        row = self._db.execute("SELECT next_seq FROM cursors WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 1

    def add_events(self, packed: Iterable[bytes], next_seq: int) -> None:
        """Store the events of commands from the cursor up to `next_seq`, and move the cursor there.

        Raises:
            EventError: bytes that are no events; nothing is stored.
            ValueError: `next_seq` is behind the cursor.
        """
        if next_seq < self.next_seq:
            raise ValueError(f"the store is at {self.next_seq}, not before {next_seq}")
        indices = Indices(dict(self._indices.underlyings), dict(self._indices.values))
        rows = Rows(indices)
        for run in packed:
            rows.add(run)
        with _Transaction(self._db) as db:
            db.executemany("INSERT INTO trades VALUES (?, ?, ?, ?, ?)", rows.trades)
            db.executemany(
                "INSERT INTO fills VALUES (?, ?, ?, ?, ?)", ((*key, *row) for key, row in rows.fills.items())
            )
            db.executemany(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?)",
                ((order_id, *row) for order_id, row in rows.orders.items()),
            )
            db.executemany(
                "INSERT INTO movements (account, seq, event_index, class, record) VALUES (?, ?, ?, ?, ?)",
                rows.movements,
            )
            db.executemany("INSERT INTO markets VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows.markets.values())
            db.executemany("INSERT INTO losses VALUES (?, ?, ?, ?, ?)", rows.losses.values())
            db.executemany("INSERT OR IGNORE INTO underlyings VALUES (?, ?)", rows.underlyings.items())
            db.executemany("INSERT OR REPLACE INTO indices VALUES (?, ?)", rows.index_values.items())
            # The first event of an instrument is its listing.
            db.executemany("INSERT OR IGNORE INTO listings VALUES (?, ?)", rows.listings.items())
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (_EVENTS_CURSOR, next_seq))
        self._indices = indices

    def add_labels(self, labels: Iterable[tuple[int, int, str]], next_seq: int) -> None:
        """Store (account, label, text) of commands up to `next_seq`, and move their cursor there."""
        with _Transaction(self._db) as db:
            db.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", labels)
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (_LABELS_CURSOR, next_seq))


def _add_classes(db: sqlite3.Connection) -> None:
    """Bring a store of an earlier form up to this one: its movements get their class, in one transaction.

    Settlements of markets from before are in the accounts' movements alone.
    """
    columns = [row[1] for row in db.execute("PRAGMA table_info(movements)")]
    if not columns or "class" in columns:
        return
    with _Transaction(db):
        db.execute("ALTER TABLE movements ADD COLUMN class INTEGER NOT NULL DEFAULT 0")
        rows = db.execute("SELECT account, seq, event_index, record FROM movements").fetchall()
        db.executemany(
            "UPDATE movements SET class = ? WHERE account = ? AND seq = ? AND event_index = ?",
            [(class_of(ev.read_event(row[3])), *row[:3]) for row in rows],
        )


class _Transaction:
    """BEGIN … COMMIT, or ROLLBACK if the block raises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        return self._db

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


class HistoryReader:
    """Read-only queries. Opens the file when it exists; before that there is no history.

    Raises:
        sqlite3.Error: from any query, if the file is no store.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection | None:
        if self._db is None and self._path.exists():
            db = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'movements_by_class'").fetchone() is None:
                db.close()  # the writer is still making its tables
                return None
            self._db = db
        return self._db

    def user_trades(
        self, account: int, instruments: Sequence[int] | None, *, before_trade_id: int, limit: int
    ) -> list[StoredFill]:
        """An account's fills with a lower trade_id, newest first; `instruments` None: any."""
        db = self._open()
        if db is None:
            return []
        only = ""
        values: list[int] = [account, min(before_trade_id, (1 << 63) - 1)]
        if instruments is not None:
            only = f"AND f.instrument IN ({','.join('?' * len(instruments))})"
            values += instruments
        rows = db.execute(
            f"""SELECT t.record, f.order_record, coalesce(l.text, '') FROM fills f
            JOIN trades t USING (trade_id) LEFT JOIN labels l ON l.account = f.account AND l.label = f.label
            WHERE f.account = ? AND f.trade_id < ? {only} ORDER BY f.trade_id DESC LIMIT ?""",
            (*values, limit),
        )
        return [StoredFill(*row) for row in rows]

    def market_trades(self, instrument: int, *, before_trade_seq: int, limit: int) -> list[bytes]:
        """TRADE records of an instrument with a lower trade_seq, newest first."""
        db = self._open()
        if db is None:
            return []
        rows = db.execute(
            "SELECT record FROM trades WHERE instrument = ? AND trade_seq < ? "
            "ORDER BY trade_seq DESC LIMIT ?",
            (instrument, min(before_trade_seq, (1 << 63) - 1), limit),
        )
        return [row[0] for row in rows]

    def order(self, order_id: int) -> bytes:
        """The last ORDER record of a closed order that had fills, or b""."""
        db = self._open()
        if db is None:
            return b""
        row = db.execute("SELECT record FROM orders WHERE order_id = ?", (order_id,)).fetchone()
        return bytes(row[0]) if row else b""

    def movements(
        self, account: int, classes: Sequence[int] | None = None, *, before_seq: int, limit: int
    ) -> list[bytes]:
        """CASH, SETTLED, LIQUIDATION and MOVED records of an account with a lower seq, newest first;
        `classes` (`rows.movement_class`) None: any."""
        db = self._open()
        if db is None:
            return []
        only = ""
        values: list[int] = [account, min(before_seq, (1 << 63) - 1)]
        if classes is not None:
            only = f"AND class IN ({','.join('?' * len(classes))})"
            values += classes
        rows = db.execute(
            f"SELECT record FROM movements WHERE account = ? AND seq < ? {only} "
            "ORDER BY seq DESC, event_index DESC LIMIT ?",
            (*values, limit),
        )
        return [row[0] for row in rows]

    def markets(
        self, instrument: int | None, kinds: Sequence[int], *, before_seq: int, limit: int
    ) -> list[MarketRow]:
        """Settlements of markets of the given SETTLED kinds with a lower seq, newest first; `instrument`
        None: any."""
        db = self._open()
        if db is None:
            return []
        only = "" if instrument is None else "instrument = ? AND"
        values = [] if instrument is None else [instrument]
        rows = db.execute(
            f"SELECT * FROM markets WHERE {only} kind IN ({','.join('?' * len(kinds))}) AND seq < ? "
            "ORDER BY seq DESC LIMIT ?",
            (*values, *kinds, min(before_seq, (1 << 63) - 1), limit),
        )
        return [MarketRow(*row) for row in rows]

    def market(self, seq: int) -> MarketRow | None:
        """The settlement of a market by one command, or None."""
        db = self._open()
        row = None if db is None else db.execute("SELECT * FROM markets WHERE seq = ?", (seq,)).fetchone()
        return MarketRow(*row) if row else None

    def deliveries(self) -> list[MarketRow]:
        """One row for every delivery price of a day, oldest first."""
        db = self._open()
        if db is None:
            return []
        rows = db.execute(
            "SELECT * FROM markets WHERE seq IN (SELECT min(seq) FROM markets WHERE kind = ? "
            "GROUP BY time_ms / 86400000, price) ORDER BY seq",
            (r.SETTLED_DELIVERY,),
        )
        return [MarketRow(*row) for row in rows]

    def losses(self, *, before_seq: int, limit: int) -> list[LossRow]:
        """Covered and shared losses with a lower seq, newest first."""
        db = self._open()
        if db is None:
            return []
        rows = db.execute(
            "SELECT * FROM losses WHERE seq < ? ORDER BY seq DESC LIMIT ?",
            (min(before_seq, (1 << 63) - 1), limit),
        )
        return [LossRow(*row) for row in rows]

    def listing_times(self) -> dict[int, int]:
        """When each instrument was listed (ms), by its id."""
        db = self._open()
        if db is None:
            return {}
        return dict(db.execute("SELECT instrument, time_ms FROM listings"))
