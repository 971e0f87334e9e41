"""Quotes in, a surface free of static arbitrage out.

The way: separate fits (:mod:`pricing.surface.independent`); the wings brought into the order of the
expiries, by isotonic regression of their slopes, since no calendar holds for all k without it; the joint fit
(:mod:`pricing.surface.joint`) of level, centre and width on those wings, in rounds until the exact checks of
:mod:`pricing.surface.arbitrage` find nothing, later rounds with the wings free; a last lift of later slices
by what is still missing, where it is next to nothing. If all that fails, or does worse, eSSVI, which is free
by construction. Pure numpy; no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pricing.european import Bools, Floats
from pricing.surface import shape
from pricing.surface.arbitrage import (
    ArbitrageReport,
    Violation,
    check_between,
    check_butterfly,
    check_calendar,
)
from pricing.surface.essvi_fit import fit_essvi
from pricing.surface.independent import fit_slices, starting_table
from pricing.surface.joint import Hinges, solve_joint
from pricing.surface.model import Data
from pricing.surface.points import VolPoints
from pricing.surface.priors import Prior, default_prior, from_neighbours, with_known
from pricing.surface.svi import SurfaceError, SviSlice
from pricing.surface.term import SviSurface

_WINGS: Final = [shape.RIGHT, shape.LEFT]
_NOT_WINGS: Final = (shape.LEVEL, shape.CENTRE, shape.WIDTH)
_STEEPEST: Final = shape.LN_LEE - 0.02
_ROUNDS: Final = 5
_STEPS: Final = 12
_STIFFER: Final = 3.0
_SOFT_STARTS: Final = (0.01, 0.1)
_SOFT_STEPS: Final = 3
"""The hinges begin soft: far wings in disorder would drag the quoted smile off with the first step."""

_EASY_STEPS: Final = 20
"""A fit that took more had a hard time with its quotes: eSSVI may then do as well or better."""

_THIN: Final = 6.0
"""Below this many effective observations an expiry leans on its neighbours' shape."""

_LIFT_MOST: Final = 1e-3
"""A lift of more than this share of the variance at the money is no finishing touch."""

_OUTLIER_TRUST: Final = 1.0 / 16.0
"""An observation trusted less than this, twice the limit away, is reported as an outlier."""


@dataclass(frozen=True, slots=True)
class SurfaceFit:
    """A fitted surface and what is known of it."""

    surface: SviSurface
    method: str
    """``svi`` or ``essvi``."""
    error_bp: Floats
    """Per expiry: weighted mean of |model volatility - target|, in basis points of volatility (0.0001).

    Over all observations with weight, outliers included, with the weights the points came with. With vega
    weights it is the sum of absolute price errors over the sum of vegas: what a holder of one of each would
    be off by, in volatility. Means of squares would mostly tell of the farthest wings, whose volatilities
    move by points for the last digit of a price.
    """
    residual: Floats
    """Per observation: model volatility - target; NaN without a target."""
    outlier: Bools
    """Per observation: so far off the rest of its expiry that it was turned down."""
    arbitrage: ArbitrageReport
    """Butterfly, calendar and between, over all k; empty for what :func:`fit` returns."""
    steps: int
    """Joint Levenberg-Marquardt steps made."""

    @property
    def median_error_bp(self) -> float:
        """The median of `error_bp` over the expiries: the figure of the benchmark.

        A median, so that a last-day expiry with its few, coarse prices does not stand for the surface, and
        no run of easy ones hides half of it.
        """
        return float(np.median(self.error_bp))


