"""How many combos an account may have made that are still open.

The core bounds the open combos of an option and of the shard; this bounds what one account can take of them.
Who made a combo is the edge's to know: it is kept beside the account settings, and one row goes with each
combo that is found to have ended.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from exchange.domain import records as r
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.instruments import InstrumentView

OF_ACCOUNT: Final = 64
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS combos_made (combo INTEGER PRIMARY KEY, account INTEGER NOT NULL);
"""


class ComboCaps:
    """Open combos by who made them, in memory and, with a database, durable once they are noted.

    Raises:
        sqlite3.DatabaseError: the database cannot be read.
    """

    def __init__(self, db: sqlite3.Connection | None = None, of_account: int = OF_ACCOUNT) -> None:
        self._db = db
        self._most = of_account
        self._made: dict[int, list[int]] = {}
        if db is not None:
            db.executescript(_SCHEMA)
            for combo, account in db.execute("SELECT combo, account FROM combos_made ORDER BY combo"):
                self._made.setdefault(account, []).append(combo)

    def must_have_room(self, account: int, registry: Registry) -> None:
        """Refuse one combo more than an account may have made. Raises RpcError 13035."""
        made = self._made.get(account, [])
        ended = [combo for combo in made if not _is_open(registry, combo)]
        if ended:
            self._forget(account, ended)
        if len(made) - len(ended) >= self._most:
            raise error(
                errors.COMBO_LIMIT, param="trades", limit_name="combos_of_account", limit=self._most
            )

    def note(self, account: int, view: InstrumentView) -> None:
        """The account has made a combo."""
        if self._db is not None:
            row = (view.instrument, account)
            self._db.execute("INSERT OR REPLACE INTO combos_made VALUES (?, ?)", row)
        self._made.setdefault(account, []).append(view.instrument)

    def _forget(self, account: int, ended: list[int]) -> None:
        if self._db is not None:
            places = ", ".join("?" * len(ended))
            self._db.execute(f"DELETE FROM combos_made WHERE combo IN ({places})", ended)
        self._made[account] = [combo for combo in self._made[account] if combo not in ended]


def _is_open(registry: Registry, combo: int) -> bool:
    """Whether a combo is still on the list; one the venue does not know is not."""
    views = registry.instruments
    return combo < len(views) and views[combo].is_combo and views[combo].state < r.STATE_DELISTED
