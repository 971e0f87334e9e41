"""Private reads: open orders, positions, account summary.

What the engine holds is read behind every command sent before and shown once it is durable
(`Venue.read`). What has passed is in `methods.history` and `methods.trades`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Raw

from exchange.core import queries
from exchange.domain import commands
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.dispatch import (
    Handler,
    account_asked,
    account_of,
    answer_read,
    currency_of,
    guarded,
    instrument_of,
    kind_of,
)
from exchange.gateway.open_orders import TYPE_FILTERS, open_order_json, type_filter
from exchange.gateway.outcomes import rejected
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.accounts import (
    AccountValues,
    account_summaries_object,
    account_summary_object,
    fee_object,
)
from exchange.wire.errors import error, invalid_param
from exchange.wire.figures import PositionValues, position_object
from exchange.wire.instruments import InstrumentView
from exchange.wire.names import CURRENCIES_KNOWN, QUOTE_CURRENCY
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, boolean, choice
from exchange.wire.session import Request, Session

_NO_INSTRUMENT: Final = -1
Chosen = Callable[[InstrumentView], bool]


# --- orders ----------------------------------------------------------------------------------------


def get_open_orders(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_open_orders {kind?, type?}`."""
    _open_orders(venue, session, request, _chosen(venue, request.params))


def get_open_orders_by_currency(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_open_orders_by_currency {currency, kind?, type?}`."""
    currency_of(request.params, None)
    _open_orders(venue, session, request, _chosen(venue, request.params))


def get_open_orders_by_instrument(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_open_orders_by_instrument {instrument_name, type?}`."""
    view = instrument_of(venue, request.params)
    _open_orders(venue, session, request, lambda _: True, view.instrument)


def _chosen(venue: Venue, params: Params) -> Chosen:
    """Which instruments the currency and kind of a request cover."""
    currency, kind = currency_of(params), kind_of(params)
    if kind is None:
        return lambda _: False
    return lambda view: venue.registry.covers(currency, kind, view)


def _open_orders(
    venue: Venue, session: Session, request: Request, chosen: Chosen, instrument: int = _NO_INSTRUMENT
) -> None:
    account = account_of(session)
    matches = type_filter(venue, choice(request.params, "type", TYPE_FILTERS, "all"))
    instruments = venue.registry.instruments

    def compute() -> list[Raw]:
        packed = queries.open_orders(venue.engine, account, instrument)
        found: list[Raw] = []
        at = 0
        while at < len(packed):
            view = instruments[int.from_bytes(packed[at + 20 : at + 24], "little")]
            if chosen(view) and matches(packed, at):
                found.append(open_order_json(venue, packed, at))
            at += (packed[at + 2] | packed[at + 3] << 8) * r.UNIT_BYTES
        return found

    answer_read(venue, session, request, compute)


# --- positions and money ---------------------------------------------------------------------------


def get_positions(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_positions {currency?, kind?, subaccount_id?}`: positions that are not zero."""
    account = account_asked(venue, session, request.params)
    chosen = _chosen(venue, request.params)
    instruments = venue.registry.instruments

    def compute() -> list[JsonObject]:
        found = venue.figures.positions(account)
        return [position for instrument, position in found.items() if chosen(instruments[instrument])]

    answer_read(venue, session, request, compute)


def get_position(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_position {instrument_name}`: zero figures where there is none."""
    account = account_of(session)
    view = instrument_of(venue, request.params)

    def compute() -> JsonObject:
        found = venue.figures.positions(account, (view.instrument,))
        if found:
            return found[view.instrument]
        figures = venue.figures.market(view, venue.clock.now_ms())
        empty = PositionValues(mark_micro=figures.mark_micro, index_micro=figures.index_micro)
        return position_object(view, empty)

    answer_read(venue, session, request, compute)


def get_account_summary(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_account_summary {currency, extended?, subaccount_id?}`; a currency without money here
    shows zeros."""
    account = account_asked(venue, session, request.params)
    currency = currency_of(request.params, None)
    extended = boolean(request.params, "extended")
    if currency not in CURRENCIES_KNOWN and currency not in venue.registry.currencies:
        raise invalid_param("currency", "is no currency")
    triggers = venue.trigger_caps.limits.told()

    def compute() -> JsonObject:
        if currency == QUOTE_CURRENCY:
            values = venue.figures.account(account)
        else:
            values = AccountValues(account=account, currency=currency)
        fees = fee_list(venue, values.tier) if extended else ()
        return account_summary_object(values, triggers, extended=extended, fees=fees)

    answer_read(venue, session, request, compute)


def get_account_summaries(venue: Venue, session: Session, request: Request) -> None:
    """`private/get_account_summaries {extended?, subaccount_id?}`: all money is USDC."""
    account = account_asked(venue, session, request.params)
    extended = boolean(request.params, "extended")
    triggers = venue.trigger_caps.limits.told()

    def compute() -> JsonObject:
        values = venue.figures.account(account)
        fees = fee_list(venue, values.tier) if extended else ()
        return account_summaries_object([values], triggers, extended=extended, fees=fees)

    answer_read(venue, session, request, compute)


def set_self_trading_config(venue: Venue, session: Session, request: Request) -> None:
    """`private/set_self_trading_config {mode}`: reject_taker (the default) or cancel_maker."""
    params = request.params
    account = account_of(session)
    mode = choice(params, "mode", ("reject_taker", "cancel_maker"))
    for name in ("extended_to_subaccounts", "block_rfq_self_match_prevention"):
        if boolean(params, name):
            raise error(errors.NOT_IMPLEMENTED, param=name, reason="is not offered")

    def finish(packed: bytes) -> None:
        event = ev.read_event(packed)
        if isinstance(event, ev.Rejected):
            raise rejected(event, None)
        session.reply(request, "ok", event.head.counter)

    command = commands.configure_account(account, cancel_maker=mode == "cancel_maker")
    venue.submit(command, guarded(session, request, finish, venue))


def fee_list(venue: Venue, tier: int) -> list[JsonObject]:
    """The fees of each kind on each index for a tier, as the core charges its newest listing."""
    newest = {(view.kind, view.index_name): view for view in venue.registry.instruments}
    return [
        fee_object(kind, index, *venue.figures.fees_ppm(view, tier)) for (kind, index), view in newest.items()
    ]


METHODS: Final[dict[str, Handler]] = {
    "private/get_open_orders": get_open_orders,
    "private/get_open_orders_by_currency": get_open_orders_by_currency,
    "private/get_open_orders_by_instrument": get_open_orders_by_instrument,
    "private/get_positions": get_positions,
    "private/get_position": get_position,
    "private/get_account_summary": get_account_summary,
    "private/get_account_summaries": get_account_summaries,
    "private/set_self_trading_config": set_self_trading_config,
}
