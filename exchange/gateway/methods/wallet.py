"""Money: transfers within a family, withdrawals and their cancelling, and what has been moved.

A withdrawal is held from the moment its command is sequenced; the L1 side pays it and says so by a command
of its own. It may be cancelled as long as that side has not begun.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from exchange.core import account_queries
from exchange.domain import commands, commands_risk
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import ACCOUNT_WITHDRAWALS
from exchange.gateway import risk_views
from exchange.gateway.dispatch import (
    Handler,
    account_of,
    answer_read,
    currency_of,
    guarded,
    must_be_main,
    settlement_currency,
)
from exchange.gateway.methods.public import COUNT_MAX
from exchange.gateway.money_ring import DEPOSITS, TRANSFERS, WITHDRAWALS
from exchange.gateway.outcomes import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param, other_reject
from exchange.wire.money import (
    WITHDRAWAL_CANCELLED,
    WITHDRAWAL_HELD,
    WITHDRAWAL_PAID,
    deposit_object,
    transfer_object,
    withdrawal_object,
)
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, has, integer, micro_usdc, text
from exchange.wire.session import Request, RpcError, Session

WITHDRAWAL_MIN_MICRO: Final = 1_000_000
"""Each takes one of the slots there are for held withdrawals, and a transaction on the L1."""
_USDC: Final = 1_000_000
_OFFSET_MAX: Final = 100_000
_STATES: Final = {
    r.CASH_WITHDRAWAL: WITHDRAWAL_HELD,
    r.CASH_WITHDRAWAL_PAID: WITHDRAWAL_PAID,
    r.CASH_WITHDRAWAL_CANCELLED: WITHDRAWAL_CANCELLED,
}


def _must_be_usdc(params: Params) -> None:
    if not settlement_currency(params):
        raise invalid_param("currency", f"all money here is {QUOTE_CURRENCY}")


def _cash(packed: bytes) -> ev.Cash:
    """The first CASH of a command's events; raises the reject's error if it was refused."""
    event = ev.read_event(packed)
    if isinstance(event, ev.Rejected):
        raise rejected(event, None)
    if not isinstance(event, ev.Cash):
        raise ev.EventError("not a CASH")
    return event


# --- transfers -------------------------------------------------------------------------------------


def submit_transfer_between_subaccounts(venue: Venue, session: Session, request: Request) -> None:
    """`private/submit_transfer_between_subaccounts {currency, amount, destination, source?}`.

    `source` is the session's account if not given; another one's money moves only its main account.
    """
    params = request.params
    account = account_of(session)
    source = account
    if has(params, "source") and integer(params, "source") != account:
        must_be_main(venue, session)
        source = integer(params, "source")
    _transfer(venue, session, request, source)


def submit_transfer_to_subaccount(venue: Venue, session: Session, request: Request) -> None:
    """`private/submit_transfer_to_subaccount {currency, amount, destination}`: from the session's account."""
    _transfer(venue, session, request, account_of(session))


def _transfer(venue: Venue, session: Session, request: Request, source: int) -> None:
    params = request.params
    _must_be_usdc(params)
    amount_micro = micro_usdc(params)
    destination = integer(params, "destination")
    families = venue.views.families
    account = account_of(session)
    for name, other in (("source", source), ("destination", destination)):
        if not venue.account_exists(other) or not families.related(account, other):
            raise error(errors.TRANSFER_NOT_ALLOWED, param=name, reason="wrong_family")
    if source == destination:
        raise invalid_param("destination", "is the account the money comes from")
    if venue.is_removed(source) or venue.is_removed(destination):
        raise error(errors.TRANSFER_NOT_ALLOWED, reason="the subaccount has been removed")
    risk_views.must_have_rules(venue.engine)

    def finish(packed: bytes) -> None:
        event = _cash(packed)
        session.reply(request, _transfer_object(venue, event), event.head.counter)

    command = commands_risk.transfer(source, destination, amount_micro, venue.next_transfer_id())
    venue.submit(command, guarded(session, request, finish, venue))


def _transfer_object(venue: Venue, event: ev.Cash) -> JsonObject:
    other = event.counter_account
    return transfer_object(
        event.head.id or event.head.counter,
        abs(event.delta_micro),
        venue.profile_of(other)[0] or str(other),
        event.time_ms,
        incoming=event.delta_micro > 0,
        seq=event.head.seq,
    )


