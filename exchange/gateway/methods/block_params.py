"""What requests about blocks say, in the core's units."""

from __future__ import annotations

from typing import Final

from exchange.gateway.deals.block_index import PREFIX
from exchange.gateway.deals.block_limits import NONCE_BYTES_MAX, TRADES_MAX
from exchange.gateway.deals.block_signatures import Term
from exchange.gateway.order_params import instrument_named
from exchange.gateway.products import must_be_allowed
from exchange.gateway.risk_views import must_have_rules
from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import InstrumentView
from exchange.wire.params import Params, amount_lots, choice, object_list, price_ticks, text

ROLES: Final = ("maker", "taker")
DIRECTIONS: Final = ("buy", "sell")
RULES: Final = 3
"""The first rules that know blocks."""
_NUMBER_DIGITS_MAX: Final = 18


def is_maker(params: Params) -> bool:
    """Whether `role` is the maker's."""
    return choice(params, "role", ROLES) == "maker"


def nonce_of(params: Params) -> str:
    """The nonce both sides have agreed on."""
    return text(params, "nonce", bytes_max=NONCE_BYTES_MAX)


def terms_of(venue: Venue, account: int, params: Params) -> tuple[Term, ...]:
    """`trades` of a block, directions as the maker's.

    Raises:
        RpcError: 13028 before rules 3; -32602; what is wrong of a trade: 10020, 10021, 10002 below the
            smallest leg of a block, 10023, 10043, 13021 a product that is switched off.
    """
    must_have_rules(venue.engine, RULES)
    found = []
    for given in object_list(params, "trades", TRADES_MAX):
        view = outright(venue, account, given)
        lots = amount_lots(given, view.terms)
        must_be_large(venue, view, lots)
        sells = choice(given, "direction", DIRECTIONS) == "sell"
        found.append(Term(view.instrument, -lots if sells else lots, price_ticks(given, view.terms)))
    if not found:
        raise invalid_param("trades", "must hold a trade")
    return tuple(found)


def outright(venue: Venue, account: int, given: Params) -> InstrumentView:
    """The instrument of a leg, which the account may trade.

    Raises:
        RpcError: 10020 unknown, or a combo; 13021 a product that is switched off.
    """
    view = instrument_named(given, venue.registry)
    if view.is_combo:
        raise error(errors.INVALID_INSTRUMENT, param="instrument_name", reason="name the legs of the combo")
    must_be_allowed(venue, account, view)
    return view


def least_lots(venue: Venue, view: InstrumentView) -> int:
    """The smallest leg of a block."""
    return view.terms.min_size_lots * venue.blocks.limits.smallest_orders


def must_be_large(venue: Venue, view: InstrumentView, lots: int, name: str = "amount") -> None:
    """Refuse a leg that is too small for a block. Raises RpcError 10002."""
    least = least_lots(venue, view)
    if lots < least:
        raise error(
            errors.QTY_TOO_LOW,
            param=name,
            reason="is below block_trade_min_trade_amount",
            block_trade_min_trade_amount=view.amount(least),
        )


def block_number(params: Params, name: str) -> int:
    """The number of a block trade's id. Raises RpcError -32602 for what is none."""
    value = text(params, name)
    digits = value.removeprefix(PREFIX)
    if digits == value or not (digits.isascii() and digits.isdigit()) or len(digits) > _NUMBER_DIGITS_MAX:
        raise invalid_param(name, f"must be an id as {PREFIX}1")
    return int(digits)
