"""How often a family may move positions: so many requests a minute, so many moves a week.

Moves of the week are kept beside the account settings; requests of the last minute are memory.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from typing import Final

from exchange.wire import errors
from exchange.wire.errors import error

A_MINUTE: Final = 6
A_WEEK: Final = 100
MINUTE_MS: Final = 60_000
WEEK_MS: Final = 168 * 3_600_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS moves (account INTEGER NOT NULL, time_ms INTEGER NOT NULL);
"""


class MoveBudget:
    """Moves by main account, in memory and, with a database, durable once they are noted.

    Raises:
        sqlite3.DatabaseError: the database cannot be read.
    """

    def __init__(self, db: sqlite3.Connection | None = None) -> None:
        self._db = db
        self._asked: dict[int, deque[int]] = {}
        self._moved: dict[int, deque[int]] = {}
        if db is not None:
            db.executescript(_SCHEMA)
            for account, time_ms in db.execute("SELECT account, time_ms FROM moves ORDER BY time_ms"):
                self._moved.setdefault(account, deque()).append(time_ms)

    def ask(self, main: int, now_ms: int) -> None:
        """Count a request. Raises RpcError 13780 with the seconds to `wait` where there were too many."""
        asked = _since(self._asked, main, now_ms - MINUTE_MS)
        moved = _since(self._moved, main, now_ms - WEEK_MS)
        for times, most, span_ms in ((asked, A_MINUTE, MINUTE_MS), (moved, A_WEEK, WEEK_MS)):
            if len(times) >= most:
                wait_s = -(-(times[0] + span_ms - now_ms) // 1_000)
                raise error(errors.MOVES_OVER_LIMIT, wait=max(1, wait_s), limit=most)
        asked.append(now_ms)

    def note(self, main: int, now_ms: int) -> None:
        """Positions were moved."""
        if self._db is not None:
            self._db.execute("DELETE FROM moves WHERE time_ms <= ?", (now_ms - WEEK_MS,))
            self._db.execute("INSERT INTO moves VALUES (?, ?)", (main, now_ms))
        self._moved.setdefault(main, deque()).append(now_ms)


def _since(table: dict[int, deque[int]], main: int, after_ms: int) -> deque[int]:
    """A family's times later than `after_ms`; the others are forgotten."""
    times = table.setdefault(main, deque())
    while times and times[0] <= after_ms:
        times.popleft()
    return times
