"""All slices at once under the no-arbitrage conditions: penalised least squares, then proof.

The cost is that of the separate fits plus squared hinges, in volatility points, wherever a condition is
missed by less than a small margin: density factor g >= 0 and later total variance >= earlier on points
spaced by the smiles' own widths, and wings that do not flatten with the expiry nor pass Lee's bound.
Neighbours meet only through the calendar conditions, so that one Gauss-Newton step is
one small linear system.

Points alone prove nothing. After each round the exact checks of :mod:`pricing.surface.arbitrage` run; what
they find becomes further points (cutting planes) and the hinges stiffen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.european import Floats
from pricing.surface import shape
from pricing.surface.arbitrage import Violation
from pricing.surface.model import POINT, Data
from pricing.surface.priors import Prior
from pricing.surface.svi import density_factor, density_gradient

_NODES: Final = np.sinh(np.linspace(-4.0, 4.0, 25))
_DENSITY_STIFF: Final = 100.0
"""Volatility points per unit of g missing."""

_CALENDAR_STIFF: Final = 10.0
"""Volatility points per volatility point the later slice lies too low."""

_WING_STIFF: Final = 30.0
"""Volatility points per e-fold a wing is too flat or too steep."""

_DENSITY_MARGIN: Final = 2e-3
_CALENDAR_MARGIN: Final = 0.005
"""In volatility points of the later expiry: half a basis point."""

_WING_MARGIN: Final = 1e-3
_PROGRESS: Final = 1e-3

_Blocks = list[tuple[NDArray[np.intp], Floats]]
_Rows = tuple[Floats, _Blocks]
"""Residuals, and per slice involved its index by row and the derivatives (5, rows)."""


class Hinges:
    """The conditions, as rows of a least-squares problem wherever they are missed."""

    def __init__(self, table: Floats, years: Floats) -> None:
        self.stiffness = 1.0
        self._years = years
        centre, width = table[shape.CENTRE][:, None], np.exp(table[shape.WIDTH])[:, None]
        nodes = centre + width * _NODES
        count = years.size
        slices = np.repeat(np.arange(count), _NODES.size)
        # Density points: slice, its later neighbour's weight, k. Calendar points: earlier slice, k.
        self._density: tuple[NDArray[np.intp], Floats, Floats]
        self._density = (slices, np.zeros(slices.size), nodes.ravel())
        both = np.concatenate([nodes[:-1], nodes[1:]], axis=1)
        self._calendar: tuple[NDArray[np.intp], Floats]
        self._calendar = (np.repeat(np.arange(count - 1), both.shape[1]), both.ravel())

    def cut(self, violation: Violation) -> None:
        """Watch the place of a violation from now on."""
        low, high = max(violation.low, violation.worst_k - 3.0), min(violation.high, violation.worst_k + 3.0)
        k = np.array([violation.worst_k, 0.5 * (low + violation.worst_k), 0.5 * (high + violation.worst_k)])
        k = k[np.isfinite(k) & (np.abs(k) < 30.0)]
        rows = np.full(k.size, violation.slice)
        if violation.kind == "calendar":
            near, at = self._calendar
            self._calendar = (np.append(near, rows), np.append(at, k))
        elif violation.kind in ("butterfly", "between"):
            near, weight, at = self._density
            more = np.full(k.size, violation.weight)
            self._density = (np.append(near, rows), np.append(weight, more), np.append(at, k))

    def rows(self, table: Floats, wings: bool = True) -> tuple[Floats, Floats]:
        """Residuals of the conditions missed, and their Jacobian by all parameters, slice by slice.

        Without `wings`, those on the wings alone are left out.
        """
        count = self._years.size * shape.COUNT
        found = (self._dense(table), self._later(table), *(self._wings(table) if wings else ()))
        parts = [part for part in found if part]
        residual = np.concatenate([part[0] for part in parts]) if parts else np.zeros(0)
        jacobian = np.zeros((residual.size, count))
        start = 0
        for values, blocks in parts:
            row = np.arange(start, start + values.size)
            for slices, block in blocks:
                for i in range(shape.COUNT):
                    jacobian[row, slices * shape.COUNT + i] += block[i]
            start += values.size
        return residual, jacobian

    def _dense(self, table: Floats) -> _Rows | None:
        """g below its margin."""
        slices, weight, k = self._density
        own = table[:, slices]
        w, first, second = shape.jet(own, k)
        mixed = np.flatnonzero(weight)
        if mixed.size:
            later = shape.jet(table[:, slices[mixed] + 1], k[mixed])
            for mine, other in zip((w, first, second), later, strict=True):
                mine[mixed] += weight[mixed] * (other - mine[mixed])
        w = np.maximum(w, 1e-3 * np.exp(own[shape.LEVEL]))
        g = density_factor(k, w, first, second)
        bad = np.flatnonzero(g < _DENSITY_MARGIN * self.stiffness)
        if not bad.size:
            return None
        k, w, first, slices, weight = k[bad], w[bad], first[bad], slices[bad], weight[bad]
        scale = -_DENSITY_STIFF * self.stiffness
        by_w, by_first, by_second = density_gradient(k, w, first)
        residual = scale * (g[bad] - _DENSITY_MARGIN * self.stiffness)
        blocks = []
        for step, share in ((0, 1.0 - weight), (1, weight)):
            row = np.minimum(slices + step, self._years.size - 1)
            own_w, own_first, own_second = shape.jet_jacobian(table[:, row], k)
            block = by_w * own_w + by_first * own_first + by_second * own_second
            blocks.append((row, scale * share * block))
            if not weight.any():
                break
        return residual, blocks

    def _later(self, table: Floats) -> _Rows | None:
        """Total variance of the later slice below that of the earlier, as volatility of the later's time."""
        slices, k = self._calendar
        root = np.sqrt(self._years[slices + 1])
        # A trial step may stray below zero variance: it is seen as next to none.
        near, far = (
            np.sqrt(np.maximum(shape.variance(table[:, row], k), 1e-3 * np.exp(table[shape.LEVEL, row])))
            for row in (slices, slices + 1)
        )
        short = POINT * (near - far) / root + _CALENDAR_MARGIN * self.stiffness
        bad = np.flatnonzero(short > 0.0)
        if not bad.size:
            return None
        slices, k = slices[bad], k[bad]
        strong = _CALENDAR_STIFF * self.stiffness
        scale = 0.5 * POINT * strong / root[bad]
        return strong * short[bad], [
            (slices, scale / near[bad] * shape.jet_jacobian(table[:, slices], k)[0]),
            (slices + 1, -scale / far[bad] * shape.jet_jacobian(table[:, slices + 1], k)[0]),
        ]

    def _wings(self, table: Floats) -> list[_Rows]:
        """Wings in order and under Lee's bound."""
        parts: list[_Rows] = []
        strong = _WING_STIFF * self.stiffness
        for wing in (shape.RIGHT, shape.LEFT):
            unit = np.zeros((shape.COUNT, 1))
            unit[wing] = strong
            short = table[wing, :-1] - table[wing, 1:] + _WING_MARGIN * self.stiffness
            bad = np.flatnonzero(short > 0.0)
            if bad.size:
                ones = np.repeat(unit, bad.size, axis=1)
                parts.append((strong * short[bad], [(bad, ones), (bad + 1, -ones)]))
            over = table[wing] - shape.LN_LEE + 0.01
            bad = np.flatnonzero(over > 0.0)
            if bad.size:
                parts.append((strong * over[bad], [(bad, np.repeat(unit, bad.size, axis=1))]))
        return parts


