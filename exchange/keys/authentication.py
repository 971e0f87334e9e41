"""Who is it, and what may it have: keys, tokens and signatures, at sign-in and with every HTTP request."""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple

from exchange.keys.credentials import Credentials
from exchange.keys.key_table import Key
from exchange.keys.live_sessions import LiveSessions
from exchange.keys.replays import ReplayLog
from exchange.keys.signatures import is_signed_by
from exchange.wire import errors
from exchange.wire.auth import (
    BASIC_SCHEME,
    HMAC_SCHEME,
    Token,
    TokenSigner,
    asked_lifetime_s,
    check_address,
    check_timestamp,
    granted_scopes,
    http_message,
    narrowed,
    parse_basic,
    parse_hmac,
    parse_scopes,
    scope_text,
    session_name,
    unauthorized,
    websocket_message,
)
from exchange.wire.credits import MATCHING_METHODS
from exchange.wire.errors import error
from exchange.wire.method_scopes import changes_state
from exchange.wire.params import choice, text, timestamp_ms
from exchange.wire.session import Request, Session
from exchange.wire.session_methods import Clock

ACCESS_LIFETIME_S: Final = 86_400
REFRESH_LIFETIME_S: Final = 30 * 86_400
_GRANTS: Final = frozenset({"client_credentials", "client_signature", "refresh_token"})


class Grant(NamedTuple):
    """What an auth request may have: a key, whose account, at most these scopes, in which session."""

    key: Key
    account: int
    held: frozenset[str]
    sid: str = ""


