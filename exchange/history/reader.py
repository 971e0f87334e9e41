"""Read-only queries of the store: what the gateway's memory no longer holds.

Everything here is one look-up or one page, quick enough for the caller's own thread; what may take longer
is in `exchange.history.past`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.history import bars as b
from exchange.history.rows import LossRow, MarketRow
from exchange.history.schema import EVENTS_CURSOR, LAST_INDEX, LAST_TRADES


class StoredFill(NamedTuple):
    """One side of a match: the TRADE, that side's ORDER after it (may be empty), its label's text, and the
    price's direction against the trade before."""

    trade: bytes
    order: bytes
    label: str
    tick: int = 0


class StoredOrder(NamedTuple):
    """A closed order: its last ORDER, the fees of its fills, its label's text; of one with a trigger, a link
    or a volatility the last EXTENDED, whether its trigger has fired, and its primary."""

    record: bytes
    fee_micro: int
    label: str
    extended: bytes = b""
    fired: int = 0
    primary_id: int = 0


class StoredTrigger(NamedTuple):
    """How a trigger ended: the ORDER and the EXTENDED of then, the label's text, the primary."""

    order_record: bytes
    extended: bytes
    label: str
    primary_id: int


ORDER_COLUMNS: Final = (
    "o.record, o.fee_micro, coalesce(l.text, ''), coalesce(x.record, x''), coalesce(x.fired, 0), "
    "coalesce(x.primary_id, 0) FROM orders o "
    "LEFT JOIN labels l ON l.account = o.account AND l.label = o.label "
    "LEFT JOIN extended x ON x.order_id = o.order_id"
)


BAR_COLUMNS: Final = "start_s, open, high, low, close, volume, value FROM bars"


class Opening(NamedTuple):
    """What a starting venue takes from the store, as of one moment."""

    next_seq: int = 0
    """The first command whose events are not in it; 0 without a store."""
    last_trades: tuple[tuple[bytes, int], ...] = ()
    """The last TRADE of each instrument and its direction against the trade before."""
    day: tuple[tuple[int, b.Bar], ...] = ()
    """Each instrument's bars of five minutes of the last 24 hours, oldest first."""
    deliveries: tuple[tuple[int, int], ...] = ()
    """Delivered instruments and their prices in micro-USDC."""
    settlements: tuple[tuple[int, int], ...] = ()
    """Perpetuals and the ticks they were last settled at."""
    fees: tuple[tuple[int, int], ...] = ()
    """Open orders that have fills, and the fees of these."""
    extended: tuple[tuple[bytes, int, int], ...] = ()
    """Of open orders with a trigger, a link or a volatility: EXTENDED, whether it has fired, the primary."""


class HistoryReader:
    """Read-only queries. Opens the file when it exists; before that there is no history.

    Raises:
        sqlite3.Error: from any query, if the file is no store.
    """

    def __init__(self, path: str | Path, *, any_thread: bool = False) -> None:
        """`any_thread`: it will be used on another thread than this one, on one at a time."""
        self._path = Path(path)
        self._any_thread = any_thread
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection | None:
        if self._db is None and self._path.exists():
            db = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                check_same_thread=not self._any_thread,
            )
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (LAST_INDEX,)).fetchone() is None:
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
            f"""SELECT t.record, f.order_record, coalesce(l.text, ''), t.tick FROM fills f
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

    def next_seq(self) -> int:
        """Counter of the first command whose events are not stored yet; 0 without a store."""
        db = self._open()
        if db is None:
            return 0
        row = db.execute("SELECT next_seq FROM cursors WHERE name = ?", (EVENTS_CURSOR,)).fetchone()
        return int(row[0]) if row else 1

    def opening(self, now_ms: int) -> Opening:
        """What a venue that starts at `now_ms` needs to know."""
        db = self._open()
        if db is None:
            return Opening()
        db.execute("BEGIN")
        try:
            last = db.execute(LAST_TRADES).fetchall()
            since_s = now_ms // 1_000 - b.DAY_S - 5 * b.MINUTE_S
            day: list[tuple[int, b.Bar]] = []
            for record, _ in last:
                member = int.from_bytes(record[20:24], "little")
                rows = db.execute(
                    f"SELECT {BAR_COLUMNS} WHERE series = ? AND member = ? AND step_s = ? AND start_s > ? "
                    "ORDER BY start_s",
                    (b.TRADES, member, 5 * b.MINUTE_S, since_s),
                )
                day += [(member, b.Bar(*row)) for row in rows]
            settled = "SELECT instrument, price FROM markets WHERE seq IN (SELECT max(seq) FROM markets "
            settled += "WHERE kind = ? GROUP BY instrument)"
            return Opening(
                self.next_seq(),
                tuple(last),
                tuple(day),
                tuple(db.execute(settled, (r.SETTLED_DELIVERY,)).fetchall()),
                tuple(db.execute(settled, (r.SETTLED_PERPETUAL,)).fetchall()),
                tuple(db.execute("SELECT order_id, fee_micro FROM fees").fetchall()),
                tuple(
                    db.execute(
                        "SELECT record, fired, primary_id FROM extended WHERE closed_ms = 0 ORDER BY order_id"
                    ).fetchall()
                ),
            )
        finally:
            db.execute("COMMIT")

    def order(self, order_id: int) -> StoredOrder | None:
        """A closed order, or None."""
        db = self._open()
        if db is None:
            return None
        row = db.execute(
            f"SELECT {ORDER_COLUMNS} WHERE o.order_id = ?", (min(order_id, (1 << 63) - 1),)
        ).fetchone()
        return StoredOrder(*row) if row else None

    def label(self, account: int, label: int) -> str:
        """The text of a label; empty if it is not stored."""
        db = self._open()
        text = "SELECT text FROM labels WHERE account = ? AND label = ?"
        row = None if db is None else db.execute(text, (account, label)).fetchone()
        return str(row[0]) if row else ""

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

    def combo_times(self) -> dict[int, int]:
        """When each combo last changed its state (ms), by its id."""
        db = self._open()
        if db is None:
            return {}
        # The kind of INSTRUMENT's terms, and its time (docs/formats.md).
        rows = db.execute(
            "SELECT instrument, substr(record, 233, 8) FROM terms WHERE substr(record, 33, 1) = ?",
            (bytes([r.KIND_COMBO]),),
        )
        return {instrument: int.from_bytes(time_ms, "little") for instrument, time_ms in rows}

    def listing_times(self) -> dict[int, int]:
        """When each instrument was listed (ms), by its id."""
        db = self._open()
        if db is None:
            return {}
        return dict(db.execute("SELECT instrument, time_ms FROM listings"))