def get_transfers(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_transfers {currency, count?, offset?}`: newest first."""
    _listing(venue, session, request, TRANSFERS, lambda event: _transfer_object(venue, event))


# --- withdrawals -----------------------------------------------------------------------------------


def _exact(micro: int) -> str:
    """An amount of USDC that is not negative, to the last micro-USDC, without trailing zeros."""
    whole, rest = divmod(micro, _USDC)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def withdraw(venue: Venue, session: Session, request: Request) -> None:
    """`private/withdraw {currency, amount, address?}`: held at once, paid to the account's owner.

    Raises:
        RpcError: 11090 an address that is not the owner's; 10009 more than is free; 11098 locked, or one of
            the family in liquidation; 13028 while a loss is being shared; -32602 below 1 USDC, unless that is
            all that is free; 11030 `other_reject limit_reached`, too many are held.
    """
    params = request.params
    account = account_of(session)
    _must_be_usdc(params)
    amount_micro = micro_usdc(params)
    owner = _owner(venue, account)
    if has(params, "address") and text(params, "address").lower() != owner:
        raise error(errors.INVALID_ADDRESS, reason="coins go to the account's owner alone", owner=owner)
    risk_views.must_have_rules(venue.engine)
    if amount_micro < WITHDRAWAL_MIN_MICRO:
        free_micro = venue.figures.account(account).withdrawable_micro
        if amount_micro != free_micro:
            least = f"{_exact(WITHDRAWAL_MIN_MICRO)} {QUOTE_CURRENCY}"
            raise invalid_param("amount", f"at least {least}, or all that is free ({_exact(free_micro)})")

    def finish(packed: bytes) -> None:
        event = _cash(packed)
        found = withdrawal_object(
            event.head.id,
            -event.delta_micro,
            owner,
            WITHDRAWAL_HELD,
            event.time_ms,
            event.time_ms,
            event.head.seq,
        )
        session.reply(request, found, event.head.counter)

    command = commands.withdraw(account, amount_micro, venue.next_withdrawal_id())
    venue.submit(command, guarded(session, request, finish, venue))


def _owner(venue: Venue, account: int) -> str:
    return "0x" + venue.owner_of(account).hex()


def cancel_withdrawal(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_withdrawal {currency, id}`: of one that is held and whose payment has not begun.

    Raises:
        RpcError: 13020 none of this id is held for the account; 11030 `other_reject payment_under_way`, or
            `cancel_under_way`.
    """
    account = account_of(session)
    _must_be_usdc(request.params)
    ident = integer(request.params, "id")
    holder, _ = account_queries.pending_withdrawal(venue.engine, ident)
    if holder != account:
        raise error(errors.NOT_FOUND, reason="no such withdrawal is held")
    if ident in venue.cancelling:
        raise other_reject("cancel_under_way")
    if not venue.withdrawals.give_up(ident):
        raise other_reject("payment_under_way")

    def finish(packed: bytes) -> None:
        event = _cash(packed)
        found = next((item for item in _withdrawals(venue, account) if item["id"] == ident), None)
        session.reply(request, found, event.head.counter)

    reply = guarded(session, request, finish, venue)

    def done(packed: bytes) -> None:
        venue.cancelling.discard(ident)
        if packed and packed[0] == r.EV_REJECTED:  # after a halt nobody knows: it stays unpaid
            venue.withdrawals.resume(ident)
        reply(packed)

    try:
        venue.submit(commands_risk.resolve_withdrawal(ident, r.WITHDRAWAL_CANCELLED), done)
    except RpcError:  # it was never sequenced
        venue.withdrawals.resume(ident)
        raise
    venue.cancelling.add(ident)


def get_withdrawals(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_withdrawals {currency, count?, offset?}`: newest first."""
    account = account_of(session)
    _answer(venue, session, request, lambda: _withdrawals(venue, account))


def _withdrawals(venue: Venue, account: int) -> Iterator[JsonObject]:
    """An account's withdrawals, newest first: how each ended was told after it was held."""
    owner = _owner(venue, account)
    ends: dict[int, ev.Cash] = {}
    for event in venue.views.money.movements(account, WITHDRAWALS):
        if not isinstance(event, ev.Cash):
            continue
        if event.kind == r.CASH_FORCED:
            yield _forced(event, owner)
            continue
        if event.kind != r.CASH_WITHDRAWAL:
            ends[event.head.id] = event
            continue
        end = ends.pop(event.head.id, event)
        # Under rules version 1 coins were paid with the command itself.
        is_held = event.counter_account == ACCOUNT_WITHDRAWALS
        yield withdrawal_object(
            event.head.id,
            -event.delta_micro,
            owner,
            _STATES[end.kind] if is_held else WITHDRAWAL_PAID,
            event.time_ms,
            end.time_ms,
            end.head.seq,
        )


def _forced(event: ev.Cash, owner: str) -> JsonObject:
    """A withdrawal forced on the L1, whose id is that of the request there: paid as it was answered."""
    when = (event.time_ms, event.time_ms, event.head.seq)
    found = withdrawal_object(event.head.id, -event.delta_micro, owner, WITHDRAWAL_PAID, *when)
    found["forced"] = True
    return found


def get_deposits(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_deposits {currency, count?, offset?}`: newest first."""
    owner = _owner(venue, account_of(session))

    def show(event: ev.Cash) -> JsonObject:
        return deposit_object(event.head.id, event.delta_micro, owner, event.time_ms, event.head.seq)

    _listing(venue, session, request, DEPOSITS, show)


# --- pages -----------------------------------------------------------------------------------------


def _listing(
    venue: Venue,
    session: Session,
    request: Request,
    classes: tuple[int, ...],
    show: Callable[[ev.Cash], JsonObject],
) -> None:
    account = account_of(session)

    def items() -> Iterator[JsonObject]:
        for event in venue.views.money.movements(account, classes):
            if isinstance(event, ev.Cash):
                yield show(event)

    _answer(venue, session, request, items)


def _answer(
    venue: Venue, session: Session, request: Request, items: Callable[[], Iterator[JsonObject]]
) -> None:
    """Reply `{count, data}`: a page of `items`, and how many there are up to its end and one more."""
    params = request.params
    count = integer(params, "count", 10, minimum=1, maximum=COUNT_MAX)
    offset = integer(params, "offset", 0, maximum=_OFFSET_MAX)
    ours = currency_of(params, None) == QUOTE_CURRENCY

    def compute() -> JsonObject:
        found = list(itertools.islice(items(), offset + count + 1)) if ours else []
        return {"count": len(found), "data": found[offset : offset + count]}

    answer_read(venue, session, request, compute)


METHODS: Final[dict[str, Handler]] = {
    "private/submit_transfer_between_subaccounts": submit_transfer_between_subaccounts,
    "private/submit_transfer_to_subaccount": submit_transfer_to_subaccount,
    "private/get_transfers": get_transfers,
    "private/withdraw": withdraw,
    "private/cancel_withdrawal": cancel_withdrawal,
    "private/get_withdrawals": get_withdrawals,
    "private/get_deposits": get_deposits,
}
