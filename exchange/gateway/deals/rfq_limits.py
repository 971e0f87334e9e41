"""What makers have chosen to protect their quotes for requests with, kept beside the account settings.

Limits are of an account and an index, or of all indices together; a freeze is kept too, so that one that
waits for a reset outlives a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

import msgspec

ALL: Final = -1
"""In place of an underlying: all of them."""
UNTIL_RESET: Final = -1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS rfq_limits (
    account INTEGER NOT NULL, underlying INTEGER NOT NULL, chosen BLOB NOT NULL,
    frozen_until_ms INTEGER NOT NULL, PRIMARY KEY (account, underlying)
) WITHOUT ROWID;
"""
Key = tuple[int, int]
"""Account and underlying, or `ALL`."""


class RfqLimits(msgspec.Struct, frozen=True):
    """Limits within an interval, none where 0: gross quantity and net delta in 1e-8 of the underlying, net
    vega in micro-USDC per point, block trades; and how much may stand on one side of a request."""

    interval_ms: int
    frozen_ms: int
    quantity_e8: int = 0
    delta_e8: int = 0
    vega_micro: int = 0
    trades: int = 0
    max_quote_e8: int = 0


class Guard(msgspec.Struct):
    """Limits, and until when (ms, `UNTIL_RESET`, 0: not) the quotes are frozen."""

    limits: RfqLimits
    frozen_until_ms: int = 0

    def is_frozen(self, now_ms: int) -> bool:
        """Whether nothing may be quoted."""
        return self.frozen_until_ms == UNTIL_RESET or self.frozen_until_ms > now_ms


class RfqGuards:
    """Guards by account and underlying, in memory and, with a database, durable with every change.

    Raises:
        sqlite3.DatabaseError, msgspec.MsgspecError: the database cannot be read.
    """

    def __init__(self, db: sqlite3.Connection | None = None) -> None:
        self._db = db
        self._guards: dict[int, dict[int, Guard]] = {}
        if db is not None:
            db.executescript(_SCHEMA)
            for account, underlying, chosen, frozen in db.execute("SELECT * FROM rfq_limits"):
                guard = Guard(msgspec.msgpack.decode(chosen, type=RfqLimits), frozen)
                self._guards.setdefault(account, {})[underlying] = guard

    def of(self, account: int) -> dict[int, Guard]:
        """An account's guards by underlying."""
        return self._guards.get(account, {})

    def on(self, account: int, underlyings: set[int]) -> Iterator[tuple[Key, Guard]]:
        """An account's guards that concern what is traded on these underlyings."""
        for underlying, guard in self.of(account).items():
            if underlying == ALL or underlying in underlyings:
                yield (account, underlying), guard

    def put(self, account: int, underlying: int, guard: Guard) -> None:
        """A guard as it is now."""
        if self._db is not None:
            row = (account, underlying, msgspec.msgpack.encode(guard.limits), guard.frozen_until_ms)
            self._db.execute("INSERT OR REPLACE INTO rfq_limits VALUES (?, ?, ?, ?)", row)
        self._guards.setdefault(account, {})[underlying] = guard

    def remove(self, account: int, underlying: int) -> None:
        """There is no such guard any more."""
        mine = self._guards.get(account, {})
        if mine.pop(underlying, None) is not None and self._db is not None:
            key = (account, underlying)
            self._db.execute("DELETE FROM rfq_limits WHERE account = ? AND underlying = ?", key)
        if not mine:
            self._guards.pop(account, None)
