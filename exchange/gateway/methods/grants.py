"""Grants and signed commands by the API (docs/authorisation.md).

What is signed needs no session: the signature says who asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Raw

from exchange.attest import grants as g
from exchange.attest.keccak import keccak
from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK
from exchange.gateway.dispatch import Handler, account_of
from exchange.gateway.venue import Venue
from exchange.keys.grant_store import ACTIVE, PENDING
from exchange.keys.grants import Held, Outcome
from exchange.keys.signed_frames import Answer, Signed
from exchange.wire.errors import invalid_param, reject_error
from exchange.wire.grants import terms_of
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, integer, integer_list, text
from exchange.wire.session import Request, RpcError, Session
from exchange.wire.session_methods import must_be_websocket

_U32_MAX: Final = (1 << 32) - 1
_COMMANDS_CHARS: Final = 8_192


def activate_grant(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_activate_grant`: a grant signed by the account's owner; replies once it is recorded.

    Raises:
        RpcError: as `Grants.activate`.
    """
    params = request.params
    grant = g.Grant(
        integer(params, "account", maximum=_U32_MAX),
        integer(params, "grant", minimum=1, maximum=r.GRANT_OF_SIGNATURE - 1),
        _bytes(params, "session_key", 20),
        integer(params, "rights", minimum=1, maximum=g.SCOPE),
        tuple(integer_list(params, "underlyings", g.LISTED_MAX, _U32_MAX)),
        tuple(integer_list(params, "instruments", g.LISTED_MAX, _U32_MAX)),
        integer(params, "max_order_lots", 0),
        integer(params, "expires_at", minimum=1),
        _nonce(params),
    )
    done = _answering(venue, session, request, grant.account, grant.number)
    venue.grants.activate(grant, _bytes(params, "signature", 65), done)


