"""Sessions of tokens: forked under a name, exchanged for a subaccount, logged out of."""

from __future__ import annotations

import re
from typing import Final

from exchange.gateway.dispatch import Handler
from exchange.gateway.venue import Venue
from exchange.keys.authentication import Grant
from exchange.wire import errors
from exchange.wire.auth import SESSION_NAME_CHARS_MAX, parse_scopes, session_name
from exchange.wire.errors import error, invalid_param
from exchange.wire.params import boolean, integer, text
from exchange.wire.session import Request, Session
from exchange.wire.session_methods import must_be_websocket

CLOSE_LOGOUT: Final = 1_000
_NAME: Final = re.compile(r"[\w.-]+", re.ASCII)


def fork_token(venue: Venue, session: Session, request: Request) -> None:
    """`public/fork_token {refresh_token, session_name}`: tokens of a further named session.

    The refresh token stays good. It must be that of a named session itself (13021): a session of a
    connection ends with it and has nothing to pass on.
    """
    name = text(request.params, "session_name", bytes_max=SESSION_NAME_CHARS_MAX)
    if not _NAME.fullmatch(name):
        raise invalid_param("session_name", "letters, digits, points, hyphens and underscores only")
    authenticator = venue.authenticator
    grant = authenticator.by_refresh(text(request.params, "refresh_token"), use_up=False)
    if not session_name(grant.held):
        raise error(errors.FORBIDDEN, reason="not a token of a named session")
    reply, _ = authenticator.issue(session, grant._replace(sid=""), _same(grant, f"session:{name}"))
    authenticator.note_issue(session, grant, "fork_token")
    session.reply(request, reply)


def exchange_token(venue: Venue, session: Session, request: Request) -> None:
    """`public/exchange_token {refresh_token, subject_id, scope?}`: tokens for another account of the family.

    From a main account to a subaccount of it. Raises 13021 for any other, or without the scope
    `mainaccount`.
    """
    subject = integer(request.params, "subject_id")
    asked = parse_scopes(text(request.params, "scope", ""))
    authenticator = venue.authenticator
    grant = authenticator.by_refresh(text(request.params, "refresh_token"), use_up=False)
    if subject != grant.account:
        families = venue.views.families
        related = subject in families.subaccounts(grant.account) and not venue.is_removed(subject)
        if not related or "mainaccount" not in grant.held or not authenticator.may_enter(subject):
            raise error(errors.FORBIDDEN, param="subject_id", reason="is no subaccount of this account")
        grant = Grant(grant.key, subject, grant.held - {"mainaccount"})
    reply, _ = authenticator.issue(session, grant, asked)
    authenticator.note_issue(session, grant, "exchange_token")
    session.reply(request, reply)


def _same(grant: Grant, *words: str) -> frozenset[str]:
    """What a grant holds, its session's name replaced."""
    return frozenset({*(word for word in grant.held if not word.startswith("session:")), *words})


def logout(venue: Venue, session: Session, request: Request) -> None:
    """`private/logout {invalidate_token?}`: the connection is closed (1000), without a reply.

    Orders stay, cancel on disconnect or not. Tokens of the session are no good any more unless
    `invalidate_token` is false.
    """
    must_be_websocket(session)
    invalidate = boolean(request.params, "invalidate_token", default=True)
    if venue.has_authenticator:
        venue.authenticator.leave(session, invalidate=invalidate)
    session.logged_out = True
    session.close(CLOSE_LOGOUT, "logout")


METHODS: Final[dict[str, Handler]] = {
    "public/fork_token": fork_token,
    "public/exchange_token": exchange_token,
    "private/logout": logout,
}
