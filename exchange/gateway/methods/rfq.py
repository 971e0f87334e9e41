"""Requests for quotes, as their takers make, read, accept and cancel them; and what was traded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from exchange.gateway.deals.block_desk import Deal, Refused
from exchange.gateway.deals.block_objects import block_object
from exchange.gateway.deals.rfq import CANCELLED, EXPIRED, FILLED, OPEN, UNTRIGGERED, Rfq, Trigger
from exchange.gateway.deals.rfq_book import rating_text
from exchange.gateway.deals.rfq_desk import Accepted
from exchange.gateway.deals.rfq_objects import as_reply, trigger_object
from exchange.gateway.dispatch import Handler, account_of, currency_of
from exchange.gateway.methods.block_params import DIRECTIONS
from exchange.gateway.methods.blocks import refusal
from exchange.gateway.methods.rfq_params import (
    allocations_of,
    amount_of,
    disclosed_of,
    label_of,
    makers_of,
    matched_legs,
    must_match_hedge,
    price_of,
    structure_of,
)
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param, other_reject
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, choice, has, integer, text
from exchange.wire.session import Request, RpcError, Session

RFQS_COUNT_MAX: Final = 1_000
LOOKED_AT_MAX: Final = 2_000
_COUNT: Final = 20
_STATES: Final = (OPEN, FILLED, "traded", CANCELLED, EXPIRED, "closed")
_TIMES: Final = ("fill_or_kill", "good_til_cancelled")


def rfq_of(venue: Venue, params: Params) -> Rfq:
    """The request that `block_rfq_id` names, whoever's it is. Raises RpcError 13020."""
    found = venue.blocks.book.find(integer(params, "block_rfq_id"))
    if found is None:
        raise no_rfq()
    return found


def no_rfq() -> RpcError:
    """13020: there is no such request, or it is not for the caller."""
    return error(errors.NOT_FOUND, param="block_rfq_id", reason="no such request")


def own_rfq(venue: Venue, session: Session, params: Params) -> Rfq:
    """The request of the session's own account that is named. Raises RpcError 13020."""
    account = account_of(session)
    found = rfq_of(venue, params)
    if found.taker != account:
        raise no_rfq()
    return found


def seen_by_taker(venue: Venue, rfq: Rfq) -> JsonObject:
    """A request as a reply to its taker."""
    return as_reply(
        venue.blocks.writer.of_taker(rfq, venue.clock.now_ms(), venue.blocks.limits.grace_ms)
    )


def create_block_rfq(venue: Venue, session: Session, request: Request) -> None:
    """`private/create_block_rfq {legs, hedge?, makers?, disclosed?, label?, trade_allocations?}`: ask
    makers for quotes; `makers` by their names, all without. It is open for five minutes.

    Raises:
        RpcError: 13907 too many are open; 10028 too many in a minute; 13007 an unknown maker; what is wrong
            of a leg; 12100, 13012, 13021, 13028 allocations to other accounts, 10033 to brokers' clients.
    """
    params, account = request.params, account_of(session)
    structure = structure_of(venue, account, params)
    allocations = allocations_of(venue, session, params, structure)
    label, makers, disclosed = label_of(params), makers_of(venue, account, params), disclosed_of(params)
    book = venue.blocks.book
    number = book.new_id(account)
    now_ms = venue.clock.now_ms()
    rfq = Rfq(
        number,
        account,
        now_ms,
        now_ms + venue.blocks.limits.rfq_open_ms,
        structure.legs,
        structure.amount_e8,
        structure.least_e8,
        structure.step_e8,
        structure.hedge,
        label,
        makers,
        disclosed,
        rating_text(book.rating(account)),
        {},
        allocations=allocations,
    )
    rfq.index_micro = venue.blocks.index_micro(rfq)
    venue.blocks.rfqs.create(rfq)
    session.reply(request, seen_by_taker(venue, rfq))


