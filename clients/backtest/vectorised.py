"""All paths side by side, step by step: the fast mode of the backtester."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clients.backtest.paths import Paths
from clients.backtest.strategies import Strategy, View
from clients.backtest.structures import Structure

Floats = NDArray[np.float64]
BLOCK_PATHS = 2_048
"""Paths played together: their rows stay in the processor's nearest caches."""


class Costs(NamedTuple):
    """Of a trade of the underlying, as fractions of its value: half the spread and the fee."""

    half_spread: float = 0.0
    fee: float = 0.0

    @property
    def a_trade(self) -> float:
        return self.half_spread + self.fee


class Outcome(NamedTuple):
    """Per path, in the quote currency. `profit` = `options` + `hedge` − `costs`."""

    profit: Floats
    options: Floats
    """What the position earned: its payoff less what it was worth at the start."""
    hedge: Floats
    """What the hedge earned before costs."""
    costs: Floats
    turnover: Floats
    """Value of the underlying traded, either way."""
    trades: NDArray[np.int64]


def backtest(
    paths: Paths,
    structure: Structure,
    strategy: Strategy,
    *,
    vol: float,
    hedge_vol: float | None = None,
    costs: Costs | None = None,
) -> Outcome:
    """Enter `structure` at implied volatility `vol` in the first row, hedge at every row but the last, where
    it expires and the hedge is closed.

    `hedge_vol`: what deltas are worked out with; `vol` if not given.

    Raises:
        ValueError: a volatility that is not positive.
    """
    hedge_vol = vol if hedge_vol is None else hedge_vol
    if not vol > 0 or not hedge_vol > 0:
        raise ValueError(f"volatilities {vol} and {hedge_vol}: both must be above 0")
    made = [
        _play(
            Paths(paths.spot[:, first : first + BLOCK_PATHS], paths.years_a_step),
            structure, strategy, vol, hedge_vol, costs or Costs(),
        )
        for first in range(0, paths.paths, BLOCK_PATHS)
    ]  # fmt: skip
    return Outcome(*(np.concatenate(parts) for parts in zip(*made, strict=True)))


def _play(
    paths: Paths, structure: Structure, strategy: Strategy, vol: float, hedge_vol: float, costs: Costs
) -> Outcome:
    spot = np.ascontiguousarray(paths.spot)
    held, cash, turnover = (np.zeros(paths.paths) for _ in range(3))
    trades = np.zeros(paths.paths, dtype=np.int64)
    for step in range(paths.steps):
        view = View(
            structure, spot[step], held, hedge_vol, step=step,
            years_left=(paths.steps - step) * paths.years_a_step, years_a_step=paths.years_a_step,
        )  # fmt: skip
        wanted = strategy.hedge(view)
        if wanted is not held:
            held = _trade(wanted, held, spot[step], cash, turnover, trades)
    _trade(np.zeros(paths.paths), held, spot[-1], cash, turnover, trades)
    options = structure.payoff(spot[-1]) - structure.value(spot[0], paths.years, vol)
    paid = costs.a_trade * turnover
    return Outcome(options + cash - paid, options, cash, paid, turnover, trades)


def _trade(
    wanted: Floats, held: Floats, spot: Floats, cash: Floats, turnover: Floats, trades: NDArray[np.int64]
) -> Floats:
    """Trade from what is held to what is wanted; the books are changed in place."""
    change = wanted - held
    trades += change != 0
    change *= spot
    cash -= change
    turnover += np.abs(change, out=change)
    return wanted
