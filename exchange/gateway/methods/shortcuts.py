"""Cancelling, editing and closing by something other than an order's id: a label, a position, a pair, kinds.

What they mean is looked up behind every command submitted before them, so that a client may send them
without waiting for the reply to its last order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from exchange.core import queries
from exchange.domain import commands, rejects
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import MAX_ORDER_LOTS
from exchange.gateway.combos.orders import unavailable
from exchange.gateway.dispatch import Handler, account_of, instrument_of, kind_of
from exchange.gateway.methods.cancels import (
    cancel_each,
    cancel_many,
    currency_scope,
)
from exchange.gateway.methods.edits import send_edit
from exchange.gateway.outcomes import order_reply
from exchange.gateway.products import must_be_allowed
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param, reject_error
from exchange.wire.instruments import InstrumentView
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.names import order_flags
from exchange.wire.params import choice, price_ticks, text, text_list
from exchange.wire.session import Request, RpcError, Session

CURRENCIES_MAX: Final = 32
T = TypeVar("T")


def _then(
    venue: Venue, session: Session, request: Request, look: Callable[[], T], act: Callable[[T], None]
) -> None:
    """`act` on what `look` finds in the engine behind all that was submitted; its errors are the reply."""

    def deliver(found: T | None) -> None:
        if session.closed:
            return
        if found is None:
            session.fail(request, venue.halt_error())
            return
        try:
            act(found)
        except RpcError as refused:
            session.fail(request, refused)

    venue.read(look, deliver)


# --- editing by label ------------------------------------------------------------------------------


def edit_by_label(venue: Venue, session: Session, request: Request) -> None:
    """`private/edit_by_label {label, instrument_name, …}`: as `private/edit` of the one order of that label.

    Raises:
        RpcError: 10004 no open order of the instrument has the label; 13032 several have.
    """
    account = account_of(session)
    view = instrument_of(venue, request.params)
    label = text(request.params, "label", "", LABEL_CHARS_MAX)

    def look() -> list[int]:
        number = venue.labels.find(account, label) if label else 0
        packed = queries.open_orders(venue.engine, account, view.instrument)
        orders = [event for event in ev.read_events(packed) if isinstance(event, ev.Order)]
        return [
            order.order_id
            for order in orders
            if order.label == number and (number or not label) and not order.flags & r.FLAG_QUOTE
        ]

    def act(found: list[int]) -> None:
        if not found:
            raise error(errors.ORDER_NOT_FOUND, param="label", reason="no open order has it")
        if len(found) > 1:
            raise error(errors.NON_UNIQUE_LABEL, param="label", count=len(found))
        send_edit(venue, session, request, account, found[0], view)

    _then(venue, session, request, look, act)


# --- closing a position ----------------------------------------------------------------------------


def close_position(venue: Venue, session: Session, request: Request) -> None:
    """`private/close_position {instrument_name, type, price?}`: a reduce-only order of the whole position.

    Raises:
        RpcError: 11030 `other_reject reduce_only` where there is no position; 13036 for a combo.
    """
    params = request.params
    account = account_of(session)
    view = instrument_of(venue, params)
    if view.is_combo:  # positions are in its legs
        raise unavailable("reduce_only")
    kind = choice(params, "type", ("limit", "market"))
    ticks = price_ticks(params, view.terms) if kind == "limit" else 0
    must_be_allowed(venue, account, view, reduce_only=True)

    def act(lots: int) -> None:
        if not lots:
            raise reject_error(rejects.REDUCE_ONLY)
        flags = order_flags({"type": kind, "reduce_only": True}, sell=lots > 0)
        size = min(abs(lots), MAX_ORDER_LOTS)
        command = commands.new_order(
            account, view.instrument, price_ticks=ticks, size_lots=size, flags=flags
        )
        command = venue.grant_sessions.stamped(session, command)
        reply = order_reply(venue, session, request, account, view)
        venue.submit(command, venue.disconnects.watched(session, account, reply))

    _then(venue, session, request, lambda: _held(venue, account, view), act)


def _held(venue: Venue, account: int, view: InstrumentView) -> int:
    """The account's signed lots of an instrument."""
    held = queries.positions(venue.engine, account)
    return next((seat.size_lots for seat in held if seat.instrument == view.instrument), 0)


# --- cancelling by pair, kind and type -------------------------------------------------------------


def cancel_all_by_currency_pair(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_all_by_currency_pair {currency_pair, kind?, type?, detailed?}`."""
    account_of(session)
    pair = text(request.params, "currency_pair", bytes_max=32).lower()
    underlying = venue.registry.underlying_of_index(pair)
    scope, target = (-1, 0) if underlying is None else (r.SCOPE_UNDERLYING, underlying)
    cancel_many(venue, session, request, scope=scope, target=target, kind=kind_of(request.params))


def cancel_all_by_kind_or_type(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_all_by_kind_or_type {currency, kind?, type?, detailed?}`: `currency` is one, a list of
    them, or `any`."""
    params = request.params
    account_of(session)
    kind = kind_of(params)
    wanted = text_list(params, "currency", CURRENCIES_MAX)
    if not wanted:
        raise invalid_param("currency", "value required")
    scopes = {currency_scope(venue, name if name == "any" else name.upper()) for name in wanted}
    if (r.SCOPE_ALL, 0) in scopes:
        scopes = {(r.SCOPE_ALL, 0)}
    scopes.discard((-1, 0))
    cancel_each(venue, session, request, sorted(scopes), kind)


METHODS: Final[dict[str, Handler]] = {
    "private/edit_by_label": edit_by_label,
    "private/close_position": close_position,
    "private/cancel_all_by_currency_pair": cancel_all_by_currency_pair,
    "private/cancel_all_by_kind_or_type": cancel_all_by_kind_or_type,
}