def solve_joint(
    data: Data,
    trust: Floats,
    prior: Prior,
    hinges: Hinges,
    start: Floats,
    steps: int,
    free: Sequence[int] = range(shape.COUNT),
) -> tuple[Floats, int]:
    """The table after at most `steps` Levenberg-Marquardt steps of the whole problem, and their number.

    Only the parameters named in `free` move.
    """
    count = data.years.size
    chosen = (np.arange(count)[:, None] * shape.COUNT + np.array(free)).ravel()
    stiff_prior = prior.strength**2
    wings = shape.RIGHT in free or shape.LEFT in free
    table, damping = start, 1e-3
    cost, gradient, matrix = _equations(data, trust, prior, stiff_prior, hinges, table, wings)
    made = 0
    while made < steps:
        made += 1
        full = matrix[chosen[:, None], chosen]
        full.flat[:: chosen.size + 1] += damping * full.diagonal() + 1e-10
        move = np.zeros(count * shape.COUNT)
        move[chosen] = np.linalg.solve(full, gradient[chosen])
        trial = table - np.clip(move, -1.0, 1.0).reshape(count, shape.COUNT).T
        new_cost, new_gradient, new_matrix = _equations(
            data, trust, prior, stiff_prior, hinges, trial, wings
        )
        if new_cost >= cost:
            damping *= 8.0
            if damping > 1e6:
                break
            continue
        gain = cost - new_cost
        table, cost, gradient, matrix = trial, new_cost, new_gradient, new_matrix
        damping *= 0.2
        if gain <= _PROGRESS * cost:
            break
    return table, made


def _equations(
    data: Data,
    trust: Floats,
    prior: Prior,
    stiff_prior: Floats,
    hinges: Hinges,
    table: Floats,
    wings: bool,
) -> tuple[float, Floats, Floats]:
    """Cost, gradient and Gauss-Newton matrix of everything together."""
    costs, gradients, blocks, _ = data.equations(table, trust)
    off = table - prior.table
    residual, jacobian = hinges.rows(table, wings)
    cost = float(costs.sum() + 0.5 * (stiff_prior * off * off).sum() + 0.5 * residual @ residual)
    gradient = (gradients + (stiff_prior * off).T).ravel() + residual @ jacobian
    matrix = jacobian.T @ jacobian
    count = data.years.size
    square = matrix.reshape(count, shape.COUNT, count, shape.COUNT)
    each = np.arange(count)
    square[each, :, each, :] += blocks
    matrix.flat[:: matrix.shape[0] + 1] += stiff_prior.T.ravel()
    return cost, gradient, matrix
