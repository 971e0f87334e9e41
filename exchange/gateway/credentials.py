"""Accounts and API keys, in an embedded database beside the journal.

The core knows that an account exists and who owns it; this database knows its name and its keys. They
are kept consistent by order of writing: a row is written as *pending* before the command that creates
the account is sequenced, and *confirmed* when its ACCOUNT event is seen. After a crash `reconcile`
settles what is left: a pending row whose account the journal holds is confirmed, one whose command never
got there is dropped (nobody was told of it).

Secrets are stored as they are, because checking an HMAC signature takes the secret itself; the file is
readable by its owner alone (mode 0600). Refresh tokens are stored as SHA-256 hashes.

Lookups on the order path are answered from memory. Writes happen on the caller's thread: an account or a
key costs one fsync, a refresh token none (it survives a crash of the process, not of the machine).
"""

from __future__ import annotations

import base64
import hashlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.wire.auth import DEFAULT_SCOPES, parse_scopes, scope_text
from exchange.wire.session_methods import Clock

SCHEMA_VERSION: Final = 1
REFRESH_TOKENS_PER_KEY_MAX: Final = 64
ADDRESS_BYTES: Final = 20
_PENDING: Final = "pending"
_CONFIRMED: Final = "confirmed"

_SCHEMA: Final = """
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
    secret TEXT NOT NULL,
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
# Added later; an older program does not see it and gives a retired account no key either.
_RETIRED: Final = "CREATE TABLE IF NOT EXISTS retired (account INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL)"


class Entropy(Protocol):
    """Randomness, as the application gives it."""

    def token_bytes(self, count: int) -> bytes: ...


class CredentialsError(Exception):
    """The database does not fit the journal, or is none of ours."""


class Key(NamedTuple):
    """One API key of a confirmed account."""

    client_id: str
    secret: str
    account: int
    scopes: frozenset[str]
    enabled: bool


class Pending(NamedTuple):
    """An account that is written down and not yet sequenced, with its first key."""

    row: int
    owner: bytes
    client_id: str
    secret: str
    scopes: frozenset[str]


class Profile(NamedTuple):
    """What is known of an account beside the core."""

    account: int
    name: str
    owner: bytes
    created_ms: int


class Reconciliation(NamedTuple):
    """What `reconcile` did: accounts confirmed, rows dropped, core accounts without credentials."""

    confirmed: list[int]
    dropped: int
    orphans: list[int]


class Credentials:
    """The database. One instance a process; not to be shared between threads.

    Raises:
        CredentialsError: the file is a database of another kind or version.
    """

    def __init__(self, path: Path | str, entropy: Entropy, clock: Clock) -> None:
        self._entropy = entropy
        self._clock = clock
        self._db = _open(str(path))
        self._keys: dict[str, Key] = {}
        self._profiles: dict[int, Profile] = {}
        try:
            self._prepare(str(path))
        except sqlite3.DatabaseError as wrong:
            self._db.close()
            raise CredentialsError(f"{path} is not a credentials database: {wrong}") from wrong
        for row in self._db.execute(
            "SELECT account, name, owner, created_ms FROM accounts WHERE state = ?", (_CONFIRMED,)
        ):
            self._profiles[row[0]] = Profile(*row)
        self._retired = {row[0] for row in self._db.execute("SELECT account FROM retired")}
        self._load_keys()

    def _prepare(self, path: str) -> None:
        db = self._db
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA busy_timeout = 2000")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
            db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise CredentialsError(f"{path} has schema version {version}, not {SCHEMA_VERSION}")
        db.execute(_RETIRED)
        secret = db.execute("SELECT value FROM settings WHERE name = 'token_secret'").fetchone()
        if secret is None:
            secret = (self._entropy.token_bytes(32),)
            with self._durably():
                db.execute("INSERT INTO settings VALUES ('token_secret', ?)", secret)
        self.token_secret: bytes = secret[0]

    def _durably(self) -> _Transaction:
        return _Transaction(self._db, "FULL")

    def _quickly(self) -> _Transaction:
        return _Transaction(self._db, "NORMAL")

    def _load_keys(self, client_id: str | None = None) -> None:
        query = (
            "SELECT k.client_id, k.secret, a.account, k.scopes, k.enabled "
            "FROM keys k JOIN accounts a ON a.row = k.row WHERE a.state = 'confirmed'"
        )
        rows = (
            self._db.execute(query)
            if client_id is None
            else self._db.execute(query + " AND k.client_id = ?", (client_id,))
        )
        for name, secret, account, scopes, enabled in rows:
            self._keys[name] = Key(name, secret, account, parse_scopes(scopes), bool(enabled))

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    # --- accounts --------------------------------------------------------------------------------------

    def new_owner(self) -> bytes:
        """An address for an account whose owner named none: random, so that nobody holds its key."""
        return self._entropy.token_bytes(ADDRESS_BYTES)

    def begin_account(self, name: str, owner: bytes, scopes: frozenset[str] = DEFAULT_SCOPES) -> Pending:
        """Write down an account and its first key, durably, before its command is sequenced."""
        if len(owner) != ADDRESS_BYTES:
            raise ValueError("an owner's address has 20 bytes")
        client_id, secret = self._new_client_id(), self._new_secret()
        now_ms = self._clock.now_ms()
        with self._durably():
            row = self._db.execute(
                "INSERT INTO accounts (name, owner, state, created_ms) VALUES (?, ?, ?, ?)",
                (name, owner, _PENDING, now_ms),
            ).lastrowid
            assert row is not None
            self._insert_key(client_id, row, secret, scopes, now_ms)
        return Pending(row, owner, client_id, secret, scopes)

    def confirm(self, row: int, account: int) -> None:
        """The ACCOUNT event of a pending row has been seen: its keys work from now on.

        Raises:
            CredentialsError: there is no such pending row, or the account has another one.
        """
        try:
            with self._durably():
                changed = self._db.execute(
                    "UPDATE accounts SET account = ?, state = ? WHERE row = ? AND state = ?",
                    (account, _CONFIRMED, row, _PENDING),
                ).rowcount
        except sqlite3.IntegrityError as wrong:
            raise CredentialsError(f"account {account} already has credentials") from wrong
        if not changed:
            raise CredentialsError(f"no pending account in row {row}")
        self._load_account(account)

    def discard(self, row: int) -> None:
        """The core did not create a pending account: forget it and its key."""
        with self._durably():
            self._db.execute("DELETE FROM accounts WHERE row = ? AND state = ?", (row, _PENDING))

    def rename(self, account: int, name: str) -> None:
        """Give an account another name. Raises CredentialsError for an account without a row."""
        with self._durably():
            changed = self._db.execute(
                "UPDATE accounts SET name = ? WHERE account = ?", (name, account)
            ).rowcount
        if not changed:
            raise CredentialsError(f"account {account} has no credentials")
        self._load_account(account)

    def retire(self, account: int) -> None:
        """Switch off all keys of an account, for good, and remember that it is not to be shown."""
        keys = self.keys_of(account)
        with self._durably():
            self._db.execute(
                "INSERT OR IGNORE INTO retired VALUES (?, ?)", (account, self._clock.now_ms())
            )
        for key in keys:
            self.disable_key(key.client_id)
        self._retired.add(account)

    def is_retired(self, account: int) -> bool:
        """Whether an account was retired."""
        return account in self._retired

    def adopt(self, account: int, name: str, owner: bytes) -> None:
        """Write down an account the core already has and this database does not (see `orphans`)."""
        with self._durably():
            self._db.execute(
                "INSERT INTO accounts (account, name, owner, state, created_ms) VALUES (?, ?, ?, ?, ?)",
                (account, name, owner, _CONFIRMED, self._clock.now_ms()),
            )
        self._load_account(account)

    def _load_account(self, account: int) -> None:
        found = self._db.execute(
            "SELECT account, name, owner, created_ms FROM accounts WHERE account = ?", (account,)
        ).fetchone()
        self._profiles[account] = Profile(*found)
        self._load_keys()

    def reconcile(self, account_count: int, owner_of: Callable[[int], bytes]) -> Reconciliation:
        """After a restart: bring the rows and the core's accounts together.

        `account_count` is the core's next account id, `owner_of` its owners. Accounts are matched to
        pending rows by owner, the oldest row first.

        Raises:
            CredentialsError: a confirmed account that the core does not have, or with another owner:
                this database belongs to another journal.
        """
        for profile in self._profiles.values():
            if profile.account >= account_count:
                raise CredentialsError(
                    f"account {profile.account} has credentials, the journal ends at {account_count - 1}"
                )
            if owner_of(profile.account) != profile.owner:
                raise CredentialsError(f"account {profile.account} has another owner in the journal")
        pending = self._db.execute(
            "SELECT row, owner FROM accounts WHERE state = ? ORDER BY row", (_PENDING,)
        ).fetchall()
        confirmed: list[int] = []
        orphans: list[int] = []
        for account in range(FIRST_USER_ACCOUNT, account_count):
            if account in self._profiles:
                continue
            owner = owner_of(account)
            row = next((row for row, row_owner in pending if row_owner == owner), None)
            if row is None:
                orphans.append(account)
                continue
            pending = [entry for entry in pending if entry[0] != row]
            self.confirm(row, account)
            confirmed.append(account)
        for row, _ in pending:
            self.discard(row)
        return Reconciliation(confirmed, len(pending), orphans)

    def profile(self, account: int) -> Profile | None:
        """Name, owner and date of an account, if it has any here."""
        return self._profiles.get(account)

    # --- keys ------------------------------------------------------------------------------------------

    def _new_client_id(self) -> str:
        while True:
            client_id = base64.b32encode(self._entropy.token_bytes(10)).decode().lower()
            if not self._db.execute("SELECT 1 FROM keys WHERE client_id = ?", (client_id,)).fetchone():
                return client_id

    def _new_secret(self) -> str:
        return base64.urlsafe_b64encode(self._entropy.token_bytes(32)).rstrip(b"=").decode()

    def _insert_key(self, client_id: str, row: int, secret: str, scopes: frozenset[str], now_ms: int) -> None:
        self._db.execute(
            "INSERT INTO keys VALUES (?, ?, ?, ?, 1, ?)",
            (client_id, row, secret, scope_text(scopes), now_ms),
        )

    def add_key(self, account: int, scopes: frozenset[str] = DEFAULT_SCOPES) -> Key:
        """Another key for an account. Raises CredentialsError for an account without a row."""
        found = self._db.execute("SELECT row FROM accounts WHERE account = ?", (account,)).fetchone()
        if found is None:
            raise CredentialsError(f"account {account} has no credentials")
        client_id, secret = self._new_client_id(), self._new_secret()
        with self._durably():
            self._insert_key(client_id, found[0], secret, scopes, self._clock.now_ms())
        self._load_keys(client_id)
        return self._keys[client_id]

    def disable_key(self, client_id: str) -> None:
        """Switch a key off, for good: tokens issued under it stop working at once."""
        with self._durably():
            self._db.execute("UPDATE keys SET enabled = 0 WHERE client_id = ?", (client_id,))
            self._db.execute("DELETE FROM refresh_tokens WHERE client_id = ?", (client_id,))
        self._load_keys(client_id)

    def key(self, client_id: str) -> Key | None:
        """A key that may be used, or None."""
        found = self._keys.get(client_id)
        if found is None:  # another process may have added it
            self._load_keys(client_id)
            found = self._keys.get(client_id)
        return found if found is not None and found.enabled else None

    def keys_of(self, account: int) -> list[Key]:
        """All usable keys of an account, by client id."""
        found = [key for key in self._keys.values() if key.account == account and key.enabled]
        return sorted(found, key=lambda key: key.client_id)

    # --- refresh tokens --------------------------------------------------------------------------------

    def issue_refresh(self, client_id: str, scope: str, lifetime_ms: int) -> str:
        """A new refresh token; of a key's tokens only the newest 64 are kept."""
        token = base64.urlsafe_b64encode(self._entropy.token_bytes(32)).rstrip(b"=").decode()
        now_ms = self._clock.now_ms()
        with self._quickly():
            self._db.execute(
                "INSERT INTO refresh_tokens VALUES (?, ?, ?, ?, ?)",
                (_hash(token), client_id, scope, now_ms, now_ms + lifetime_ms),
            )
            self._db.execute(
                "DELETE FROM refresh_tokens WHERE client_id = ?1 AND hash NOT IN (SELECT hash FROM "
                "refresh_tokens WHERE client_id = ?1 ORDER BY issued_ms DESC, hash LIMIT ?2)",
                (client_id, REFRESH_TOKENS_PER_KEY_MAX),
            )
        return token

    def take_refresh(self, token: str) -> tuple[Key, str] | None:
        """Use up a refresh token: the key and scope behind it, or None if it is no good (any more)."""
        with self._quickly():
            found = self._db.execute(
                "DELETE FROM refresh_tokens WHERE hash = ? RETURNING client_id, scope, expires_ms",
                (_hash(token),),
            ).fetchone()
        if found is None or found[2] <= self._clock.now_ms():
            return None
        key = self.key(found[0])
        return None if key is None else (key, found[1])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _open(path: str) -> sqlite3.Connection:
    """Open the file, readable by its owner alone from its first byte on."""
    if path != ":memory:":
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        os.chmod(path, 0o600)
    return sqlite3.connect(path, isolation_level=None)


class _Transaction:
    """One transaction that is synced as asked: FULL with fsync, NORMAL without."""

    def __init__(self, db: sqlite3.Connection, sync: str) -> None:
        self._db = db
        self._sync = sync

    def __enter__(self) -> None:
        self._db.execute(f"PRAGMA synchronous = {self._sync}")
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")
