"""Scenario tables: every option of a chain revalued at moved prices and shocked volatilities.

What portfolio margin looks up. A scenario is a move of the forward and a rule for the volatility; each venue
has its grid of them, given here as data: :class:`DeribitParameters` (27 scenarios and 8 extended ones) and
:class:`DeriveParameters` (27 and 6 tails). Figures are venues' public ones and defaults, not constants:
venues change them.

:func:`scenario_values` gives floats, values per 1 of the underlying; integers are made of them by
:func:`pricing.quantize.value_table` alone. The rest of a portfolio rule (roll and delta shocks,
contingencies, which loss counts) belongs to risk, not here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pricing import engines
from pricing.european import DAYS_PER_YEAR, Bools, Floats


@dataclass(frozen=True, slots=True)
class VolRule:
    """A shocked volatility: ``max(vol * (1 + change * (pivot / days)^p), floor)``.

    p is `power_short` under `pivot_days` to expiry, else `power_long`; days to expiry count as at least
    `days_min`, since the power has no limit there. ``change = 0`` leaves volatility as it is.
    """

    change: float
    floor: float = 0.0
    power_short: float = 0.30
    power_long: float = 0.13
    pivot_days: float = 30.0
    days_min: float = 1.0 / 24.0

    def __post_init__(self) -> None:
        numbers = (self.change, self.floor, self.power_short, self.power_long, self.pivot_days, self.days_min)
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"a volatility rule needs finite numbers: {numbers}")
        if not (self.floor >= 0.0 and self.pivot_days > 0.0 and self.days_min > 0.0):
            raise ValueError("a volatility rule needs floor >= 0, pivot_days > 0 and days_min > 0")

    def apply(self, vol: ArrayLike, years: ArrayLike) -> Floats:
        """The shocked volatilities; the arguments broadcast."""
        before, growth = np.broadcast_arrays(np.asarray(vol, dtype=np.float64), self.growth(years))
        return self.shocked(before, growth)

    def growth(self, years: ArrayLike) -> Floats:
        """(pivot / days)^p, by which the change is multiplied; the same for rules of the same `timing`."""
        days = np.maximum(np.asarray(years, dtype=np.float64) * DAYS_PER_YEAR, self.days_min)
        power = np.where(days < self.pivot_days, self.power_short, self.power_long)
        return np.asarray(np.exp(power * np.log(self.pivot_days / days)))

    def shocked(self, vol: Floats, growth: Floats) -> Floats:
        """`vol` under this rule, given :meth:`growth`."""
        if self.change == self.floor == 0.0:
            return vol
        return np.asarray(np.maximum(vol * (1.0 + self.change * growth), self.floor))

    @property
    def timing(self) -> tuple[float, float, float, float]:
        """What the growth depends on besides the time."""
        return self.power_short, self.power_long, self.pivot_days, self.days_min


UNCHANGED = VolRule(0.0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One column of a grid: forward times (1 + move), volatility by rule, the loss times `weight`."""

    move: float
    rule: VolRule
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.move) and self.move > -1.0):
            raise ValueError(f"a scenario's move must be finite and above -1, not {self.move}")
        if not (math.isfinite(self.weight) and self.weight >= 0.0):
            raise ValueError(f"a scenario's weight must be finite and not negative, not {self.weight}")


@dataclass(frozen=True)
class DeribitParameters:
    """Deribit's portfolio margin: ±range at quarters and none, three volatilities; the extended ones up only.

    `extended_factor` scales the extended losses, each by range/|m| * (1+m)/(1+sign(m)*range) besides; what
    is taken off them toward zero (the dampener, in quote units of a whole portfolio) is for risk to apply.
    """

    price_range: float = 0.16
    steps: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    up: VolRule = VolRule(0.50, floor=0.50)
    down: VolRule = VolRule(-0.25)
    extended: tuple[float, ...] = (-0.66, -0.33, 0.50, 1.00, 2.00, 3.00, 4.00, 5.00)
    extended_factor: float = 1.0
    extended_dampener: float = 0.0

    def scenarios(self) -> tuple[Scenario, ...]:
        """27, then the 8 extended."""
        reach = self.price_range
        moves = [-reach * step for step in reversed(self.steps)] + [0.0] + [reach * s for s in self.steps]
        main = [Scenario(move, rule) for rule in (self.down, UNCHANGED, self.up) for move in moves]
        far = [Scenario(move, self.up, self._weight(move)) for move in self.extended]
        return (*main, *far)

    def _weight(self, move: float) -> float:
        side = math.copysign(self.price_range, move)
        return self.extended_factor * (self.price_range / abs(move)) * (1.0 + move) / (1.0 + side)


