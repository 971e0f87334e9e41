"""The order path: place, edit, cancel. Packed command out, packed events back, one reply.

A reply is the last ORDER of the command's events, with the fills of the order; a reject becomes the
documented error. Everything is one dictionary lookup a step: instrument by name, label by text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from msgspec import Raw

from exchange.core import queries
from exchange.domain import commands, rejects
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.limits import COUNTER_MASK, RECORD_VERSION
from exchange.gateway.dispatch import (
    Handler,
    account_of,
    currency_of,
    guarded,
    instrument_of,
    kind_of,
)
from exchange.gateway.order_params import display_lots, read_new_order
from exchange.gateway.products import must_be_allowed
from exchange.gateway.rendering import read_order
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param, reject_error
from exchange.wire.instruments import InstrumentView
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.params import (
    Params,
    boolean,
    choice,
    has,
    order_id,
    order_lots,
    price_ticks,
    text,
    timestamp_ms,
)
from exchange.wire.session import Request, RpcError, Session

# NEW_ORDER in one go (docs/formats.md): type, version and units as one word, then the fields.
NEW_ORDER_RECORD: Final = struct.Struct("<IIIIQIIqqqq")
NEW_ORDER_HEAD: Final = r.NEW_ORDER | RECORD_VERSION << 8 | 2 << 16
RESTING_TYPES: Final = ("all", "limit")
TYPE_FILTERS: Final = frozenset({*RESTING_TYPES, "trigger_all", "stop", "take", "trailing_stop"})


# --- placing ---------------------------------------------------------------------------------------


def buy(venue: Venue, session: Session, request: Request) -> None:
    """`private/buy`."""
    _place(venue, session, request, sell=False)


def sell(venue: Venue, session: Session, request: Request) -> None:
    """`private/sell`."""
    _place(venue, session, request, sell=True)


def _place(venue: Venue, session: Session, request: Request, *, sell: bool) -> None:
    account = account_of(session)
    order = read_new_order(request.params, venue.registry)
    flags = order.flags | r.FLAG_SELL if sell else order.flags
    view = order.view
    if account in venue.settings.restricted:
        must_be_allowed(venue, account, view, reduce_only=bool(flags & r.FLAG_REDUCE_ONLY))
    packed = NEW_ORDER_RECORD.pack(
        NEW_ORDER_HEAD,
        flags,
        account,
        view.instrument,
        0,
        0,
        0,
        order.price_ticks,
        order.size_lots,
        order.display_lots,
        order.valid_until_ms,
    )
    done = venue.disconnects.watched(
        session, account, order_reply(venue, session, request, account, view)
    )
    if not order.label:
        venue.submit(packed, done)
        return
    venue.submit_labelled(account, order.label, lambda label: _labelled(packed, label), done)


def _labelled(packed: bytes, label: int) -> bytes:
    """The command with its label (aux) set."""
    return packed[:28] + label.to_bytes(4, "little") + packed[32:]


def order_reply(
    venue: Venue, session: Session, request: Request, account: int, view: InstrumentView
) -> Callable[[bytes], None]:
    """Reply `{order, trades}` from the events of NEW_ORDER or AMEND."""

    def finish(packed: bytes) -> None:
        at, fills = own_order(packed, view)
        seq = int.from_bytes(packed[at + 8 : at + 16], "little") & COUNTER_MASK
        session.reply(request, Raw(placed_json(venue, account, packed, at, fills)), seq)

    return guarded(session, request, finish, venue)


def placed_json(venue: Venue, account: int, packed: bytes, at: int, fills: int) -> bytes:
    """`{order, trades}` of the ORDER at byte `at` of its command's events, with the last `fills` of it."""
    order = venue.rendering.order_json(packed, at)
    if not fills:
        return b'{"order":%b,"trades":[]}' % order
    order_id = int.from_bytes(packed[at + 24 : at + 32], "little")
    found = venue.ring.find_fills(account, fills, order_id)
    trades = b",".join([venue.rendering.fill_json(fill, account) for fill in found])
    return b'{"order":%b,"trades":[%b]}' % (order, trades)


def own_order(packed: bytes, view: InstrumentView) -> tuple[int, int]:
    """The byte of the command's own order, the last ORDER of its events; how many trades it made.

    Raises:
        RpcError: the command was rejected.
    """
    at = last = fills = 0
    end = len(packed)
    while at < end:
        last = at
        if packed[at] == r.EV_TRADE:
            fills += 1
        at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
    if packed[last] != r.EV_ORDER:
        event = ev.read_event(packed, last)
        if isinstance(event, ev.Rejected):
            raise rejected(event, view)
        raise ev.EventError(f"an order's events end with type {event.head.type}")
    return last, fills


