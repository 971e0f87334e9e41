"""`public/auth` and the sign-up call."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Final, Protocol

from exchange.gateway.dispatch import Handler
from exchange.keys.authentication import CredentialAuthenticator
from exchange.keys.credentials import ADDRESS_BYTES, Credentials
from exchange.keys.sign_ups import SignUps
from exchange.wire import errors
from exchange.wire.auth import parse_scopes, scope_text
from exchange.wire.errors import error, invalid_param
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.params import has, text
from exchange.wire.session import Request, Session

SIGN_UPS_IN_FLIGHT_MAX: Final = 64


class AuthVenue(Protocol):
    """What these handlers ask of the venue."""

    @property
    def authenticator(self) -> CredentialAuthenticator: ...

    @property
    def sign_up_enabled(self) -> bool: ...

    @property
    def sign_ups(self) -> SignUps: ...

    def create_account(self, owner: bytes, done: Callable[[int], None]) -> None:
        """Sequence CREATE_ACCOUNT; `done(account)` after its commit, `done(0)` if it was rejected."""

    def faucet(self, account: int) -> object:
        """Ask the mock L1 for a deposit to an account."""


def auth(venue: AuthVenue, session: Session, request: Request) -> None:
    """`public/auth`: tokens for a key; a WebSocket is bound to the account from then on.

    Raises:
        RpcError: 13004 wrong key or signature, 13009 a bad refresh token, a timestamp out of its window or
            an address that is not allowed, -32602 parameters.
    """
    authenticator = venue.authenticator
    asked = parse_scopes(text(request.params, "scope", ""))
    state = text(request.params, "state", "")
    grant = authenticator.by_grant(request)
    reply, token = authenticator.issue(session, grant, asked)
    if state:
        reply["state"] = state
    authenticator.enter(session, grant, token)
    session.reply(request, reply)


def _owner(request: Request, credentials: Credentials) -> bytes:
    if not has(request.params, "owner"):
        return credentials.new_owner()
    address = text(request.params, "owner").removeprefix("0x")
    try:
        owner = binascii.unhexlify(address)
    except ValueError:
        owner = b""
    if len(owner) != ADDRESS_BYTES:
        raise invalid_param("owner", "must be an address: 0x and 40 hexadecimal digits")
    if not any(owner):
        raise invalid_param("owner", "the zero address is nobody's: what it owned could never leave")
    return owner


def sign_up(venue: AuthVenue, session: Session, request: Request) -> None:
    """`public/strikebook_sign_up {name?, owner?}`: an account, its first key, a faucet deposit.

    Replies after the account is committed. The secret is shown this once.

    Raises:
        RpcError: 13025 switched off, or the faucet's budget is spent; 10028 too many at once, or of one
            address in an hour; 13028 rejected by the core.
    """
    authenticator = venue.authenticator
    credentials = authenticator.credentials
    if not venue.sign_up_enabled:
        raise error(errors.SWITCHED_OFF)
    if authenticator.sign_ups_in_flight >= SIGN_UPS_IN_FLIGHT_MAX:
        raise error(errors.TOO_MANY_REQUESTS)
    name = text(request.params, "name", "", bytes_max=LABEL_CHARS_MAX)
    owner = _owner(request, credentials)
    venue.sign_ups.admit(session.remote)
    pending = credentials.begin_account(name, owner)
    authenticator.sign_ups_in_flight += 1
    answered = False

    def done(account: int) -> None:
        nonlocal answered
        answered = True
        authenticator.sign_ups_in_flight -= 1
        if not account:
            credentials.discard(pending.row)
            venue.sign_ups.give_back(session.remote)
            session.fail(request, error(errors.TEMPORARILY_UNAVAILABLE, reason="account not created"))
            return
        credentials.confirm(pending.row, account)
        venue.faucet(account)
        session.reply(
            request,
            {
                "account": account,
                "name": name,
                "owner": "0x" + pending.owner.hex(),
                "client_id": pending.client_id,
                "client_secret": pending.secret,
                "scope": scope_text(pending.scopes),
            },
        )

    try:
        venue.create_account(pending.owner, done)
    except Exception:
        if not answered:  # it was never sequenced
            done(0)
            return
        raise


METHODS: Final[dict[str, Handler]] = {
    "public/auth": auth,
    "public/strikebook_sign_up": sign_up,
}
