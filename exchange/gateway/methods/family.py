"""Subaccounts: made, named, listed and retired by their main account.

A subaccount is an account of its own in the core, with the same owner and a main account. It is never
deleted, as accounts are not: one that is removed holds nothing, is locked, and has no keys.
"""

from __future__ import annotations

from typing import Final

from msgspec import Raw

from exchange.core import queries
from exchange.domain import commands_risk, rejects
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import MAX_SUBACCOUNTS
from exchange.gateway.dispatch import (
    Handler,
    answer_read,
    currency_of,
    must_be_main,
)
from exchange.gateway.outcomes import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.accounts import currency_portfolio, subaccount_object
from exchange.wire.auth import SUBACCOUNT_SCOPES, scope_text
from exchange.wire.errors import error, reject_error
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.params import boolean, integer, text
from exchange.wire.session import Request, Session


def create_subaccount(venue: Venue, session: Session, request: Request) -> None:
    """`private/create_subaccount {name?}`: an account under this one, with its first key.

    The secret is shown this once. Raises 12001 beyond 20 subaccounts, 13012 from a subaccount, 13025 where
    accounts have no keys.
    """
    main = must_be_main(venue, session)
    number = len(venue.views.families.subaccounts(main)) + 1
    if number > MAX_SUBACCOUNTS:
        raise error(errors.TOO_MANY_SUBACCOUNTS)
    if not venue.has_authenticator:
        raise error(errors.SWITCHED_OFF)
    credentials = venue.authenticator.credentials
    parent, _ = venue.profile_of(main)
    name = text(request.params, "name", f"{parent or main}_{number}", bytes_max=LABEL_CHARS_MAX)
    owner = venue.owner_of(main)
    pending = credentials.begin_account(name, owner, SUBACCOUNT_SCOPES)
    answered = False

    def done(account: int) -> None:
        nonlocal answered
        answered = True
        if not account:
            credentials.discard(pending.row)
            session.fail(request, error(errors.TOO_MANY_SUBACCOUNTS, reason="account not created"))
            return
        credentials.confirm(pending.row, account)
        found = subaccount_object(venue.figures.account(account))
        found["client_id"] = pending.client_id
        found["client_secret"] = pending.secret
        found["scope"] = scope_text(pending.scopes)
        session.reply(request, found)

    try:
        venue.create_account(owner, done, main)
    except Exception:
        if not answered:  # it was never sequenced
            credentials.discard(pending.row)
        raise


def get_subaccounts(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_subaccounts {with_portfolio?}`: the main account and its subaccounts."""
    main = must_be_main(venue, session)
    with_portfolio = boolean(request.params, "with_portfolio")

    def compute() -> list[JsonObject]:
        found: list[JsonObject] = []
        for account in _members(venue, main):
            values = venue.figures.account(account)
            item = subaccount_object(values)
            if with_portfolio:
                item["portfolio"] = {QUOTE_CURRENCY.lower(): currency_portfolio(values)}
            found.append(item)
        return found

    answer_read(venue, session, request, compute)


def _members(venue: Venue, main: int) -> list[int]:
    """A main account and its subaccounts, the removed ones left out."""
    return [
        account
        for account in (main, *venue.views.families.subaccounts(main))
        if not venue.is_removed(account)
    ]


def get_subaccounts_details(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_subaccounts_details {currency, with_open_orders?}`: positions of each of the family."""
    main = must_be_main(venue, session)
    currency = currency_of(request.params, None)
    with_orders = boolean(request.params, "with_open_orders")
    instruments = venue.registry.instruments

    def compute() -> list[JsonObject]:
        found: list[JsonObject] = []
        for account in _members(venue, main):
            positions = venue.figures.positions(account)
            item: JsonObject = {
                "uid": account,
                "positions": [
                    position
                    for instrument, position in positions.items()
                    if venue.registry.covers(currency, 0, instruments[instrument])
                ],
            }
            if with_orders:
                item["open_orders"] = _open_orders(venue, account, currency)
            found.append(item)
        return found

    answer_read(venue, session, request, compute)


def _open_orders(venue: Venue, account: int, currency: str) -> list[Raw]:
    packed = queries.open_orders(venue.engine, account)
    found: list[Raw] = []
    at = 0
    while at < len(packed):
        view = venue.registry.instruments[int.from_bytes(packed[at + 20 : at + 24], "little")]
        if venue.registry.covers(currency, 0, view):
            found.append(Raw(venue.rendering.order_json(packed, at)))
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    return found


def change_subaccount_name(venue: Venue, session: Session, request: Request) -> None:
    """`private/change_subaccount_name {sid, name}`. Raises 12002 for a name that is none."""
    account = _own_subaccount(venue, session, request, "sid")
    name = text(request.params, "name", bytes_max=LABEL_CHARS_MAX)
    if not name.isprintable() or not name.strip():
        raise error(errors.WRONG_SUBACCOUNT_NAME)
    venue.authenticator.credentials.rename(account, name)
    session.reply(request, "ok")


def remove_subaccount(venue: Venue, session: Session, request: Request) -> None:
    """`private/remove_subaccount {subaccount_id}`: only one that holds nothing.

    It is locked by a command of the venue, and its keys stop working. Raises 11030 `other_reject not_empty`
    while it has money, positions, open orders or a withdrawal that is held.
    """
    account = _own_subaccount(venue, session, request, "subaccount_id")
    if not _is_empty(venue, account):
        raise reject_error(rejects.NOT_EMPTY)

    def done(packed: bytes) -> None:  # also if the session has gone meanwhile
        venue.retiring.discard(account)
        if not packed:
            session.fail(request, venue.halt_error())
            return
        event = ev.read_event(packed)
        if isinstance(event, ev.Rejected):
            session.fail(request, rejected(event, None))
        elif _is_empty(venue, account):
            venue.authenticator.credentials.retire(account)
            venue.authenticator.live.close_account(account, "subaccount_removed")
            session.reply(request, "ok", event.head.counter)
        else:  # something was under way: it stays
            venue.submit(commands_risk.set_lock(account, False))
            session.fail(request, reject_error(rejects.NOT_EMPTY))

    venue.submit(commands_risk.set_lock(account, True), done)
    venue.retiring.add(account)  # nothing is sent to it from here on: what was sent is ahead of the lock


def _is_empty(venue: Venue, account: int) -> bool:
    figures = queries.account_figures(venue.engine, account)
    held = venue.figures.account(account).held_micro
    positions = queries.positions(venue.engine, account)
    return not (
        figures.cash_micro
        or figures.open_orders
        or held
        or any(seat.size_lots or seat.entry_value_micro for seat in positions)
    )


def _own_subaccount(venue: Venue, session: Session, request: Request, name: str) -> int:
    """The subaccount of the session's main account that a request names.

    Raises:
        RpcError: 13021 it is none of this account's; 13025 where accounts have no keys.
    """
    main = must_be_main(venue, session)
    account = integer(request.params, name)
    if account not in venue.views.families.subaccounts(main) or venue.is_removed(account):
        raise error(errors.FORBIDDEN, param=name, reason="is no subaccount of this account")
    if not venue.has_authenticator:
        raise error(errors.SWITCHED_OFF)
    return account


METHODS: Final[dict[str, Handler]] = {
    "private/create_subaccount": create_subaccount,
    "private/get_subaccounts": get_subaccounts,
    "private/get_subaccounts_details": get_subaccounts_details,
    "private/change_subaccount_name": change_subaccount_name,
    "private/remove_subaccount": remove_subaccount,
}
