"""Sessions that the key of a grant has opened: each of their commands names the grant and keeps to it.

The session shows one signature, when it begins; what it sends then is trusted to the connection, as with an
API key, but never beyond what the grant allows, which everybody can check in the command log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from exchange.attest import grants as g
from exchange.domain.records import UNIT_BYTES
from exchange.keys.grant_checks import must_allow
from exchange.keys.grants import Grants, Outcome
from exchange.keys.live_sessions import CLOSE_KEY_REVOKED
from exchange.keys.replays import ReplayLog
from exchange.wire import errors
from exchange.wire.errors import error, other_reject
from exchange.wire.session import RpcError, Session
from exchange.wire.session_methods import Clock

ENTRY_MS: Final = 60_000
"""An entry is good for so long at most: replays are remembered for twice that."""
SCOPES: Final = frozenset({"account:read", "trade:read"})
"""What such a session may besides its grant: see the account it trades for."""
LOOK_S: Final = 3_600.0
"""How far ahead a timer is set at most."""
_GRANT_AT: Final = 24  # in a command's header


class Timer(Protocol):
    """What `Host.call_later` returns."""

    def cancel(self) -> None: ...


class Host(Protocol):
    """What of the venue these sessions use."""

    clock: Clock

    def underlying_of(self, instrument: int) -> int | None: ...

    def instrument_of(self, order_id: int) -> int | None: ...

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer: ...


class GrantSessions:
    """The sessions by account and grant. All methods run on the loop."""

    def __init__(self, host: Host, grants: Grants, replays: ReplayLog | None) -> None:
        self._host = host
        self._grants = grants
        self._replays = replays or ReplayLog(None, host.clock)
        self._open: dict[tuple[int, int], dict[Session, None]] = {}
        self._timers: dict[Session, Timer] = {}
        grants.revoked.append(self._on_revoked)

    def open(self, session: Session, entry: g.Entry, signature: bytes, done: Outcome) -> None:
        """Bind a session to the account of a grant whose key has signed the entry; `done` once it is.

        Raises:
            RpcError: -32602 no such account; 13020 no such grant; 11030 `grant_revoked`, `grant_expired`,
                `entry_expired`, `entry_too_far_ahead`; 13021 the session is somebody's already; 13503 nobody
                verifies now.
        """
        self._must_be_free(session)
        self._must_be_timely(entry)
        self._grants.must_have_account(entry.account)
        self._grants.good(entry.account, entry.grant)

        def judge(signer: bytes | None) -> None:
            grant = self._grants.good(entry.account, entry.grant)
            self._must_be_timely(entry)
            if signer is None or signer != grant.session_key:
                raise other_reject("not_the_signature_of_this_key", param="signature")
            self._must_be_free(session)
            digest = g.message_digest(self._grants.domain, entry)
            self._replays.take(f"entries of {entry.account}", digest)
            if not session.closed:
                self._bind(session, grant)
            done(None)

        def refused(why: RpcError | None) -> None:
            if why is not None:
                done(why)

        self._grants.verify(entry, signature, judge, refused)

    def stamped(self, session: Session, commands: bytes) -> bytes:
        """Commands of a session as they are sequenced: those of a grant's name it.

        Raises:
            RpcError: 11030 `grant_revoked`, `grant_expired`, and whatever the grant does not allow; -32602
                the account has been removed.
        """
        number, account = session.grant, session.account
        if not number or account is None:
            return commands
        self._grants.must_have_account(account)
        grant = self._grants.good(account, number)
        host = self._host
        must_allow(grant, commands, host.clock.now_ms(), host.underlying_of, host.instrument_of)
        out = bytearray(commands)
        at = 0
        while at < len(out):
            out[at + _GRANT_AT : at + _GRANT_AT + 4] = number.to_bytes(4, "little")
            at += int.from_bytes(out[at + 2 : at + 4], "little") * UNIT_BYTES
        return bytes(out)

    def forget(self, session: Session) -> None:
        """A session is over."""
        timer = self._timers.pop(session, None)
        if timer is None:
            return
        timer.cancel()
        for place, sessions in list(self._open.items()):
            sessions.pop(session, None)
            if not sessions:
                del self._open[place]

    def _must_be_free(self, session: Session) -> None:
        if session.authenticated:
            raise error(errors.FORBIDDEN, reason="the session is somebody's already: take another connection")

    def _must_be_timely(self, entry: g.Entry) -> None:
        now_ms = self._host.clock.now_ms()
        if entry.valid_until_ms <= now_ms:
            raise other_reject("entry_expired", param="valid_until")
        if entry.valid_until_ms > now_ms + ENTRY_MS:
            raise other_reject("entry_too_far_ahead", param="valid_until", limit_ms=ENTRY_MS)

    def _bind(self, session: Session, grant: g.Grant) -> None:
        session.authenticate(grant.account, "", SCOPES, grant=grant.number)
        self._open.setdefault((grant.account, grant.number), {})[session] = None
        self._look(session, grant)

    def _look(self, session: Session, grant: g.Grant) -> None:
        """End the session with its grant."""
        left_ms = grant.expiry_ms - self._host.clock.now_ms()
        if left_ms <= 0:
            self._end(session, grant.account, grant.number, "grant_expired")
            return
        delay_s = min(LOOK_S, left_ms / 1_000)
        self._timers[session] = self._host.call_later(delay_s, lambda: self._look(session, grant))

    def _on_revoked(self, account: int, number: int) -> None:
        for session in list(self._open.get((account, number), ())):
            self._end(session, account, number, "grant_revoked")

    def _end(self, session: Session, account: int, number: int, reason: str) -> None:
        if (session.account, session.grant) == (account, number):  # else it has signed in with a key since
            session.deauthenticate()
            session.close(CLOSE_KEY_REVOKED, reason)
