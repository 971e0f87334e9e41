"""Reading the parameters of orders with a trigger, with linked orders, or priced in volatility."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.commands_orders import NO_TRIGGER, Member, Trigger
from exchange.domain.limits import MAX_PRICE_MICRO, MAX_VOLATILITY_E6
from exchange.gateway.combos.orders import must_suit
from exchange.gateway.order_params import display_lots, instrument_named
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.client_ids import client_order_id
from exchange.wire.errors import error, invalid_param
from exchange.wire.extended import CONDITIONS, LINKS, SOURCES, TRIGGER_TYPES, VOLATILITY_PER_PERCENT
from exchange.wire.instruments import InstrumentView
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.names import order_flags
from exchange.wire.params import (
    Params,
    choice,
    has,
    object_list,
    order_lots,
    price_ticks,
    scaled,
    text,
    timestamp_ms,
)
from exchange.wire.session import RpcError

_MICRO: Final = 1_000_000
_TYPE_BITS: Final = r.TYPE_MASK << r.TYPE_SHIFT
_MEMBERS_MAX: Final = 2
PriceOf = Callable[[InstrumentView, int, bool], int]
"""(instrument, volatility_e6, whether it sells) to a price in ticks; raises RpcError where there is none."""


class MemberOrder(NamedTuple):
    """A linked order, and the text of its label."""

    member: Member
    label: str


class ExtendedOrder(NamedTuple):
    """An order with a trigger, links or a volatility, in the core's units."""

    view: InstrumentView
    flags: int
    price_ticks: int
    size_lots: int
    display_lots: int
    valid_until_ms: int
    label: str
    client_order_id: int
    trigger: Trigger
    link: int
    condition: int
    members: tuple[MemberOrder, ...]
    volatility_e6: int


def read_extended(params: Params, registry: Registry, price_of: PriceOf, *, sell: bool) -> ExtendedOrder:
    """The order a request describes.

    Raises:
        RpcError: whatever is wrong with it: 11036 a trigger price or offset, 11038 volatility of a
            perpetual, 11039 volatility of a post-only order, 11047 what does not go together, and as
            documented for `exchange.wire.params` and `.names`.
    """
    view = instrument_named(params, registry)
    must_suit(view, params)
    plain, trigger = _type_and_trigger(params)
    flags = order_flags(params, sell=sell, plain=plain)
    lots = order_lots(params, view.terms)
    link = LINKS[choice(params, "linked_order_type", LINKS)] if has(params, "linked_order_type") else 0
    volatility = _volatility(params, view, flags, has_more=bool(trigger.kind or link))
    if volatility:
        ticks = price_of(view, volatility, sell)
    else:
        ticks = 0 if flags & _TYPE_BITS else price_ticks(params, view.terms)
    return ExtendedOrder(
        view,
        flags,
        ticks,
        lots,
        display_lots(params, view, lots) or 0,
        timestamp_ms(params, "valid_until", 0),
        text(params, "label", "", LABEL_CHARS_MAX),
        client_order_id(params),
        trigger,
        link,
        _condition(params, link),
        _members(params, view, link, lots),
        volatility,
    )


def _type_and_trigger(params: Params) -> tuple[str | None, Trigger]:
    """What the order is once its trigger has fired (None: as its type says), and the trigger."""
    kind = TRIGGER_TYPES.get(text(params, "type", "limit")) if has(params, "type") else None
    if kind is None:
        for name in ("trigger", "trigger_price", "trigger_offset"):
            if has(params, name):
                raise error(
                    errors.UNSUPPORTED_COMBINATION, param=name, reason="only with the type of a trigger order"
                )
        return None, NO_TRIGGER
    name = str(params["type"])
    source = SOURCES[choice(params, "trigger", SOURCES)]
    if kind == r.TRIGGER_TRAILING:
        plain = "limit" if has(params, "price") else "market"
        _must_be_absent(params, "trigger_price")
        return plain, Trigger(kind, source, 0, trigger_micro(params, "trigger_offset"))
    _must_be_absent(params, "trigger_offset")
    return name.rpartition("_")[2], Trigger(kind, source, trigger_micro(params, "trigger_price"))


