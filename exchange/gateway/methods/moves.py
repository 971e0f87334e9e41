"""Positions pass to another account of a family, at the word of its main account (docs/rules-5.md)."""

from __future__ import annotations

from typing import Final

from exchange.core import queries
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain import rejects as rej
from exchange.domain.commands_blocks import PositionMove, move_positions
from exchange.domain.limits import BLOCK_MOST, MAX_ORDER_LOTS
from exchange.gateway.dispatch import Handler, currency_of, guarded, must_be_main
from exchange.gateway.order_params import instrument_named
from exchange.gateway.risk_views import must_have_rules
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param, reject_error
from exchange.wire.instruments import InstrumentView
from exchange.wire.names import direction
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, has, integer, object_list, scaled
from exchange.wire.session import Request, RpcError, Session

RULES: Final = 5
"""The first rules under which positions move."""
_E8: Final = 100_000_000
_MICRO: Final = 1_000_000
_OF_ACCOUNTS: Final = (rej.NEGATIVE_EQUITY, rej.INSUFFICIENT_FUNDS)
"""Reasons whose detail is the account that cannot bear it."""


def private_move_positions(venue: Venue, session: Session, request: Request) -> None:
    """`private/move_positions {source_uid, target_uid, trades: [{instrument_name, amount, price?}],
    currency?}`: all of them or none, without a fee; `price` is the source's average entry price if not given.

    Raises:
        RpcError: 13012, 13021 not the main account; 12100 an account of another family; 10020, 10021, 10023
            what is wrong of a position; 13780 too often; what the core refuses.
    """
    main, params = must_be_main(venue, session), request.params
    source, target = (_relative(venue, main, params, name) for name in ("source_uid", "target_uid"))
    if source == target:
        raise invalid_param("target_uid", "is the account the positions are of")
    must_have_rules(venue.engine, RULES)
    currency = currency_of(params) if has(params, "currency") else "any"
    held = {each.instrument: each for each in queries.positions(venue.engine, source)}
    moves: list[PositionMove] = []
    for given in object_list(params, "trades", BLOCK_MOST):
        view = instrument_named(given, venue.registry)
        if view.is_combo or not venue.registry.covers(currency, 0, view):
            raise error(errors.INVALID_INSTRUMENT, param="instrument_name", reason="no position of this kind")
        found = held.get(view.instrument)
        moves.append(_move(view, given, found.size_lots, found.entry_value_micro) if found else _none())
    if not moves:
        raise invalid_param("trades", "must hold a position")
    budget = venue.settings.moves
    budget.ask(main, venue.clock.now_ms())

    def finish(packed: bytes) -> None:
        seq, told = _outcome(packed, source)
        session.reply(request, {"trades": [_object(venue, each) for each in told]}, seq)

    answer = guarded(session, request, finish, venue)

    def done(packed: bytes) -> None:  # also if the session has gone meanwhile
        if packed and packed[0] == r.EV_MOVED:
            budget.note(main, venue.clock.now_ms())
        answer(packed)

    venue.submit(move_positions(source, target, moves), done)


def _relative(venue: Venue, main: int, params: Params, name: str) -> int:
    """An account of the family. Raises RpcError -32602, 12100."""
    account = integer(params, name)
    families = venue.views.families
    if not venue.account_exists(account) or not families.related(main, account) or venue.is_removed(account):
        raise error(errors.TRANSFER_NOT_ALLOWED, param=name, reason="wrong_family")
    return account


def _none() -> PositionMove:
    raise error(errors.INVALID_AMOUNT, param="amount", reason="there is no such position", position=0.0)


def _move(view: InstrumentView, given: Params, size: int, entry_micro: int) -> PositionMove:
    """What a request asks to move of a position. Raises RpcError 10021, 10023, -32602."""
    if not size:
        return _none()
    terms = view.terms
    amount = scaled(given, "amount", _E8, errors.INVALID_AMOUNT, maximum=MAX_ORDER_LOTS * terms.lot_e8)
    lots, rest = divmod(amount, terms.lot_e8)
    if rest:
        raise error(errors.INVALID_AMOUNT, param="amount", reason="must be a multiple of the lot")
    if lots > abs(size):
        raise error(
            errors.INVALID_AMOUNT, param="amount", reason="is more than there is", position=view.amount(size)
        )
    most = terms.price_limit_ticks * terms.multiplier_micro
    if has(given, "price"):
        most_micro = terms.price_limit_ticks * terms.tick_micro
        price = scaled(given, "price", _MICRO, errors.INVALID_PRICE, minimum=0, maximum=most_micro)
        per_lot, rest = divmod(price * terms.lot_e8, _E8)
        if rest:
            raise error(errors.INVALID_PRICE, param="price", reason="a lot has no whole micro-USDC")
    else:
        per_lot = entry_micro // size
        if not 0 <= per_lot <= most:
            raise error(errors.INVALID_PRICE, param="price", reason="the average is none: give a price")
    return PositionMove(view.instrument, lots if size > 0 else -lots, per_lot)


def _outcome(packed: bytes, source: int) -> tuple[int, list[ev.Moved]]:
    """(counter of the command, what has passed). Raises RpcError for what the core refused."""
    told: list[ev.Moved] = []
    for event in ev.read_events(packed):
        if isinstance(event, ev.Moved):
            told.append(event)
        elif isinstance(event, ev.Rejected) and event.command == r.MOVE_POSITIONS:
            raise _refusal(event, source)
    return told[0].head.counter, told


def _refusal(event: ev.Rejected, source: int) -> RpcError:
    """The error of a refusal: the trade it is about, or the account that cannot bear it."""
    found = reject_error(event.reason)
    data = {**(found.data or {})}
    if event.position >= 0:
        data["trade"] = event.position
    if event.reason in _OF_ACCOUNTS:
        data["user_id"] = event.detail
        data["party"] = "source" if event.detail == source else "target"
    found.data = data
    return found


def _object(venue: Venue, moved: ev.Moved) -> JsonObject:
    """`<position_move_trade>`; the direction is that of the position."""
    view = venue.registry.instruments[moved.head.instrument]
    return {
        "source_uid": moved.head.account,
        "target_uid": moved.to_account,
        "instrument_name": view.name,
        "direction": direction(moved.lots < 0),
        "amount": view.amount(abs(moved.lots)),
        "price": view.value_price(moved.value_micro, moved.lots),
    }


METHODS: Final[dict[str, Handler]] = {"private/move_positions": private_move_positions}
