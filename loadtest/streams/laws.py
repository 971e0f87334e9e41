"""The laws of a stream of option fills: what is drawn, and how likely each draw is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Weights = NDArray[np.float64]

SIGNED: Final = 1
GRANT: Final = 2
LIQUIDATION: Final = 3
BLOCK: Final = 5
"""Authorisation classes: a signed order, an order under a grant, a liquidation, a block trade."""


class Underlying(NamedTuple):
    """One underlying's options."""

    symbol: str
    instruments: int
    makers: int
    """How many of the venue's makers quote it."""
    size_median: float
    """Of the sizes before people round them, in lots."""
    move_steps: float
    """Deviation of a mid price over one fill of the whole stream, in tick steps, where volatility is 1."""


class Spread(NamedTuple):
    """How far from the mid an instrument trades: half spreads in tick steps and how likely each is."""

    share: float
    """Of the instruments."""
    volatility: float
    """The factor on `Underlying.move_steps`."""
    half: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Laws:
    """Every figure of a stream. docs/streams.md says how they are used."""

    name: str
    seed: int
    underlyings: tuple[Underlying, ...]
    spreads: tuple[Spread, ...]
    makers: int
    takers: int
    instrument_zipf: float
    maker_zipf: float
    taker_zipf: float
    continues: float
    """How likely a fill is followed by another of the same order."""
    deeper: tuple[float, ...]
    """How likely that one is 0, 1, 2 … tick steps deeper in the book."""
    size_sigma: float
    size_most: int
    round_to: tuple[tuple[int, float], ...]
    """(multiple, weight that sizes divisible by it gain)."""
    coarse_above_ticks: int
    coarse_step_ticks: int
    """Instruments dearer than that trade in such steps, cheaper ones in steps of one tick."""
    price_least_ticks: int
    price_most_ticks: int
    taker_signs: float
    maker_signs: float
    """Shares of the accounts that sign their orders; the others trade under a grant."""
    combo_orders: float
    combo_quotes: float
    """How likely an order, a quote, is a combo's: the fee class with the discount."""
    liquidations: float
    blocks: float
    """How likely an order is one."""

    @cached_property
    def instruments(self) -> int:
        """How many instruments."""
        return sum(one.instruments for one in self.underlyings)

    def size_law(self, underlying: int) -> Weights:
        """How likely 1, 2, 3 … lots are: log-normal, times what roundness gains."""
        lots = np.arange(1, self.size_most + 1, dtype=np.float64)
        middle = log(self.underlyings[underlying].size_median)
        weights = np.exp(-((np.log(lots) - middle) ** 2) / (2 * self.size_sigma**2)) / lots
        gain = np.ones_like(lots)
        for multiple, more in self.round_to:
            gain += more * (lots % multiple == 0)
        return scaled(weights * gain)


def scaled(weights: Weights) -> Weights:
    """Weights that add up to one."""
    found: Weights = weights / weights.sum()
    return found


def zipf(count: int, exponent: float) -> Weights:
    """The weight of rank k is k to the power of −exponent."""
    return scaled(np.arange(1, count + 1, dtype=np.float64) ** -exponent)


def moves(deviation: float, reach: int) -> Weights:
    """How likely a normal move rounds to −reach … reach steps; what lies beyond counts as the ends."""
    edges = (np.arange(-reach, reach) + 0.5) / deviation
    found: Weights = np.diff(ndtr(edges), prepend=0.0, append=1.0)
    return found
