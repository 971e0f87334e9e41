"""Block trades by the word of both sides: one signs the terms, the other executes them.

Directions are the maker's in every request and signature. Both sides name the same timestamp and nonce; an
account's nonce is good for one block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exchange.domain import rejects as rej
from exchange.gateway.deals import block_approvals as approvals
from exchange.gateway.deals.block_approvals import Approval, Side
from exchange.gateway.deals.block_desk import Deal, DealPart, Leg, Outcome, Refused
from exchange.gateway.deals.block_limits import SIGNATURE_WINDOW_MS
from exchange.gateway.deals.block_objects import approval_object, block_object
from exchange.gateway.deals.block_signatures import (
    SIGNATURE_CHARS_MAX,
    Signed,
    Term,
    digest_of,
    must_be_timely,
    nonce_digest,
)
from exchange.gateway.deals.block_simulation import is_bearable
from exchange.gateway.deals.block_store import Part, PartQuery
from exchange.gateway.dispatch import Handler, account_of, answer_read, currency_of
from exchange.gateway.methods.block_params import block_number, is_maker, nonce_of, terms_of
from exchange.gateway.venue import Venue
from exchange.history.past import MAX
from exchange.keys.key_table import Key
from exchange.wire import errors
from exchange.wire.errors import error, other_reject, reject_error
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, choice, has, integer, text, timestamp_ms
from exchange.wire.session import Request, RpcError, Session

BLOCKS_COUNT_MAX: Final = 101
_COUNT: Final = 20
_OF_MAKER: Final = (rej.ACCOUNT_LOCKED, rej.UNKNOWN_ACCOUNT, rej.WRONG_FAMILY)


def key_of(venue: Venue, session: Session) -> Key | None:
    """The API key behind a session, where there are keys."""
    return venue.authenticator.credentials.key(session.client_id) if venue.has_authenticator else None


def _has(key: Key | None, feature: str) -> bool:
    return key is not None and feature in key.features


def _fresh_side(venue: Venue, params: Params, account: int, *, as_maker: bool) -> Side:
    """The side a request speaks for, its timestamp good and its nonce not used up."""
    at_ms = timestamp_ms(params, "timestamp")
    must_be_timely(at_ms, venue.clock.now_ms())
    side = Side(account, as_maker, at_ms, nonce_of(params))
    must_be_unused(venue, side)
    return side


def must_be_unused(venue: Venue, side: Side) -> bytes:
    """The digest of a side's nonce. Raises RpcError 11030 block_signature_used."""
    digest = nonce_digest(side.account, side.timestamp_ms, side.nonce)
    if digest in venue.blocks.store.used:
        raise other_reject("block_signature_used", param="nonce")
    return digest


# --- signing and executing -----------------------------------------------------------------------------


def verify_block_trade(venue: Venue, session: Session, request: Request) -> None:
    """`private/verify_block_trade {timestamp, nonce, role, trades, counterparty?}`: a signature over the
    terms for the other side, good for five minutes around `timestamp`; `counterparty` is the only account
    that may use it, anybody without."""
    params, account = request.params, account_of(session)
    terms = terms_of(venue, account, params)
    side = _fresh_side(venue, params, account, as_maker=is_maker(params))
    counterparty = integer(params, "counterparty", 0, maximum=(1 << 32) - 1)
    key = key_of(venue, session)
    needs = _has(key, approvals.FEATURE)
    sealer = venue.blocks.sealer
    if needs:
        venue.blocks.approvals.ask(side, terms, key.name if key is not None else "")
    signed = Signed(
        account,
        side.is_maker,
        side.timestamp_ms,
        side.nonce,
        digest_of(terms),
        counterparty,
        session.client_id,
        needs,
    )
    session.reply(request, {"signature": sealer.seal(signed)})


def execute_block_trade(venue: Venue, session: Session, request: Request) -> None:
    """`private/execute_block_trade {timestamp, nonce, role, trades, counterparty_signature}`: the block
    happens now, all of it, or nothing does.

    Raises:
        RpcError: 11030 `block_…` what is wrong of the signature; 10066, 10028 too many at a time; what the
            core refuses, with `data.party` as far as one side is at fault.
    """
    params, account = request.params, account_of(session)
    terms = terms_of(venue, account, params)
    side = _fresh_side(venue, params, account, as_maker=is_maker(params))
    signed = venue.blocks.sealer.open(text(params, "counterparty_signature", bytes_max=SIGNATURE_CHARS_MAX))
    other = _must_agree(venue, side, terms, signed)
    digests = (must_be_unused(venue, side), must_be_unused(venue, other))
    asked = _must_be_approved(venue, session, side, other, terms, signed)
    deal = _deal(side, other, terms, session.client_id, signed.key, digests)

    def done(outcome: Outcome) -> None:
        if isinstance(outcome, list):
            for each in asked:
                venue.blocks.approvals.set_state(each, approvals.EXECUTED)
            session.reply(request, block_object(outcome[0], account, venue.rendering), outcome[0].counter)
        else:
            session.fail(request, outcome if isinstance(outcome, RpcError) else refusal(venue, deal, outcome))

    venue.blocks.desk.execute(deal, done)


