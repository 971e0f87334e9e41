"""Longer reads of the store: lists of orders and trades, bars, the transaction log.

They may take milliseconds, so the gateway runs them on a thread of their own, never on the loop. All of one
question is answered as of one moment: `ask` says which, as the counter of the first command whose events
are not in the store yet; what came since is in the gateway's memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from exchange.history import bars as b
from exchange.history.ledger import OF_INSTRUMENT, LedgerRow, Standing
from exchange.history.reader import (
    BAR_COLUMNS,
    ORDER_COLUMNS,
    HistoryReader,
    StoredFill,
    StoredOrder,
    StoredTrigger,
)

T = TypeVar("T")
MAX: Final = (1 << 63) - 1


class Span(NamedTuple):
    """Which trades are wanted: inclusive ranges of ids (or, of one instrument, trade_seq) and times."""

    first: int = 0
    last: int = MAX
    from_ms: int = 0
    until_ms: int = MAX
    oldest_first: bool = False
    limit: int = 1

    def has(self, number: int, time_ms: int) -> bool:
        """Whether a trade of this id (or trade_seq) and time is wanted."""
        return self.first <= number <= self.last and self.from_ms <= time_ms <= self.until_ms


class OrderQuery(NamedTuple):
    """Which closed orders are wanted, newest first; `unfilled_ms` None: only those with fills, else also
    those without that ended at this time or later."""

    account: int
    instruments: tuple[int, ...] | None
    unfilled_ms: int | None
    from_ms: int
    before: tuple[int, int]
    limit: int


class LedgerQuery(NamedTuple):
    """Which rows of the transaction log are wanted, newest first: all of `tags` set, one of the
    `instruments` if they are given."""

    account: int
    from_ms: int
    until_ms: int
    tags: int
    instruments: tuple[int, ...] | None
    before_user_seq: int
    limit: int

    def has(self, row: LedgerRow) -> bool:
        """Whether a row is wanted."""
        return (
            self.from_ms <= row.time_ms <= self.until_ms
            and row.tags & self.tags == self.tags
            and row.user_seq < self.before_user_seq
            and (self.instruments is None or (row.instrument in self.instruments and row.is_of_instrument))
        )


class StoredTrade(NamedTuple):
    """A TRADE and its price's direction against the trade before."""

    trade: bytes
    tick: int


def _among(column: str, values: Sequence[int] | None) -> str:
    # The numbers are ours, and may be more than a statement has parameters for.
    return "" if values is None else f"AND {column} IN ({','.join(str(int(value)) for value in values)})"


