"""Which connections are bound to which key, so that what happens to the key reaches them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from exchange.wire.session import Session

CLOSE_KEY_REVOKED: Final = 4_002  # its key was disabled, removed or reset, or its account may not log in
CLOSE_SESSION_REPLACED: Final = 4_003  # pushed out by newer sessions of the key


class LiveSessions:
    """WebSocket sessions by key."""

    def __init__(self) -> None:
        self._of_key: dict[str, dict[Session, None]] = {}

    def bind(self, session: Session, before: str) -> None:
        """A session is bound to its `client_id`; `before` is the key it was bound to."""
        if not session.is_websocket or session.closed:
            return
        if before != session.client_id:
            self._leave(session, before)
        self._of_key.setdefault(session.client_id, {})[session] = None

    def forget(self, session: Session) -> None:
        """A session is over."""
        self._leave(session, session.client_id)

    def _leave(self, session: Session, client_id: str) -> None:
        sessions = self._of_key.get(client_id)
        if sessions is not None:
            sessions.pop(session, None)
            if not sessions:
                del self._of_key[client_id]

    def of_key(self, client_id: str) -> list[Session]:
        """The sessions of a key."""
        return list(self._of_key.get(client_id, ()))

    def close_one(self, session: Session, reason: str) -> None:
        """Close a session whose key no longer lets it in."""
        session.close(CLOSE_KEY_REVOKED, reason)

    def close_account(self, account: int, reason: str) -> None:
        """Close every session of an account, whatever its key."""
        for sessions in list(self._of_key.values()):
            for session in list(sessions):
                if session.account == account:
                    session.close(CLOSE_KEY_REVOKED, reason)

    def close_key(self, client_id: str, reason: str) -> None:
        """Close the sessions of a key that is no good any more."""
        for session in self.of_key(client_id):
            session.close(CLOSE_KEY_REVOKED, reason)

    def close_sids(self, client_id: str, sids: Iterable[str]) -> None:
        """Close the sessions of a key that newer ones pushed out."""
        gone = set(sids)
        for session in self.of_key(client_id) if gone else ():
            if session.sid in gone:
                session.close(CLOSE_SESSION_REPLACED, "session_replaced")