def rejected(event: ev.Rejected, view: InstrumentView | None) -> RpcError:
    """The error of a reject; the limit that was passed in the client's units."""
    detail = view.price(event.detail) if view is not None and event.detail else None
    return reject_error(event.reason, detail)


# --- editing and cancelling one order --------------------------------------------------------------


def edit(venue: Venue, session: Session, request: Request) -> None:
    """`private/edit {order_id, amount?, price?, display_amount?, post_only?, reduce_only? …}`."""
    account = account_of(session)
    wanted = order_id(request.params)
    send_edit(venue, session, request, account, wanted, _view_of_order(venue, account, wanted))


def send_edit(
    venue: Venue, session: Session, request: Request, account: int, wanted: int, view: InstrumentView
) -> None:
    """Sequence the AMEND a request describes, of an open order of the account; reply `{order, trades}`."""
    params = request.params
    must_be_allowed(venue, account, view)
    for name in ("advanced", "trigger_price", "trigger_offset"):
        if has(params, name):
            raise error(errors.NOT_IMPLEMENTED, param=name, reason="is not offered")
    price = price_ticks(params, view.terms) if has(params, "price") else None
    sized = has(params, "amount") or has(params, "contracts")
    lots = order_lots(params, view.terms) if sized else None
    lots, display = _sizes_of_edit(venue, account, wanted, view, params, lots)
    post_only = boolean(params, "post_only") if has(params, "post_only") else None
    reduce_only = boolean(params, "reduce_only") if has(params, "reduce_only") else None
    if price is None and lots is None and display is None and post_only is None and reduce_only is None:
        raise invalid_param("amount", "nothing to change: give amount, price or display_amount")
    command = commands.amend(
        account,
        wanted,
        price_ticks=price,
        size_lots=lots,
        display_lots=display,
        post_only=post_only,
        reject_post_only=bool(post_only) and boolean(params, "reject_post_only"),
        reduce_only=reduce_only,
        valid_until_ms=timestamp_ms(params, "valid_until", 0),
    )
    venue.submit(command, order_reply(venue, session, request, account, view))


def _sizes_of_edit(
    venue: Venue, account: int, wanted: int, view: InstrumentView, params: Params, lots: int | None
) -> tuple[int | None, int | None]:
    """Total and displayed lots of an edit, both or neither.

    The least that may be displayed goes by the total. What is judged here is sequenced behind whatever else
    is under way for the order, so both are said together: no other edit comes between them.

    Raises:
        RpcError: 10036 too little displayed, or a new `amount` alone for an order that is partly hidden.
    """
    if lots is None and not has(params, "display_amount"):
        return None, None
    record = queries.order_record(venue.engine, wanted)
    if not record:
        raise missing_order(venue, account, wanted)
    order = read_order(record)
    total = order.size_lots if lots is None else lots
    display = display_lots(params, view, total)
    if display is None and order.shown_lots < order.open_lots:
        raise error(
            errors.INVALID_MAX_SHOW, param="display_amount", reason="goes with a new amount: a part is hidden"
        )
    return total, display or 0


def _view_of_order(venue: Venue, account: int, wanted: int) -> InstrumentView:
    """The instrument of an open order of the account. The core judges again when the command comes."""
    record = queries.order_record(venue.engine, wanted)
    if not record:
        raise missing_order(venue, account, wanted)
    order = read_order(record)
    if order.head.account != account:
        raise error(errors.NOT_OWNER_OF_ORDER)
    return venue.registry.instruments[order.head.instrument]


def missing_order(venue: Venue, account: int, wanted: int) -> RpcError:
    """11044 for an order of the account that is closed, else 10004."""
    closed = venue.ring.closed_order(wanted) or venue.history.order(wanted)
    if closed is not None and read_order(closed.record).head.account == account:
        return error(errors.NOT_OPEN_ORDER)
    return error(errors.ORDER_NOT_FOUND)


