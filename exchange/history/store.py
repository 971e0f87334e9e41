"""The queryable past: fills, closed orders, settlements, cash, candles, listings in SQLite.

One writer, in its own process, feeds the store from event segments; each batch of frames and the cursor
behind it are one transaction, so a crash neither loses nor doubles anything. Readers open the file
read-only. Records are kept packed, as the events they came in, beside the columns that are searched.

Kept forever: every TRADE (once, and once a side with that side's order), SETTLED, CASH, LIQUIDATION and
MOVED event of each account, its transaction log with the balance after each row, one row for each
settlement of a market and each covered loss, the last ORDER of every order that was filled at least in
part, and bars of trades, indices, marks and volumes. Orders that closed without a fill are kept for a time
(half an hour by default), of each account the newest ten thousand.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from exchange.domain import events as ev
from exchange.history import bars as b
from exchange.history.ledger import Standing
from exchange.history.marks import MarkSampler
from exchange.history.reader import HistoryReader, StoredFill
from exchange.history.rows import Past, Rows, listing_of
from exchange.history.schema import (
    COMMANDS_CURSOR,
    EVENTS_CURSOR,
    LAST_TRADES,
    Transaction,
    prepare,
)

__all__ = ["HistoryReader", "HistoryWriter", "StoreInUse", "StoredFill"]

UNFILLED_KEPT_MS: Final = 30 * 60_000
UNFILLED_MAX: Final = 10_000


class StoreInUse(Exception):
    """Another process writes this store."""


class HistoryWriter:
    """The store's one writer; it holds a lock beside the file.

    Raises:
        StoreInUse: another writer holds it.
        sqlite3.Error: the file is no store, or the disk refuses.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        unfilled_kept_ms: int = UNFILLED_KEPT_MS,
        unfilled_max: int = UNFILLED_MAX,
    ) -> None:
        self._unfilled_kept_ms = unfilled_kept_ms
        self._unfilled_max = unfilled_max
        self._unfilled_added: dict[int, int] = {}
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
        prepare(self._db)
        self._marks = MarkSampler()
        self._past = self._load()

    def _load(self) -> Past:
        """What the next rows follow from, out of the store."""
        db = self._db
        past = Past(
            dict(db.execute("SELECT instrument, underlying FROM underlyings")),
            dict(db.execute("SELECT underlying, index_micro FROM indices")),
        )
        for instrument, record in db.execute("SELECT instrument, record FROM terms"):
            event = ev.read_event(record)
            if isinstance(event, ev.Instrument):
                past.listings[instrument] = listing_of(event)
                self._marks.list(event)
        for record, tick in db.execute(LAST_TRADES):
            trade = ev.read_event(record)
            if isinstance(trade, ev.Trade):
                past.ticks[trade.head.instrument] = (trade.price_ticks, tick)
        for account, user_seq, balance in db.execute("SELECT * FROM balances"):
            past.standings[account] = Standing(user_seq, balance)
        for account, instrument, lots in db.execute("SELECT * FROM holdings"):
            past.holdings[account, instrument] = lots
        past.waiting.load(db)
        return past

    def close(self) -> None:
        """Close the file and release the lock."""
        self._db.close()
        os.close(self._lock)

    @property
    def next_seq(self) -> int:
        """Counter of the first command whose events are not stored yet."""
        return self._cursor(EVENTS_CURSOR)

    @property
    def labels_next_seq(self) -> int:
        """Counter of the first command not yet searched for labels and marks."""
        return self._cursor(COMMANDS_CURSOR)

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
        rows = Rows(self._past)
        try:
            for run in packed:
                rows.add(run)
            with Transaction(self._db) as db:
                self._insert(db, rows)
                db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (EVENTS_CURSOR, next_seq))
        except BaseException:
            self._past = self._load()  # it was moved along
            raise
        for record in rows.terms.values():
            event = ev.read_event(record)
            if isinstance(event, ev.Instrument):
                self._marks.list(event)

    def _insert(self, db: sqlite3.Connection, rows: Rows) -> None:
        db.executemany("INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?)", rows.trades)
        db.executemany(
            "INSERT INTO fills VALUES (?, ?, ?, ?, ?)", ((*key, *row) for key, row in rows.fills.items())
        )
        self._insert_orders(db, rows)
        db.executemany(
            "INSERT INTO movements (account, seq, event_index, class, record) VALUES (?, ?, ?, ?, ?)",
            rows.movements,
        )
        db.executemany("INSERT INTO markets VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows.markets.values())
        db.executemany("INSERT INTO losses VALUES (?, ?, ?, ?, ?)", rows.losses.values())
        db.executemany("INSERT OR IGNORE INTO underlyings VALUES (?, ?)", rows.underlyings.items())
        db.executemany("INSERT OR REPLACE INTO terms VALUES (?, ?)", rows.terms.items())
        db.executemany("INSERT OR REPLACE INTO indices VALUES (?, ?)", rows.index_values.items())
        # The first event of an instrument is its listing.
        db.executemany("INSERT OR IGNORE INTO listings VALUES (?, ?)", rows.listings.items())
        db.executemany(b.UPSERT, rows.bars.rows())
        self._insert_ledger(db, rows)
        rows.extras.insert(db, rows.time_ms - self._unfilled_kept_ms)

    def _insert_orders(self, db: sqlite3.Connection, rows: Rows) -> None:
        """Closed orders with the fees of all their fills; of those without fills only what is kept."""
        oldest_ms = rows.time_ms - self._unfilled_kept_ms
        left = dict.fromkeys((row.account for row in rows.orders.values() if not row.is_filled), 0)
        kept: list[tuple[object, ...]] = []
        for order_id, row in reversed(rows.orders.items()):
            if not row.is_filled:
                left[row.account] += 1
                if row.time_ms < oldest_ms or left[row.account] > self._unfilled_max:
                    continue
            kept.append((order_id, *row))
        db.executemany(
            "INSERT INTO fees VALUES (?, ?) "
            "ON CONFLICT DO UPDATE SET fee_micro = fee_micro + excluded.fee_micro",
            rows.fees.items(),
        )
        db.executemany(
            "INSERT INTO orders (order_id, account, record, instrument, seq, event_index, filled, time_ms, "
            "label, fee_micro) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "record = excluded.record, seq = excluded.seq, event_index = excluded.event_index, "
            "filled = excluded.filled, time_ms = excluded.time_ms, "
            "fee_micro = fee_micro + excluded.fee_micro",
            kept,
        )
        ended = [(order_id,) for order_id, row in rows.orders.items() if row.is_filled]
        db.executemany(
            "UPDATE orders SET fee_micro = fee_micro + (SELECT fee_micro FROM fees f "
            "WHERE f.order_id = orders.order_id) "
            "WHERE order_id = ? AND order_id IN (SELECT order_id FROM fees)",
            ended,
        )
        db.executemany("DELETE FROM fees WHERE order_id = ?", ended)
        if rows.time_ms:
            db.execute("DELETE FROM orders WHERE filled = 0 AND time_ms < ?", (oldest_ms,))
        for account, count in left.items():
            self._limit_unfilled(db, account, count)

    def _limit_unfilled(self, db: sqlite3.Connection, account: int, count: int) -> None:
        """Drop an account's oldest orders without fills; looked at once in half of what is kept."""
        added = self._unfilled_added.get(account, 0) + min(count, self._unfilled_max)
        self._unfilled_added[account] = added
        if added * 2 <= self._unfilled_max:
            return
        self._unfilled_added[account] = 0
        db.execute(
            "DELETE FROM orders WHERE order_id IN (SELECT order_id FROM orders WHERE account = ? "
            "AND filled = 0 ORDER BY seq DESC, event_index DESC LIMIT -1 OFFSET ?)",
            (account, self._unfilled_max),
        )

    def _insert_ledger(self, db: sqlite3.Connection, rows: Rows) -> None:
        ledger = rows.ledger
        db.executemany(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.ledger_rows
        )
        db.executemany(
            "INSERT OR REPLACE INTO balances VALUES (?, ?, ?)",
            ((account, *ledger.standings[account]) for account in ledger.changed),
        )
        moved = [(*key, ledger.holdings[key]) for key in ledger.moved]
        db.executemany("INSERT OR REPLACE INTO holdings VALUES (?, ?, ?)", moved)
        empty = [(account, instrument) for account, instrument, lots in moved if not lots]
        db.executemany("DELETE FROM holdings WHERE account = ? AND instrument = ?", empty)
        for account, instrument in empty:
            del ledger.holdings[account, instrument]

    def add_bars(self, bars: b.Bars) -> None:
        """Merge bars into those that are stored."""
        with Transaction(self._db) as db:
            db.executemany(b.UPSERT, bars.rows())

    def add_commands(
        self, frames: Iterable[bytes], labels: Iterable[tuple[int, int, str]], next_seq: int
    ) -> None:
        """Store (account, label, text) and the marks in frames of commands up to `next_seq`, and move their
        cursor there."""
        found = b.Bars()
        for frame in frames:
            self._marks.add(frame, found)
        with Transaction(self._db) as db:
            db.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?, ?)", labels)
            db.executemany(b.UPSERT, found.rows())
            if found:
                db.execute(
                    "DELETE FROM bars WHERE series = ? AND step_s = 1 AND start_s < ? AND member IN "
                    "(SELECT DISTINCT underlying FROM indices)",
                    (b.VOLATILITY, self._marks.time_ms // 1_000 - b.SECONDS_KEPT_S),
                )
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (COMMANDS_CURSOR, next_seq))

