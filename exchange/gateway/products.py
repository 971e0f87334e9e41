"""What an account may trade: products its main account has switched off are refused to it."""

from __future__ import annotations

from exchange.gateway.venue import Venue
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.instruments import InstrumentView


def product_of(view: InstrumentView) -> str:
    """The product an instrument is: `options`, `option_combos` or `perpetual`."""
    if view.is_combo:
        return "option_combos"
    return "options" if view.is_option else "perpetual"


def must_be_allowed(venue: Venue, account: int, view: InstrumentView, *, reduce_only: bool = False) -> None:
    """Refuse what the account may not trade; what only reduces a position is always allowed.

    Raises:
        RpcError: 13021 the product is switched off for the account.
    """
    if account not in venue.settings.restricted or reduce_only:
        return
    product = product_of(view)
    if product in venue.settings.of(account).disabled_products:
        raise error(errors.FORBIDDEN, param="instrument_name", reason=f"{product} are switched off")
