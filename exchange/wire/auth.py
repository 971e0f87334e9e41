"""Who may do what: signatures, access tokens and scopes. Pure: time comes in as an argument.

Signing is HMAC-SHA256 with the key's secret, lower-case hex, over one of two strings of lines: on a
WebSocket timestamp, nonce and data; over HTTP timestamp, nonce, METHOD, the request target exactly as
sent, and the body, the last line ended too. A nonce alone is not remembered: clients use the
millisecond, and two different calls in one millisecond are both good. A call that changes something is
remembered whole while its timestamp is good, and not taken twice (`exchange.keys.replays`).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.method_scopes import UNDER_GRANT, needed_scope
from exchange.wire.session import RpcError

TIMESTAMP_WINDOW_MS: Final = 60_000
NO_PARAMS: Final[Mapping[str, object]] = MappingProxyType({})
_REMEMBERED: Final = 4_096  # tokens that were verified, pairs of scopes that were compared
HMAC_SCHEME: Final = "deri-hmac-sha256"
BASIC_SCHEME: Final = "basic"

# Scopes a key can hold. A right is none, read or read_write; read_write includes read.
SESSION_NAME_CHARS_MAX: Final = 56
AREAS: Final = ("account", "trade", "wallet", "block_trade", "block_rfq")
_RIGHTS: Final = {"none": 0, "read": 1, "read_write": 2}
DEFAULT_SCOPES: Final = frozenset({*(f"{area}:read_write" for area in AREAS), "mainaccount"})
SUBACCOUNT_SCOPES: Final = DEFAULT_SCOPES - {"mainaccount"}


class HmacClaim(NamedTuple):
    """The parts of an `Authorization: deri-hmac-sha256` header."""

    client_id: str
    timestamp_ms: int
    signature: str
    nonce: str


def unauthorized(reason: str) -> RpcError:
    """13009 with why."""
    return error(errors.UNAUTHORIZED, reason=reason)


def sign(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in lower-case hex."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def websocket_message(timestamp_ms: int, nonce: str, data: str) -> bytes:
    """The string `public/auth` with `client_signature` signs."""
    return f"{timestamp_ms}\n{nonce}\n{data}".encode()


def http_message(timestamp_ms: int, nonce: str, verb: str, target: bytes, body: bytes) -> bytes:
    """The string a signed HTTP request signs; `target` is the raw path and query."""
    return b"%d\n%b\n%b\n%b\n%b\n" % (timestamp_ms, nonce.encode(), verb.upper().encode(), target, body)


def signature_matches(secret: str, message: bytes, signature: str) -> bool:
    """Whether the hex signature is the secret's, compared in constant time."""
    return hmac.compare_digest(sign(secret, message).encode(), signature.lower().encode("utf-8", "replace"))


def check_timestamp(timestamp_ms: int, now_ms: int) -> None:
    """Raises 13009 if a signature's time is not within the window around now."""
    if abs(now_ms - timestamp_ms) > TIMESTAMP_WINDOW_MS:
        raise unauthorized("timestamp_out_of_range")


def parse_hmac(credentials: str) -> HmacClaim:
    """Read `id=…,ts=…,sig=…,nonce=…` in any order, unknown fields ignored.

    Raises:
        RpcError: 13009 if a field is missing or ts is no number.
    """
    fields: dict[str, str] = {}
    for part in credentials.split(","):
        key, found, value = part.strip().partition("=")
        if found:
            fields[key.strip().lower()] = value.strip().strip('"')
    try:
        claim = HmacClaim(fields["id"], int(fields["ts"]), fields["sig"], fields["nonce"])
    except (KeyError, ValueError):
        raise unauthorized("malformed_authorization_header") from None
    return claim


def parse_basic(credentials: str) -> tuple[str, str]:
    """(client id, client secret) of an `Authorization: Basic` header.

    Raises:
        RpcError: 13009 if it is no base64 of UTF-8 text with a colon.
    """
    try:
        text = base64.b64decode(credentials.strip().encode(), validate=True).decode()
    except ValueError:  # binascii's and Unicode's errors are of this kind
        text = ""
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise unauthorized("malformed_authorization_header")
    return client_id, secret


# --- scopes ----------------------------------------------------------------------------------------


def parse_scopes(text: str) -> frozenset[str]:
    """The words of a scope string (blanks or commas between them)."""
    return frozenset(text.replace(",", " ").split())


def _right(scopes: frozenset[str], area: str) -> int:
    """The strongest right the scopes give in an area."""
    return max((level for name, level in _RIGHTS.items() if f"{area}:{name}" in scopes), default=0)


def granted_scopes(held: frozenset[str], asked: frozenset[str]) -> frozenset[str]:
    """What is granted of what is asked: never more than the key holds.

    An area that is not named is granted in full if nothing was named, or only areas to leave out
    (`wallet:none`). The first session word (`session:x`) and address words (`ip:x`) are kept as asked.
    """
    named = {area for area in AREAS if any(word.startswith(area + ":") for word in asked)}
    only_left_out = all(f"{area}:none" in asked for area in named)
    granted: set[str] = set()
    for area in AREAS:
        right = _right(held, area)
        if area in named:
            right = min(right, _right(asked, area))
        elif not only_left_out:
            right = 0
        if right:
            granted.add(f"{area}:read_write" if right == 2 else f"{area}:read")
    if "mainaccount" in held:
        granted.add("mainaccount")
    addresses = {word for word in asked if word.startswith("ip:") and len(word) <= 64}
    name = session_name(asked)
    return frozenset(granted | addresses | {f"session:{name}" if name else "connection"})


