"""`public/auth`, the sign-up call, and what an HTTP request shows of itself.

Handlers are `(venue, session, request) -> None`, registered in the gateway's method table.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Callable
from typing import Final, Protocol

from exchange.gateway.credentials import ADDRESS_BYTES, Credentials, Key
from exchange.gateway.sign_ups import SignUps
from exchange.wire import errors
from exchange.wire.auth import (
    HMAC_SCHEME,
    Token,
    TokenSigner,
    asked_lifetime_s,
    check_timestamp,
    granted_scopes,
    http_message,
    parse_hmac,
    parse_scopes,
    scope_text,
    signature_matches,
    unauthorized,
    websocket_message,
)
from exchange.wire.errors import error, invalid_param
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.params import choice, has, text, timestamp_ms
from exchange.wire.session import Request, Session
from exchange.wire.session_methods import Clock

ACCESS_LIFETIME_S: Final = 86_400
REFRESH_LIFETIME_S: Final = 30 * 86_400
SIGN_UPS_IN_FLIGHT_MAX: Final = 64
_GRANTS: Final = frozenset({"client_credentials", "client_signature", "refresh_token"})


class CredentialAuthenticator:
    """Checks tokens and signatures against the credentials; the server's authenticator."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        self.credentials = credentials
        self.signer = TokenSigner(credentials.token_secret)
        self.sign_ups_in_flight = 0
        self._clock = clock

    def by_token(self, session: Session, token: str) -> None:
        """Bind a session by an access token. Raises 13009 if it is invalid or expired."""
        claim = self.signer.read(token, self._clock.now_ms())
        key = self.credentials.key(claim.client_id)
        if key is None or key.account != claim.account:
            raise unauthorized("invalid_token")
        session.authenticate(claim.account, claim.client_id, claim.scopes)

    def by_header(self, session: Session, header: str, verb: str, target: bytes, body: bytes) -> None:
        """Bind a session by an Authorization header: Bearer, or a signed request. Raises 13009, 13004."""
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() == "bearer":
            self.by_token(session, rest.strip())
        elif scheme.lower() == HMAC_SCHEME:
            claim = parse_hmac(rest)
            message = http_message(claim.timestamp_ms, claim.nonce, verb, target, body)
            key = self._signed_by(claim.client_id, claim.timestamp_ms, message, claim.signature)
            session.authenticate(key.account, key.client_id, granted_scopes(key.scopes, frozenset()))
        else:
            raise unauthorized("unknown_authorization_scheme")

    def _signed_by(self, client_id: str, time_ms: int, message: bytes, signature: str) -> Key:
        check_timestamp(time_ms, self._clock.now_ms())
        key = self.credentials.key(client_id)
        if key is None or not signature_matches(key.secret, message, signature):
            raise error(errors.INVALID_CREDENTIALS)
        return key

    def by_grant(self, request: Request) -> tuple[Key, frozenset[str]]:
        """The key behind an auth request and the scopes it may have at most."""
        params = request.params
        grant = choice(params, "grant_type", _GRANTS)
        if grant == "refresh_token":
            found = self.credentials.take_refresh(text(params, "refresh_token"))
            if found is None:
                raise unauthorized("invalid_token")
            return found[0], parse_scopes(found[1])
        client_id = text(params, "client_id")
        if grant == "client_credentials":
            secret = text(params, "client_secret")
            key = self.credentials.key(client_id)
            if key is None or not hmac.compare_digest(key.secret.encode(), secret.encode("utf-8", "replace")):
                raise error(errors.INVALID_CREDENTIALS)
            return key, key.scopes
        time_ms = timestamp_ms(params, "timestamp")
        message = websocket_message(time_ms, text(params, "nonce", ""), text(params, "data", ""))
        key = self._signed_by(client_id, time_ms, message, text(params, "signature"))
        return key, key.scopes

    def issue(self, key: Key, held: frozenset[str], asked: frozenset[str]) -> tuple[dict[str, object], Token]:
        """The reply of an auth request and the token in it."""
        lifetime_s = min(ACCESS_LIFETIME_S, asked_lifetime_s(asked) or ACCESS_LIFETIME_S)
        scopes = granted_scopes(held, asked)
        scope = scope_text(scopes)
        token = Token(key.account, key.client_id, scope, self._clock.now_ms() + lifetime_s * 1_000)
        refresh = self.credentials.issue_refresh(key.client_id, scope, REFRESH_LIFETIME_S * 1_000)
        reply: dict[str, object] = {
            "access_token": self.signer.issue(token),
            "refresh_token": refresh,
            "expires_in": lifetime_s,
            "scope": scope,
            "token_type": "bearer",
            "enabled_features": [],
        }
        return reply, token


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
        RpcError: 13004 wrong key or signature, 13009 a bad refresh token or a timestamp out of its
            window, -32602 parameters.
    """
    authenticator = venue.authenticator
    asked = parse_scopes(text(request.params, "scope", ""))
    state = text(request.params, "state", "")
    key, held = authenticator.by_grant(request)
    reply, token = authenticator.issue(key, held, asked)
    if state:
        reply["state"] = state
    reply["sid"] = str(session.session_id)
    if session.is_websocket:
        session.authenticate(key.account, key.client_id, token.scopes)
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