def cancel_block_rfq(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_block_rfq {block_rfq_id}`: ends one's own request and all quotes of it."""
    rfq = own_rfq(venue, session, request.params)
    venue.blocks.rfqs.must_be_open(rfq)
    venue.blocks.rfqs.must_be_idle(rfq)
    venue.blocks.rfqs.close(rfq, CANCELLED, "user_request")
    session.reply(request, seen_by_taker(venue, rfq))


def accept_block_rfq(venue: Venue, session: Session, request: Request) -> None:
    """`private/accept_block_rfq {block_rfq_id, legs, price, amount, direction, time_in_force, hedge?}`:
    trade at `price` or better, `direction` and legs as the taker's own. `fill_or_kill` trades now or not at
    all, `good_til_cancelled` waits for quotes; it takes the place of one that waits.

    Raises:
        RpcError: 13907 the quotes are not enough; 11030 block_rfq_closed, block_rfq_grace; 10040 it is being
            traded; what the core refuses of the taker.
    """
    params = request.params
    rfq = own_rfq(venue, session, params)
    matched_legs(venue, rfq, params)
    must_match_hedge(venue, rfq, params)
    sells = choice(params, "direction", DIRECTIONS) == "sell"
    waits = choice(params, "time_in_force", _TIMES, "fill_or_kill") == "good_til_cancelled"
    trigger = Trigger(sells, price_of(params), amount_of(rfq, params), session.client_id)

    def done(outcome: Accepted | tuple[Deal, Refused] | RpcError) -> None:
        if isinstance(outcome, RpcError):
            session.fail(request, outcome)
        elif isinstance(outcome, Accepted):
            waiting = outcome.trigger
            traded = [block_object(part, part.taker, venue.rendering) for part in outcome.parts]
            found = {"trade_trigger": trigger_object(waiting) if waiting else {}, "block_trades": traded}
            session.reply(request, found, outcome.parts[0].counter if outcome.parts else None)
        else:
            session.fail(request, refusal(venue, *outcome))

    venue.blocks.rfqs.accept(rfq, trigger, waits=waits, done=done)


def cancel_block_rfq_trigger(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_block_rfq_trigger {block_rfq_id}`: an acceptance waits no longer."""
    rfq = own_rfq(venue, session, request.params)
    venue.blocks.rfqs.must_be_open(rfq)
    venue.blocks.rfqs.must_be_idle(rfq)
    if rfq.trigger is None or rfq.trigger.state != UNTRIGGERED:
        raise other_reject("block_rfq_closed", param="block_rfq_id", why="nothing waits")
    venue.blocks.rfqs.cancel_trigger(rfq, "user_request")
    session.reply(request, "ok")


# --- what there is -------------------------------------------------------------------------------------


def get_block_rfqs(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_block_rfqs {count?, state?, role?, continuation?, block_rfq_id?, currency?}`: requests
    that the account made, or that were for it; the newest first."""
    params, account = request.params, account_of(session)
    role = choice(params, "role", ("any", "taker", "maker"), "any")
    state = choice(params, "state", _STATES, "") if has(params, "state") else ""
    currency = currency_of(params)
    count = integer(params, "count", _COUNT, minimum=1, maximum=RFQS_COUNT_MAX)
    only = integer(params, "block_rfq_id", 0)
    blocks = venue.blocks

    def is_chosen(rfq: Rfq) -> bool:
        mine = rfq.taker == account
        asked = mine if role == "taker" else blocks.feeds.may_see(rfq, account)
        seen = asked or (role == "any" and mine)
        return seen and _is_in(rfq, state, account) and covers(venue, rfq, currency)

    def shown(rfq: Rfq) -> JsonObject:
        if rfq.taker == account:
            return seen_by_taker(venue, rfq)
        return as_reply(blocks.writer.of_maker(rfq, account))

    if only:
        one = blocks.book.find(only)
        rows: Iterator[Rfq] = iter(() if one is None else (one,))
    else:
        rows = blocks.book.newest(integer(params, "continuation", 0))
    found, continuation = _page(rows, is_chosen, count)
    session.reply(request, {"block_rfqs": [shown(rfq) for rfq in found], "continuation": continuation})


def _is_in(rfq: Rfq, state: str, account: int) -> bool:
    """Whether a request is in a state as `get_block_rfqs` names them; `traded`: the account took part."""
    if state == "traded":
        part = rfq.taker == account or any(fill.maker == account for fill in rfq.fills)
        return rfq.state == FILLED and part
    return not state or rfq.state == state or (state == "closed" and rfq.state != OPEN)


def covers(venue: Venue, rfq: Rfq, currency: str) -> bool:
    """Whether a leg of a request is of a currency."""
    registry = venue.registry
    return any(registry.covers(currency, 0, registry.instruments[leg.instrument]) for leg in rfq.legs)


def _page(
    rows: Iterator[Rfq], is_chosen: Callable[[Rfq], bool], count: int
) -> tuple[list[Rfq], str | None]:
    """A page, and what asks for the next one (None: there is no more). No more than `LOOKED_AT_MAX` are
    looked at for one page: it may be short and still not be the last."""
    found: list[Rfq] = []
    last = 0
    for looked, rfq in enumerate(rows):
        if len(found) == count or looked == LOOKED_AT_MAX:
            return found, str(last)
        last = rfq.id
        if is_chosen(rfq):
            found.append(rfq)
    return found, None


def get_block_rfq_trades(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_block_rfq_trades {currency, count?, continuation?}`: requests that were traded, newest
    first; nobody is named."""
    params = request.params
    currency = currency_of(params, None)
    count = integer(params, "count", _COUNT, minimum=1, maximum=RFQS_COUNT_MAX)
    before = text(params, "continuation", "0")
    if not (before.isascii() and before.isdigit() and len(before) < 19):
        raise invalid_param("continuation", "is none of this method's")
    filled = venue.blocks.book.newest(int(before), filled=True)
    rows, continuation = _page(filled, lambda rfq: covers(venue, rfq, currency), count)
    shown = [venue.blocks.writer.public(rfq) for rfq in rows]
    session.reply(request, {"block_rfqs": shown, "continuation": continuation})


def get_block_rfq_makers(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_block_rfq_makers`: names of the accounts that have quoted or listen for requests, but for
    those of the caller's own family."""
    account = account_of(session)
    blocks, families = venue.blocks, venue.views.families
    makers = [maker for maker in blocks.makers if not families.related(maker, account)]
    session.reply(request, sorted(blocks.alias(maker) for maker in makers))


def get_block_rfq_user_info(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_block_rfq_user_info`: the names the account and its subaccounts have among takers and
    makers, and their ratings as takers."""
    account = account_of(session)
    families, blocks = venue.views.families, venue.blocks
    main = families.main_of(account)
    users = [account] if account != main else [main, *families.subaccounts(main)]
    is_maker: Callable[[int], bool] = blocks.makers.__contains__

    def user(one: int) -> JsonObject:
        found: JsonObject = {"user_id": one, "identity": blocks.alias(one), "is_maker": is_maker(one)}
        rating = blocks.book.rating(one)
        if rating is not None:
            found["taker_rating"] = rating
        return found

    parent = {"identity": blocks.alias(main), "is_maker": is_maker(main)}
    session.reply(request, {"parent": parent, "users": [user(one) for one in users]})


METHODS: Final[dict[str, Handler]] = {
    "private/create_block_rfq": create_block_rfq,
    "private/cancel_block_rfq": cancel_block_rfq,
    "private/accept_block_rfq": accept_block_rfq,
    "private/cancel_block_rfq_trigger": cancel_block_rfq_trigger,
    "private/get_block_rfqs": get_block_rfqs,
    "private/get_block_rfq_makers": get_block_rfq_makers,
    "private/get_block_rfq_user_info": get_block_rfq_user_info,
    "public/get_block_rfq_trades": get_block_rfq_trades,
}