def fit(points: VolPoints, prior: Sequence[SviSlice | None] | None = None, method: str = "svi") -> SurfaceFit:
    """The joint arbitrage-free fit of all expiries of `points`.

    `prior`, one slice or None per expiry, is what is drawn to where quotes leave the smile open (the last
    good surface); without it, thin expiries draw to their neighbours' and the rest to a plain one. `method`
    ``essvi`` asks for the three-parameter form. SurfaceError if an expiry has no observation that counts,
    or `prior` does not match the expiries.
    """
    data = Data(points)
    table, trust, pull = _separate(data, prior)
    if method == "essvi":
        return _essvi(points, data, trust, pull, 0)
    if method != "svi":
        raise SurfaceError(f"no method {method!r}: svi or essvi")
    slices, steps = _joint(data, _ordered_wings(data, table, trust, pull), trust, pull)
    if slices is None:
        return _essvi(points, data, trust, pull, steps)
    made = _result(points, data, slices, "svi", ArbitrageReport(()), steps)
    if steps > _EASY_STEPS:
        coarse = _essvi(points, data, trust, pull, steps)
        if np.nansum(coarse.error_bp) < np.nansum(made.error_bp):
            return coarse
    return made


def fit_independent(points: VolPoints, prior: Sequence[SviSlice | None] | None = None) -> list[SviSlice]:
    """One raw SVI slice per expiry, each fitted by itself: nothing is promised about arbitrage.

    SurfaceError where an expiry has no observation that counts.
    """
    data = Data(points)
    return shape.to_slices(_separate(data, prior)[0], points.years)


def check_all(slices: Sequence[SviSlice]) -> ArbitrageReport:
    """Every violation :mod:`pricing.surface.arbitrage` can find, over all k."""
    found: tuple[Violation, ...] = check_butterfly(slices).violations + check_calendar(slices).violations
    return ArbitrageReport(found or check_between(slices).violations)


def _separate(data: Data, prior: Sequence[SviSlice | None] | None) -> tuple[Floats, Floats, Prior]:
    """Separate fits: the table, the trust in each observation, and the prior they were drawn to."""
    if not ((data.weight + data.edge).sum(axis=1) > 0.0).all():
        raise SurfaceError("an expiry without any observation that counts cannot be fitted")
    given = [None] * data.years.size if prior is None else list(prior)
    if len(given) != data.years.size:
        raise SurfaceError(f"{len(given)} prior slices for {data.years.size} expiries")
    pull = with_known(default_prior(data), given, data)
    table, trust = fit_slices(data, pull, starting_table(data, pull))
    thin = (data.effective < _THIN) & np.array([piece is None for piece in given])
    if thin.any() and not thin.all():
        pull = from_neighbours(data, table, thin, pull)
        table, trust = fit_slices(data, pull, np.where(thin, pull.table, table))
    return table, trust, pull


def _ordered_wings(data: Data, table: Floats, trust: Floats, pull: Prior) -> Floats:
    """The separate fits again, wings held near their nearest order of rising slopes.

    From here the joint fit has little left to do; from the separate fits it would crawl along the valley
    where wing, width and centre trade off.
    """
    matrix = data.equations(table, trust)[2]
    spread = np.linalg.inv(matrix + np.eye(shape.COUNT) * (pull.strength.T[:, :, None] ** 2 + 1e-8))
    target, strength = pull.table.copy(), pull.strength.copy()
    start = table.copy()
    for wing in (shape.RIGHT, shape.LEFT):
        certainty: Floats = np.asarray(1.0 / spread[:, wing, wing], dtype=np.float64)
        rising = np.minimum(rising_means(table[wing], certainty), _STEEPEST)
        target[wing] = start[wing] = rising
        strength[wing] = 3.0
    return fit_slices(data, Prior(target, strength), start, steps=6, trust=trust)[0]


def _joint(data: Data, table: Floats, trust: Floats, pull: Prior) -> tuple[list[SviSlice] | None, int]:
    """Slices free of arbitrage from `table` on, or None; and the steps made."""
    years = data.years[:, 0]
    table = _in_order(table)
    hinges = Hinges(table, years)
    steps = 0
    for hinges.stiffness in _SOFT_STARTS:
        table, made = solve_joint(data, trust, pull, hinges, table, _SOFT_STEPS, free=_NOT_WINGS)
        steps += made
    hinges.stiffness = 1.0
    for round_ in range(_ROUNDS):
        if round_:  # more than level, centre and width can mend: let the wings give way too
            table, made = solve_joint(data, trust, pull, hinges, table, _STEPS)
            table = _in_order(table)
            steps += made
        table, made = solve_joint(data, trust, pull, hinges, table, _STEPS, free=_NOT_WINGS)
        steps += made
        slices, violations = _judged(table, years)
        if slices is not None:
            return slices, steps
        for violation in violations:
            hinges.cut(violation)
        hinges.stiffness *= _STIFFER
    return None, steps