def cancel(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel {order_id}`: the order."""
    account = account_of(session)
    wanted = order_id(request.params)

    def finish(packed: bytes) -> None:
        if packed[0] == r.EV_ORDER:
            seq = int.from_bytes(packed[8:16], "little") & COUNTER_MASK
            session.reply(request, Raw(venue.rendering.order_json(packed, 0)), seq)
            return
        event = ev.read_event(packed)
        if isinstance(event, ev.Rejected):
            missing = event.reason == rejects.ORDER_NOT_FOUND
            raise missing_order(venue, account, wanted) if missing else rejected(event, None)

    venue.submit(commands.cancel(account, wanted), guarded(session, request, finish, venue))


# --- cancelling many -------------------------------------------------------------------------------


def cancel_all(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_all {detailed?}`: how many."""
    cancel_many(venue, session, request)


def cancel_all_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_all_by_instrument {instrument_name, type?}`."""
    view = instrument_of(venue, request.params)
    cancel_many(venue, session, request, scope=r.SCOPE_INSTRUMENT, target=view.instrument)


def cancel_all_by_currency(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_all_by_currency {currency, kind?, type?}`."""
    scope, target = currency_scope(venue, currency_of(request.params, None))
    cancel_many(venue, session, request, scope=scope, target=target, kind=kind_of(request.params))


def cancel_by_label(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_by_label {label, currency?}`."""
    account = account_of(session)
    label = venue.labels.find(account, text(request.params, "label", bytes_max=LABEL_CHARS_MAX))
    scope, target = currency_scope(venue, currency_of(request.params))
    if label == 0:
        session.reply(request, [] if boolean(request.params, "detailed") else 0)
        return
    scope = {r.SCOPE_ALL: r.SCOPE_LABEL, r.SCOPE_UNDERLYING: r.SCOPE_LABEL_UNDERLYING}.get(scope, scope)
    cancel_many(venue, session, request, scope=scope, target=target, label=label)


def cancel_quotes(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_quotes {cancel_type, …}`: all, instrument, instrument_kind, currency, currency_pair."""
    params = request.params
    kinds = ("all", "instrument", "instrument_kind", "currency", "currency_pair", "delta", "quote_set_id")
    how = choice(params, "cancel_type", kinds)
    scope, target, kind = r.SCOPE_ALL, 0, 0
    if how in ("delta", "quote_set_id"):
        raise error(errors.NOT_IMPLEMENTED, param="cancel_type", reason=f"{how} is not offered")
    if how == "instrument":
        scope, target = r.SCOPE_INSTRUMENT, instrument_of(venue, params).instrument
    elif how in ("instrument_kind", "currency"):
        scope, target = currency_scope(venue, currency_of(params, "any" if how != "currency" else None))
        found = kind_of(params)
        kind = -1 if found is None else found
    elif how == "currency_pair":
        symbol = text(params, "currency_pair", bytes_max=32).partition("_")[0].upper()
        scope, target = currency_scope(venue, symbol)
    kind_wanted = None if kind < 0 else kind
    cancel_many(
        venue, session, request, scope=scope, target=target, kind=kind_wanted, which=r.WHICH_QUOTES
    )


def currency_scope(venue: Venue, currency: str) -> tuple[int, int]:
    """(scope, target) of a currency; scope −1 for one that has no instruments here."""
    if currency in ("any", QUOTE_CURRENCY):
        return r.SCOPE_ALL, 0
    underlying = venue.registry.underlying_of(currency)
    return (-1, 0) if underlying is None else (r.SCOPE_UNDERLYING, underlying)


def cancel_many(
    venue: Venue,
    session: Session,
    request: Request,
    *,
    scope: int = r.SCOPE_ALL,
    target: int = 0,
    kind: int | None = 0,
    which: int = 0,
    label: int = 0,
) -> None:
    """Sequence CANCEL_MANY and reply how many orders went, or the orders if `detailed`."""
    params = request.params
    account = account_of(session)
    detailed = boolean(params, "detailed")
    if boolean(params, "freeze_quotes"):
        raise error(errors.NOT_IMPLEMENTED, param="freeze_quotes", reason="is not offered")
    order_type = choice(params, "type", TYPE_FILTERS, "all")
    if scope < 0 or kind is None or order_type not in RESTING_TYPES:
        session.reply(request, [] if detailed else 0)  # nothing of that sort can be open here
        return

    def finish(packed: bytes) -> None:
        found = list(ev.read_events(packed))
        last = found[-1]
        if isinstance(last, ev.Rejected):
            raise rejected(last, None)
        orders = [event for event in found if isinstance(event, ev.Order)]
        result: object = [venue.rendering.order(order) for order in orders] if detailed else len(orders)
        session.reply(request, result, last.head.counter)

    command = commands.cancel_many(account, scope, target=target, kind=kind, which=which, label=label)
    venue.submit(command, guarded(session, request, finish, venue))


METHODS: Final[dict[str, Handler]] = {
    "private/buy": buy,
    "private/sell": sell,
    "private/edit": edit,
    "private/cancel": cancel,
    "private/cancel_all": cancel_all,
    "private/cancel_all_by_instrument": cancel_all_by_instrument,
    "private/cancel_all_by_currency": cancel_all_by_currency,
    "private/cancel_by_label": cancel_by_label,
    "private/cancel_quotes": cancel_quotes,
}
