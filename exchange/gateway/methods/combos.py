"""Combo books: making one, finding them, and what their prices mean for the legs.

A combo is a listing like any other, sequenced under the next instrument id. Where another listing takes that
id first the core refuses it and it is sent anew.
"""

from __future__ import annotations

from typing import Final

from exchange.core import combo_queries, queries, risk_queries
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain import rejects as rej
from exchange.domain.commands_combos import list_combo
from exchange.domain.legs import ComboLeg
from exchange.gateway.combos.legs import Strategy, draft, not_together, read_strategy
from exchange.gateway.combos.orders import RULES_WITH_COMBOS
from exchange.gateway.dispatch import Handler, account_of, answer_read, currency_of, guarded
from exchange.gateway.outcomes import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.figures import combo_state
from exchange.wire.instruments import InstrumentView
from exchange.wire.names import direction
from exchange.wire.objects import JsonObject
from exchange.wire.params import choice, has, price_ticks, text
from exchange.wire.session import Request, RpcError, Session

ATTEMPTS_MAX: Final = 32
"""How often a listing is sent anew because another one came first."""
_STATES: Final = ("active", "inactive")
_NAME_BYTES_MAX: Final = 128


def combo_object(view: InstrumentView) -> JsonObject:
    """`<combo>`: the amount of a leg is what one of the combo buys of it; negative: sells."""
    return {
        "id": view.name,
        "instrument_id": view.instrument,
        "state": combo_state(view),
        "state_timestamp": view.changed_ms or view.created_ms,
        "creation_timestamp": view.created_ms,
        "legs": [{"instrument_name": leg.view.name, "amount": leg.ratio} for leg in view.legs],
    }


def _must_have_combos(venue: Venue) -> None:
    if risk_queries.rules(venue.engine) < RULES_WITH_COMBOS:
        raise error(errors.TEMPORARILY_UNAVAILABLE, reason="combos begin with rules version 4")


# --- making one ------------------------------------------------------------------------------------


def create_combo(venue: Venue, session: Session, request: Request) -> None:
    """`private/create_combo {trades}`: the combo of these legs, made if there is none.

    Raises:
        RpcError: as `read_strategy` and `draft`; 13035 the account has made as many as it may, or as many are
            open; 13028 under older rules; 10040 other listings came first each time.
    """
    account = account_of(session)
    _must_have_combos(venue)
    strategy = read_strategy(request.params, "trades", venue.registry)
    known = venue.registry.open_combo(strategy.legs)
    if known is not None:
        session.reply(request, combo_object(known))
        return
    draft(strategy.legs, venue.registry)
    venue.combo_caps.must_have_room(account, venue.registry)
    _send(venue, session, request, account, strategy.legs, ATTEMPTS_MAX)


def _send(
    venue: Venue,
    session: Session,
    request: Request,
    account: int,
    legs: tuple[ComboLeg, ...],
    attempts: int,
) -> None:
    def finish(packed: bytes) -> None:
        event = ev.read_event(packed)
        known = venue.registry.open_combo(legs)
        if known is not None:
            if isinstance(event, ev.Instrument):
                venue.combo_caps.note(account, known)
            session.reply(request, combo_object(known), event.head.counter)
        elif not isinstance(event, ev.Rejected):
            raise ev.EventError("a LIST_COMBO that listed nothing")
        elif event.reason == rej.BAD_ID and attempts > 1:
            _send(venue, session, request, account, legs, attempts - 1)
        else:
            raise _refused(event)

    command = list_combo(venue.engine.instrument_count, legs)
    venue.submit(command, guarded(session, request, finish, venue))


def _refused(event: ev.Rejected) -> RpcError:
    """What a client is told of a LIST_COMBO that the core refused."""
    if event.reason == rej.LIMIT_REACHED:
        scope = "venue" if event.detail < 0 else "leg"
        return error(errors.COMBO_LIMIT, param="trades", limit_name=f"combos_of_{scope}")
    if event.reason == rej.BAD_ID:
        return error(errors.RETRY, param="trades", reason="other listings came first")
    if event.reason in (rej.BAD_TERMS, rej.BAD_VALUE):
        return not_together("the legs make no combo")
    return rejected(event, None)


# --- finding them ----------------------------------------------------------------------------------


def get_combo_details(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_combo_details {combo_id}`. Raises RpcError 13020 for what is no combo."""
    view = venue.registry.by_name.get(text(request.params, "combo_id", bytes_max=_NAME_BYTES_MAX))
    if view is None or not view.is_combo:
        raise error(errors.NOT_FOUND, param="combo_id", reason="there is no such combo")
    session.reply(request, combo_object(view))


def get_combo_ids(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_combo_ids {currency, state?}`: those of any state if none is asked for."""
    currency = currency_of(request.params, None)
    state = choice(request.params, "state", _STATES) if has(request.params, "state") else ""
    found: dict[str, None] = {}
    for ended in (False, True):
        for view in venue.registry.select(currency, r.KIND_COMBO, ended=ended):
            if state in ("", combo_state(view)):
                found[view.name] = None
    session.reply(request, list(found))


def get_combos(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_combos {currency}`: the active ones."""
    views = venue.registry.select(currency_of(request.params, None), r.KIND_COMBO)
    session.reply(request, [combo_object(view) for view in views])


# --- prices ----------------------------------------------------------------------------------------


def get_leg_prices(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_leg_prices {legs, price}`: what each leg trades at if the strategy trades at a price.

    The price is that of buying what is named, once; it may be zero or negative. Raises RpcError as
    `read_strategy` and `draft`; 10023, 10043 a price that the combo cannot have; 10040 a leg without a mark.
    """
    account_of(session)
    strategy = read_strategy(request.params, "legs", venue.registry)
    view = draft(strategy.legs, venue.registry)
    lowest, highest = view.price_bounds or (0, 0)
    bounds = (lowest, highest) if strategy.sign > 0 else (-highest, -lowest)
    ticks = strategy.sign * price_ticks(request.params, view.terms, bounds=bounds)
    answer_read(venue, session, request, lambda: _leg_prices(venue, view, strategy, ticks))


def _leg_prices(venue: Venue, view: InstrumentView, strategy: Strategy, ticks: int) -> JsonObject:
    for leg in view.legs:
        if not queries.instrument_figures(venue.engine, leg.view.instrument).marked:
            raise error(errors.RETRY, param="legs", reason=f"{leg.view.name} has no mark yet")
    try:
        prices = combo_queries.leg_prices(venue.engine, strategy.legs, ticks)
    except ValueError as refused:  # a leg has ended meanwhile
        raise not_together(str(refused)) from None
    by_instrument = dict(zip((leg.view.instrument for leg in view.legs), prices, strict=True))
    ratios = {leg.view.instrument: strategy.sign * leg.ratio for leg in view.legs}
    legs: list[JsonObject] = [
        {
            "instrument_name": venue.registry.instruments[instrument].name,
            "direction": direction(ratios[instrument] < 0),
            "ratio": abs(ratios[instrument]),
            "price": view.price(by_instrument[instrument]),
        }
        for instrument in strategy.asked
    ]
    return {"amount": view.amount(strategy.lots), "legs": legs}


METHODS: Final[dict[str, Handler]] = {
    "private/create_combo": create_combo,
    "private/get_leg_prices": get_leg_prices,
    "public/get_combo_details": get_combo_details,
    "public/get_combo_ids": get_combo_ids,
    "public/get_combos": get_combos,
}