def revoke_signed(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_revoke_grant {account, grant, nonce, signature}`: its owner takes it back.

    Raises:
        RpcError: as `Grants.revoke`.
    """
    params = request.params
    account, number = integer(params, "account", maximum=_U32_MAX), integer(params, "grant", minimum=1)
    revocation = g.Revocation(account, number, _nonce(params))
    done = _answering(venue, session, request, account, number)
    venue.grants.revoke(revocation, _bytes(params, "signature", 65), done)


def revoke_own(venue: Venue, session: Session, request: Request) -> None:
    """`private/strikebook_revoke_grant {grant}`: the session's account takes a grant back.

    Raises:
        RpcError: as `Grants.revoke_by_session`.
    """
    account, number = account_of(session), integer(request.params, "grant", minimum=1)
    done = _answering(venue, session, request, account, number)
    venue.grants.revoke_by_session(account, number, done)


def get_grants(venue: Venue, session: Session, request: Request) -> None:
    """`private/strikebook_get_grants`: the account's grants, also those that are over."""
    now_ms = venue.clock.now_ms()
    session.reply(request, [_grant(held, now_ms) for held in venue.grants.of(account_of(session))])


def submit_signed(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_submit_signed {account, grant?, commands, nonce, valid_until, signature}`: packed
    commands under one signature; replies with what became of each once all are durable.

    Raises:
        RpcError: as `SignedFrames.submit`.
    """
    params = request.params
    packed = _hex(params, "commands", _COMMANDS_CHARS)
    frame = g.Frame(
        integer(params, "account", maximum=_U32_MAX),
        integer(params, "grant", 0, maximum=r.GRANT_OF_SIGNATURE - 1),
        _nonce(params),
        integer(params, "valid_until", minimum=1),
        keccak(packed),
    )

    def done(answer: Answer | RpcError) -> None:
        if session.closed:
            return
        if isinstance(answer, RpcError):
            session.fail(request, answer)
        elif not answer.events:
            session.fail(request, venue.halt_error())
        else:
            outcomes = [_outcome(venue, frame.account, *each) for each in _by_command(answer)]
            session.reply(request, {"grant": frame.number, "outcomes": outcomes})

    venue.signed_frames.submit(Signed(frame, packed, _bytes(params, "signature", 65)), done)


def open_session(venue: Venue, session: Session, request: Request) -> None:
    """`public/strikebook_open_session {account, grant, nonce, valid_until, signature}`: the key that a grant
    names opens a session on this connection; its orders come under the grant, and need no signature more.

    Raises:
        RpcError: as `GrantSessions.open`; 10030 over HTTP.
    """
    must_be_websocket(session)
    params = request.params
    entry = g.Entry(
        integer(params, "account", maximum=_U32_MAX),
        integer(params, "grant", minimum=1, maximum=r.GRANT_OF_SIGNATURE - 1),
        _nonce(params),
        integer(params, "valid_until", minimum=1),
    )

    def opened(refused: RpcError | None) -> None:
        if refused is None and venue.has_authenticator:
            asked = venue.authenticator.cancels_on_disconnect(entry.account)
            session.cancel_on_disconnect = session.cancel_on_disconnect or asked
        done(refused)

    done = _answering(venue, session, request, entry.account, entry.grant)
    venue.grant_sessions.open(session, entry, _bytes(params, "signature", 65), opened)


def _answering(venue: Venue, session: Session, request: Request, account: int, number: int) -> Outcome:
    def done(refused: RpcError | None) -> None:
        if session.closed:
            return
        if refused is not None:
            session.fail(request, refused)
        else:
            session.reply(request, _grant(venue.grants.get(account, number), venue.clock.now_ms()))

    return done


def _grant(held: Held, now_ms: int) -> JsonObject:
    grant = held.grant
    state = "revoked"
    if held.state in (PENDING, ACTIVE):
        state = "pending" if held.state == PENDING else "active"
        state = "expired" if now_ms >= grant.expiry_ms else state
    return {**terms_of(grant), "state": state}


def _by_command(answer: Answer) -> Iterator[tuple[int, list[bytes]]]:
    """Each command's type, and its events."""
    at = 0
    events = _records(answer.events)
    for command in _records(answer.commands):
        own: list[bytes] = []
        seq = events[at][8:16]
        while at < len(events) and events[at][8:16] == seq:
            own.append(events[at])
            at += 1
        yield command[0], own


def _outcome(venue: Venue, account: int, kind: int, events: list[bytes]) -> JsonObject:
    orders: list[Any] = []
    found: JsonObject = {"command": r.COMMAND_NAMES[kind].lower(), "orders": orders}
    found["seq"] = int.from_bytes(events[0][8:16], "little") & COUNTER_MASK
    for event in events:
        if event[0] == r.EV_ORDER and int.from_bytes(event[16:20], "little") == account:
            orders.append(Raw(venue.rendering.order_json(event, 0)))
        elif event[0] == r.EV_REJECTED:
            refused = reject_error(int.from_bytes(event[32:36], "little"))
            found["error"] = {"code": refused.code, "message": refused.message, "data": refused.data or {}}
    return found


def _records(packed: bytes) -> list[bytes]:
    found = []
    at = 0
    while at < len(packed):
        end = at + int.from_bytes(packed[at + 2 : at + 4], "little") * r.UNIT_BYTES
        found.append(packed[at:end])
        at = end
    return found


def _hex(params: Params, name: str, chars_max: int) -> bytes:
    value = text(params, name, bytes_max=chars_max)
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        raise invalid_param(name, "must be hexadecimal") from None


def _bytes(params: Params, name: str, size: int) -> bytes:
    found = _hex(params, name, 2 * size + 2)
    if len(found) != size:
        raise invalid_param(name, f"must have {size} bytes")
    return found


def _nonce(params: Params) -> int:
    value = text(params, "nonce", bytes_max=20)
    if not (value.isascii() and value.isdigit()) or int(value) >> 64:
        raise invalid_param("nonce", "must be a decimal number below 2^64")
    return int(value)


METHODS: Final[dict[str, Handler]] = {
    "public/strikebook_activate_grant": activate_grant,
    "public/strikebook_revoke_grant": revoke_signed,
    "private/strikebook_revoke_grant": revoke_own,
    "private/strikebook_get_grants": get_grants,
    "public/strikebook_submit_signed": submit_signed,
    "public/strikebook_open_session": open_session,
}
