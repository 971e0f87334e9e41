"""The tables of the credentials database, and how an older one becomes today's.

Version 1 kept secrets as they are. Version 2 seals them (`exchange.keys.sealing`), numbers and names
keys, and knows public keys, address lists, named sessions, revoked tokens and the access log. Pages that
held an open secret are overwritten when it is sealed.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from exchange.keys.sealing import Entropy, KeySource, Sealer, SealError

SCHEMA_VERSION: Final = 2
_CHECK: Final = b"strikebook credentials"

_TABLES: Final = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE accounts (
    row INTEGER PRIMARY KEY,
    account INTEGER UNIQUE,
    name TEXT NOT NULL,
    owner BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed')),
    created_ms INTEGER NOT NULL,
    CHECK ((state = 'confirmed') = (account IS NOT NULL))
);
CREATE TABLE keys (
    client_id TEXT PRIMARY KEY,
    row INTEGER NOT NULL REFERENCES accounts (row) ON DELETE CASCADE,
    secret BLOB NOT NULL,
    scopes TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE refresh_tokens (
    hash BLOB PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES keys (client_id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    issued_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_key ON refresh_tokens (client_id, issued_ms);
"""
_ADDED: Final = """
ALTER TABLE accounts ADD COLUMN login INTEGER NOT NULL DEFAULT 1;
ALTER TABLE accounts ADD COLUMN keys_made INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN cancel_on_disconnect INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN public_key TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN features TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN ip_whitelist TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN is_default INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN tokens_from_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refresh_tokens ADD COLUMN account INTEGER NOT NULL DEFAULT 0;
ALTER TABLE refresh_tokens ADD COLUMN sid TEXT NOT NULL DEFAULT '';
CREATE TABLE sessions (
    sid TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES keys (client_id) ON DELETE CASCADE,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    UNIQUE (client_id, account, name)
) WITHOUT ROWID;
CREATE TABLE revoked (
    sid TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES keys (client_id) ON DELETE CASCADE,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE access_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    ip TEXT NOT NULL,
    log TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX access_log_by_account ON access_log (account, id);
CREATE INDEX refresh_tokens_by_sid ON refresh_tokens (sid);
"""
_RETIRED: Final = "CREATE TABLE IF NOT EXISTS retired (account INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL)"


class CredentialsError(Exception):
    """The database does not fit the journal or its key, or is none of ours."""


def secret_context(client_id: str) -> str:
    """What a key's secret is sealed for."""
    return f"secret of {client_id}"


TOKEN_SECRET: Final = "token_secret"


def prepare(db: sqlite3.Connection, path: str, keys: KeySource, entropy: Entropy) -> Sealer:
    """Make or upgrade the tables, and check the key.

    Raises:
        CredentialsError: another version, or a store that was sealed under another key.
    """
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA busy_timeout = 2000")
    db.execute("PRAGMA secure_delete = ON")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, 1, SCHEMA_VERSION):
        raise CredentialsError(f"{path} has schema version {version}, not {SCHEMA_VERSION}")
    if version == 0 and db.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise CredentialsError(f"{path} has schema version 0, not {SCHEMA_VERSION}")
    try:
        sealer = Sealer(keys(version == SCHEMA_VERSION), entropy)
    except ValueError as wrong:
        raise CredentialsError(str(wrong)) from None
    if version < SCHEMA_VERSION:
        _upgrade(db, version, sealer, entropy)
    found = db.execute("SELECT value FROM settings WHERE name = 'seal_check'").fetchone()
    try:
        good = found is not None and sealer.open(found[0], "seal_check") == _CHECK
    except SealError:
        good = False
    if not good:
        raise CredentialsError(f"{path} was sealed under another key: start with the key it was made with")
    return sealer


def _upgrade(db: sqlite3.Connection, version: int, sealer: Sealer, entropy: Entropy) -> None:
    """From nothing or version 1 to version 2, in one transaction."""
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in ((_TABLES if version == 0 else "") + _ADDED + _RETIRED).split(";"):
            if statement.strip():
                db.execute(statement)
        put = "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        found = db.execute("SELECT value FROM settings WHERE name = ?", (TOKEN_SECRET,)).fetchone()
        token_secret: bytes = found[0] if found is not None else entropy.token_bytes(32)
        db.execute(put, (TOKEN_SECRET, sealer.seal(token_secret, TOKEN_SECRET)))
        db.execute(put, ("seal_check", sealer.seal(_CHECK, "seal_check")))
        _seal_keys(db, sealer)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    if version == 1:  # nothing that was open stays on the disk
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _seal_keys(db: sqlite3.Connection, sealer: Sealer) -> None:
    """Seal and number the keys of version 1; an account's oldest is its default."""
    numbers: dict[int, int] = {}
    query = "SELECT client_id, row, secret FROM keys ORDER BY row, created_ms, client_id"
    keys = db.execute(query).fetchall()
    for client_id, row, secret in keys:
        number = numbers[row] = numbers.get(row, 0) + 1
        db.execute(
            "UPDATE keys SET secret = ?, number = ?, is_default = ? WHERE client_id = ?",
            (sealer.seal(secret.encode(), secret_context(client_id)), number, number == 1, client_id),
        )
    for row, number in numbers.items():
        db.execute("UPDATE accounts SET keys_made = ? WHERE row = ?", (number, row))
    # Access tokens of version 1 name an account alone; their refresh tokens too.
    db.execute(
        "UPDATE refresh_tokens SET account = coalesce((SELECT a.account FROM keys k JOIN accounts a "
        "ON a.row = k.row WHERE k.client_id = refresh_tokens.client_id), 0)"
    )
