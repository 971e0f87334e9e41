"""What requests for quotes, quotes and acceptances say, in the core's units."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.core import queries
from exchange.domain import records as r
from exchange.gateway.deals.block_limits import LEGS_MAX, RATIO_MAX, UNITS_MOST
from exchange.gateway.deals.rfq import Allocation, Hedge, Rfq
from exchange.gateway.deals.rfq_objects import E8
from exchange.gateway.dispatch import account_of, must_be_main
from exchange.gateway.methods.block_params import DIRECTIONS, RULES, least_lots, must_be_large, outright
from exchange.gateway.order_params import instrument_named
from exchange.gateway.risk_views import must_have_rules
from exchange.gateway.venue import Venue
from exchange.wire import errors, packages
from exchange.wire.errors import error, invalid_param, other_reject
from exchange.wire.instruments import InstrumentView
from exchange.wire.limits import LABEL_CHARS_MAX
from exchange.wire.packages import PackageLeg, Room, Unpriceable
from exchange.wire.params import (
    Params,
    amount_lots,
    boolean,
    choice,
    has,
    integer,
    object_list,
    price_ticks,
    scaled,
    text,
    text_list,
)
from exchange.wire.session import Session

MAKERS_MAX: Final = 100
DIVIDED_RULES: Final = 5
"""The first rules under which trades of one block have several takers."""
PRICE_MICRO_MAX: Final = 1 << 62
_MICRO: Final = 1_000_000
_HEDGE_FIELDS: Final = frozenset({"instrument_name", "direction", "amount", "price"})


class Structure(NamedTuple):
    """What is to be quoted."""

    legs: list[PackageLeg]
    amount_e8: int
    least_e8: int
    step_e8: int
    hedge: Hedge | None


def _tradable(venue: Venue, account: int, given: Params) -> InstrumentView:
    view = outright(venue, account, given)
    if view.state_name != "open":
        raise error(errors.BOOK_CLOSED, param="instrument_name", reason=f"{view.name} is {view.state_name}")
    return view


def structure_of(venue: Venue, account: int, params: Params) -> Structure:
    """`legs` and `hedge` of a new request: sizes of the legs become an amount and ratios.

    Raises:
        RpcError: 13028 before rules 3; -32602; what is wrong of a leg (10012, 10020, 10021, 10002, 13021) or
            of the hedge's price.
    """
    must_have_rules(venue.engine, RULES)
    views: list[InstrumentView] = []
    sizes: list[int] = []
    signs: list[int] = []
    for given in object_list(params, "legs", LEGS_MAX):
        view = _tradable(venue, account, given)
        if view in views:
            raise invalid_param("legs", f"{view.name} stands twice")
        lots = amount_lots(given, view.terms)
        must_be_large(venue, view, lots)
        views.append(view)
        sizes.append(lots * view.terms.lot_e8)
        signs.append(-1 if choice(given, "direction", DIRECTIONS) == "sell" else 1)
    if not views:
        raise invalid_param("legs", "must hold a leg")
    amount, ratios = packages.reduced(sizes)
    if max(ratios) > RATIO_MAX:
        raise invalid_param("legs", f"ratios are at most {RATIO_MAX}")
    terms = [view.terms for view in views]
    step = packages.step_e8(ratios, terms)
    least = packages.least_e8(ratios, terms, [least_lots(venue, view) for view in views], step)
    hedge = _hedge_of(venue, account, params, views)
    if hedge is not None:
        least = max(least, _least_hedged(venue, hedge, amount, step))
    legs = [
        PackageLeg(view.instrument, ratio, sign)
        for view, ratio, sign in zip(views, ratios, signs, strict=True)
    ]
    return Structure(legs, amount, min(least, amount), step, hedge)


def _least_hedged(venue: Venue, hedge: Hedge, amount_e8: int, step: int) -> int:
    """The smallest part whose share of the hedge is an order of its own, however it is rounded."""
    least = venue.registry.instruments[hedge.instrument].terms.min_size_lots + 1
    return -(-(least * amount_e8) // (abs(hedge.lots) * step)) * step


def _object(params: Params, name: str) -> dict[str, object] | None:
    """An object, in a GET as a string holding JSON; None if it is absent."""
    value = params.get(name)
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise invalid_param(name, "must be an object") from None
    if value is None or value == "":
        return None
    if not isinstance(value, dict):
        raise invalid_param(name, "must be an object")
    return value


def _hedge_of(venue: Venue, account: int, params: Params, legs: Sequence[InstrumentView]) -> Hedge | None:
    given = _object(params, "hedge")
    if given is None:
        return None
    view = _tradable(venue, account, given)
    underlyings = {leg.terms.underlying for leg in legs}
    if view.terms.kind != r.KIND_PERPETUAL or view.terms.underlying not in underlyings or view in legs:
        raise invalid_param("hedge", "must be the perpetual of an underlying of the legs, and none of them")
    lots = amount_lots(given, view.terms)
    sells = choice(given, "direction", DIRECTIONS) == "sell"
    return Hedge(view.instrument, -lots if sells else lots, price_ticks(given, view.terms))


def must_match_hedge(venue: Venue, rfq: Rfq, params: Params) -> None:
    """A hedge that a quote or an acceptance names must be the request's. Raises RpcError -32602."""
    given = _object(params, "hedge")
    if given is None:
        return
    if rfq.hedge is None or not given.keys() <= _HEDGE_FIELDS:
        raise invalid_param("hedge", "is not that of the request")
    view = venue.registry.instruments[rfq.hedge.instrument]
    lots = amount_lots(given, view.terms)
    signed = -lots if choice(given, "direction", DIRECTIONS) == "sell" else lots
    ticks = price_ticks(given, view.terms)
    same_name = text(given, "instrument_name") == view.name
    if not same_name or (signed, ticks) != (rfq.hedge.lots, rfq.hedge.price_ticks):
        raise invalid_param("hedge", "is not that of the request")