def _must_be_absent(params: Params, name: str) -> None:
    if has(params, name):
        raise error(errors.UNSUPPORTED_COMBINATION, param=name, reason="not with this type")


def trigger_micro(params: Params, name: str) -> int:
    """A trigger price or offset in micro-USDC.

    Raises:
        RpcError: -32602 not a number or absent; 11036 not positive, too large, or finer than 0.000001.
    """
    return scaled(params, name, _MICRO, errors.INVALID_TRIGGER_PRICE, maximum=MAX_PRICE_MICRO)


# --- volatility ------------------------------------------------------------------------------------


def volatility_e6(params: Params, name: str = "price") -> int:
    """A volatility in percent as a count of 1e-6. Raises RpcError 10023 where it is none."""
    most = MAX_VOLATILITY_E6
    return scaled(params, name, VOLATILITY_PER_PERCENT, errors.INVALID_PRICE, maximum=most)


def must_be_implv(params: Params, view: InstrumentView) -> None:
    """Whether `advanced` may be what it is.

    Raises:
        RpcError: 11038 no option; 11047 prices in USD, which all prices here are.
    """
    if choice(params, "advanced", ("usd", "implv")) == "usd":
        raise error(errors.UNSUPPORTED_COMBINATION, param="advanced", reason="prices are in USDC already")
    if not view.is_option:
        raise error(errors.NO_ADVANCED_FUTURES, param="advanced")


def _volatility(params: Params, view: InstrumentView, flags: int, *, has_more: bool) -> int:
    """The volatility that an order's price is, as a count of 1e-6; 0: it is a price."""
    if not has(params, "advanced"):
        return 0
    must_be_implv(params, view)
    if flags & r.FLAG_POST_ONLY:
        raise error(errors.NO_ADVANCED_POST_ONLY, param="post_only")
    tif = (flags >> r.TIF_SHIFT) & r.TIF_MASK
    if flags & _TYPE_BITS or has_more or tif not in (r.TIF_GTC, r.TIF_GTD):
        raise error(
            errors.UNSUPPORTED_COMBINATION,
            param="advanced",
            reason="only limit orders that may rest, without trigger or linked orders",
        )
    return volatility_e6(params)


# --- linked orders ---------------------------------------------------------------------------------


def _condition(params: Params, link: int) -> int:
    found = CONDITIONS[choice(params, "trigger_fill_condition", CONDITIONS, "first_hit")]
    if found and link not in (r.LINK_OTO, r.LINK_OTOCO):
        raise error(
            errors.UNSUPPORTED_COMBINATION,
            param="trigger_fill_condition",
            reason="only with orders that another one triggers",
        )
    return found


def _members(params: Params, view: InstrumentView, link: int, lots: int) -> tuple[MemberOrder, ...]:
    wanted = r.LINK_MEMBERS[link]
    if not link:
        _must_be_absent(params, "otoco_config")
        return ()
    given = object_list(params, "otoco_config", _MEMBERS_MAX)
    if len(given) != wanted:
        raise invalid_param("otoco_config", f"must hold {wanted} orders for this linked_order_type")
    return tuple(_member(each, view, lots, number) for number, each in enumerate(given))


def _member(params: Params, view: InstrumentView, primary_lots: int, number: int) -> MemberOrder:
    """One of `otoco_config`; its amount is the primary's if it has none of its own."""
    try:
        for name in ("advanced", "linked_order_type", "otoco_config", "client_order_id", "display_amount"):
            _must_be_absent(params, name)
        plain, trigger = _type_and_trigger(params)
        sell = choice(params, "direction", ("buy", "sell")) == "sell"
        flags = order_flags(params, sell=sell, plain=plain)
        sized = has(params, "amount") or has(params, "contracts")
        lots = order_lots(params, view.terms) if sized else primary_lots
        ticks = 0 if flags & _TYPE_BITS else price_ticks(params, view.terms)
        label = text(params, "label", "", LABEL_CHARS_MAX)
    except RpcError as wrong:
        at_fault = (wrong.data or {}).get("param", "")
        wrong.data = {**(wrong.data or {}), "param": f"otoco_config[{number}].{at_fault}".rstrip(".")}
        raise
    return MemberOrder(Member(flags, ticks, lots, trigger=trigger), label)
