"""The data side of a least-squares fit of all slices at once: padded arrays, residuals, normal equations."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from pricing.european import Floats
from pricing.surface import shape
from pricing.surface.points import VolPoints

_Number = TypeVar("_Number", np.float64, np.bool_)

POINT: Final = 100.0
"""Residuals are in volatility points."""

_OUTLIER_LEAST: Final = 0.25
"""Volatility points."""

_BOUNDS_SHARE: Final = 0.1

_LEAST_STIFF: Final = 100.0
"""Volatility points per share of the variance at the money that the lowest lies too low."""

_LEAST_SHARE: Final = 1e-3
"""A trial step may push total variance below zero; it is seen as this share of that at the money."""


class Data:
    """Observations by expiry, padded to one length with weight zero: shapes (expiries, longest)."""

    def __init__(self, points: VolPoints) -> None:
        count = points.years.size
        number = np.bincount(points.expiry, minlength=count)
        order = np.argsort(points.expiry, kind="stable")
        row = points.expiry[order]
        column = np.arange(order.size) - np.repeat(np.cumsum(number) - number, number)
        self._place = (row, column)
        self._order = order
        longest = max(int(number.max(initial=0)), 1)
        self.years = points.years[:, None]
        self.k = self.padded(points.k, 0.0, longest)
        self.vol = self.padded(np.nan_to_num(points.vol, nan=1.0), 1.0, longest)
        raw = self.padded(points.weight, 0.0, longest)
        edge = self.padded(points.edge_weight, 0.0, longest)
        total = raw.sum(axis=1, keepdims=True)
        # An expiry with bounds only is scaled by them, and one with hardly a target beside them largely so.
        bounds = edge.sum(axis=1, keepdims=True)
        scale = np.where(total > 0.0, np.maximum(total, _BOUNDS_SHARE * bounds), np.maximum(bounds, 1e-300))
        if points.importance is not None:
            scale = scale / points.importance[:, None]
        self.weight, self.edge = raw / scale, edge / scale
        self.low = self.padded(points.low, -np.inf, longest)
        self.high = self.padded(points.high, np.inf, longest)
        self.only_bounds = total[:, 0] <= 0.0
        """Expiries without any target."""
        self.has_edges = bool((self.edge > 0.0).any())
        mass = self.weight + self.edge
        self.effective = mass.sum(axis=1) ** 2 / np.maximum((mass * mass).sum(axis=1), 1e-300)
        """Number of observations that count, by expiry (Kish)."""
        self._jacobian = np.empty((count, shape.COUNT, longest))

    def padded(self, values: Floats, fill: float, longest: int | None = None) -> Floats:
        """Per-observation `values` laid out by expiry."""
        out = np.full((self.years.size, longest or self.k.shape[1]), fill)
        out[self._place] = values[self._order]
        return out

    def flat(self, table: NDArray[_Number]) -> NDArray[_Number]:
        """The reverse of :meth:`padded`."""
        out = np.empty(self._order.size, dtype=table.dtype)
        out[self._order] = table[self._place]
        return out

    def model_vol(self, table: Floats) -> Floats:
        """The volatility of the slices in `table` at every observation."""
        w = shape.variance(table[:, :, None], self.k)
        return np.asarray(np.sqrt(np.maximum(w, _LEAST_SHARE * np.exp(table[0])[:, None]) / self.years))

    def equations(self, table: Floats, trust: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Cost, gradient, Gauss-Newton matrix by expiry, and the model's volatilities.

        Cost is half the weighted sum of squares, in volatility points, each observation's weights times its
        `trust`, and a hinge that keeps total variance above zero: shapes (expiries,), (expiries, 5),
        (expiries, 5, 5).
        """
        jacobian = self._jacobian
        spread = shape.Spread(table[:, :, None])
        w = shape.variance_and_jacobian(spread, self.k, jacobian.transpose(1, 0, 2))
        np.maximum(w, _LEAST_SHARE * spread.theta, out=w)
        vol = np.sqrt(w / self.years)
        jacobian *= (0.5 * POINT / (vol * self.years))[:, None, :]
        plain = (vol - self.vol) * POINT
        weight = self.weight * trust
        pull = weight * plain
        cost = 0.5 * (pull * plain).sum(axis=1)
        stiff = weight
        if self.has_edges:
            outside = self.outside(vol)
            edge = self.edge * trust
            push = edge * outside
            cost += 0.5 * (push * outside).sum(axis=1)
            pull, stiff = pull + push, weight + edge * (outside != 0.0)
        gradient = (jacobian @ pull[:, :, None])[:, :, 0]
        matrix = (jacobian * stiff[:, None, :]) @ jacobian.transpose(0, 2, 1)
        self._keep_above_zero(spread, cost, gradient, matrix)
        return cost, gradient, matrix, vol

    @staticmethod
    def _keep_above_zero(spread: shape.Spread, cost: Floats, gradient: Floats, matrix: Floats) -> None:
        """Adds, in place, a hinge on slices whose lowest variance comes near zero."""
        share, *parts = spread.least()
        low = np.flatnonzero(share < shape.LEAST_SHARE)
        if low.size:
            rows = _LEAST_STIFF * spread.least_by(*parts)[:, low, 0].T
            short = _LEAST_STIFF * (shape.LEAST_SHARE - share[low, 0])
            cost[low] += 0.5 * short * short
            gradient[low] -= short[:, None] * rows
            matrix[low] += rows[:, :, None] * rows[:, None, :]

    def outside(self, vol: Floats) -> Floats:
        """How far above the ask, or (negative) below the bid, in volatility points."""
        return np.asarray((np.maximum(vol - self.high, 0.0) + np.minimum(vol - self.low, 0.0)) * POINT)

    def trust(self, vol: Floats, medians: float = 6.0, power: int = 4) -> Floats:
        """How far each observation is to be believed, 0 to 1, given the volatilities of a fit.

        What counts is the residual times the root of its weight, as it enters the sum of squares, against
        the median of these over the expiry: beyond so many `medians` (six are about four standard
        deviations) it is believed by the inverse `power` of its distance; one median and power one make
        least absolute deviations. A quarter of a point at the largest weight is never an outlier.
        Where there are only bounds all are believed: most of them say nothing, which is no norm.
        """
        distance = np.abs(vol - self.vol) * POINT * np.sqrt(self.weight)
        if self.has_edges:
            distance = np.maximum(distance, np.abs(self.outside(vol)) * np.sqrt(self.edge))
        present = self.weight + self.edge > 0.0
        ranked = np.sort(np.where(present, distance, np.inf), axis=1)
        number = np.count_nonzero(present, axis=1)
        median = ranked[np.arange(number.size), np.maximum(number - 1, 0) // 2]
        least = _OUTLIER_LEAST * np.sqrt(np.maximum(self.weight, self.edge).max(axis=1))
        limit = np.maximum(np.where(number > 0, medians * median, 1.0), least)[:, None]
        trust = (limit / np.maximum(distance, limit)) ** power
        trust[self.only_bounds] = 1.0
        return np.asarray(trust)