class CredentialAuthenticator:
    """Checks tokens and signatures against the credentials; the server's authenticator."""

    def __init__(self, credentials: Credentials, clock: Clock, replays: ReplayLog | None = None) -> None:
        self.credentials = credentials
        self.replays = replays or ReplayLog(None, clock)
        self.live = LiveSessions()
        self.signer = TokenSigner(credentials.token_secret)
        self.sign_ups_in_flight = 0
        self._clock = clock

    # --- who is it -------------------------------------------------------------------------------------

    def by_token(self, session: Session, token: str) -> None:
        """Bind a session by an access token. Raises 13009 if it is invalid, expired or used elsewhere."""
        claim = self.signer.read(token, self._clock.now_ms())
        key = self.credentials.key(claim.client_id)
        if key is None or not self._is_good(claim, key):
            raise unauthorized("invalid_token")
        scopes = narrowed(claim.scopes, key.scopes)
        self._bind(session, key, claim.account, scopes, claim.sid)

    def _is_good(self, claim: Token, key: Key) -> bool:
        return (
            claim.issued_ms >= key.tokens_from_ms
            and self.credentials.sign_ins.is_alive(claim.sid)
            and (claim.account == key.account or self.may_enter(claim.account))
        )

    def may_enter(self, account: int) -> bool:
        """Whether an account that a token was exchanged for still lets anybody in."""
        profile = self.credentials.profile(account)
        return profile is not None and bool(profile.login) and not self.credentials.is_retired(account)

    def cancels_on_disconnect(self, account: int) -> bool:
        """Whether an account wants the orders of its connections cancelled when these end."""
        profile = self.credentials.profile(account)
        return profile is not None and bool(profile.cancel_on_disconnect)

    def by_header(
        self, session: Session, header: str, verb: str, target: bytes, body: bytes, method: str = ""
    ) -> None:
        """Bind a session by an Authorization header: Bearer, Basic, or a signed request. Raises 13009,
        13004; 10028 and 13028 as `ReplayLog.take`, for a `method` that changes something."""
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() == "bearer":
            self.by_token(session, rest.strip())
            return
        if scheme.lower() == HMAC_SCHEME:
            claim = parse_hmac(rest)
            message = http_message(claim.timestamp_ms, claim.nonce, verb, target, body)
            key = self._signed_by(claim.client_id, claim.timestamp_ms, message, claim.signature)
            if changes_state(method):
                self.replays.take(key.client_id, message, sequenced=method in MATCHING_METHODS)
        elif scheme.lower() == BASIC_SCHEME:
            key = self._by_secret(*parse_basic(rest))
        else:
            raise unauthorized("unknown_authorization_scheme")
        self._bind(session, key, key.account, granted_scopes(key.scopes, frozenset()), "")

    def _bind(
        self, session: Session, key: Key, account: int, scopes: frozenset[str], sid: str
    ) -> None:
        """Let a session in from where it is."""
        if not key.allows_from(session.remote):
            raise unauthorized("ip_not_allowed")
        check_address(scopes, session.remote)
        before = session.client_id
        if session.is_websocket and (not session.authenticated or session.account != account):
            session.cancel_on_disconnect = self.cancels_on_disconnect(account)
        session.authenticate(account, key.client_id, scopes, sid)
        self.live.bind(session, before)

    def _signed_by(self, client_id: str, time_ms: int, message: bytes, signature: str) -> Key:
        check_timestamp(time_ms, self._clock.now_ms())
        key = self.credentials.key(client_id)
        if key is None or not is_signed_by(key, message, signature):
            raise error(errors.INVALID_CREDENTIALS)
        return key

    def _by_secret(self, client_id: str, secret: str) -> Key:
        key = self.credentials.key(client_id)
        known = b"" if key is None else key.secret.encode()
        if key is None or not known or not hmac.compare_digest(known, secret.encode("utf-8", "replace")):
            raise error(errors.INVALID_CREDENTIALS)
        return key

    # --- what it may have ------------------------------------------------------------------------------

    def by_grant(self, request: Request) -> Grant:
        """What an auth request may have at most. Raises 13004, 13009, -32602."""
        params = request.params
        grant = choice(params, "grant_type", _GRANTS)
        if grant == "refresh_token":
            return self.by_refresh(text(params, "refresh_token"), use_up=True)
        client_id = text(params, "client_id")
        if grant == "client_credentials":
            key = self._by_secret(client_id, text(params, "client_secret"))
        else:
            time_ms = timestamp_ms(params, "timestamp")
            message = websocket_message(time_ms, text(params, "nonce", ""), text(params, "data", ""))
            key = self._signed_by(client_id, time_ms, message, text(params, "signature"))
        return Grant(key, key.account, key.scopes)

    def by_refresh(self, token: str, *, use_up: bool) -> Grant:
        """What a refresh token stands for. Raises 13009 if it is no good."""
        sign_ins = self.credentials.sign_ins
        found = sign_ins.take_refresh(token) if use_up else sign_ins.find_refresh(token)
        key = None if found is None else self.credentials.key(found.client_id)
        if found is None or key is None:
            raise unauthorized("invalid_token")
        account = found.account or key.account
        if account != key.account and not self.may_enter(account):
            raise unauthorized("invalid_token")
        return Grant(key, account, narrowed(parse_scopes(found.scope), key.scopes), found.sid)

    def issue(
        self, session: Session, grant: Grant, asked: frozenset[str]
    ) -> tuple[dict[str, object], Token]:
        """The reply of an auth request and the token in it."""
        key = grant.key
        if not key.allows_from(session.remote):
            raise unauthorized("ip_not_allowed")
        named = session_name(asked) or session_name(grant.held)
        words = {f"session:{named}"} if named else set()
        kept = {word for word in grant.held if word.startswith("ip:")}
        scopes = granted_scopes(grant.held, asked | kept | words)
        sid = self._sid_of(session, grant, named)
        lifetime_s = min(ACCESS_LIFETIME_S, asked_lifetime_s(asked) or ACCESS_LIFETIME_S)
        scope = scope_text(scopes)
        now_ms = self._clock.now_ms()
        token = Token(grant.account, key.client_id, scope, now_ms + lifetime_s * 1_000, sid, now_ms)
        refresh = self.credentials.sign_ins.issue_refresh(
            key.client_id, scope, REFRESH_LIFETIME_S * 1_000, grant.account, sid
        )
        reply: dict[str, object] = {
            "access_token": self.signer.issue(token),
            "refresh_token": refresh,
            "expires_in": lifetime_s,
            "scope": scope,
            "token_type": "bearer",
            "enabled_features": list(key.features),
            "sid": sid,
        }
        return reply, token

    def _sid_of(self, session: Session, grant: Grant, named: str) -> str:
        """The session that a new token belongs to: the named one, or that of the connection."""
        sign_ins, client_id = self.credentials.sign_ins, grant.key.client_id
        if named:
            sid, gone = sign_ins.named_session(client_id, grant.account, named)
            self.live.close_sids(client_id, gone)
            return sid
        if grant.sid:
            return grant.sid
        same = session.client_id == client_id and session.account == grant.account
        return session.sid if same and session.sid.startswith("c-") else sign_ins.new_sid()

    def enter(self, session: Session, grant: Grant, token: Token) -> None:
        """A WebSocket is bound by the token it was just given; the visit is written down."""
        if session.is_websocket:
            self._bind(session, grant.key, grant.account, token.scopes, token.sid)
        self.note_issue(session, grant, "login")

    def note_issue(self, session: Session, grant: Grant, log: str) -> None:
        """Write down that tokens were issued."""
        self.credentials.sign_ins.note(grant.account, session.remote, log, grant.key.client_id)

    def leave(self, session: Session, *, invalidate: bool) -> None:
        """A session logs out; with `invalidate` its tokens are no good any more."""
        sign_ins, client_id = self.credentials.sign_ins, session.client_id
        if session.account is not None:
            sign_ins.note(session.account, session.remote, "logout", client_id)
        if invalidate and session.sid:
            until_ms = self._clock.now_ms() + ACCESS_LIFETIME_S * 1_000
            key = self.credentials.key(client_id)
            if not sign_ins.end_session(client_id, session.sid, until_ms) and key is not None:
                self.credentials.drop_tokens(key)
