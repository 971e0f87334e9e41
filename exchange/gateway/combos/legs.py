"""The legs of a combo as clients name them, in the one form that the core lists (rules-4.md, Listing)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.combo_names import strategy_name
from exchange.domain.commands import InstrumentTerms
from exchange.domain.legs import ComboLeg
from exchange.domain.limits import LEG_STEPS, LEGS_MOST, RATIO_MOST
from exchange.gateway.order_params import instrument_named
from exchange.gateway.registry import Registry
from exchange.wire import errors
from exchange.wire.errors import error, invalid_param
from exchange.wire.instruments import InstrumentView, Leg
from exchange.wire.packages import PackageLeg
from exchange.wire.params import Params, amount_lots, choice, object_list
from exchange.wire.session import RpcError

_NOT_LISTED: Final = 0


class Strategy(NamedTuple):
    """What a client asked for.

    `legs` are in canonical form: ids rising, the first ratio positive, without a common divisor; `sign` is
    −1 where who buys what was asked for sells the combo, `lots` how many of the combo that is. `asked` are
    the instruments in the client's order.
    """

    legs: tuple[ComboLeg, ...]
    sign: int
    lots: int
    asked: tuple[int, ...]


def read_strategy(params: Params, name: str, registry: Registry) -> Strategy:
    """The legs of a parameter like `trades`: `[{instrument_name, amount, direction}]`.

    Raises:
        RpcError: -32602 fewer than two or more than four legs, one instrument twice, ratios that are none of
            a combo's; 10020 an instrument that is no option of the venue or has ended; 10002, 10021 amounts.
    """
    given = object_list(params, name, LEGS_MOST)
    if len(given) < 2:
        raise invalid_param(name, f"must hold 2 to {LEGS_MOST} legs")
    lots: dict[int, int] = {}
    for each in given:
        view = instrument_named(each, registry)
        if not view.is_option or view.state >= r.STATE_DELISTED or view.settling:
            raise error(errors.INVALID_INSTRUMENT, param=name, reason=f"{view.name} is no option that trades")
        if view.instrument in lots:
            raise invalid_param(name, f"{view.name} stands twice")
        size = amount_lots(each, view.terms)
        lots[view.instrument] = -size if choice(each, "direction", ("buy", "sell")) == "sell" else size
    legs, sign, divisor = canonical(lots)
    ratios = [abs(leg.ratio) for leg in legs]
    if max(ratios) > RATIO_MOST or min(ratios) != 1:
        raise invalid_param(name, f"amounts must be 1 to {RATIO_MOST} times that of the smallest leg")
    return Strategy(legs, sign, divisor, tuple(lots))


def canonical(lots: Mapping[int, int]) -> tuple[tuple[ComboLeg, ...], int, int]:
    """(legs, sign, number) of the combo that these signed lots by instrument are: ids rising, the first
    ratio positive, without a common divisor. They are `number` of it, bought (`sign` 1) or sold (−1)."""
    divisor = gcd(*lots.values())
    ordered = sorted(lots)
    sign = 1 if lots[ordered[0]] > 0 else -1
    return tuple(ComboLeg(each, sign * lots[each] // divisor) for each in ordered), sign, divisor


def book_of(legs: Sequence[PackageLeg], registry: Registry) -> str | None:
    """The name of the book that a structure has, listed or not: its only leg's, that of the combo of its
    legs; None where no combo of them has a name of its own."""
    views = [registry.instruments[leg.instrument] for leg in legs]
    if len(views) == 1:
        return views[0].name
    if not all(view.is_option and view.symbol == views[0].symbol for view in views):
        return None
    of_combo, _, _ = canonical({leg.instrument: leg.sign * leg.ratio for leg in legs})
    listed = registry.open_combo(of_combo)
    if listed is not None:
        return listed.name
    parts = [(leg.ratio, registry.instruments[leg.instrument].terms) for leg in of_combo]
    return strategy_name(views[0].symbol, parts)


def draft(legs: tuple[ComboLeg, ...], registry: Registry) -> InstrumentView:
    """The combo of these legs as it would be listed.

    Raises:
        RpcError: 11029 the legs' terms do not go together.
    """
    views = [registry.instruments[leg.instrument] for leg in legs]
    terms = [view.terms for view in views]
    first = terms[0]
    steps = [step for one in terms for _, step in one.tick_steps]
    step = max(steps)
    same = {(one.underlying, one.tick_micro, one.lot_e8) for one in terms}
    if len(same) > 1 or any(step % one for one in steps):
        raise not_together("the legs have different underlyings or terms")
    if min(one.price_limit_ticks // step for one in terms) < LEG_STEPS:
        raise not_together("the legs' prices leave no room")
    made = InstrumentTerms(
        kind=r.KIND_COMBO,
        option_type=r.OPTION_NONE,
        underlying=first.underlying,
        expiry_ms=min(one.expiry_ms for one in terms),
        strike_micro=0,
        tick_micro=first.tick_micro,
        lot_e8=first.lot_e8,
        min_size_lots=max(one.min_size_lots for one in terms),
        price_limit_ticks=min(one.price_limit_ticks for one in terms),
        position_limit_lots=0,
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        fee_cap_permille=0,
        delivery_fee_ppm=0,
        band_ppm=0,
        tick_steps=((0, step),),
        legs=legs,
    )
    parts = tuple(Leg(leg.ratio, view) for leg, view in zip(legs, views, strict=True))
    return InstrumentView(_NOT_LISTED, views[0].symbol, made, legs=parts)


def not_together(reason: str) -> RpcError:
    """11029 for legs that make no combo."""
    return error(errors.INVALID_ARGUMENTS, param="trades", reason=reason)
