"""Cancel on disconnect: switched on and off, for a connection or as an account's default."""

from __future__ import annotations

from typing import Final

from exchange.gateway.dispatch import Handler, account_of
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.params import Params, choice
from exchange.wire.session import Request, Session
from exchange.wire.session_methods import must_be_websocket

CONNECTION: Final = "connection"
ACCOUNT: Final = "account"


def _scope(params: Params, session: Session) -> str:
    scope = choice(params, "scope", (CONNECTION, ACCOUNT), CONNECTION)
    if scope == CONNECTION:
        must_be_websocket(session)
    return scope


def enable_cancel_on_disconnect(venue: Venue, session: Session, request: Request) -> None:
    """`private/enable_cancel_on_disconnect {scope?}`: orders that this connection makes from now on go when
    it ends; with scope `account`, connections that are opened later begin so."""
    _switch(venue, session, request, enabled=True)


def disable_cancel_on_disconnect(venue: Venue, session: Session, request: Request) -> None:
    """`private/disable_cancel_on_disconnect {scope?}`."""
    _switch(venue, session, request, enabled=False)


def _switch(venue: Venue, session: Session, request: Request, *, enabled: bool) -> None:
    account = account_of(session)
    if _scope(request.params, session) == CONNECTION:
        session.cancel_on_disconnect = enabled
    else:
        if not venue.has_authenticator:
            raise error(errors.SWITCHED_OFF)
        venue.authenticator.credentials.set_cancel_on_disconnect(account, enabled)
    session.reply(request, "ok")


def get_cancel_on_disconnect(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_cancel_on_disconnect {scope?}`."""
    account = account_of(session)
    scope = _scope(request.params, session)
    enabled = session.cancel_on_disconnect
    if scope == ACCOUNT:
        profile = venue.authenticator.credentials.profile(account) if venue.has_authenticator else None
        enabled = profile is not None and bool(profile.cancel_on_disconnect)
    session.reply(request, {"scope": scope, "enabled": enabled})


METHODS: Final[dict[str, Handler]] = {
    "private/enable_cancel_on_disconnect": enable_cancel_on_disconnect,
    "private/disable_cancel_on_disconnect": disable_cancel_on_disconnect,
    "private/get_cancel_on_disconnect": get_cancel_on_disconnect,
}
