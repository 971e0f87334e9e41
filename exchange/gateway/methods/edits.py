"""Editing an order: its price, size, trigger or volatility, and only if it stands as the sender believes.

`amount` (or `new_total`) is the new total, fills included; `new_remaining` the amount to be open after it.
With `expected_filled` the edit takes effect only if exactly that much is filled when its turn comes: a fill
that the sender has not heard of refuses it as a whole.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exchange.core import queries
from exchange.domain import commands_orders
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.combos.orders import must_suit
from exchange.gateway.dispatch import Handler, account_of
from exchange.gateway.extended_params import must_be_implv, trigger_micro, volatility_e6
from exchange.gateway.order_params import display_lots
from exchange.gateway.outcomes import missing_order, order_reply
from exchange.gateway.products import must_be_allowed
from exchange.gateway.read_records import read_order
from exchange.gateway.venue import Venue
from exchange.gateway.volatility_prices import price_ticks_of
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import InstrumentView
from exchange.wire.params import (
    Params,
    amount_lots,
    boolean,
    has,
    order_id,
    order_lots,
    price_ticks,
    timestamp_ms,
)
from exchange.wire.session import Request, Session

_TOTALS: Final = ("amount", "contracts", "new_total", "new_remaining")


class _Sizes(NamedTuple):
    """The lots an edit names; None: left as they are."""

    total: int | None = None
    remaining: int | None = None
    display: int | None = None


def edit(venue: Venue, session: Session, request: Request) -> None:
    """`private/edit {order_id, amount?, new_total?, new_remaining?, expected_filled?, price?, advanced?,
    trigger_price?, trigger_offset?, display_amount?, post_only?, reduce_only? …}`."""
    account = account_of(session)
    wanted = order_id(request.params)
    send_edit(venue, session, request, account, wanted, _view_of_order(venue, account, wanted))


def send_edit(
    venue: Venue, session: Session, request: Request, account: int, wanted: int, view: InstrumentView
) -> None:
    """Sequence the AMEND a request describes, of an open order of the account; reply `{order, trades}`."""
    params = request.params
    must_be_allowed(venue, account, view)
    must_suit(view, params)
    order = _open_order(venue, account, wanted)
    price, volatility = _price(venue, params, view, order)
    sizes = _sizes(params, view, order)
    post_only = boolean(params, "post_only") if has(params, "post_only") else None
    reduce_only = boolean(params, "reduce_only") if has(params, "reduce_only") else None
    trigger = trigger_micro(params, "trigger_price") if has(params, "trigger_price") else None
    offset = trigger_micro(params, "trigger_offset") if has(params, "trigger_offset") else None
    if trigger is not None and offset is not None:
        raise error(errors.UNSUPPORTED_COMBINATION, param="trigger_offset", reason="an order has one of them")
    given = (price, *sizes, post_only, reduce_only, trigger, offset)
    if all(value is None for value in given):
        raise invalid_param("amount", "nothing to change: give amount, price or display_amount")
    expected = None
    if has(params, "expected_filled"):
        expected = amount_lots(params, view.terms, "expected_filled", zero_allowed=True)
    command = commands_orders.amend(
        account,
        wanted,
        price_ticks=price,
        size_lots=sizes.total,
        remaining_lots=sizes.remaining,
        display_lots=sizes.display,
        post_only=post_only,
        reject_post_only=bool(post_only) and boolean(params, "reject_post_only"),
        reduce_only=reduce_only,
        expected_filled_lots=expected,
        trigger_micro=trigger,
        offset_micro=offset,
        volatility_e6=volatility,
        valid_until_ms=timestamp_ms(params, "valid_until", 0),
    )
    command = venue.grant_sessions.stamped(session, command)
    venue.submit(command, order_reply(venue, session, request, account, view, wanted))


def _price(
    venue: Venue, params: Params, view: InstrumentView, order: ev.Order
) -> tuple[int | None, int | None]:
    """The new price in ticks and the volatility it stands for; None where not given.

    Raises:
        RpcError: 11041 a volatility for an order that is not priced in one; as `extended_params`.
    """
    if has(params, "advanced"):
        must_be_implv(params, view)
        extra = venue.views.extras.get(order.order_id)
        if extra is None or not extra.volatility_e6:
            raise error(errors.NOT_ADVANCED_ORDER, param="advanced")
        if not has(params, "price"):
            return None, None
        volatility = volatility_e6(params)
        return price_ticks_of(venue.oracle, view, volatility, order.is_sell), volatility
    if not has(params, "price"):
        return None, None
    return price_ticks(params, view.terms, bounds=view.price_bounds), None


def _sizes(params: Params, view: InstrumentView, order: ev.Order) -> _Sizes:
    """Total (or remaining) and displayed lots of an edit, both or neither.

    The least that may be displayed goes by the total. What is judged here is sequenced behind whatever else
    is under way for the order, so both are said together: no other edit comes between them. An untriggered
    order keeps what it displays.

    Raises:
        RpcError: 10036 too little displayed, or a new size alone for an order that is partly hidden;
            11047 two sizes that are not the same thing.
    """
    named = [name for name in _TOTALS if has(params, name)]
    if ("new_remaining" in named and len(named) > 1) or ("new_total" in named and len(named) > 1):
        raise error(errors.UNSUPPORTED_COMBINATION, param=named[-1], reason=f"{named[0]} says it already")
    total = remaining = None
    if "new_remaining" in named:
        remaining = amount_lots(params, view.terms, "new_remaining")
    elif "new_total" in named:
        total = amount_lots(params, view.terms, "new_total")
    elif named:
        total = order_lots(params, view.terms)
    if not named and not has(params, "display_amount"):
        return _Sizes()
    whole = order.size_lots
    if total is not None:
        whole = total
    elif remaining is not None:
        whole = order.filled_lots + remaining
    display = display_lots(params, view, whole)
    if order.state == r.ORDER_STATE_UNTRIGGERED or view.is_combo:  # of a combo's nothing is hidden
        return _Sizes(total, remaining, display)
    if display is None and order.shown_lots < order.open_lots:
        raise error(
            errors.INVALID_MAX_SHOW, param="display_amount", reason="goes with a new amount: a part is hidden"
        )
    if remaining is None and total is None:
        total = whole
    return _Sizes(total, remaining, display or 0)


def _open_order(venue: Venue, account: int, wanted: int) -> ev.Order:
    """An open order of the account. The core judges again when the command comes."""
    record = queries.order_record(venue.engine, wanted)
    if not record:
        raise missing_order(venue, account, wanted)
    order = read_order(record)
    if order.head.account != account:
        raise error(errors.NOT_OWNER_OF_ORDER)
    return order


def _view_of_order(venue: Venue, account: int, wanted: int) -> InstrumentView:
    """The instrument of an open order of the account."""
    return venue.registry.instruments[_open_order(venue, account, wanted).head.instrument]


METHODS: Final[dict[str, Handler]] = {
    "private/edit": edit,
}
