"""Names of market-maker protection groups: the core knows an account's groups as numbers.

An account has sixteen names at a time, the same for all its underlyings; `default` is number 0, the group of
single orders with `mmp`. A name whose groups are gone makes room for another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from exchange.domain.limits import MAX_MMP_GROUPS
from exchange.wire.errors import invalid_param
from exchange.wire.names import DEFAULT_GROUP

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS mmp_groups (
    account INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (account, number)
) WITHOUT ROWID;
"""


class GroupNames:
    """Names by account and number, in memory and, with a database, durable when they are given.

    Raises:
        sqlite3.DatabaseError: the database cannot be read.
    """

    def __init__(self, db: sqlite3.Connection | None = None) -> None:
        self._db = db
        self._names: dict[int, dict[int, str]] = {}
        if db is not None:
            db.executescript(_SCHEMA)
            for account, number, name in db.execute("SELECT account, number, name FROM mmp_groups"):
                self._names.setdefault(account, {})[number] = name

    def name(self, account: int, number: int) -> str:
        """The name of a group."""
        if number == 0:
            return DEFAULT_GROUP
        return self._names.get(account, {}).get(number, f"group-{number}")

    def number(self, account: int, name: str) -> int | None:
        """The number behind a name; None for one that the account has not given."""
        if name in ("", DEFAULT_GROUP):
            return 0
        for number, known in self._names.get(account, {}).items():
            if known == name:
                return number
        return None

    def give(self, account: int, name: str, in_use: Callable[[int], bool]) -> int:
        """The number of a name, a new one if need be; `in_use(number)` says which may not be given again.

        Raises:
            RpcError: -32602 all sixteen are in use.
        """
        known = self.number(account, name)
        if known is not None:
            return known
        names = self._names.setdefault(account, {})
        fresh = [number for number in range(1, MAX_MMP_GROUPS) if number not in names]
        free = fresh or [number for number in names if not in_use(number)]
        if not free:
            raise invalid_param("mmp_group", f"an account has at most {MAX_MMP_GROUPS} groups")
        number = free[0]
        if self._db is not None:
            row = (account, number, name)
            self._db.execute("INSERT OR REPLACE INTO mmp_groups VALUES (?, ?, ?)", row)
        names[number] = name
        return number
