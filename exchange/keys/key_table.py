"""The API keys in the credentials database: made, changed, switched off, removed; looked up from memory."""

from __future__ import annotations

import base64
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.keys.credential_schema import CredentialsError, secret_context
from exchange.keys.sealing import Entropy, Sealer
from exchange.keys.sign_ins import SignIns, Transaction
from exchange.wire.auth import DEFAULT_SCOPES, parse_scopes, scope_text
from exchange.wire.session_methods import Clock

API_KEYS_MAX: Final = 8
_KEYS: Final = (
    "SELECT k.client_id, k.secret, a.account, k.scopes, k.enabled, k.number, k.name, k.public_key, "
    "k.features, k.ip_whitelist, k.is_default, k.created_ms, k.tokens_from_ms "
    "FROM keys k JOIN accounts a ON a.row = k.row WHERE a.state = 'confirmed'"
)


class Key(NamedTuple):
    """One API key of a confirmed account. `secret` is empty for a key with a public key of its owner."""

    client_id: str
    secret: str
    account: int
    scopes: frozenset[str]
    enabled: bool
    number: int
    name: str
    public_key: str
    features: tuple[str, ...]
    ip_whitelist: tuple[str, ...]
    is_default: bool
    created_ms: int
    tokens_from_ms: int
    """Tokens issued before are no good any more."""

    def allows_from(self, ip: str) -> bool:
        """Whether the key may be used from an address."""
        return not self.ip_whitelist or ip in self.ip_whitelist


