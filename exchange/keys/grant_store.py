"""Grants at rest: one row each, durable before its record is sequenced.

What a crash leaves half done, a row whose record may not be in the journal, is sequenced again at the next
start: activating or revoking twice says nothing new. Without a path all of it is in memory.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from exchange.attest.grants import GrantFormatError, unpack_signed
from exchange.domain.records import GRANT_ACTIVATED

PENDING: Final = 0
ACTIVE: Final = 1
REVOKING: Final = 2
REVOKED: Final = 3
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS grants (
    account INTEGER NOT NULL, number INTEGER NOT NULL, state INTEGER NOT NULL, body BLOB NOT NULL,
    revocation BLOB NOT NULL DEFAULT x'', PRIMARY KEY (account, number)) WITHOUT ROWID;
"""


class GrantStoreError(Exception):
    """The file is none of ours, or cannot be written."""


class Row(NamedTuple):
    """A grant: `body` and `revocation` as GRANT records hold them."""

    account: int
    number: int
    state: int
    body: bytes
    revocation: bytes


class GrantStore:
    """The rows. Few are written, each durable on return.

    Raises:
        GrantStoreError: the file holds no grants.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._db = sqlite3.connect(":memory:" if path is None else str(path), isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
            self.rows = [Row(*found) for found in self._db.execute("SELECT * FROM grants")]
            for row in self.rows:
                unpack_signed(GRANT_ACTIVATED, row.body)
        except (sqlite3.DatabaseError, GrantFormatError) as wrong:
            self._db.close()
            raise GrantStoreError(f"{path} holds no grants: {wrong}") from wrong

    def keep(self, row: Row) -> None:
        """Write a row, or write it anew. Raises GrantStoreError."""
        try:
            self._db.execute("REPLACE INTO grants VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.Error as wrong:
            raise GrantStoreError(f"a grant cannot be written: {wrong}") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()