def _must_agree(venue: Venue, side: Side, terms: tuple[Term, ...], signed: Signed) -> Side:
    """The side that has signed, once it is known to be the other one of the same block."""
    if (signed.timestamp_ms, signed.nonce) != (side.timestamp_ms, side.nonce):
        raise other_reject("block_terms_differ", param="nonce")
    if signed.digest != digest_of(terms):
        raise other_reject("block_terms_differ", param="trades")
    if signed.is_maker == side.is_maker:
        raise other_reject("block_role", param="role")
    if signed.counterparty not in (0, side.account):
        raise other_reject("block_counterparty", param="counterparty_signature")
    if venue.views.families.related(signed.account, side.account):
        raise other_reject("block_own_family", param="counterparty_signature")
    return Side(signed.account, signed.is_maker, signed.timestamp_ms, signed.nonce)


def _must_be_approved(
    venue: Venue, session: Session, side: Side, other: Side, terms: tuple[Term, ...], signed: Signed
) -> list[Approval]:
    """The approvals behind a block, all of them given.

    Raises:
        RpcError: 11030 block_approval_required: `data.role` says whose is missing.
    """
    found = []
    key = key_of(venue, session)
    if _has(key, approvals.FEATURE):
        found.append(venue.blocks.approvals.ask(side, terms, key.name if key is not None else ""))
    if signed.needs_approval:
        asked = venue.blocks.approvals.find(other)
        if asked is None or digest_of(asked.terms) != signed.digest:
            raise _unapproved(other)
        found.append(asked)
    for each in found:
        if each.state != approvals.ACCEPTED:
            raise _unapproved(each.side)
    return found


def _unapproved(side: Side) -> RpcError:
    return other_reject("block_approval_required", role="maker" if side.is_maker else "taker")


def _deal(
    side: Side, other: Side, terms: tuple[Term, ...], key: str, other_key: str, digests: tuple[bytes, ...]
) -> Deal:
    maker, taker = (side, other) if side.is_maker else (other, side)
    maker_key, taker_key = (key, other_key) if side.is_maker else (other_key, key)
    legs = tuple(Leg(term.instrument, -term.lots, term.price_ticks) for term in terms)
    until_ms = side.timestamp_ms + 2 * SIGNATURE_WINDOW_MS
    return Deal(
        taker.account,
        (DealPart(maker.account, legs, maker_key),),
        taker_key,
        digests=digests,
        until_ms=until_ms,
    )


def refusal(venue: Venue, deal: Deal, refused: Refused) -> RpcError:
    """The error of what the core has refused: the trade, and the party where one is at fault."""
    event, leg = refused.event, refused.leg
    view = venue.registry.instruments[leg.instrument] if leg is not None else None
    limit = view.price(event.detail) if view is not None and event.detail else None
    found = reject_error(event.reason, limit)
    data = {**(found.data or {})}
    if view is not None:
        data["trade"] = event.position
        data["instrument_name"] = view.name
    party = ""
    if refused.account:
        party = "taker" if refused.account in deal.takers else "maker"
    elif event.reason in _OF_MAKER:
        party = "maker" if refused.part >= 0 else "taker"
    if party:
        data["party"] = party
    found.data = data
    return found


def simulate_block_trade(venue: Venue, session: Session, request: Request) -> None:
    """`private/simulate_block_trade {trades, role?}`: whether this side could bear the block now; `role`
    maker without. Prices, bands, open instruments, limits, fees and margin are looked at, the other side is
    not."""
    params, account = request.params, account_of(session)
    terms = terms_of(venue, account, params)
    as_maker = choice(params, "role", ("maker", "taker"), "maker") == "maker"
    answer_read(
        venue,
        session,
        request,
        lambda: is_bearable(venue.engine, venue.registry, account, terms, as_maker=as_maker),
    )


def invalidate_block_trade_signature(venue: Venue, session: Session, request: Request) -> None:
    """`private/invalidate_block_trade_signature {signature}`: one of the account's own is not to be used any
    more, nor any other with its timestamp and nonce."""
    account = account_of(session)
    signed = venue.blocks.sealer.open(text(request.params, "signature", bytes_max=SIGNATURE_CHARS_MAX))
    if signed.account != account:
        raise other_reject("block_signature_invalid", param="signature")
    side = Side(account, signed.is_maker, signed.timestamp_ms, signed.nonce)
    _use_up(venue, session, request, side, must_be_unused(venue, side))


def _use_up(venue: Venue, session: Session, request: Request, side: Side, digest: bytes) -> None:
    def done(wrong: BaseException | None) -> None:
        if wrong is None:
            session.reply(request, "ok")
        else:
            session.fail(request, error(errors.TEMPORARILY_UNAVAILABLE, reason="the store of blocks"))

    venue.blocks.store.use_up(digest, side.timestamp_ms + 2 * SIGNATURE_WINDOW_MS, done)


# --- approvals -----------------------------------------------------------------------------------------


