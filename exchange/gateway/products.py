"""What an account may trade: products its main account has switched off are refused to it."""

from __future__ import annotations

from typing import Final, Protocol

from exchange.gateway.account_settings import MemorySettings
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.instruments import InstrumentView

_OPTIONS: Final = ("options",)
_COMBOS: Final = ("option_combos", "options")
_PERPETUALS: Final = ("perpetual",)


class Host(Protocol):
    """Who knows what accounts have switched off."""

    settings: MemorySettings


def products_of(view: InstrumentView) -> tuple[str, ...]:
    """The products an instrument is among: a combo is options too."""
    if view.is_combo:
        return _COMBOS
    return _OPTIONS if view.is_option else _PERPETUALS


def must_be_allowed(venue: Host, account: int, view: InstrumentView, *, reduce_only: bool = False) -> None:
    """Refuse what the account may not trade; what only reduces a position is always allowed.

    Raises:
        RpcError: 13021 the product is switched off for the account.
    """
    if account not in venue.settings.restricted or reduce_only:
        return
    disabled = venue.settings.of(account).disabled_products
    for product in products_of(view):
        if product in disabled:
            raise error(errors.FORBIDDEN, param="instrument_name", reason=f"{product} are switched off")
