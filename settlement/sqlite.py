"""What settlement's SQLite files share: a transaction that is whole or nothing, and remembered values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

META_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);"


@contextmanager
def whole(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing: whatever ends the block early takes back what it wrote. Raises sqlite3.Error."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def meta(db: sqlite3.Connection, name: str) -> bytes | None:
    """A remembered value of a file with `META_SCHEMA`."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def set_meta(db: sqlite3.Connection, name: str, value: bytes) -> None:
    """Remember a value."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
