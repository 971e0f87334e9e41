"""What was issued under a key: refresh tokens, named sessions, revocations; and who came in when.

A session has an id (`sid`), which every token of it names. A *connection* session is not counted; a *named*
one (scope `session:name`) is, and of a key's only the newest 16 live: the oldest goes, with its tokens.
Refresh tokens are stored as SHA-256 hashes. Nothing here costs an fsync: it survives a crash of the process,
not of the machine.
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.keys.sealing import Entropy
from exchange.wire.session_methods import Clock

REFRESH_TOKENS_PER_KEY_MAX: Final = 64
SESSIONS_PER_KEY_MAX: Final = 16
REVOKED_PER_KEY_MAX: Final = 4_096
LOG_PER_ACCOUNT_MAX: Final = 1_000
_LOG_SLACK: Final = 64


class Refresh(NamedTuple):
    """What a refresh token stands for."""

    client_id: str
    account: int
    scope: str
    sid: str


class Visit(NamedTuple):
    """One line of the access log."""

    number: int
    at_ms: int
    ip: str
    log: str
    data: str

    def json(self) -> dict[str, object]:
        """`<access_log>`; where an address lies is not known here."""
        return {
            "id": self.number,
            "ip": self.ip,
            "timestamp": self.at_ms,
            "country": "",
            "city": "",
            "log": self.log,
            "data": self.data,
        }


class Transaction:
    """One transaction that is synced as asked: FULL with fsync, NORMAL without."""

    def __init__(self, db: sqlite3.Connection, sync: str) -> None:
        self._db = db
        self._sync = sync

    def __enter__(self) -> None:
        self._db.execute(f"PRAGMA synchronous = {self._sync}")
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


class SignIns:
    """The part of the credentials database that every sign-in writes."""

    def __init__(
        self, db: sqlite3.Connection, entropy: Entropy, clock: Clock, sessions_max: int = SESSIONS_PER_KEY_MAX
    ) -> None:
        self.sessions_max = sessions_max
        self._db = db
        self._entropy = entropy
        self._clock = clock
        self._named = {row[0] for row in db.execute("SELECT sid FROM sessions")}
        self._revoked = dict(db.execute("SELECT sid, expires_ms FROM revoked").fetchall())
        self._visits: dict[int, int] = {}  # by account, since it was last pruned
        self.noted: list[Callable[[int, Visit], None]] = []
        """Told (account, line) whenever a line is written."""

    def _quickly(self) -> Transaction:
        return Transaction(self._db, "NORMAL")

    def drop_key(self, client_id: str) -> None:
        """Forget what was issued under a key. Runs inside the caller's transaction."""
        for table in ("refresh_tokens", "sessions", "revoked"):
            self._db.execute(f"DELETE FROM {table} WHERE client_id = ?", (client_id,))
        self._named = {row[0] for row in self._db.execute("SELECT sid FROM sessions")}

    # --- sessions --------------------------------------------------------------------------------------

    def new_sid(self, named: bool = False) -> str:
        """An id no session has; it says whether the session has a name."""
        text = base64.b32encode(self._entropy.token_bytes(10)).decode().lower()
        return f"s-{text}" if named else f"c-{text}"

    def named_session(self, client_id: str, account: int, name: str) -> tuple[str, list[str]]:
        """(sid of the key's session of that name, sids of the oldest ones it pushed out)."""
        with self._quickly():
            found = self._db.execute(
                "SELECT sid FROM sessions WHERE client_id = ? AND account = ? AND name = ?",
                (client_id, account, name),
            ).fetchone()
            if found is not None:
                return found[0], []
            sid = self.new_sid(named=True)
            # A time that does not step back, so that the oldest is the oldest.
            self._db.execute(
                "INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, max(?5, "
                "(SELECT coalesce(max(started_ms), 0) + 1 FROM sessions WHERE client_id = ?2)))",
                (sid, client_id, account, name, self._clock.now_ms()),
            )
            gone = [
                row[0]
                for row in self._db.execute(
                    "SELECT sid FROM sessions WHERE client_id = ? ORDER BY started_ms DESC, sid "
                    "LIMIT -1 OFFSET ?",
                    (client_id, self.sessions_max),
                )
            ]
            for old in gone:
                self._drop_sid(old)
        self._named.add(sid)
        self._named.difference_update(gone)
        return sid, gone

    def _drop_sid(self, sid: str) -> None:
        self._db.execute("DELETE FROM sessions WHERE sid = ?", (sid,))
        self._db.execute("DELETE FROM refresh_tokens WHERE sid = ?", (sid,))

    def is_alive(self, sid: str) -> bool:
        """Whether tokens of a session are good: it was not logged out of, nor pushed out."""
        if sid.startswith("s-"):
            return sid in self._named
        return sid not in self._revoked

    def end_session(self, client_id: str, sid: str, expires_ms: int) -> bool:
        """All tokens of a session are no good from now on; `expires_ms` is when the last of them ends.

        False if the key has ended too many to remember each; then all its tokens must go.
        """
        now_ms = self._clock.now_ms()
        with self._quickly():
            self._drop_sid(sid)
            self._db.execute("DELETE FROM revoked WHERE expires_ms <= ?", (now_ms,))
            known = self._db.execute(
                "SELECT count(*) FROM revoked WHERE client_id = ?", (client_id,)
            ).fetchone()[0]
            full = known >= REVOKED_PER_KEY_MAX
            if not sid.startswith("s-") and not full:
                self._db.execute(
                    "INSERT OR REPLACE INTO revoked VALUES (?, ?, ?)", (sid, client_id, expires_ms)
                )
        if len(self._revoked) > 2 * REVOKED_PER_KEY_MAX:
            self._revoked = {known: end for known, end in self._revoked.items() if end > now_ms}
        self._named.discard(sid)
        self._revoked[sid] = expires_ms
        return not full

    # --- refresh tokens --------------------------------------------------------------------------------

    def issue_refresh(
        self, client_id: str, scope: str, lifetime_ms: int, account: int = 0, sid: str = ""
    ) -> str:
        """A new refresh token; of a key's tokens only the newest 64 are kept."""
        token = base64.urlsafe_b64encode(self._entropy.token_bytes(32)).rstrip(b"=").decode()
        now_ms = self._clock.now_ms()
        with self._quickly():
            self._db.execute(
                "INSERT INTO refresh_tokens (hash, client_id, scope, issued_ms, expires_ms, account, sid) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (_hash(token), client_id, scope, now_ms, now_ms + lifetime_ms, account, sid),
            )
            self._db.execute(
                "DELETE FROM refresh_tokens WHERE client_id = ?1 AND hash NOT IN (SELECT hash FROM "
                "refresh_tokens WHERE client_id = ?1 ORDER BY issued_ms DESC, hash LIMIT ?2)",
                (client_id, REFRESH_TOKENS_PER_KEY_MAX),
            )
        return token

    def find_refresh(self, token: str) -> Refresh | None:
        """What a refresh token stands for, or None if it is no good (any more)."""
        return self._good(
            self._db.execute(
                "SELECT client_id, account, scope, sid, expires_ms FROM refresh_tokens WHERE hash = ?",
                (_hash(token),),
            ).fetchone()
        )

    def take_refresh(self, token: str) -> Refresh | None:
        """As `find_refresh`, and use it up."""
        with self._quickly():
            found = self._db.execute(
                "DELETE FROM refresh_tokens WHERE hash = ? "
                "RETURNING client_id, account, scope, sid, expires_ms",
                (_hash(token),),
            ).fetchone()
        return self._good(found)

    def _good(self, found: tuple[str, int, str, str, int] | None) -> Refresh | None:
        if found is None or found[4] <= self._clock.now_ms() or not self.is_alive(found[3]):
            return None
        return Refresh(*found[:4])

    # --- the access log --------------------------------------------------------------------------------

    def note(self, account: int, ip: str, log: str, data: str = "") -> None:
        """Write down a visit; of an account's only the newest 1,000 are kept."""
        at_ms = self._clock.now_ms()
        with self._quickly():
            number = self._db.execute(
                "INSERT INTO access_log (account, at_ms, ip, log, data) VALUES (?, ?, ?, ?, ?)",
                (account, at_ms, ip, log, data),
            ).lastrowid
            since = self._visits.get(account, _LOG_SLACK - 1) + 1
            if since >= _LOG_SLACK:
                since = 0
                self._db.execute(
                    "DELETE FROM access_log WHERE account = ?1 AND id <= (SELECT id FROM access_log "
                    "WHERE account = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                    (account, LOG_PER_ACCOUNT_MAX),
                )
            self._visits[account] = since
        visit = Visit(number or 0, at_ms, ip, log, data)
        for told in self.noted:
            told(account, visit)

    def visits(self, account: int, offset: int, count: int) -> list[Visit]:
        """Lines of an account's access log, newest first."""
        count = max(0, min(count, LOG_PER_ACCOUNT_MAX - offset))
        rows = self._db.execute(
            "SELECT id, at_ms, ip, log, data FROM access_log WHERE account = ? ORDER BY id DESC "
            "LIMIT ? OFFSET ?",
            (account, count, offset),
        )
        return [Visit(*row) for row in rows]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
