"""Secrets at rest: nothing readable in the files, no start under a wrong key, old stores sealed."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from exchange.app.key_file import KeyFile
from exchange.keys.credential_schema import CredentialsError
from exchange.keys.credentials import Credentials
from exchange.keys.sealing import Sealer, SealError, fixed_key
from exchange.wire.auth import scope_text
from tests.unit.gateway.loopback import ManualClock
from tests.unit.keys.test_credentials import CountingEntropy

KEY = b"k" * 32
OWNER = b"\xaa" * 20


def opened(path: Path, key: bytes = KEY) -> Credentials:
    return Credentials(path, CountingEntropy(str(path)), ManualClock(), fixed_key(key))


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_what_is_sealed_opens_for_its_place_alone() -> None:
    sealer = Sealer(KEY, CountingEntropy())
    sealed = sealer.seal(b"secret", "here")
    assert b"secret" not in sealed
    assert sealer.open(sealed, "here") == b"secret"
    assert sealer.seal(b"secret", "here") != sealed
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for text, place in ((sealed, "there"), (changed, "here"), (b"", "here"), (sealed[:20], "here")):
        with pytest.raises(SealError):
            sealer.open(text, place)
    with pytest.raises(SealError):
        Sealer(b"x" * 32, CountingEntropy()).open(sealed, "here")


def test_no_secret_can_be_read_in_the_files(tmp_path: Path) -> None:
    db = opened(tmp_path / "credentials.sqlite")
    pending = db.begin_account("alice", OWNER)
    db.confirm(pending.row, 64)
    key = db.reset_key(db.add_key(64))
    for secret in (pending.secret.encode(), key.secret.encode(), db.token_secret):
        assert secret not in on_disk(tmp_path)
    db.close()
    assert pending.secret.encode() not in on_disk(tmp_path)


def test_another_key_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "credentials.sqlite"
    db = opened(path)
    pending = db.begin_account("alice", OWNER)
    db.confirm(pending.row, 64)
    db.close()
    with pytest.raises(CredentialsError, match="sealed under another key: start with the key it was made"):
        opened(path, b"x" * 32)
    again = opened(path)
    found = again.key(pending.client_id)
    assert found is not None
    assert found.secret == pending.secret
    again.close()


def test_a_secret_moved_to_another_row_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "credentials.sqlite"
    db = opened(path)
    for account, name in ((64, "alice"), (65, "mallory")):
        db.confirm(db.begin_account(name, OWNER).row, account)
    db.close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE keys SET secret = (SELECT secret FROM keys WHERE row = 2) WHERE row = 1")
    raw.close()
    with pytest.raises(CredentialsError, match="has been changed"):
        opened(path)


VERSION_1 = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE accounts (
    row INTEGER PRIMARY KEY, account INTEGER UNIQUE, name TEXT NOT NULL, owner BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed')), created_ms INTEGER NOT NULL,
    CHECK ((state = 'confirmed') = (account IS NOT NULL))
);
CREATE TABLE keys (
    client_id TEXT PRIMARY KEY, row INTEGER NOT NULL REFERENCES accounts (row) ON DELETE CASCADE,
    secret TEXT NOT NULL, scopes TEXT NOT NULL, enabled INTEGER NOT NULL, created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE refresh_tokens (
    hash BLOB PRIMARY KEY, client_id TEXT NOT NULL REFERENCES keys (client_id) ON DELETE CASCADE,
    scope TEXT NOT NULL, issued_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_key ON refresh_tokens (client_id, issued_ms);
PRAGMA user_version = 1;
"""


def test_a_store_of_version_1_is_sealed_in_place(tmp_path: Path) -> None:
    path = tmp_path / "credentials.sqlite"
    secrets = ["first-secret-in-the-open", "second-secret-in-the-open"]
    with sqlite3.connect(path) as raw:
        raw.executescript(VERSION_1)
        raw.execute("INSERT INTO settings VALUES ('token_secret', ?)", (b"token-secret-in-the-open-32-byte",))
        raw.execute("INSERT INTO accounts VALUES (1, 64, 'alice', ?, 'confirmed', 5)", (OWNER,))
        for n, secret in enumerate(secrets):
            scopes = scope_text(frozenset({"trade:read"}))
            raw.execute("INSERT INTO keys VALUES (?, 1, ?, ?, 1, ?)", (f"id{n}", secret, scopes, n))
    raw.close()
    db = opened(path)
    assert db.token_secret == b"token-secret-in-the-open-32-byte"
    keys = db.all_keys_of(64)
    assert [key.secret for key in keys] == secrets
    assert [(key.number, key.is_default, key.scopes) for key in keys] == [
        (1, True, frozenset({"trade:read"})),
        (2, False, frozenset({"trade:read"})),
    ]
    assert db.add_key(64).number == 3
    assert b"in-the-open" not in on_disk(tmp_path)
    db.close()
    assert b"in-the-open" not in on_disk(tmp_path)
    again = opened(path)
    assert len(again.all_keys_of(64)) == 3
    again.close()


# --- the key's file --------------------------------------------------------------------------------


def test_the_first_start_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "credentials.key"
    key = KeyFile(path, "")(False)
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyFile(path, "")(True) == key
    assert KeyFile(tmp_path / "other", "")(False) != key


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "credentials.key"
    assert KeyFile(path, "ab" * 32)(True) == b"\xab" * 32
    assert not path.exists()
    with pytest.raises(CredentialsError, match="64 hexadecimal digits"):
        KeyFile(path, "ab")(False)


def test_no_new_key_is_made_for_a_sealed_store(tmp_path: Path) -> None:
    path = tmp_path / "credentials.key"
    with pytest.raises(CredentialsError, match=r"back at .* or give it in \$STRIKEBOOK_CREDENTIALS_KEY"):
        KeyFile(path, "")(True)
    assert not path.exists()
    path.write_text("nonsense")
    with pytest.raises(CredentialsError, match="64 hexadecimal digits"):
        KeyFile(path, "")(True)