class Past(HistoryReader):
    """The store, for whoever has time."""

    def ask(self, work: Callable[[Past], T]) -> tuple[int, T | None]:
        """`work(self)` on one moment of the store, and its first command not stored; (0, None) without a
        store.

        Raises:
            sqlite3.Error: the store cannot be read.
        """
        db = self._open()
        if db is None:
            return 0, None
        db.execute("BEGIN")
        try:
            return self.next_seq(), work(self)
        finally:
            db.execute("COMMIT")

    def _db_now(self) -> sqlite3.Connection:
        db = self._open()
        if db is None:
            raise sqlite3.OperationalError("there is no store")
        return db

    # --- orders --------------------------------------------------------------------------------------

    def closed_orders(self, query: OrderQuery) -> list[StoredOrder]:
        """An account's closed orders, the last closed first."""
        filled = "o.filled = 1"
        if query.unfilled_ms is not None:
            filled = f"(o.filled = 1 OR o.time_ms >= {int(query.unfilled_ms)})"
        rows = self._db_now().execute(
            f"SELECT {ORDER_COLUMNS} WHERE o.account = ? AND (o.seq, o.event_index) < (?, ?) AND {filled} "
            f"AND o.time_ms >= ? {_among('o.instrument', query.instruments)} "
            "ORDER BY o.seq DESC, o.event_index DESC LIMIT ?",
            (query.account, *query.before, query.from_ms, query.limit),
        )
        return [StoredOrder(*row) for row in rows]

    def orders_by_label(self, account: int, text: str, limit: int) -> list[StoredOrder]:
        """An account's newest closed orders with a label."""
        rows = self._db_now().execute(
            f"SELECT {ORDER_COLUMNS} WHERE o.account = ? AND o.label IN "
            "(SELECT label FROM labels WHERE account = ? AND text = ?) AND o.label > 0 "
            "ORDER BY o.seq DESC, o.event_index DESC LIMIT ?",
            (account, account, text, limit),
        )
        return [StoredOrder(*row) for row in rows]

    def triggers(
        self, account: int, instruments: Sequence[int] | None, before: tuple[int, int], limit: int
    ) -> list[StoredTrigger]:
        """How triggers of an account ended before a place, the last first; `instruments` None: of any."""
        rows = self._db_now().execute(
            "SELECT g.order_record, g.extended, coalesce(l.text, ''), g.primary_id FROM trigger_log g "
            "LEFT JOIN labels l ON l.account = g.account AND l.label = g.label "
            "WHERE g.account = ? AND (g.seq, g.event_index) < (?, ?) "
            f"{_among('g.instrument', instruments)} ORDER BY g.seq DESC, g.event_index DESC LIMIT ?",
            (account, *before, limit),
        )
        return [StoredTrigger(*row) for row in rows]

    # --- trades --------------------------------------------------------------------------------------

    def instrument_trades(self, instrument: int, span: Span) -> list[StoredTrade]:
        """Trades of an instrument; the span's numbers are trade_seq."""
        order = "ASC" if span.oldest_first else "DESC"
        first, last = self._narrowed(span, "instrument = ? AND", "trade_seq", (instrument,))
        rows = self._db_now().execute(
            "SELECT record, tick FROM trades WHERE instrument = ? AND trade_seq BETWEEN ? AND ? "
            f"ORDER BY trade_seq {order} LIMIT ?",
            (instrument, first, last, span.limit),
        )
        return [StoredTrade(*row) for row in rows]

    def trades(self, categories: Sequence[int] | None, span: Span) -> list[StoredTrade]:
        """Trades of some categories of instruments (None: of all), by trade id."""
        order = "ASC" if span.oldest_first else "DESC"
        first, last = self._narrowed(span, "", "trade_id", ())
        found: list[tuple[int, bytes, int]] = []
        for category in (None,) if categories is None else categories:
            only = "" if category is None else f"category = {int(category)} AND"
            found += self._db_now().execute(
                f"SELECT trade_id, record, tick FROM trades WHERE {only} trade_id BETWEEN ? AND ? "
                f"ORDER BY trade_id {order} LIMIT ?",
                (first, last, span.limit),
            )
        found.sort(reverse=not span.oldest_first)
        return [StoredTrade(record, tick) for _, record, tick in found[: span.limit]]

    def _narrowed(self, span: Span, only: str, column: str, values: tuple[int, ...]) -> tuple[int, int]:
        """The span as numbers alone: times never fall as numbers grow, so their ends are searched for."""
        first, last = min(span.first, MAX), min(span.last, MAX)
        if span.from_ms > 0:
            first = max(first, self._first_from(span.from_ms, only, column, values))
        if span.until_ms < MAX:
            last = min(last, self._first_from(span.until_ms + 1, only, column, values) - 1)
        return first, last

    def _first_from(self, time_ms: int, only: str, column: str, values: tuple[int, ...]) -> int:
        """The first number whose trade is of this time or later; beyond all others if none is."""
        db = self._db_now()
        text = f"SELECT {column}, time_ms FROM trades WHERE {only} {column} >= ? ORDER BY {column} LIMIT 1"
        newest = f"SELECT {column} FROM trades WHERE {only} 1 ORDER BY {column} DESC LIMIT 1"
        end = db.execute(newest, values).fetchone()
        low, high = 0, (end[0] if end else 0) + 1
        while low < high:
            middle = (low + high) // 2
            row = db.execute(text, (*values, middle)).fetchone()
            if row is None or row[1] >= time_ms:
                high = middle
            else:
                low = row[0] + 1
        return low

    def fills(self, account: int, instruments: Sequence[int] | None, span: Span) -> list[StoredFill]:
        """An account's sides of its trades, by trade id."""
        first, last = self._narrowed(span, "", "trade_id", ())
        return self._fills(
            f"AND f.trade_id BETWEEN {int(first)} AND {int(last)} {_among('f.instrument', instruments)}",
            account,
            span,
        )

    def fills_of_seqs(self, account: int, instrument: int, span: Span) -> list[StoredFill]:
        """An account's sides of an instrument's trades, by trade_seq."""
        first, last = self._narrowed(span, "instrument = ? AND", "trade_seq", (instrument,))
        return self._fills(
            f"AND f.instrument = {int(instrument)} AND t.trade_seq BETWEEN {int(first)} AND {int(last)}",
            account,
            span,
        )

    def fills_of_order(self, account: int, order_id: int, from_ms: int, until_ms: int) -> list[StoredFill]:
        """An account's sides of an order's trades, oldest first; the order lived from `from_ms` to
        `until_ms`."""
        raw = min(order_id, MAX).to_bytes(8, "little")
        span = Span(from_ms=from_ms, until_ms=until_ms, oldest_first=True, limit=10_000)
        first, last = self._narrowed(span, "", "trade_id", ())
        return self._fills(
            f"AND f.trade_id BETWEEN {int(first)} AND {int(last)} "
            "AND (substr(t.record, 33, 8) = ? OR substr(t.record, 41, 8) = ?)",
            account,
            span,
            (raw, raw),
        )

    def _fills(
        self, only: str, account: int, span: Span, values: tuple[bytes, ...] = ()
    ) -> list[StoredFill]:
        order = "ASC" if span.oldest_first else "DESC"
        rows = self._db_now().execute(
            "SELECT t.record, f.order_record, coalesce(l.text, ''), t.tick FROM fills f "
            "JOIN trades t USING (trade_id) "
            "LEFT JOIN labels l ON l.account = f.account AND l.label = f.label "
            f"WHERE f.account = ? {only} ORDER BY f.trade_id {order} LIMIT ?",
            (account, *values, span.limit),
        )
        return [StoredFill(*row) for row in rows]

    # --- bars ----------------------------------------------------------------------------------------

    def bars(self, series: int, member: int, step_s: int, from_s: int, until_s: int) -> list[b.Bar]:
        """The bars that start in from_s … until_s, oldest first, and the one before them."""
        db = self._db_now()
        key = (series, member, step_s)
        text = f"SELECT {BAR_COLUMNS} WHERE series = ? AND member = ? AND step_s = ? AND "
        before = db.execute(text + "start_s < ? ORDER BY start_s DESC LIMIT 1", (*key, from_s)).fetchall()
        rows = db.execute(text + "start_s BETWEEN ? AND ? ORDER BY start_s", (*key, from_s, until_s))
        return [b.Bar(*row) for row in (*before, *rows)]

    def newest_bars(
        self, series: int, member: int, step_s: int, from_s: int, until_s: int, limit: int
    ) -> list[b.Bar]:
        """The newest bars that start in from_s … until_s, oldest first."""
        rows = self._db_now().execute(
            f"SELECT {BAR_COLUMNS} WHERE series = ? AND member = ? AND step_s = ? "
            "AND start_s BETWEEN ? AND ? ORDER BY start_s DESC LIMIT ?",
            (series, member, step_s, from_s, until_s, limit),
        )
        return [b.Bar(*row) for row in rows][::-1]

    def volumes(self, categories: Sequence[int], since_s: int) -> list[tuple[int, b.Bar]]:
        """What was traded in each category and hour from `since_s` on."""
        db = self._db_now()
        found: list[tuple[int, b.Bar]] = []
        for member in categories:
            rows = db.execute(
                f"SELECT {BAR_COLUMNS} WHERE series = ? AND member = ? AND step_s = ? AND start_s >= ?",
                (b.VOLUME, member, b.HOUR_S, since_s),
            )
            found += [(member, b.Bar(*row)) for row in rows]
        return found

    # --- the transaction log -------------------------------------------------------------------------

    def standing(self, account: int) -> tuple[Standing, dict[tuple[int, int], int]]:
        """Where an account's log stands, and what it holds."""
        db = self._db_now()
        row = db.execute(
            "SELECT user_seq, balance_micro FROM balances WHERE account = ?", (account,)
        ).fetchone()
        held = db.execute("SELECT instrument, lots FROM holdings WHERE account = ?", (account,))
        holdings = {(account, instrument): lots for instrument, lots in held}
        return Standing(*row) if row else Standing(), holdings

    def ledger(self, query: LedgerQuery) -> list[LedgerRow]:
        """Rows of an account's log, newest first; those of trades with the TRADE as record."""
        rows = self._db_now().execute(
            "SELECT l.account, l.user_seq, l.seq, l.event_index, l.side, l.time_ms, l.tags, l.instrument, "
            "l.change_micro, l.fee_micro, l.balance_micro, l.position_lots, l.trade_id, "
            "coalesce(t.record, l.record) FROM ledger l LEFT JOIN trades t "
            "ON t.trade_id = l.trade_id AND l.trade_id > 0 WHERE l.account = ? AND l.user_seq < ? "
            "AND l.time_ms BETWEEN ? AND ? AND l.tags & ? = ? "
            f"{self._instrument_rows(query)} ORDER BY l.user_seq DESC LIMIT ?",
            (
                query.account,
                min(query.before_user_seq, MAX),
                query.from_ms,
                min(query.until_ms, MAX),
                query.tags,
                query.tags,
                query.limit,
            ),
        )
        return [LedgerRow(*row) for row in rows]

    @staticmethod
    def _instrument_rows(query: LedgerQuery) -> str:
        if query.instruments is None:
            return ""
        return _among("l.instrument", query.instruments) + f" AND l.tags & {OF_INSTRUMENT} != 0"
