"""Static arbitrage in SVI slices: where it is and by how much, over the whole line of k, without a grid.

With k = m + sigma sinh(t) and y = exp(t), w is a polynomial in y and 1/y, and so is everything else:

- the density factor g times 16 w^2 cosh(t)^3 is a polynomial of degree ten in y, so that butterfly
  arbitrage begins and ends at positive roots of it;
- where two slices cross, the square of their difference with one root isolated is a quartic in y.

Between neighbouring roots the sign cannot change: one look per gap decides it for every k, wings included.
A violation shallower than the rounding of those roots is below `tolerance`. Depths are then found by
search inside each bad interval. Only what lies between two slices (:func:`check_between`), where total
variance is no longer SVI, is searched on a grid with refinement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.european import Floats
from pricing.surface.polynomials import calendar_roots, density_roots
from pricing.surface.svi import SviSlice, density_factor

TOLERANCE: Final = 1e-12
"""Deeper than this counts: of g for a butterfly, of total variance for a calendar."""

_REACH: Final = 50.0
"""Unbounded intervals are searched up to this |k|: strikes from 2e-22 to 5e21 times the forward."""


_Curve = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Violation:
    """One interval of log-moneyness with arbitrage."""

    kind: str
    """``butterfly``, ``calendar``, ``wing`` (steeper than Lee's bound) or ``between``."""
    slice: int
    """Index of the slice; of the earlier of two for ``calendar`` and ``between``."""
    low: float
    high: float
    """The interval of k, possibly unbounded."""
    worst_k: float
    amount: float
    """By how much at `worst_k`: -g, the fall of total variance, or the slope above 2."""
    weight: float = 0.0
    """For ``between``: how far toward the later slice, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ArbitrageReport:
    """What a check found; empty `violations` means none, for every k within the asked range."""

    violations: tuple[Violation, ...]

    @property
    def is_free(self) -> bool:
        """Whether nothing was found."""
        return not self.violations

    @property
    def worst(self) -> Violation | None:
        """The deepest violation."""
        return max(self.violations, key=lambda v: v.amount, default=None)


def check_butterfly(
    slices: Sequence[SviSlice], within: float = np.inf, tolerance: float = TOLERANCE
) -> ArbitrageReport:
    """Where the risk-neutral density of each slice is negative on |k| <= `within`.

    With `within` infinite the wings count too: a slope above 2 is a violation of its own.
    """
    table = raw_table(slices)
    found: list[Violation] = []
    for i, roots in enumerate(density_roots(table)):
        piece = slices[i]
        if piece.lee_slope > 2.0 and np.isinf(within):
            side = 1.0 if piece.rho > 0.0 else -1.0
            edge = (float(roots[-1]) if side > 0.0 else float(roots[0])) if roots.size else piece.m
            span = (edge, np.inf) if side > 0.0 else (-np.inf, edge)
            found.append(Violation("wing", i, *span, worst_k=side * np.inf, amount=piece.lee_slope - 2.0))
        for low, high in _bad_gaps(roots, within, piece.density_factor, tolerance):
            k, least = _deepest(piece.density_factor, low, high)
            found.append(Violation("butterfly", i, low, high, k, -least))
    return ArbitrageReport(tuple(found))


def check_calendar(
    slices: Sequence[SviSlice], within: float = np.inf, tolerance: float = TOLERANCE
) -> ArbitrageReport:
    """Where total variance falls from one slice to the next on |k| <= `within`; slices in rising order.

    ``slice`` of a violation is the earlier of the pair. In an interval that reaches infinity the amount
    is taken no further out than where strikes still mean something (|k| = 50).
    """
    table = raw_table(slices)
    found: list[Violation] = []
    for i, roots in enumerate(calendar_roots(table)):
        near, far = slices[i], slices[i + 1]

        def growth(k: Floats, near: SviSlice = near, far: SviSlice = far) -> Floats:
            return far.total_variance(k) - near.total_variance(k)

        for low, high in _bad_gaps(roots, within, growth, tolerance):
            k, least = _deepest(growth, low, high)
            found.append(Violation("calendar", i, low, high, k, -least))
    return ArbitrageReport(tuple(found))


_WEIGHTS: Final = np.array([0.25, 0.5, 0.75])
_NODES: Final = np.sinh(np.linspace(-6.0, 6.0, 49))


def check_between(
    slices: Sequence[SviSlice], within: float = np.inf, tolerance: float = TOLERANCE
) -> ArbitrageReport:
    """Where the density between two slices, total variance linear in time, is negative.

    Total variance between slices is not SVI, so this looks at three times between each pair and, per time,
    at 98 points spaced by the width of either smile, then closes in on the worst of them.
    """
    if len(slices) < 2:
        return ArbitrageReport(())
    table = raw_table(slices)
    m, sigma = table[3][:, None], table[4][:, None]
    own = m + sigma * _NODES
    k = np.sort(np.clip(np.concatenate([own[:-1], own[1:]], axis=1), -within, within), axis=1)
    rows, weights = np.arange(len(slices) - 1), _WEIGHTS[:, None, None]
    g = _mixed_density(table, rows[:, None], weights, k)
    count = k.shape[1]
    flat = g.transpose(1, 0, 2).reshape(rows.size, -1).argmin(axis=1)
    weight, place = _WEIGHTS[flat // count], flat % count
    step_weight = np.full(rows.size, 0.25)
    at = k[rows, place]
    step = 0.5 * (k[rows, np.minimum(place + 1, count - 1)] - k[rows, np.maximum(place - 1, 0)])
    across, along = (grid.ravel() for grid in np.meshgrid([-1.0, -0.5, 0.0, 0.5, 1.0], np.linspace(-1, 1, 9)))
    for _ in range(5):
        trial_weight = np.clip(weight[:, None] + across * step_weight[:, None], 0.0, 1.0)
        trial_k = np.clip(at[:, None] + along * step[:, None], -within, within)
        value = _mixed_density(table, rows[:, None], trial_weight, trial_k)
        best = value.argmin(axis=1)
        weight, at, depth = trial_weight[rows, best], trial_k[rows, best], value[rows, best]
        step, step_weight = 0.3 * step, 0.5 * step_weight
    return ArbitrageReport(
        tuple(
            Violation("between", int(i), *_extent(g[:, i], k[i], at[i]), float(at[i]), -depth[i], weight[i])
            for i in rows
            if depth[i] < -tolerance
        )
    )


def raw_table(slices: Sequence[SviSlice]) -> Floats:
    """a, b, rho, m, sigma of the slices: shape (5, slices)."""
    return np.array([(p.a, p.b, p.rho, p.m, p.sigma) for p in slices], dtype=np.float64).reshape(-1, 5).T


def _mixed_density(table: Floats, near: NDArray[np.intp], weight: Floats, k: Floats) -> Floats:
    """g of (1 - weight) w_near + weight w_{near + 1}."""
    parts = []
    for row in (near, near + 1):
        a, b, rho, m, sigma = table[:, row]
        u = k - m
        root = np.sqrt(u * u + sigma * sigma)
        w = np.maximum(a + b * (rho * u + root), 1e-300)
        parts.append((w, b * (rho + u / root), b * sigma * sigma / root**3))
    w, first, second = (x + weight * (y - x) for x, y in zip(*parts, strict=True))
    return density_factor(k, w, first, second)


def _extent(g: Floats, k: Floats, at: float) -> tuple[float, float]:
    """From the first to the last point of the grid at which some mixture is bad, `at` included."""
    bad = k[(g < 0.0).any(axis=0)]
    return float(min(at, bad.min(initial=at))), float(max(at, bad.max(initial=at)))


_LOOKS: Final = np.array([0.02, 0.15, 0.35, 0.5, 0.65, 0.85, 0.98])[:, None]


def _bad_gaps(roots: Floats, within: float, value: _Curve, tolerance: float) -> list[tuple[float, float]]:
    """Intervals between neighbouring `roots`, cut to |k| <= `within`, in which `value` is negative.

    One look would settle the sign; several are taken so that a shallow end does not hide the depth.
    """
    edges = np.array([-within, *roots[np.abs(roots) < within], within])
    low, high = np.clip(edges[:-1], -_REACH, _REACH), np.clip(edges[1:], -_REACH, _REACH)
    with np.errstate(all="ignore"):  # where total variance touches zero there is no density to judge
        bad = (value(low + _LOOKS * (high - low)) < -tolerance).any(axis=0)
    gaps: list[tuple[float, float]] = []
    for start, end in zip(edges[:-1][bad].tolist(), edges[1:][bad].tolist(), strict=True):
        if gaps and gaps[-1][1] == start:  # a double root, or one of the other branch
            gaps[-1] = (gaps[-1][0], end)
        else:
            gaps.append((start, end))
    return gaps


def _deepest(value: _Curve, low: float, high: float) -> tuple[float, float]:
    """Where `value` is least on [low, high] (cut to |k| <= 50), and that value."""
    low, high = max(low, -_REACH), min(high, _REACH)
    for _ in range(8):
        k = np.linspace(low, high, 65)
        with np.errstate(all="ignore"):
            depth = np.nan_to_num(value(k), nan=np.inf)
        at = int(depth.argmin())
        low, high = float(k[max(at - 1, 0)]), float(k[min(at + 1, 64)])
    return float(k[at]), float(depth[at])
