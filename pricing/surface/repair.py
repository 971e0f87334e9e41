"""The nearest slice without butterfly arbitrage."""

from __future__ import annotations

from typing import Final

import numpy as np

from pricing.european import Floats
from pricing.surface import shape
from pricing.surface.arbitrage import check_butterfly
from pricing.surface.essvi import EssviSlice, nearest_free
from pricing.surface.model import POINT
from pricing.surface.svi import SurfaceError, SviSlice, density_factor, density_gradient

_POINTS: Final = 61
_NODES: Final = np.sinh(np.linspace(-5.0, 5.0, 81))
_MARGIN: Final = 1e-7
_ROUNDS: Final = 4
_HALVINGS: Final = 30
_STEEPEST: Final = shape.LN_LEE - 1e-9
_LEAST_SHARE: Final = 1e-3


def repair(piece: SviSlice, reach: float = 1.5) -> SviSlice:
    """`piece` itself if it is free of butterfly arbitrage, else the nearest smile that is.

    Nearest means the least mean square difference of volatilities on |k| <= `reach`, over all five
    parameters, under g >= 0 on points (sequential quadratic programming), to which the exact check adds
    where it still finds g < 0. What is left over is closed by going toward :func:`safe`, which is free for
    certain, as little of the way as need be. SurfaceError for a slice without variance at the money.
    """
    if check_butterfly([piece]).is_free:
        return piece
    years = np.array([piece.years])
    anchor = shape.from_slices([safe(piece)])[:, 0]
    goal = _Goal(piece, reach)
    table = shape.from_slices([piece])[:, 0]
    table[[shape.RIGHT, shape.LEFT]] = np.minimum(table[[shape.RIGHT, shape.LEFT]], _STEEPEST)
    for _ in range(_ROUNDS):
        table = goal.solve(table)
        free = _if_free(table, years)
        if free is not None:
            return free
        goal.watch(table, years)
    return _toward(table, anchor, years)


def safe(piece: SviSlice) -> SviSlice:
    """The SSVI slice with the same variance at the money, slant and, if the conditions allow, wings."""
    level = float(piece.total_variance(0.0))
    if not level > 0.0:
        raise SurfaceError(f"no variance at the money: {piece}")
    psi = max(2.0 * piece.b, 1e-9)
    return nearest_free([EssviSlice(piece.years, level, piece.rho, psi)])[0].raw()


class _Goal:
    """Distance from a smile, and the conditions, as a nonlinear program in the parameters of `shape`."""

    def __init__(self, piece: SviSlice, reach: float) -> None:
        self._years = piece.years
        self._k = np.linspace(-reach, reach, _POINTS)
        self._vol = piece.vol(self._k)
        own = piece.m + piece.sigma * _NODES
        self._nodes = np.concatenate([own, np.linspace(-2.0 * reach, 2.0 * reach, _POINTS)])

    def solve(self, start: Floats) -> Floats:
        """The nearest table that meets the conditions on the points watched, from `start`."""
        # Loading the optimiser takes longer than using it, and only a repair needs it.
        from scipy.optimize import Bounds, NonlinearConstraint, minimize

        most = np.full(shape.COUNT, np.inf)
        most[[shape.RIGHT, shape.LEFT]] = _STEEPEST
        conditions = NonlinearConstraint(self._conditions, 0.0, np.inf, jac=self._conditions_jacobian)
        with np.errstate(all="ignore"):
            found = minimize(
                self._distance,
                start,
                jac=True,
                method="SLSQP",
                bounds=Bounds(np.full(shape.COUNT, -np.inf), most),
                constraints=conditions,
                options={"maxiter": 200, "ftol": 1e-12},
            )
        return np.asarray(found.x if np.isfinite(found.x).all() else start, dtype=np.float64)

    def watch(self, table: Floats, years: Floats) -> None:
        """Add the places where the slice of `table` still fails."""
        try:
            piece = shape.to_slices(table[:, None], years)[0]
        except SurfaceError:
            return
        for found in check_butterfly([piece]).violations:
            near = np.clip([found.low, found.worst_k, found.high], -30.0, 30.0)
            self._nodes = np.concatenate([self._nodes, np.linspace(near[0], near[2], 9), near[1:2]])

    def _distance(self, table: Floats) -> tuple[float, Floats]:
        w = np.maximum(shape.variance(table[:, None], self._k), 1e-12)
        vol = np.sqrt(w / self._years)
        off = (vol - self._vol) * POINT
        by_w = shape.jet_jacobian(np.repeat(table[:, None], _POINTS, axis=1), self._k)[0]
        gradient = by_w @ (off * 0.5 * POINT / (vol * self._years)) * (2.0 / _POINTS)
        return float(off @ off) / _POINTS, gradient

    def _conditions(self, table: Floats) -> Floats:
        w, first, second = shape.jet(table[:, None], self._nodes)
        w = np.maximum(w, _LEAST_SHARE * np.exp(table[shape.LEVEL]))
        share = shape.Spread(table[:, None]).least()[0]
        return np.append(density_factor(self._nodes, w, first, second) - _MARGIN, share - _LEAST_SHARE)

    def _conditions_jacobian(self, table: Floats) -> Floats:
        spread = np.repeat(table[:, None], self._nodes.size, axis=1)
        w, first, _ = shape.jet(spread, self._nodes)
        w = np.maximum(w, _LEAST_SHARE * np.exp(table[shape.LEVEL]))
        by_w, by_first, by_second = density_gradient(self._nodes, w, first)
        d_w, d_first, d_second = shape.jet_jacobian(spread, self._nodes)
        rows = by_w * d_w + by_first * d_first + by_second * d_second
        spread0 = shape.Spread(table[:, None])
        return np.vstack([rows.T, spread0.least_by(*spread0.least()[1:]).T])


def _if_free(table: Floats, years: Floats) -> SviSlice | None:
    """The slice of `table` if it is one and free of butterflies."""
    try:
        piece = shape.to_slices(table[:, None], years)[0]
    except SurfaceError:
        return None
    return piece if check_butterfly([piece]).is_free else None


def _toward(table: Floats, anchor: Floats, years: Floats) -> SviSlice:
    """The first free slice, to a hair, on the way from `table` to the free `anchor`."""
    low, high = 0.0, 1.0
    best = shape.to_slices(anchor[:, None], years)[0]
    for _ in range(_HALVINGS):
        share = 0.5 * (low + high)
        free = _if_free(table + share * (anchor - table), years)
        if free is None:
            low = share
        else:
            high, best = share, free
    return best
