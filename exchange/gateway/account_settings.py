"""What accounts have chosen for themselves and their subaccounts, kept beside the credentials.

Settings are the edge's alone: the core knows nothing of them. They are answered from memory; a change costs
one write that outlives the process, the machine too.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec

from exchange.gateway.combos.caps import ComboCaps
from exchange.gateway.deals.rfq_limits import RfqGuards
from exchange.gateway.group_names import GroupNames
from exchange.gateway.move_budget import MoveBudget
from exchange.wire.accounts import AccountSettings

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS settings (account INTEGER PRIMARY KEY, chosen TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS announcements_read (
    account INTEGER NOT NULL, announcement INTEGER NOT NULL, PRIMARY KEY (account, announcement)
) WITHOUT ROWID;
"""
_DEFAULT: Final = AccountSettings()


class SettingsError(Exception):
    """The file is none of ours."""


class MemorySettings:
    """Settings that end with the process (tests, simulation)."""

    def __init__(self) -> None:
        self._chosen: dict[int, AccountSettings] = {}
        self._read: dict[int, set[int]] = {}
        self.groups = GroupNames()
        """Names of protection groups."""
        self.combo_caps = ComboCaps()
        """Who has made which open combos."""
        self.moves = MoveBudget()
        """How often families have moved positions."""
        self.rfq_guards = RfqGuards()
        """Limits of makers' quotes for requests."""
        self.restricted: set[int] = set()
        """Accounts that may not trade every product."""

    def of(self, account: int) -> AccountSettings:
        """An account's settings."""
        return self._chosen.get(account, _DEFAULT)

    def change(self, account: int, **changes: Any) -> AccountSettings:
        """Change fields of an account's settings; the settings as they are now, durable."""
        chosen = msgspec.structs.replace(self.of(account), **changes)
        self._keep(account, chosen)
        self._take(account, chosen)
        return chosen

    def _take(self, account: int, chosen: AccountSettings) -> None:
        self._chosen[account] = chosen
        (self.restricted.add if chosen.disabled_products else self.restricted.discard)(account)

    def mark_read(self, account: int, announcement: int) -> None:
        """The account has read an announcement."""
        read = self._read.setdefault(account, set())
        if announcement not in read:
            self._keep_read(account, announcement)
            read.add(announcement)

    def has_read(self, account: int, announcement: int) -> bool:
        """Whether the account has read an announcement."""
        return announcement in self._read.get(account, ())

    def close(self) -> None:
        """Nothing is open."""

    def _keep(self, account: int, chosen: AccountSettings) -> None:
        """Where a file writes."""

    def _keep_read(self, account: int, announcement: int) -> None:
        """Where a file writes."""


class FileSettings(MemorySettings):
    """The settings in an embedded database. One instance a process.

    Raises:
        SettingsError: the file is no such database.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self._db = sqlite3.connect(str(path), isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            self.groups = GroupNames(self._db)
            self.combo_caps = ComboCaps(self._db)
            self.moves = MoveBudget(self._db)
            self.rfq_guards = RfqGuards(self._db)
            for account, chosen in self._db.execute("SELECT account, chosen FROM settings"):
                self._take(account, msgspec.json.decode(chosen, type=AccountSettings))
            for account, announcement in self._db.execute("SELECT * FROM announcements_read"):
                self._read.setdefault(account, set()).add(announcement)
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as wrong:
            self._db.close()
            raise SettingsError(f"{path} holds no account settings: {wrong}") from wrong

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _keep(self, account: int, chosen: AccountSettings) -> None:
        text = msgspec.json.encode(chosen).decode()
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (account, text))

    def _keep_read(self, account: int, announcement: int) -> None:
        self._db.execute("INSERT OR IGNORE INTO announcements_read VALUES (?, ?)", (account, announcement))