class KeyTable(ABC):
    """The keys of all accounts. `Credentials` adds the accounts."""

    sign_ins: SignIns

    def __init__(self, db: sqlite3.Connection, sealer: Sealer, entropy: Entropy, clock: Clock) -> None:
        self._db = db
        self._sealer = sealer
        self._entropy = entropy
        self._clock = clock
        self._keys: dict[str, Key] = {}

    def _durably(self) -> Transaction:
        return Transaction(self._db, "FULL")

    def _load_keys(self, client_id: str | None = None) -> None:
        rows = (
            self._db.execute(_KEYS)
            if client_id is None
            else self._db.execute(_KEYS + " AND k.client_id = ?", (client_id,))
        )
        for name, sealed, account, scopes, enabled, number, label, pem, features, ips, *rest in rows:
            secret = self._sealer.open(sealed, secret_context(name)).decode()
            self._keys[name] = Key(
                name,
                secret,
                account,
                parse_scopes(scopes),
                bool(enabled),
                number,
                label,
                pem,
                tuple(features.split()),
                tuple(ips.split()),
                bool(rest[0]),
                *rest[1:],
            )

    def _new_client_id(self) -> str:
        while True:
            client_id = base64.b32encode(self._entropy.token_bytes(10)).decode().lower()
            if not self._db.execute("SELECT 1 FROM keys WHERE client_id = ?", (client_id,)).fetchone():
                return client_id

    def _new_secret(self) -> str:
        return base64.urlsafe_b64encode(self._entropy.token_bytes(32)).rstrip(b"=").decode()

    def _insert_key(
        self,
        client_id: str,
        row: int,
        secret: str,
        scopes: frozenset[str],
        *,
        name: str = "",
        public_key: str = "",
        features: Sequence[str] = (),
        is_default: bool = False,
    ) -> None:
        self._db.execute("UPDATE accounts SET keys_made = keys_made + 1 WHERE row = ?", (row,))
        self._db.execute(
            "INSERT INTO keys (client_id, row, secret, scopes, enabled, created_ms, number, name, "
            "public_key, features, is_default) VALUES (?, ?, ?, ?, 1, ?, "
            "(SELECT keys_made FROM accounts WHERE row = ?), ?, ?, ?, ?)",
            (
                client_id,
                row,
                self._sealer.seal(secret.encode(), secret_context(client_id)),
                scope_text(scopes),
                self._clock.now_ms(),
                row,
                name,
                public_key,
                " ".join(features),
                is_default,
            ),
        )

    def add_key(
        self,
        account: int,
        scopes: frozenset[str] = DEFAULT_SCOPES,
        name: str = "",
        public_key: str = "",
        features: Sequence[str] = (),
    ) -> Key:
        """Another key for an account. One with a `public_key` (PEM) has no secret.

        Raises:
            CredentialsError: an account without a row.
        """
        found = self._db.execute("SELECT row FROM accounts WHERE account = ?", (account,)).fetchone()
        if found is None:
            raise CredentialsError(f"account {account} has no credentials")
        client_id, secret = self._new_client_id(), "" if public_key else self._new_secret()
        with self._durably():
            self._insert_key(
                client_id, found[0], secret, scopes, name=name, public_key=public_key, features=features
            )
        self._load_keys(client_id)
        return self._keys[client_id]

    def change_key(
        self,
        key: Key,
        *,
        scopes: frozenset[str] | None = None,
        name: str | None = None,
        enabled: bool | None = None,
        features: Sequence[str] | None = None,
        ip_whitelist: Sequence[str] | None = None,
    ) -> Key:
        """Change what is not None of a key; tokens of one that is switched off are no good for ever."""
        changes: dict[str, object] = {
            "scopes": None if scopes is None else scope_text(scopes),
            "name": name,
            "enabled": enabled,
            "features": None if features is None else " ".join(features),
            "ip_whitelist": None if ip_whitelist is None else " ".join(ip_whitelist),
            "tokens_from_ms": self._clock.now_ms() + 1 if enabled is False else None,
        }
        return self._update_key(key, {name: value for name, value in changes.items() if value is not None})

    def _update_key(self, key: Key, changes: dict[str, object]) -> Key:
        if changes:
            columns = ", ".join(f"{name} = ?" for name in changes)
            with self._durably():
                self._db.execute(
                    f"UPDATE keys SET {columns} WHERE client_id = ?", (*changes.values(), key.client_id)
                )
                if "tokens_from_ms" in changes:
                    self.sign_ins.drop_key(key.client_id)
            self._load_keys(key.client_id)
        return self._keys[key.client_id]

    def reset_key(self, key: Key) -> Key:
        """A new secret; what was signed or issued under the old one is no good any more."""
        sealed = self._sealer.seal(self._new_secret().encode(), secret_context(key.client_id))
        return self._update_key(key, {"secret": sealed, "tokens_from_ms": self._clock.now_ms() + 1})

    def drop_tokens(self, key: Key) -> Key:
        """Everything that was issued under a key is no good any more."""
        return self._update_key(key, {"tokens_from_ms": self._clock.now_ms() + 1})

    def remove_key(self, key: Key) -> None:
        """Forget a key and everything issued under it."""
        with self._durably():
            self.sign_ins.drop_key(key.client_id)
            self._db.execute("DELETE FROM keys WHERE client_id = ?", (key.client_id,))
        self._keys.pop(key.client_id, None)

    def disable_key(self, client_id: str) -> None:
        """Switch a key off: tokens issued under it stop working at once, and for good."""
        key = self._keys.get(client_id)
        if key is not None:
            self.change_key(key, enabled=False)

    def key(self, client_id: str) -> Key | None:
        """A key that may be used, or None."""
        found = self._keys.get(client_id)
        if found is None:  # another process may have added it
            self._load_keys(client_id)
            found = self._keys.get(client_id)
        if found is None or not found.enabled:
            return None
        return found if self._may_log_in(found.account) else None

    @abstractmethod
    def _may_log_in(self, account: int) -> bool:
        """Whether an account's keys are let in."""

    def keys_of(self, account: int) -> list[Key]:
        """All usable keys of an account, by client id."""
        found = [key for key in self._keys.values() if key.account == account and key.enabled]
        return sorted(found, key=lambda key: key.client_id)

    def all_keys_of(self, account: int) -> list[Key]:
        """The keys of an account, those that are switched off too, by number."""
        return sorted(
            (key for key in self._keys.values() if key.account == account), key=lambda key: key.number
        )