def makers_of(venue: Venue, account: int, params: Params) -> list[int]:
    """The accounts that a request is for; nobody named: all.

    Raises:
        RpcError: 13007 a name that no maker has; -32602 one of the taker's own family.
    """
    if not has(params, "makers"):
        return []
    known = {venue.blocks.alias(maker): maker for maker in venue.blocks.makers}
    found: dict[int, None] = {}
    for name in text_list(params, "makers", MAKERS_MAX, 64):
        if name not in known:
            raise error(errors.USER_NOT_FOUND, param="makers", reason="no such maker")
        if venue.views.families.related(known[name], account):
            raise invalid_param("makers", "another family's accounts quote, not one's own")
        found[known[name]] = None
    return list(found)


def allocations_of(
    venue: Venue, session: Session, params: Params, structure: Structure
) -> list[Allocation]:
    """`trade_allocations`: how the amount is divided among accounts of the taker's family.

    Raises:
        RpcError: -32602 no list, an account twice, too many; 10021 they do not add up to the amount, or one
            is no whole lots of every leg; 13012, 13021 to others not as the main account; 12100 another
            family's; 13028 before rules 5; 10033 a broker's client.
    """
    if not has(params, "trade_allocations"):
        return []
    account = account_of(session)
    found: dict[int, int] = {}
    for given in object_list(params, "trade_allocations", UNITS_MOST // _units(structure)):
        if given.get("client_info") is not None:
            raise error(errors.NOT_IMPLEMENTED, param="client_info", reason="there are no brokers")
        owner = integer(given, "user_id")
        if owner in found:
            raise invalid_param("trade_allocations", "an account stands twice")
        if owner != account:
            must_be_main(venue, session)
            must_have_rules(venue.engine, DIVIDED_RULES)
        relative = venue.account_exists(owner) and venue.views.families.related(account, owner)
        if not relative or venue.is_removed(owner):
            raise error(errors.TRANSFER_NOT_ALLOWED, param="user_id", reason="wrong_family")
        found[owner] = scaled(given, "amount", E8, errors.INVALID_AMOUNT, maximum=structure.amount_e8)
    if sum(found.values()) != structure.amount_e8:
        whole = structure.amount_e8 / E8
        raise error(errors.INVALID_AMOUNT, param="trade_allocations", reason=f"must add up to {whole:g}")
    if any(amount % structure.step_e8 for amount in found.values()):
        step = f"must be multiples of {structure.step_e8 / E8:g}"
        raise error(errors.INVALID_AMOUNT, param="trade_allocations", reason=step)
    return [Allocation(owner, amount) for owner, amount in found.items()]


def _units(structure: Structure) -> int:
    """Trades of one part."""
    return len(structure.legs) + (structure.hedge is not None)


def label_of(params: Params) -> str:
    """`label`."""
    return text(params, "label", "", LABEL_CHARS_MAX)


def amount_of(rfq: Rfq, params: Params) -> int:
    """`amount` of a quote or an acceptance.

    Raises:
        RpcError: 10021 no whole lots of every leg, or more than was asked for; 10002 less than may be traded.
    """
    amount = scaled(params, "amount", E8, errors.INVALID_AMOUNT, maximum=1 << 62)
    if amount > rfq.amount_e8:
        raise error(errors.INVALID_AMOUNT, param="amount", reason="is more than was asked for")
    if amount < rfq.least_e8:
        raise error(
            errors.QTY_TOO_LOW,
            param="amount",
            reason="is below min_trade_amount",
            min_trade_amount=rfq.least_e8 / E8,
        )
    if amount % rfq.step_e8:
        step = f"must be a multiple of {rfq.step_e8 / E8:g}"
        raise error(errors.INVALID_AMOUNT, param="amount", reason=step)
    return amount


def price_of(params: Params) -> int:
    """`price` of a structure in micro-USDC; it may be negative. Raises RpcError 10023, -32602."""
    return scaled(
        params, "price", _MICRO, errors.INVALID_PRICE, minimum=-PRICE_MICRO_MAX, maximum=PRICE_MICRO_MAX
    )


def matched_legs(venue: Venue, rfq: Rfq, params: Params) -> list[Params]:
    """`legs` of a quote or an acceptance, in the order of the request's: the very same instruments, ratios
    and directions. Raises RpcError -32602, 10020."""
    by_instrument: dict[int, Params] = {}
    for given in object_list(params, "legs", LEGS_MAX):
        by_instrument[instrument_named(given, venue.registry).instrument] = given
    if set(by_instrument) != {leg.instrument for leg in rfq.legs}:
        raise invalid_param("legs", "are not those of the request")
    for leg in rfq.legs:
        named = by_instrument[leg.instrument]
        sells = choice(named, "direction", DIRECTIONS) == "sell"
        if integer(named, "ratio", minimum=1) != leg.ratio or sells != (leg.sign < 0):
            raise invalid_param("legs", "must have the ratios and directions of the request")
    return [by_instrument[leg.instrument] for leg in rfq.legs]


def quoted_prices(venue: Venue, rfq: Rfq, params: Params) -> tuple[list[int], int]:
    """Prices in ticks of a quote's legs and of the structure in micro-USDC: the legs' own, or out of `price`
    alone (`packages.leg_prices`).

    Raises:
        RpcError: -32602; 10023, 10043 a leg's price; 10005, 10007 outside its band; 11030 block_price no
            prices of the legs give `price`, or those given do not; 10040 a leg without a mark.
    """
    given = matched_legs(venue, rfq, params)
    views = [venue.registry.instruments[leg.instrument] for leg in rfq.legs]
    figures = [queries.instrument_figures(venue.engine, leg.instrument) for leg in rfq.legs]
    if not all(each.marked for each in figures):
        raise error(errors.RETRY, reason="no_mark")
    terms = [view.terms for view in views]
    named = has(params, "price")
    if named and not any(has(leg, "price") for leg in given):
        target = price_of(params)
        rooms = [
            Room(each.mark_micro // one.tick_micro, each.min_price_ticks, each.max_price_ticks)
            for each, one in zip(figures, terms, strict=True)
        ]
        try:
            return packages.leg_prices(rfq.legs, terms, rooms, target), target
        except Unpriceable as wrong:
            raise other_reject("block_price", param="price", why=str(wrong)) from None
    ticks = [price_ticks(leg, view.terms) for leg, view in zip(given, views, strict=True)]
    for view, price, each in zip(views, ticks, figures, strict=True):
        must_be_in_band(view, price, each.min_price_ticks, each.max_price_ticks)
    total = packages.price_micro(rfq.legs, terms, ticks)
    if named and price_of(params) != total:
        raise other_reject("block_price", param="price", why="the prices of the legs give another")
    return ticks, total


def must_be_in_band(view: InstrumentView, price: int, low: int, high: int) -> None:
    """Refuse a price outside a leg's band. Raises RpcError 10005, 10007."""
    if low <= price <= high:
        return
    code, limit = (errors.PRICE_TOO_LOW, low) if price < low else (errors.PRICE_TOO_HIGH, high)
    raise error(code, param="price", instrument_name=view.name, limit=view.price(limit))


def disclosed_of(params: Params) -> bool:
    """`disclosed`: whether both sides show their names."""
    return boolean(params, "disclosed")
