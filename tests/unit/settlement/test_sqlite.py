"""A transaction is whole or nothing; what is remembered is read back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from settlement.sqlite import META_SCHEMA, meta, set_meta, whole


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute(META_SCHEMA)
    yield db
    db.close()


def test_what_is_remembered_is_read_back(db: sqlite3.Connection) -> None:
    assert meta(db, "head") is None
    with whole(db):
        set_meta(db, "head", b"one")
        set_meta(db, "head", b"two")
    assert meta(db, "head") == b"two"


def half(db: sqlite3.Connection, error: BaseException) -> None:
    """Something is written, and an error ends the transaction."""
    with whole(db):
        set_meta(db, "head", b"half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, sqlite3.IntegrityError])
def test_whatever_ends_it_early_takes_all_back(db: sqlite3.Connection, error: type[BaseException]) -> None:
    set_meta(db, "head", b"before")
    with pytest.raises(error):
        half(db, error())
    assert meta(db, "head") == b"before"
    assert not db.in_transaction


def ended_by_sqlite(db: sqlite3.Connection) -> None:
    with whole(db):
        db.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")


def test_a_transaction_that_sqlite_has_ended_is_not_ended_again(db: sqlite3.Connection) -> None:
    """A full disk makes SQLite roll back by itself: the error that says so is the one that is raised."""
    with pytest.raises(sqlite3.OperationalError, match="full"):
        ended_by_sqlite(db)
    assert not db.in_transaction
