"""Public methods about what is listed and traded, that need no stored past: expirations, indices, contract
sizes, books by id, volumes."""

from __future__ import annotations

from typing import Final

from exchange.core import risk_queries
from exchange.domain import records as r
from exchange.domain.names import expiry_code
from exchange.gateway.combos.orders import RULES_WITH_COMBOS
from exchange.gateway.dispatch import Handler, currency_of, instrument_of
from exchange.gateway.methods.public import order_book
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import InstrumentView
from exchange.wire.names import index_name
from exchange.wire.objects import JsonObject
from exchange.wire.params import Params, boolean, choice, has, integer, text
from exchange.wire.session import Request, Session

_GROUPED: Final = "grouped"
_KINDS: Final = {
    "future": (r.KIND_PERPETUAL,),
    "option": (r.KIND_OPTION,),
    "any": (r.KIND_PERPETUAL, r.KIND_OPTION),
}
_KIND_NAMES: Final = {r.KIND_PERPETUAL: "future", r.KIND_OPTION: "option"}
_PERPETUAL: Final = "PERPETUAL"
_INDEX_TYPES: Final = ("all", "spot", "derivative")
# The coins the dialect pays a yield on; none does here.
_YIELDING: Final = ("usde", "steth", "usdc", "build")


def get_contract_size(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_contract_size {instrument_name}`: every contract is one of the underlying."""
    instrument_of(venue, request.params)
    session.reply(request, {"contract_size": 1})


def get_order_book_by_instrument_id(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_order_book_by_instrument_id {instrument_id, depth?}`.

    Raises:
        RpcError: 10020 no instrument has that id.
    """
    number = integer(request.params, "instrument_id")
    if number >= len(venue.registry.instruments):
        raise error(errors.INVALID_INSTRUMENT, param="instrument_id", reason="no such instrument")
    order_book(venue, session, request, venue.registry.instruments[number])


def get_expirations(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_expirations {currency, kind, currency_pair?}`: expiries that trade, in order of time.

    `any` pools all currencies; `grouped`, and a currency by name, answer by currency in lower case.
    """
    params = request.params
    currency = currency_of(params, None)
    kinds = _KINDS[choice(params, "kind", _KINDS)]
    pair = _underlying_of_pair(venue, params)
    if currency == "any":
        session.reply(request, _expirations(_listed(venue, "any", pair), kinds))
        return
    is_grouped = currency.lower() == _GROUPED
    wanted = venue.registry.symbols if is_grouped else [currency]
    found = {name.lower(): _expirations(_listed(venue, name, pair), kinds) for name in wanted}
    session.reply(request, found)


def _underlying_of_pair(venue: Venue, params: Params) -> int | None:
    """The underlying of the currency pair; None if none was asked for."""
    if not has(params, "currency_pair"):
        return None
    underlying = venue.registry.underlying_of_index(text(params, "currency_pair", bytes_max=32).lower())
    return -1 if underlying is None else underlying  # a pair of the dialect that is not listed: nothing


def _listed(venue: Venue, currency: str, pair: int | None) -> list[InstrumentView]:
    views = venue.registry.select(currency)
    return [view for view in views if pair is None or view.terms.underlying == pair]


def _expirations(views: list[InstrumentView], kinds: tuple[int, ...]) -> JsonObject:
    found: JsonObject = {}
    for kind in kinds:
        times = sorted({view.expiration_timestamp for view in views if view.terms.kind == kind})
        codes = [_PERPETUAL] if kind == r.KIND_PERPETUAL and times else [expiry_code(time) for time in times]
        found[_KIND_NAMES[kind]] = codes
    return found


def get_index_price_names(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_index_price_names {extended?}`: the indices with a price; `extended` adds whether combos
    can be made on them."""
    extended = boolean(request.params, "extended")
    combos = risk_queries.rules(venue.engine) >= RULES_WITH_COMBOS
    symbols = venue.registry.symbols
    session.reply(request, [_index(symbol, extended=extended, combos=combos) for symbol in symbols])


def get_supported_index_names(venue: Venue, session: Session, request: Request) -> None:
    """`public/get_supported_index_names {type?}`: all indices here have derivatives, none a spot market."""
    kind = choice(request.params, "type", _INDEX_TYPES, "all")
    symbols = [] if kind == "spot" else venue.registry.symbols
    combos = risk_queries.rules(venue.engine) >= RULES_WITH_COMBOS
    session.reply(request, [_index(symbol, extended=True, combos=combos) for symbol in symbols])


def _index(symbol: str, *, extended: bool, combos: bool) -> JsonObject:
    found: JsonObject = {"name": index_name(symbol)}
    if extended:
        found["future_combo_creation_enabled"] = False
        found["option_combo_creation_enabled"] = combos
    return found


def get_apr_history(_venue: Venue, session: Session, request: Request) -> None:
    """`public/get_apr_history {currency, limit?, before?}`: no coin yields anything here, so no day has a
    rate."""
    params = request.params
    if text(params, "currency").lower() not in _YIELDING:
        raise invalid_param("currency", "must be one of: " + ", ".join(sorted(_YIELDING)))
    for name in ("limit", "before"):
        if has(params, name):
            integer(params, name)
    session.reply(request, {"data": [], "continuation": "none"})


METHODS: Final[dict[str, Handler]] = {
    "public/get_contract_size": get_contract_size,
    "public/get_order_book_by_instrument_id": get_order_book_by_instrument_id,
    "public/get_expirations": get_expirations,
    "public/get_index_price_names": get_index_price_names,
    "public/get_supported_index_names": get_supported_index_names,
    "public/get_apr_history": get_apr_history,
}
