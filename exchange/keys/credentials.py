"""Accounts and API keys, in an embedded database beside the journal.

The core knows that an account exists and who owns it; this database knows its name and its keys. They
are kept consistent by order of writing: a row is written as *pending* before the command that creates
the account is sequenced, and *confirmed* when its ACCOUNT event is seen. After a crash `reconcile`
settles what is left: a pending row whose account the journal holds is confirmed, one whose command never
got there is dropped (nobody was told of it).

Checking an HMAC signature takes the secret itself, so secrets are sealed, not hashed: AES-256-GCM under a
key from outside (`exchange.keys.sealing`); the file is readable by its owner alone (mode 0600).

Lookups on the order path are answered from memory. Writes happen on the caller's thread: an account or a
key costs one fsync. Tokens, sessions and the access log are `exchange.keys.sign_ins`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from exchange.domain.limits import FIRST_USER_ACCOUNT
from exchange.keys.credential_schema import TOKEN_SECRET, CredentialsError, prepare
from exchange.keys.key_table import KeyTable
from exchange.keys.sealing import Entropy, KeySource, SealError
from exchange.keys.sign_ins import SignIns
from exchange.wire.auth import DEFAULT_SCOPES
from exchange.wire.session_methods import Clock

ADDRESS_BYTES: Final = 20
_PENDING: Final = "pending"
_CONFIRMED: Final = "confirmed"
_PROFILES: Final = (
    "SELECT account, name, owner, created_ms, login, cancel_on_disconnect FROM accounts "
    "WHERE state = 'confirmed'"
)


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
    login: int
    """Whether its keys are let in: 1 or 0."""
    cancel_on_disconnect: int
    """Whether its connections begin with cancel on disconnect: 1 or 0."""


class Reconciliation(NamedTuple):
    """What `reconcile` did: accounts confirmed, rows dropped, core accounts without credentials."""

    confirmed: list[int]
    dropped: int
    orphans: list[int]


class Credentials(KeyTable):
    """The database. One instance a process; not to be shared between threads.

    Raises:
        CredentialsError: the file is a database of another kind or version, or was sealed under another
            key than `sealing_key` gives.
    """

    def __init__(self, path: Path | str, entropy: Entropy, clock: Clock, sealing_key: KeySource) -> None:
        self._db = _open(str(path))
        self._profiles: dict[int, Profile] = {}
        try:
            super().__init__(self._db, prepare(self._db, str(path), sealing_key, entropy), entropy, clock)
            sealed = self._db.execute("SELECT value FROM settings WHERE name = ?", (TOKEN_SECRET,)).fetchone()
            self.token_secret = self._sealer.open(sealed[0], TOKEN_SECRET)
            self._profiles = {row[0]: Profile(*row) for row in self._db.execute(_PROFILES)}
            self._retired = {row[0] for row in self._db.execute("SELECT account FROM retired")}
            self._load_keys()
            self.sign_ins = SignIns(self._db, entropy, clock)
        except CredentialsError:
            self._db.close()
            raise
        except SealError as wrong:
            self._db.close()
            raise CredentialsError(f"{path} has been changed: a secret in it is {wrong}") from wrong
        except sqlite3.DatabaseError as wrong:
            self._db.close()
            raise CredentialsError(f"{path} is not a credentials database: {wrong}") from wrong

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
        with self._durably():
            row = self._db.execute(
                "INSERT INTO accounts (name, owner, state, created_ms) VALUES (?, ?, ?, ?)",
                (name, owner, _PENDING, self._clock.now_ms()),
            ).lastrowid
            assert row is not None
            self._insert_key(client_id, row, secret, scopes, is_default=True)
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
        keys = self.all_keys_of(account)
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
        found = self._db.execute(_PROFILES + " AND account = ?", (account,)).fetchone()
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

    def _may_log_in(self, account: int) -> bool:
        profile = self._profiles.get(account)
        return profile is None or bool(profile.login)

    def set_login(self, account: int, enabled: bool) -> None:
        """Let an account's keys in, or not."""
        self._set_account(account, "login", enabled)

    def set_cancel_on_disconnect(self, account: int, enabled: bool) -> None:
        """Whether an account's new connections begin with cancel on disconnect."""
        self._set_account(account, "cancel_on_disconnect", enabled)

    def _set_account(self, account: int, column: str, enabled: bool) -> None:
        with self._durably():
            changed = self._db.execute(
                f"UPDATE accounts SET {column} = ? WHERE account = ?", (enabled, account)
            ).rowcount
        if not changed:
            raise CredentialsError(f"account {account} has no credentials")
        self._load_account(account)


def _open(path: str) -> sqlite3.Connection:
    """Open the file, readable by its owner alone from its first byte on."""
    if path != ":memory:":
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        os.chmod(path, 0o600)
    return sqlite3.connect(path, isolation_level=None)
