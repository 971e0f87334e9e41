"""Structures of several legs that are quoted and traded at one price: sizes, and prices of the legs.

An amount of a structure is in 1e-8 of the underlying; times a leg's ratio it is that leg's size. A price of
a structure is in micro-USDC per one unit of it: the sum of ratio · price over its legs, those that are sold
counted negative; so it may be negative or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, lcm
from typing import NamedTuple

from exchange.domain.commands import InstrumentTerms
from exchange.domain.limits import MAX_ORDER_LOTS
from exchange.wire.params import step_ticks


class PackageLeg(NamedTuple):
    """One leg: bought (`sign` 1) or sold (−1) by who buys the structure."""

    instrument: int
    ratio: int
    sign: int


class Room(NamedTuple):
    """Where a leg's price begins and how far it may go, in ticks, both ends included."""

    mark_ticks: int
    low_ticks: int
    high_ticks: int


class Unpriceable(Exception):
    """No prices of the legs give the price of the structure; the message says why."""


def reduced(amounts_e8: Sequence[int]) -> tuple[int, list[int]]:
    """The amount of a structure and the ratios of its legs, from the sizes of the legs (all positive)."""
    amount = gcd(*amounts_e8)
    return amount, [each // amount for each in amounts_e8]


def step_e8(ratios: Sequence[int], terms: Sequence[InstrumentTerms]) -> int:
    """The smallest amount that is whole lots on every leg; every such amount is a multiple of it."""
    return lcm(*(one.lot_e8 // gcd(one.lot_e8, ratio) for ratio, one in zip(ratios, terms, strict=True)))


def least_e8(
    ratios: Sequence[int], terms: Sequence[InstrumentTerms], least_lots: Sequence[int], step: int
) -> int:
    """The smallest amount, a multiple of `step`, at which every leg has its `least_lots`."""
    needed = 0
    for ratio, one, lots in zip(ratios, terms, least_lots, strict=True):
        needed = max(needed, -(-lots * one.lot_e8 // ratio))
    return max(step, -(-needed // step) * step)


def leg_lots(amount_e8: int, ratio: int, terms: InstrumentTerms) -> int:
    """The lots of a leg at an amount that is a multiple of the structure's step."""
    return amount_e8 * ratio // terms.lot_e8


def most_e8(ratios: Sequence[int], terms: Sequence[InstrumentTerms]) -> int:
    """The largest amount that no leg is too large for."""
    return min(MAX_ORDER_LOTS * one.lot_e8 // ratio for ratio, one in zip(ratios, terms, strict=True))


def price_micro(legs: Sequence[PackageLeg], terms: Sequence[InstrumentTerms], ticks: Sequence[int]) -> int:
    """The price of a structure at prices of its legs."""
    return sum(
        leg.sign * leg.ratio * price * one.tick_micro
        for leg, one, price in zip(legs, terms, ticks, strict=True)
    )


def share(whole_lots: int, amount_e8: int, filled_e8: int, before_e8: int) -> int:
    """The hedge of one part of a structure: of `whole_lots` for all of `amount_e8`, what `filled_e8` more
    takes where `before_e8` has been dealt with. Rounded down over what is dealt with in all, so that the
    parts of a whole add up to the whole."""
    return whole_lots * (before_e8 + filled_e8) // amount_e8 - whole_lots * before_e8 // amount_e8


def leg_prices(
    legs: Sequence[PackageLeg], terms: Sequence[InstrumentTerms], rooms: Sequence[Room], target_micro: int
) -> list[int]:
    """Prices in ticks of the legs that give exactly the price `target_micro` of the structure.

    Every leg begins at its mark, rounded to a price it may have. What is missing goes onto the legs one
    after the other, from the one whose ratio · tick is the largest to the smallest (of equal ones in their
    order): each takes as many whole steps as fit, toward zero, and stay within its room. What is left then
    does so once more in each leg's finest steps.

    Raises:
        Unpriceable: a leg has no room, or something is left.
    """
    prices = []
    units = []
    for one, room in zip(terms, rooms, strict=True):
        unit = max(step_ticks(one, room.low_ticks), step_ticks(one, room.high_ticks))
        low, high = -(-room.low_ticks // unit) * unit, room.high_ticks // unit * unit
        if low > high or high < 1:
            raise Unpriceable("a leg has no price within its band")
        nearest = (room.mark_ticks + unit // 2) // unit * unit
        prices.append(min(max(nearest, low, unit), high))
        units.append(unit)
    missing = target_micro - price_micro(legs, terms, prices)
    weights = [leg.ratio * one.tick_micro for leg, one in zip(legs, terms, strict=True)]
    order = sorted(range(len(legs)), key=lambda at: -weights[at] * units[at])
    for _ in range(2):
        for at in order:
            moved = _moved(prices[at], units[at], rooms[at], missing, legs[at].sign * weights[at])
            if (prices[at] + moved) % step_ticks(terms[at], prices[at] + moved):
                continue
            prices[at] += moved
            missing -= moved * legs[at].sign * weights[at]
        units = [step_ticks(one, price) for one, price in zip(terms, prices, strict=True)]
    if missing:
        raise Unpriceable("no prices of the legs on tick and within their bands give this price")
    return prices


def _moved(price: int, unit: int, room: Room, missing_micro: int, micro_per_tick: int) -> int:
    """By how many ticks a leg moves, whole units of them, to take of what is missing."""
    units = abs(missing_micro) // (abs(micro_per_tick) * unit)
    up = (missing_micro > 0) == (micro_per_tick > 0)
    free = room.high_ticks - price if up else price - max(room.low_ticks, 1)
    taken = min(units, max(0, free) // unit) * unit
    return taken if up else -taken
