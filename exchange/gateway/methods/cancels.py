"""Cancelling many orders at once: all, by instrument, currency, label, type; quotes by what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exchange.core import risk_queries
from exchange.domain import commands
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain.commands_orders import with_flags
from exchange.gateway.combos.orders import RULES_WITH_COMBOS
from exchange.gateway.dispatch import (
    Handler,
    account_of,
    currency_of,
    guarded,
    instrument_of,
    kind_of,
)
from exchange.gateway.open_quotes import instruments_by_delta, labels_of_set
from exchange.gateway.outcomes import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.names import QUOTE_CURRENCY
from exchange.wire.params import Params, boolean, choice, number, text
from exchange.wire.session import Request, Session

TYPE_FILTERS: Final = {
    "all": r.FILTER_ANY,
    "limit": r.FILTER_PLAIN,
    "trigger_all": r.FILTER_TRIGGERS,
    "stop": r.FILTER_STOP,
    "take": r.FILTER_TAKE,
    "trailing_stop": r.FILTER_TRAILING,
}
_RULES_WITH_TYPES: Final = 3
_NO_LABEL: Final = (1 << 32) - 1  # no order has it


def cancel_all(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_all {detailed?}`: how many."""
    cancel_many(venue, session, request)


def cancel_all_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`private/cancel_all_by_instrument {instrument_name, type?, include_combos?}`; `include_combos`: also in
    the combos that the instrument is a leg of."""
    view = instrument_of(venue, request.params)
    targets = [view.instrument]
    if boolean(request.params, "include_combos"):
        combos = venue.registry.combos_of.get(view.instrument, ())
        targets += [combo.instrument for combo in combos if combo.state < r.STATE_DELISTED]
    scopes = [(r.SCOPE_INSTRUMENT, target) for target in targets]
    cancel_each(venue, session, request, scopes, 0)


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
    """`private/cancel_quotes {cancel_type, …}`: all, those of an instrument, a kind, a currency, a pair, a
    set (`quote_set_id`), or of instruments whose delta lies from `min_delta` to `max_delta`."""
    params = request.params
    kinds = ("all", "instrument", "instrument_kind", "currency", "currency_pair", "delta", "quote_set_id")
    how = choice(params, "cancel_type", kinds)
    scope, target, kind = r.SCOPE_ALL, 0, 0
    if how in ("delta", "quote_set_id"):
        (_cancel_by_delta if how == "delta" else _cancel_set)(venue, session, request)
        return
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


def _cancel_set(venue: Venue, session: Session, request: Request) -> None:
    """A set's quotes: as many cancels by label as its quotes have labels."""
    account = account_of(session)
    set_id = text(request.params, "quote_set_id", bytes_max=LABEL_CHARS_MAX)
    scope, target = currency_scope(venue, currency_of(request.params))
    if scope < 0:
        session.reply(request, [] if boolean(request.params, "detailed") else 0)
        return
    scope = r.SCOPE_LABEL if scope == r.SCOPE_ALL else r.SCOPE_LABEL_UNDERLYING
    labels = labels_of_set(venue, account, set_id) or [_NO_LABEL]
    commands_of = [
        commands.cancel_many(account, scope, target=target, which=r.WHICH_QUOTES, label=label)
        for label in labels
    ]
    _cancel_run(venue, session, request, commands_of)


def _cancel_by_delta(venue: Venue, session: Session, request: Request) -> None:
    """The quotes of each instrument whose own delta, not that of a position, lies in the range."""
    account = account_of(session)
    lowest, highest = (float(number(request.params, name)) for name in ("min_delta", "max_delta"))
    if not lowest <= highest:
        raise invalid_param("max_delta", "must not be below min_delta")
    scope, underlying = currency_scope(venue, currency_of(request.params))
    found = instruments_by_delta(venue, account, lowest, highest) if scope >= 0 else []
    views = venue.registry.instruments
    commands_of = [
        commands.cancel_many(account, r.SCOPE_INSTRUMENT, target=instrument, which=r.WHICH_QUOTES)
        for instrument in found
        if scope == r.SCOPE_ALL or views[instrument].terms.underlying == underlying
    ]
    nothing = commands.cancel_many(account, r.SCOPE_LABEL, which=r.WHICH_QUOTES, label=_NO_LABEL)
    _cancel_run(venue, session, request, commands_of or [nothing])