def _judged(table: Floats, years: Floats) -> tuple[list[SviSlice] | None, tuple[Violation, ...]]:
    """The slices of `table`, lifted by a hair if need be, when they are free; else what is wrong."""
    try:
        slices = shape.to_slices(table, years)
        lifted = _lifted(slices)
    except SurfaceError:  # variance below zero somewhere
        return None, ()
    if lifted is None:
        return None, check_all(slices).violations
    # The calendar is in order: that is how they were lifted.
    found = check_butterfly(lifted).violations or check_between(lifted).violations
    return (None, found) if found else (lifted, ())


def _in_order(table: Floats) -> Floats:
    """`table` with wings that do not flatten with the expiry nor pass Lee's bound."""
    out = table.copy()
    out[_WINGS] = np.maximum.accumulate(np.minimum(out[_WINGS], _STEEPEST), axis=1)
    return out


def rising_means(values: Floats, weights: Floats) -> Floats:
    """The nearest sequence that does not fall, by weighted squares (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            pool = ((before[0] * before[1] + pool[0] * pool[1]) / total, total, before[2] + pool[2])
        pools.append(pool)
    return np.repeat([p[0] for p in pools], [p[2] for p in pools])


def _lifted(slices: list[SviSlice]) -> list[SviSlice] | None:
    """Later slices raised, wings and level, by the hair they lack; None where it is more than a hair."""
    found = check_calendar(slices)
    if found.is_free:
        return slices
    out = [slices[0]]
    for piece in slices[1:]:
        before = out[-1]
        right = max(piece.b * (1.0 + piece.rho), before.b * (1.0 + before.rho))
        left = max(piece.b * (1.0 - piece.rho), before.b * (1.0 - before.rho))
        b = 0.5 * (right + left)
        steeper = max(b * (1.0 + abs(piece.rho)) / max(piece.lee_slope, 1e-300) - 1.0, 0.0)
        if steeper > _LIFT_MOST:
            return None
        # The tiny surplus in b keeps rounding in rho from taking a wing back.
        raised = replace(piece, b=b * (1.0 + 1e-12), rho=(right - left) / (right + left))
        at_money = float(raised.total_variance(0.0))
        for _ in range(3):
            worst = check_calendar([before, raised]).worst
            if worst is None:
                break
            if worst.amount > _LIFT_MOST * at_money:
                return None
            raised = replace(raised, a=raised.a + worst.amount * (1.0 + 1e-6) + 1e-12)
        else:
            return None
        out.append(raised)
    return out


def _essvi(points: VolPoints, data: Data, trust: Floats, pull: Prior, steps: int) -> SurfaceFit:
    slices = [piece.raw() for piece in fit_essvi(data, trust, pull)]
    return _result(points, data, slices, "essvi", check_all(slices), steps)


def _result(
    points: VolPoints,
    data: Data,
    slices: list[SviSlice],
    method: str,
    found: ArbitrageReport,
    steps: int,
) -> SurfaceFit:
    vol = data.model_vol(shape.from_slices(slices))
    off = vol - data.vol
    total = data.weight.sum(axis=1)
    error = 1e4 * (data.weight * np.abs(off)).sum(axis=1) / np.where(total > 0.0, total, 1.0)
    turned = data.trust(vol) < _OUTLIER_TRUST
    return SurfaceFit(
        SviSurface(slices),
        method,
        np.where(total > 0.0, error, np.nan),
        np.where(np.isfinite(points.vol), data.flat(off), np.nan),
        data.flat(turned),
        found,
        steps,
    )
