"""What is bought or sold: options of one underlying and one expiry, and units of the underlying itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pricing import black76

Floats = NDArray[np.float64]
ROOT_TWO_PI: Final = float(np.sqrt(2 * np.pi))


class Leg(NamedTuple):
    """One option: `quantity` above 0 is held, below 0 owed, in units of the underlying."""

    strike: float
    quantity: float
    is_call: bool = True


class Structure:
    """Legs and `units` of the underlying. Every array is over paths; figures are the whole position's.

    Raises:
        ValueError: a strike that is not positive, or nothing at all.
    """

    def __init__(self, legs: Sequence[Leg], units: float = 0.0) -> None:
        if any(not leg.strike > 0 for leg in legs):
            raise ValueError("a strike must be above 0")
        if not legs and not units:
            raise ValueError("a structure of nothing")
        self.legs = tuple(legs)
        self.units = units

    def value(self, spot: Floats, years_left: float, vol: float) -> Floats:
        """Worth of the position, underlying included, at an implied volatility (Black-76, no discounting)."""
        worth = self.units * spot
        for leg in self.legs:
            worth += leg.quantity * black76(spot, leg.strike, years_left, vol, leg.is_call).price
        return worth

    def payoff(self, spot: Floats) -> Floats:
        """Worth at expiry."""
        worth = self.units * spot
        for leg in self.legs:
            inside = spot - leg.strike if leg.is_call else leg.strike - spot
            worth += leg.quantity * np.maximum(inside, 0.0)
        return worth

    def delta(self, log_spot: Floats, years_left: float, vol: float) -> Floats:
        """Units of the underlying that move like the position; `years_left` and `vol` above 0."""
        total = np.full_like(log_spot, self.units)
        for leg, d1 in self._by_leg(log_spot, years_left, vol):
            total += leg.quantity * ndtr(d1, out=d1)
            if not leg.is_call:
                total -= leg.quantity
        return total

    def gamma(self, log_spot: Floats, years_left: float, vol: float) -> Floats:
        """Change of the delta per 1 of the underlying's price; `years_left` and `vol` above 0."""
        total = np.zeros_like(log_spot)
        for leg, d1 in self._by_leg(log_spot, years_left, vol):
            d1 *= d1
            total += leg.quantity * np.exp(-0.5 * d1)
        total /= np.exp(log_spot) * (ROOT_TWO_PI * vol * float(np.sqrt(years_left)))
        return total

    def _by_leg(self, log_spot: Floats, years_left: float, vol: float) -> list[tuple[Leg, Floats]]:
        """d1 of each leg, in arrays of their own."""
        deviation = vol * float(np.sqrt(years_left))
        found = []
        for leg in self.legs:
            d1 = log_spot - (float(np.log(leg.strike)) - 0.5 * deviation * deviation)
            d1 /= deviation
            found.append((leg, d1))
        return found
