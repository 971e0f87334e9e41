"""Accounts and keys: durable, private, and consistent with the journal after any crash."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.keys.credential_schema import CredentialsError
from exchange.keys.credentials import Credentials, Reconciliation
from exchange.keys.sign_ins import REFRESH_TOKENS_PER_KEY_MAX
from exchange.wire.auth import parse_scopes
from tests.unit.gateway.loopback import ManualClock
from tests.unit.gateway.risk_rig import SEALING_KEY


class CountingEntropy:
    """Bytes that never repeat and are the same every run."""

    def __init__(self, seed: str = "") -> None:
        self._count = 0
        self._seed = seed

    def token_bytes(self, count: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(f"{self._seed}{self._count}".encode()).digest(count)


ALICE, BOB = b"\xaa" * 20, b"\xbb" * 20


def opened(path: Path, seed: str = "") -> Credentials:
    return Credentials(path, CountingEntropy(seed), ManualClock(), SEALING_KEY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "credentials.sqlite"


@pytest.fixture
def db(path: Path) -> Iterator[Credentials]:
    made = opened(path)
    yield made
    made.close()


def test_the_file_is_its_owners_alone(db: Credentials, path: Path) -> None:
    db.begin_account("a", ALICE)
    for entry in path.parent.iterdir():
        assert stat.S_IMODE(entry.stat().st_mode) == 0o600, entry.name


def test_an_open_file_is_closed_to_others(path: Path) -> None:
    path.touch(mode=0o644)
    opened(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_works_once_its_account_is_confirmed(db: Credentials) -> None:
    pending = db.begin_account("alice", ALICE)
    assert db.key(pending.client_id) is None
    db.confirm(pending.row, 64)
    key = db.key(pending.client_id)
    assert key is not None
    assert (key.account, key.secret, key.scopes) == (64, pending.secret, pending.scopes)
    profile = db.profile(64)
    assert profile is not None
    assert (profile.name, profile.owner) == ("alice", ALICE)
    assert db.profile(65) is None


def test_everything_is_there_after_a_restart(path: Path) -> None:
    first = opened(path)
    pending = first.begin_account("alice", ALICE)
    first.confirm(pending.row, 64)
    extra = first.add_key(64, parse_scopes("trade:read"))
    secret = first.token_secret
    first.close()
    second = opened(path, "other")
    assert second.token_secret == secret
    assert second.key(extra.client_id) == extra
    assert {key.client_id for key in second.keys_of(64)} == {pending.client_id, extra.client_id}
    second.close()


def test_two_venues_have_different_secrets(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "1", "x"), opened(tmp_path / "2", "y")
    assert one.token_secret != two.token_secret
    one.close()
    two.close()


def owners(*known: bytes) -> dict[int, bytes]:
    return dict(enumerate(known, 64))


def reconcile(db: Credentials, core: dict[int, bytes]) -> Reconciliation:
    return db.reconcile(64 + len(core), core.__getitem__)


def test_a_crash_before_the_command_leaves_nothing(path: Path) -> None:
    first = opened(path)
    pending = first.begin_account("alice", ALICE)
    first.close()
    second = opened(path)
    assert reconcile(second, {}) == ([], 1, [])
    assert second.key(pending.client_id) is None
    assert reconcile(second, {}) == ([], 0, [])
    second.close()


def test_a_crash_after_the_command_keeps_account_and_key(path: Path) -> None:
    first = opened(path)
    pending = first.begin_account("alice", ALICE)
    first.close()
    second = opened(path)
    assert reconcile(second, owners(ALICE)) == ([64], 0, [])
    key = second.key(pending.client_id)
    assert key is not None
    assert key.account == 64
    second.close()


def test_several_in_flight_are_told_apart_by_owner_then_age(path: Path) -> None:
    db = opened(path)
    bob, alice_1, alice_2, carol = (
        db.begin_account(name, owner)
        for name, owner in (("b", BOB), ("a1", ALICE), ("a2", ALICE), ("c", b"\xcc" * 20))
    )
    assert reconcile(db, owners(ALICE, BOB, ALICE)) == ([64, 65, 66], 1, [])
    accounts = [key.account if (key := db.key(p.client_id)) else None for p in (alice_1, bob, alice_2, carol)]
    assert accounts == [64, 65, 66, None]
    db.close()


def test_accounts_without_credentials_are_named_and_can_be_adopted(db: Credentials) -> None:
    assert reconcile(db, owners(ALICE, BOB)) == ([], 0, [64, 65])
    db.adopt(65, "bob", BOB)
    assert db.add_key(65).account == 65
    assert reconcile(db, owners(ALICE, BOB)) == ([], 0, [64])


def test_a_database_of_another_journal_is_refused(db: Credentials) -> None:
    db.confirm(db.begin_account("alice", ALICE).row, 64)
    with pytest.raises(CredentialsError, match="journal ends at 63"):
        reconcile(db, {})
    with pytest.raises(CredentialsError, match="another owner"):
        reconcile(db, owners(BOB))


def test_confirming_twice_or_what_is_not_pending_is_refused(db: Credentials) -> None:
    one, two = db.begin_account("1", ALICE), db.begin_account("2", BOB)
    db.confirm(one.row, 64)
    with pytest.raises(CredentialsError, match="no pending account"):
        db.confirm(one.row, 65)
    with pytest.raises(CredentialsError, match="already has credentials"):
        db.confirm(two.row, 64)
    db.discard(two.row)
    with pytest.raises(CredentialsError, match="no pending account"):
        db.confirm(two.row, 65)


def test_discarding_does_not_touch_confirmed_accounts(db: Credentials) -> None:
    pending = db.begin_account("1", ALICE)
    db.confirm(pending.row, 64)
    db.discard(pending.row)
    assert db.key(pending.client_id) is not None


def test_an_owner_has_twenty_bytes(db: Credentials) -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        db.begin_account("a", b"short")
    assert len(db.new_owner()) == 20
    assert db.new_owner() != db.new_owner()


def confirmed(db: Credentials, account: int = 64) -> str:
    pending = db.begin_account("alice", ALICE)
    db.confirm(pending.row, account)
    return pending.client_id


def test_a_disabled_key_is_gone_with_its_refresh_tokens(db: Credentials) -> None:
    client_id = confirmed(db)
    token = db.sign_ins.issue_refresh(client_id, "trade:read", 10_000)
    db.disable_key(client_id)
    assert db.key(client_id) is None
    assert db.keys_of(64) == []
    assert db.sign_ins.take_refresh(token) is None


def test_keys_need_an_account(db: Credentials) -> None:
    with pytest.raises(CredentialsError, match="no credentials"):
        db.add_key(99)


def test_a_key_added_by_another_process_is_found(path: Path) -> None:
    venue, tool = opened(path, "venue"), opened(path, "tool")
    pending = tool.begin_account("alice", ALICE)
    tool.confirm(pending.row, 64)
    key = venue.key(pending.client_id)
    assert key is not None
    assert key.account == 64
    venue.close()
    tool.close()


def test_a_refresh_token_works_once_and_survives_a_restart(path: Path) -> None:
    first = opened(path)
    client_id = confirmed(first)
    token = first.sign_ins.issue_refresh(client_id, "trade:read", 10_000)
    first.close()
    second = opened(path)
    found = second.sign_ins.take_refresh(token)
    assert found is not None
    assert (found.client_id, found.scope) == (client_id, "trade:read")
    assert second.sign_ins.take_refresh(token) is None
    second.close()


def test_refresh_tokens_expire(path: Path) -> None:
    clock = ManualClock()
    db = Credentials(path, CountingEntropy(), clock, SEALING_KEY)
    token = db.sign_ins.issue_refresh(confirmed(db), "", 10_000)
    clock.advance_ms(10_000)
    assert db.sign_ins.take_refresh(token) is None
    db.close()


def test_only_the_newest_refresh_tokens_of_a_key_are_kept(path: Path) -> None:
    clock = ManualClock()
    db = Credentials(path, CountingEntropy(), clock, SEALING_KEY)
    client_id = confirmed(db)
    tokens = []
    for _ in range(REFRESH_TOKENS_PER_KEY_MAX + 2):
        clock.advance_ms(1)
        tokens.append(db.sign_ins.issue_refresh(client_id, "", 1_000_000))
    assert [db.sign_ins.take_refresh(token) is None for token in tokens[:4]] == [True, True, False, False]
    db.close()


def test_refresh_tokens_are_not_stored_as_they_are(db: Credentials, path: Path) -> None:
    token = db.sign_ins.issue_refresh(confirmed(db), "", 10_000)
    for entry in path.parent.iterdir():
        assert token.encode() not in entry.read_bytes()


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_bytes(b"this is no database, but long enough to look at" * 20)
    with pytest.raises(CredentialsError, match="is not a credentials database"):
        opened(text)
    other = tmp_path / "other"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE things (x)")
    connection.close()
    with pytest.raises(CredentialsError, match="schema version 0"):
        opened(other)


def test_an_uncommitted_account_does_not_survive_a_kill(path: Path) -> None:
    """A process that dies inside a transaction leaves the file as it was."""
    db = opened(path)
    client_id = confirmed(db)
    child = os.fork()
    if child == 0:  # never returns into pytest
        try:
            raw = sqlite3.connect(path, isolation_level=None)
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("DELETE FROM accounts")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    db.close()
    again = opened(path)
    assert again.key(client_id) is not None
    again.close()
