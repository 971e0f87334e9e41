"""When and how far to hedge. A strategy sees one moment of many paths, or of one: live it is the same object.

It answers with the units of the underlying to hold beside the position; whoever asks trades the difference.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clients.backtest.structures import Structure

Floats = NDArray[np.float64]


class View:
    """What a strategy may know at a moment, all arrays over paths. Figures are worked out when asked for."""

    def __init__(
        self,
        structure: Structure,
        spot: Floats,
        held: Floats,
        vol: float,
        *,
        step: int,
        years_left: float,
        years_a_step: float,
    ) -> None:
        self.structure = structure
        self.spot = spot
        self.held = held
        """Units of the underlying held as hedge now."""
        self.vol = vol
        """The volatility that hedges are worked out with."""
        self.step = step
        self.years_left = years_left
        self.years_a_step = years_a_step
        self._log_spot: Floats | None = None

    @property
    def log_spot(self) -> Floats:
        if self._log_spot is None:
            self._log_spot = np.log(self.spot)
        return self._log_spot

    def delta(self, vol: float | None = None) -> Floats:
        """The position's delta, at another volatility if one is given."""
        return self.structure.delta(self.log_spot, self.years_left, vol or self.vol)

    def gamma(self) -> Floats:
        """The position's gamma."""
        return self.structure.gamma(self.log_spot, self.years_left, self.vol)


class Strategy(Protocol):
    """Anything that says what to hold."""

    def hedge(self, view: View) -> Floats:
        """Units of the underlying to hold from now on; `view.held` itself where nothing is to be done."""


class Unhedged:
    """Never trades: what the position earns by itself."""

    def hedge(self, view: View) -> Floats:
        return view.held


class FixedInterval:
    """Back to no delta every so many steps."""

    def __init__(self, every: int = 1) -> None:
        if every < 1:
            raise ValueError(f"every {every} steps")
        self.every = every

    def hedge(self, view: View) -> Floats:
        return view.held if view.step % self.every else -view.delta()


class DeltaBand:
    """Back to no delta wherever it is more than `width` units away from it."""

    def __init__(self, width: float) -> None:
        if width < 0:
            raise ValueError(f"a band of width {width}")
        self.width = width

    def hedge(self, view: View) -> Floats:
        wanted = -view.delta()
        return np.where(np.abs(wanted - view.held) > self.width, wanted, view.held)


class WhalleyWilmott:
    """To the nearer edge of a band around no delta, as wide as costs and risk aversion make it worth:
    half-width (3/2 · λ S Γ² / γ)^(1/3), λ the cost of a trade as a fraction of its value, γ the risk aversion
    per unit of money (Whalley and Wilmott, 1997, at interest 0).
    """

    def __init__(self, cost: float, risk_aversion: float) -> None:
        if cost < 0 or not risk_aversion > 0:
            raise ValueError(f"cost {cost}, risk aversion {risk_aversion}")
        self.cost = cost
        self.risk_aversion = risk_aversion

    def half_width(self, view: View) -> Floats:
        """In units of the underlying."""
        gamma = view.gamma()
        return np.cbrt(1.5 * self.cost / self.risk_aversion * view.spot * gamma * gamma)

    def hedge(self, view: View) -> Floats:
        wanted, width = -view.delta(), self.half_width(view)
        return np.clip(view.held, wanted - width, wanted + width)


class Leland:
    """Back to no delta every so many steps, of a volatility that pays for the trading:
    σ² (1 + √(2/π) · κ / (σ √δt)) for who is short gamma, with a minus for who is long (Leland, 1985).
    κ is the cost of a trade and its reverse, as a fraction of the value traded one way.
    """

    def __init__(self, round_trip_cost: float, every: int = 1, *, is_short: bool = True) -> None:
        if round_trip_cost < 0 or every < 1:
            raise ValueError(f"cost {round_trip_cost}, every {every} steps")
        self.round_trip_cost = round_trip_cost
        self.every = every
        self.is_short = is_short

    def vol(self, vol: float, years_a_step: float) -> float:
        """The volatility that prices and hedges. Raises ValueError where costs leave none."""
        part = np.sqrt(2 / np.pi) * self.round_trip_cost / (vol * np.sqrt(years_a_step * self.every))
        factor = 1 + part if self.is_short else 1 - part
        if factor <= 0:
            raise ValueError(f"costs of {self.round_trip_cost} leave nothing of a volatility of {vol}")
        return float(vol * np.sqrt(factor))

    def hedge(self, view: View) -> Floats:
        if view.step % self.every:
            return view.held
        return -view.delta(self.vol(view.vol, view.years_a_step))