def _cancel_run(venue: Venue, session: Session, request: Request, run: Sequence[bytes]) -> None:
    """Sequence CANCEL_MANYs one behind the other, and reply for all of them."""
    detailed = boolean(request.params, "detailed")
    more = many_flags(venue, request.params)
    if more is None:
        session.reply(request, [] if detailed else 0)
        return

    def finish(packed: bytes) -> None:
        _reply_cancelled(venue, session, request, packed, detailed=detailed)

    packed = b"".join(with_flags(command, more) for command in run)
    packed = venue.grant_sessions.stamped(session, packed)
    venue.submit_run(packed, len(run), guarded(session, request, finish, venue), is_cancel=True)


def _reply_cancelled(
    venue: Venue, session: Session, request: Request, packed: bytes, *, detailed: bool
) -> None:
    orders, affected, seq = cancelled(packed)
    result: object = [venue.rendering.order(order) for order in orders] if detailed else affected
    session.reply(request, result, seq)


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
    account = account_of(session)
    detailed = boolean(request.params, "detailed")
    more = many_flags(venue, request.params)
    kind = kind_there(venue, kind)
    if scope < 0 or kind is None or more is None:
        session.reply(request, [] if detailed else 0)  # nothing of that sort can be open here
        return

    def finish(packed: bytes) -> None:
        _reply_cancelled(venue, session, request, packed, detailed=detailed)

    command = commands.cancel_many(account, scope, target=target, kind=kind, which=which, label=label)
    command = venue.grant_sessions.stamped(session, with_flags(command, more))
    venue.submit(command, guarded(session, request, finish, venue))


def cancel_each(
    venue: Venue, session: Session, request: Request, scopes: list[tuple[int, int]], kind: int | None
) -> None:
    """Sequence a CANCEL_MANY for each (scope, target), one behind the other; reply as `cancel_many`."""
    account = account_of(session)
    detailed = boolean(request.params, "detailed")
    more = many_flags(venue, request.params)
    kind = kind_there(venue, kind)
    if kind is None or more is None or not scopes:
        session.reply(request, [] if detailed else 0)
        return
    left = scopes[::-1]
    flags, of_kind = more, kind
    orders: list[ev.Order] = []
    affected = 0

    def send() -> None:
        scope, target = left.pop()
        command = commands.cancel_many(account, scope, target=target, kind=of_kind)
        command = venue.grant_sessions.stamped(session, with_flags(command, flags))
        venue.submit(command, guarded(session, request, finish, venue))

    def finish(packed: bytes) -> None:
        """One scope is done: the next, or the reply."""
        nonlocal affected
        found, count, seq = cancelled(packed)
        orders.extend(found)
        affected += count
        if left:
            send()
            return
        result: object = [venue.rendering.order(order) for order in orders] if detailed else affected
        session.reply(request, result, seq)

    send()


def kind_there(venue: Venue, kind: int | None) -> int | None:
    """The kind filter; None for combos under rules that do not know them: none can be open."""
    rules = risk_queries.rules(venue.engine)
    return None if kind == r.KIND_COMBO and rules < RULES_WITH_COMBOS else kind


def many_flags(venue: Venue, params: Params) -> int | None:
    """The flags of `type` and `freeze_quotes`; None where nothing of that type can be open.

    Raises:
        RpcError: -32602 for unknown types; 10033 `freeze_quotes` under rules that do not know it.
    """
    sort = TYPE_FILTERS[choice(params, "type", TYPE_FILTERS, "all")]
    freeze = boolean(params, "freeze_quotes")
    if risk_queries.rules(venue.engine) < _RULES_WITH_TYPES:
        if freeze:
            raise error(errors.NOT_IMPLEMENTED, param="freeze_quotes", reason="is not offered")
        return 0 if sort in (r.FILTER_ANY, r.FILTER_PLAIN) else None
    return sort << r.TYPE_FILTER_SHIFT | (r.FREEZE_QUOTES if freeze else 0)


def cancelled(packed: bytes) -> tuple[list[ev.Order], int, int]:
    """The orders one or several CANCEL_MANYs cancelled, those linked to them too; how many they found
    themselves; the last one's counter.

    Raises:
        RpcError: one was rejected.
    """
    orders: list[ev.Order] = []
    affected = counter = 0
    for event in ev.read_events(packed):
        if isinstance(event, ev.Order):
            orders.append(event)
        elif isinstance(event, ev.Rejected):
            raise rejected(event, None)
        elif isinstance(event, ev.Done):
            affected += event.affected
            counter = event.head.counter
    if not counter:
        raise ev.EventError("a CANCEL_MANY that is not done")
    return orders, affected, counter


METHODS: Final[dict[str, Handler]] = {
    "private/cancel_all": cancel_all,
    "private/cancel_all_by_instrument": cancel_all_by_instrument,
    "private/cancel_all_by_currency": cancel_all_by_currency,
    "private/cancel_by_label": cancel_by_label,
    "private/cancel_quotes": cancel_quotes,
}