def _decided(venue: Venue, session: Session, params: Params) -> Approval:
    """The account's request that a caller may decide.

    Raises:
        RpcError: 13021 a key that needs approvals itself; 13020 no such request.
    """
    if _has(key_of(venue, session), approvals.FEATURE):
        raise error(errors.FORBIDDEN, reason="another key of the account approves what this one agrees to")
    side = Side(account_of(session), is_maker(params), timestamp_ms(params, "timestamp"), nonce_of(params))
    found = venue.blocks.approvals.find(side)
    if found is None or found.state == approvals.EXECUTED:
        raise error(errors.NOT_FOUND, param="nonce", reason="no such request")
    return found


def approve_block_trade(venue: Venue, session: Session, request: Request) -> None:
    """`private/approve_block_trade {timestamp, nonce, role}`: what a key with `block_trade_approval` has
    agreed to may be executed; `role` is the account's own."""
    found = _decided(venue, session, request.params)
    if found.state == approvals.REJECTED:
        raise other_reject("block_signature_used", param="nonce")
    venue.blocks.approvals.set_state(found, approvals.ACCEPTED)
    session.reply(request, "ok")


def reject_block_trade(venue: Venue, session: Session, request: Request) -> None:
    """`private/reject_block_trade {timestamp, nonce, role}`: it may not, nor anything with that timestamp and
    nonce."""
    found = _decided(venue, session, request.params)
    side = found.side
    digest = nonce_digest(side.account, side.timestamp_ms, side.nonce)
    venue.blocks.approvals.set_state(found, approvals.REJECTED)
    _use_up(venue, session, request, side, digest)


def get_block_trade_requests(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_block_trade_requests`: the account's blocks that need or needed an approval, as long as
    their timestamps are good."""
    account = account_of(session)
    found: list[JsonObject] = []
    if not has(request.params, "broker_code"):  # there are no brokers
        found = [approval_json(venue, each) for each in venue.blocks.approvals.of(account)]
    session.reply(request, found)


def approval_json(venue: Venue, each: Approval) -> JsonObject:
    """A request for approval as its account reads it."""
    other = venue.blocks.approvals.other_side(each)
    name = venue.profile_of(each.side.account)[0]
    return approval_object(each, other, venue.registry, name)


# --- what happened -------------------------------------------------------------------------------------


def _failed(session: Session, request: Request) -> Callable[[BaseException | None], None]:
    unread = error(errors.TEMPORARILY_UNAVAILABLE, reason="the store of blocks cannot be read")
    return lambda _wrong: session.fail(request, unread)


def _only_key(venue: Venue, session: Session) -> str:
    """The key whose blocks alone a session may see; "" for all of the account."""
    return session.client_id if _has(key_of(venue, session), approvals.RESTRICTED) else ""


def get_block_trade(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_block_trade {id}`: one of the account's block trades.

    Raises:
        RpcError: 13020 there is none, or it is of others.
    """
    account, only = account_of(session), _only_key(venue, session)
    number = block_number(request.params, "id")

    def done(part: Part | None) -> None:
        if part is None or not _may_see(part, account, only):
            session.fail(request, error(errors.NOT_FOUND, param="id", reason="no such block trade"))
        else:
            session.reply(request, block_object(part, account, venue.rendering))

    venue.blocks.store.ask_part(number, done, _failed(session, request))


def _may_see(part: Part, account: int, key: str) -> bool:
    keys = {part.taker: part.taker_key, part.maker: part.maker_key}
    return account in keys and key in ("", keys[account])


def get_block_trades(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_block_trades {currency?, count?, start_id?, end_id?, block_rfq_id?}`: the account's,
    newest first: older than `start_id`, down to `end_id`."""
    params, account = request.params, account_of(session)
    currency = currency_of(params, QUOTE_CURRENCY)
    known = currency in venue.registry.currencies
    query = PartQuery(
        account,
        block_number(params, "end_id") if has(params, "end_id") else 0,
        block_number(params, "start_id") - 1 if has(params, "start_id") else MAX,
        "" if currency == QUOTE_CURRENCY else currency,
        integer(params, "block_rfq_id", 0),
        _only_key(venue, session),
        integer(params, "count", _COUNT, minimum=1, maximum=BLOCKS_COUNT_MAX),
    )
    if not known or has(params, "broker_code"):
        session.reply(request, [])
        return

    def done(parts: list[Part]) -> None:
        session.reply(request, [block_object(part, account, venue.rendering) for part in parts])

    venue.blocks.store.ask_parts(query, done, _failed(session, request))


METHODS: Final[dict[str, Handler]] = {
    "private/verify_block_trade": verify_block_trade,
    "private/execute_block_trade": execute_block_trade,
    "private/simulate_block_trade": simulate_block_trade,
    "private/invalidate_block_trade_signature": invalidate_block_trade_signature,
    "private/approve_block_trade": approve_block_trade,
    "private/reject_block_trade": reject_block_trade,
    "private/get_block_trade_requests": get_block_trade_requests,
    "private/get_block_trade": get_block_trade,
    "private/get_block_trades": get_block_trades,
}