def session_name(scopes: frozenset[str]) -> str:
    """The name of a `session:name` scope, the first of several; empty for a session of its connection."""
    names = (word.removeprefix("session:") for word in scopes if word.startswith("session:"))
    return min((name for name in names if name and len(name) <= SESSION_NAME_CHARS_MAX), default="")


@functools.lru_cache(maxsize=_REMEMBERED)
def narrowed(scopes: frozenset[str], held: frozenset[str]) -> frozenset[str]:
    """Scopes that were granted once, cut to what is held now."""
    kept = {word for word in scopes if word.partition(":")[0] not in AREAS and word != "mainaccount"}
    for area in AREAS:
        right = min(_right(scopes, area), _right(held, area))
        if right:
            kept.add(f"{area}:read_write" if right == 2 else f"{area}:read")
    if "mainaccount" in scopes and "mainaccount" in held:
        kept.add("mainaccount")
    return frozenset(kept)


def covers(held: frozenset[str], wanted: frozenset[str]) -> bool:
    """Whether no area of `wanted` goes beyond what is held."""
    return all(_right(wanted, area) <= _right(held, area) for area in AREAS)


def check_address(scopes: frozenset[str], ip: str) -> None:
    """Raises 13009 if `ip:` scopes name other addresses than this one."""
    allowed = {word.removeprefix("ip:") for word in scopes if word.startswith("ip:")}
    if allowed and "*" not in allowed and ip not in allowed:
        raise unauthorized("ip_not_allowed")


def scope_text(scopes: frozenset[str]) -> str:
    """The scope string of a reply, sorted so that it is the same every time."""
    return " ".join(sorted(scopes))


def asked_lifetime_s(asked: frozenset[str]) -> int | None:
    """The seconds of an `expires:n` scope, if one was asked for."""
    for word in asked:
        if word.startswith("expires:"):
            digits = word.removeprefix("expires:")
            if digits.isascii() and digits.isdigit() and len(digits) <= 10 and int(digits) > 0:
                return int(digits)
    return None


@functools.lru_cache(maxsize=_REMEMBERED)
def allows(scopes: frozenset[str], area: str, *, write: bool) -> bool:
    """Whether the scopes let a session read, or write, in an area."""
    return _right(scopes, area) >= (2 if write else 1)


def check_access(
    method: str,
    authenticated: bool,
    scopes: frozenset[str],
    params: Mapping[str, object] = NO_PARAMS,
    grant: int = 0,
) -> None:
    """Whether a session may call a method with these parameters; `grant` is what it was opened under.

    Raises:
        RpcError: 13009 a private method without authentication; 13021 a scope is missing.
    """
    if not method.startswith("private/"):
        return
    if not authenticated:
        raise unauthorized("authentication_required")
    if grant and method in UNDER_GRANT:
        return
    needed = needed_scope(method, params)
    if needed is not None and not allows(scopes, needed[0], write=needed[1]):
        right = "read_write" if needed[1] else "read"
        raise error(errors.FORBIDDEN, reason=f"scope {needed[0]}:{right} required")


# What a private channel shows, by the beginning of its name; all of it must be allowed.
_CHANNEL_AREAS: Final = {
    "user.orders": "trade",
    "user.trades": "trade",
    "user.changes": "trade",
    "user.combo_trades": "trade",
    "user.mmp_trigger": "trade",
    "user.portfolio": "account",
    "user.lock": "account",
    "user.access_log": "account",
    "user.stream": "trade account",
    "block_rfq.maker": "block_rfq",
    "block_rfq.taker": "block_rfq",
    "block_trade_confirmations": "block_trade",
}


def may_listen(channel: str, scopes: frozenset[str]) -> bool:
    """Whether the scopes let a session listen to a channel."""
    parts = channel.split(".", 2)
    area = _CHANNEL_AREAS.get(".".join(parts[:2])) or _CHANNEL_AREAS.get(parts[0])
    return area is None or all(allows(scopes, each, write=False) for each in area.split())


# --- access tokens ---------------------------------------------------------------------------------


class Token(msgspec.Struct, array_like=True, frozen=True):
    """What an access token says. It is signed, not stored."""

    account: int
    client_id: str
    scope: str
    expires_ms: int
    sid: str = ""
    issued_ms: int = 0

    @property
    def scopes(self) -> frozenset[str]:
        return _scopes_of(self.scope)


@functools.lru_cache(maxsize=_REMEMBERED)
def _scopes_of(granted: str) -> frozenset[str]:
    return parse_scopes(granted)


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class TokenSigner:
    """Issues and reads access tokens under the venue's own secret (at least 16 bytes)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("the token secret must have at least 16 bytes")
        self._secret = secret
        self._known: dict[str, Token] = {}

    def _tag(self, payload: str) -> str:
        message = b"access-token\0" + payload.encode()
        return _b64(hmac.digest(self._secret, message, "sha256"))

    def issue(self, token: Token) -> str:
        """The token as the client carries it."""
        payload = _b64(msgspec.json.encode(token))
        return f"{payload}.{self._tag(payload)}"

    def read(self, text: str, now_ms: int) -> Token:
        """The token, if it is ours and still good.

        Raises:
            RpcError: 13009 `invalid_token` or `expired_token`.
        """
        token = self._known.get(text)
        if token is None:
            token = self._verified(text)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = token
        if now_ms >= token.expires_ms:
            raise unauthorized("expired_token")
        return token

    def _verified(self, text: str) -> Token:
        payload, _, tag = text.partition(".")
        if not text.isascii() or not hmac.compare_digest(self._tag(payload), tag):
            raise unauthorized("invalid_token")
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))  # ours: it was signed
        return msgspec.json.decode(raw, type=Token)
