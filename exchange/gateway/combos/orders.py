"""What an order in a combo's book cannot be: refused before it is sequenced, with the dialect's own code."""

from __future__ import annotations

from typing import Final

from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.extended import TRIGGER_TYPES
from exchange.wire.instruments import InstrumentView
from exchange.wire.params import Params, has, integer
from exchange.wire.session import RpcError

RULES_WITH_COMBOS: Final = 4
_SWITCHES: Final = ("reduce_only", "mmp")
_PARTS: Final = (
    "display_amount",
    "advanced",
    "linked_order_type",
    "otoco_config",
    "trigger",
    "trigger_price",
    "trigger_offset",
    "trigger_fill_condition",
)


def unavailable(name: str) -> RpcError:
    """13036 for a parameter that orders in combos cannot have."""
    return error(errors.UNAVAILABLE_FOR_COMBOS, param=name, reason=f"{name} is not offered in combo books")


def must_suit(view: InstrumentView, params: Params) -> None:
    """Refuse what an order in a combo's book cannot be; orders in other books may be anything.

    Raises:
        RpcError: 13036 a trigger, links, volatility, a hidden part, protection or reduce-only.
    """
    if not view.is_combo:
        return
    for name in _SWITCHES:
        if params.get(name) not in (None, "", False, "false"):
            raise unavailable(name)
    for name in _PARTS:
        if has(params, name) and not (name == "display_amount" and _is_zero(params)):
            raise unavailable(name)
    if params.get("type") in TRIGGER_TYPES:
        raise unavailable("type")


def _is_zero(params: Params) -> bool:
    """Whether the displayed amount is written as nothing hidden."""
    try:
        return integer(params, "display_amount") == 0
    except RpcError:
        return False
