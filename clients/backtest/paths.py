"""Simulated prices of one underlying, seeded: the same arguments give the same paths on any machine.

All models are simulated at interest 0, as the venue's forwards are: without drift the price is a martingale.
Times are years of 365 days, volatilities annual fractions (0.5 is 50 %).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Paths(NamedTuple):
    """`spot` has shape (steps + 1, paths): one row a moment, so that a moment of all paths lies together."""

    spot: Floats
    years_a_step: float

    @property
    def steps(self) -> int:
        return int(self.spot.shape[0]) - 1

    @property
    def paths(self) -> int:
        return int(self.spot.shape[1])

    @property
    def years(self) -> float:
        """From the first row to the last."""
        return self.steps * self.years_a_step


def _shape(paths: int, steps: int, years: float) -> float:
    """Years a step. Raises ValueError unless there is at least one path, one step and some time."""
    if paths < 1 or steps < 1 or not years > 0:
        raise ValueError(f"{paths} paths of {steps} steps over {years} years: each must be positive")
    return years / steps


def _from_logs(start: float, log_moves: Floats) -> Floats:
    """Prices from moves of their logarithm, shape (steps, paths)."""
    if not start > 0:
        raise ValueError(f"a price begins above 0, not at {start}")
    spot = np.empty((log_moves.shape[0] + 1, log_moves.shape[1]))
    spot[0] = start
    np.cumsum(log_moves, axis=0, out=spot[1:])
    np.exp(spot[1:], out=spot[1:])
    spot[1:] *= start
    return spot


def gbm(
    start: float, vol: float, years: float, steps: int, paths: int, *, seed: int, drift: float = 0.0
) -> Paths:
    """Geometric Brownian motion, exact at every step.

    Raises:
        ValueError: a count, time or price that is not positive, a negative volatility.
    """
    dt = _shape(paths, steps, years)
    if vol < 0:
        raise ValueError(f"a volatility of {vol}")
    moves = np.random.default_rng(seed).standard_normal((steps, paths))
    moves *= vol * np.sqrt(dt)
    moves += (drift - 0.5 * vol * vol) * dt
    return Paths(_from_logs(start, moves), dt)


class Heston(NamedTuple):
    """dv = reversion (long_variance − v) dt + vol_of_vol √v dW, correlated with the price."""

    variance: float
    long_variance: float
    reversion: float
    vol_of_vol: float
    correlation: float


def heston(
    start: float, model: Heston, years: float, steps: int, paths: int, *, seed: int, drift: float = 0.0
) -> Paths:
    """Heston's model by Euler's scheme with full truncation (Lord, Koekkoek and van Dijk, 2010): the variance
    may step below zero and counts as zero there.

    Raises:
        ValueError: as `gbm`, or a correlation outside −1 … 1.
    """
    dt = _shape(paths, steps, years)
    if not -1 <= model.correlation <= 1 or min(model.variance, model.long_variance, model.vol_of_vol) < 0:
        raise ValueError(f"no such model: {model}")
    rng = np.random.default_rng(seed)
    root_dt, beside = np.sqrt(dt), np.sqrt(1 - model.correlation**2)
    moves, variance = np.empty((steps, paths)), np.full(paths, model.variance)
    for step in range(steps):
        own, shared = rng.standard_normal((2, paths))
        positive = np.maximum(variance, 0.0)
        shock = np.sqrt(positive) * root_dt
        moves[step] = (drift - 0.5 * positive) * dt + shock * (model.correlation * shared + beside * own)
        variance = variance + model.reversion * (model.long_variance - positive) * dt
        variance += model.vol_of_vol * shock * shared
    return Paths(_from_logs(start, moves), dt)


class Jumps(NamedTuple):
    """Merton's jumps: `a_year` of them on average, ln of each factor normal with this mean and deviation."""

    a_year: float
    mean_log: float
    deviation_log: float


def merton(
    start: float, vol: float, jumps: Jumps, years: float, steps: int, paths: int, *, seed: int,
    drift: float = 0.0,
) -> Paths:  # fmt: skip
    """Geometric Brownian motion with jumps (Merton, 1976), exact at every step; the drift pays for the jumps.

    Raises:
        ValueError: as `gbm`, or a negative rate or deviation of jumps.
    """
    dt = _shape(paths, steps, years)
    if vol < 0 or jumps.a_year < 0 or jumps.deviation_log < 0:
        raise ValueError(f"no such model: volatility {vol}, {jumps}")
    rng = np.random.default_rng(seed)
    moves = rng.standard_normal((steps, paths))
    moves *= vol * np.sqrt(dt)
    expected = np.expm1(jumps.mean_log + 0.5 * jumps.deviation_log**2)
    moves += (drift - jumps.a_year * expected - 0.5 * vol * vol) * dt
    counts = rng.poisson(jumps.a_year * dt, (steps, paths))
    moves += counts * jumps.mean_log
    moves += np.sqrt(counts) * jumps.deviation_log * rng.standard_normal((steps, paths))
    return Paths(_from_logs(start, moves), dt)