@dataclass(frozen=True)
class DeriveParameters:
    """Derive's PMRM 2: nine moves, three volatilities, and tails with weights of their own, volatility up."""

    moves: tuple[float, ...] = (-0.18, -0.135, -0.09, -0.045, 0.0, 0.045, 0.09, 0.135, 0.18)
    up: VolRule = VolRule(0.50, days_min=1.0)
    down: VolRule = VolRule(-0.275, days_min=1.0)
    tails: tuple[tuple[float, float], ...] = field(
        default=(
            (-0.66, 0.0545), (-0.33, 0.1091), (0.50, 0.072), (1.00, 0.036), (2.00, 0.018), (3.00, 0.012),
        )
    )  # fmt: skip
    """Move and weight."""

    def scenarios(self) -> tuple[Scenario, ...]:
        """27, then the 6 tails."""
        main = [Scenario(move, rule) for rule in (self.up, UNCHANGED, self.down) for move in self.moves]
        return (*main, *(Scenario(move, self.up, weight) for move, weight in self.tails))


def scenario_values(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    is_call: ArrayLike,
    moves: ArrayLike,
    vol_rules: Sequence[VolRule],
) -> Floats:
    """Values per 1 of the underlying, undiscounted: shape (scenarios, options).

    The first five arguments broadcast to one dimension, as of :func:`pricing.black76`; `moves` (relative
    moves of the forward, above -1) and `vol_rules` are one per scenario. An option without time or volatility
    left is worth its intrinsic value; NaN in gives NaN. The absolute error is below 1e-14 of
    max(forward, strike). ValueError for moves or shapes that make no sense, and unless forward and strike are
    positive and finite and years and vol finite and not negative, or NaN.
    """
    f, k, y, v, call = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (forward, strike, years, vol)),
        np.asarray(is_call, dtype=np.bool_),
    )
    if f.ndim != 1:
        raise ValueError("the options of a scenario table must be one-dimensional")
    shifts = np.asarray(moves, dtype=np.float64)
    if shifts.shape != (len(vol_rules),) or not bool(np.all(np.isfinite(shifts) & (shifts > -1.0))):
        raise ValueError("moves must be finite, above -1, and as many as there are volatility rules")
    out = np.empty((shifts.size, f.size))
    if _in_pairs(f, k, y, v, call):  # one valuation serves both: the kernel sees it from the shape of `out`
        f, k, y, v, call = f[::2], k[::2], y[::2], v[::2], call[::2]
    _check(f, k, y, v)
    rows, stdev = _stdevs(y, v, vol_rules)
    f, k, call = np.ascontiguousarray(f), np.ascontiguousarray(k), np.ascontiguousarray(call)
    engines.active().scenarios(f, k, call, shifts, rows, stdev, out)
    return out


def _in_pairs(f: Floats, k: Floats, y: Floats, v: Floats, call: Bools) -> bool:
    """Whether the options come as call and put (or put and call) of one strike, expiry and volatility."""
    if not f.size or f.size % 2 or bool((call[::2] == call[1::2]).any()):
        return False
    return all(bool((x[::2] == x[1::2]).all()) for x in (k, y, v, f))


def _stdevs(years: Floats, vol: Floats, vol_rules: Sequence[VolRule]) -> tuple[NDArray[np.intp], Floats]:
    """Which row of vol * sqrt(years) each scenario uses, and those rows: one per different rule."""
    different: list[VolRule] = []
    row_by_id: dict[int, int] = {}  # a grid repeats few objects; comparing them all by value takes longer
    for rule in vol_rules:
        if id(rule) not in row_by_id:
            if rule not in different:
                different.append(rule)
            row_by_id[id(rule)] = different.index(rule)
    stdev = np.empty((len(different), years.size))
    # A chain has few expiries, each in one run: what depends on time alone is worked out once a run.
    is_first = np.ones(years.size, dtype=np.bool_)
    np.not_equal(years[1:], years[:-1], out=is_first[1:])
    run = np.cumsum(is_first) - 1
    times = years[is_first]
    root = np.sqrt(times)[run]
    growths: dict[tuple[float, ...], Floats] = {}
    for row, rule in enumerate(different):
        growth = growths.get(rule.timing)
        if growth is None:
            growth = growths[rule.timing] = rule.growth(times)[run]
        np.multiply(rule.shocked(vol, growth), root, out=stdev[row])
    return np.array([row_by_id[id(rule)] for rule in vol_rules], dtype=np.intp), stdev


def _check(forward: Floats, strike: Floats, years: Floats, vol: Floats) -> None:
    """ValueError for what no market has. NaN passes: these reductions leave it out."""
    if not forward.size:
        return
    table = np.stack([forward, strike, years, vol])
    least, most = np.fmin.reduce(table, axis=1).tolist(), np.fmax.reduce(table, axis=1).tolist()
    if min(least[:2]) <= 0.0 or max(most[:2]) == math.inf:
        raise ValueError("forward and strike must be positive and finite")
    if min(least[2:]) < 0.0 or max(most[2:]) == math.inf:
        raise ValueError("years and vol must be finite and not negative")


def grid_of(scenarios: Sequence[Scenario]) -> tuple[Floats, tuple[VolRule, ...], Floats]:
    """Moves, volatility rules and weights of a grid, as :func:`scenario_values` takes them."""
    return (
        np.array([s.move for s in scenarios]),
        tuple(s.rule for s in scenarios),
        np.array([s.weight for s in scenarios]),
    )
