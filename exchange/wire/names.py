"""The dialect's words for order types, times in force, states and reasons, and the flags behind them."""

from __future__ import annotations

from typing import Final

from exchange.domain import records as r
from exchange.wire import errors
from exchange.wire.errors import CANCEL_NAMES, error
from exchange.wire.params import Params, boolean, choice

QUOTE_CURRENCY: Final = "USDC"
# The protection group of single orders with `mmp`.
DEFAULT_GROUP: Final = "default"

# The dialect's coins. What is asked of one that the venue has not is answered with nothing of it.
CURRENCIES_KNOWN: Final = frozenset(
    {"BTC", "ETH", "STETH", "ETHW", "USDC", "USDT", "EURR", "SOL", "XRP", "USYC", "PAXG", "BNB", "USDE"}
)

_TYPE_FLAGS: Final = {
    "limit": r.TYPE_LIMIT << r.TYPE_SHIFT,
    "market": r.TYPE_MARKET << r.TYPE_SHIFT,
    "market_limit": r.TYPE_MARKET_LIMIT << r.TYPE_SHIFT,
}
_ORDER_TYPES: Final = frozenset(_TYPE_FLAGS)
_TIF_FLAGS: Final = {
    "good_til_cancelled": r.TIF_GTC << r.TIF_SHIFT,
    "good_til_day": r.TIF_GTD << r.TIF_SHIFT,
    "immediate_or_cancel": r.TIF_IOC << r.TIF_SHIFT,
    "fill_or_kill": r.TIF_FOK << r.TIF_SHIFT,
}
_TIF_NAMES: Final = {flags >> r.TIF_SHIFT: name for name, flags in _TIF_FLAGS.items()}
_STATE_NAMES: Final = {
    r.ORDER_STATE_OPEN: "open",
    r.ORDER_STATE_FILLED: "filled",
    r.ORDER_STATE_CANCELLED: "cancelled",
    r.ORDER_STATE_UNTRIGGERED: "untriggered",
}
# The reasons the dialect's `cancel_reason` enumerates; the others stand in `end_reason` alone.
_CANCEL_REASONS: Final = frozenset(
    {
        "user_request",
        "edit_post_only_reject",
        "settlement",
        "autoliquidation",
        "risk_mitigation",
        "cancel_on_disconnect",
        "mmp_trigger",
        "mmp_config_curtailment",
        "oco_other_closed",
        "oto_primary_closed",
    }
)
_INSTRUMENT_STATES: Final = {
    r.STATE_OPEN: "open",
    r.STATE_CANCEL_ONLY: "locked",
    r.STATE_HALTED: "halted",
    r.STATE_DELISTED: "inactive",
    r.STATE_DELIVERED: "delivered",
}
KINDS: Final = {r.KIND_OPTION: "option", r.KIND_PERPETUAL: "future", r.KIND_COMBO: "option_combo"}
KIND_FILTERS: Final = {
    "any": 0,
    "option": r.KIND_OPTION,
    "future": r.KIND_PERPETUAL,
    "option_combo": r.KIND_COMBO,
    "combo": r.KIND_COMBO,
}
# Kinds the dialect knows and this venue lists nothing of: answers are empty, never errors.
KINDS_EMPTY: Final = frozenset({"spot", "future_combo"})
KINDS_KNOWN: Final = frozenset(KIND_FILTERS) | KINDS_EMPTY
# A market order never rests for a day; what a market-limit order does not fill is there to rest.
_CONTRADICTIONS: Final = {
    "market": ("good_til_day",),
    "market_limit": ("immediate_or_cancel", "fill_or_kill"),
}


def order_flags(params: Params, *, sell: bool, plain: str | None = None) -> int:
    """The flags of a new order; `plain` is what a trigger order is once it has fired (limit or market).

    Raises:
        RpcError: -32602 for unknown words; 11047 for a type with a time in force that contradicts it;
            11055 for post-only with a type or time in force that never rests.
    """
    kind = plain or choice(params, "type", _ORDER_TYPES, "limit")
    tif = choice(params, "time_in_force", _TIF_FLAGS, "good_til_cancelled")
    if tif in _CONTRADICTIONS.get(kind, ()):
        raise error(errors.UNSUPPORTED_COMBINATION, param="time_in_force", reason=f"{kind} cannot be {tif}")
    flags = _TYPE_FLAGS[kind] | _TIF_FLAGS[tif] | (r.FLAG_SELL if sell else 0)
    if boolean(params, "post_only"):
        if kind != "limit" or tif in ("immediate_or_cancel", "fill_or_kill"):
            raise error(
                errors.POST_ONLY_NOT_ALLOWED,
                param="post_only",
                reason="only with limit orders that may rest",
            )
        flags |= r.FLAG_POST_ONLY
        flags |= r.FLAG_REJECT_POST_ONLY if boolean(params, "reject_post_only") else 0
    if boolean(params, "reduce_only"):
        flags |= r.FLAG_REDUCE_ONLY
    if boolean(params, "mmp"):
        flags |= r.FLAG_MMP
    return flags


def direction(sell: bool) -> str:
    """`buy` or `sell`."""
    return "sell" if sell else "buy"


def order_type(flags: int) -> str:
    """`limit` or `market`; a market-limit order is a limit order with `original_order_type`."""
    return "market" if (flags >> r.TYPE_SHIFT) & r.TYPE_MASK == r.TYPE_MARKET else "limit"


def is_market_limit(flags: int) -> bool:
    """Whether the order came in as market-limit."""
    return (flags >> r.TYPE_SHIFT) & r.TYPE_MASK == r.TYPE_MARKET_LIMIT


def time_in_force(flags: int) -> str:
    """The dialect's time in force."""
    return _TIF_NAMES[(flags >> r.TIF_SHIFT) & r.TIF_MASK]


def order_state(state: int) -> str:
    """`open`, `filled`, `cancelled` or `untriggered`."""
    return _STATE_NAMES[state]


def end_reason(reason: int) -> str:
    """Why an order was cancelled, in one word of ours for every reason of the core."""
    return CANCEL_NAMES.get(reason, f"reason_{reason}")


def cancel_reason(reason: int) -> str | None:
    """The dialect's `cancel_reason`, or None where it has no word for it."""
    name = end_reason(reason)
    return name if name in _CANCEL_REASONS else None


def instrument_state(state: int) -> str:
    """The dialect's instrument state."""
    return _INSTRUMENT_STATES.get(state, "inactive")


def margin_model(model: int) -> str:
    """The dialect's margin model: every account's collateral is USDC alone, hence "segregated"."""
    return "segregated_pm" if model == r.MODEL_PORTFOLIO else "segregated_sm"


def liquidation_sides(is_liquidation: bool) -> str | None:
    """The dialect's `liquidation` of a trade: the taker's side is being liquidated, or None."""
    return "T" if is_liquidation else None


def index_name(symbol: str) -> str:
    """`btc_usdc`, the index of an underlying."""
    return f"{symbol.lower()}_usdc"
