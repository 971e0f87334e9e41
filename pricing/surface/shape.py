"""Raw SVI in the unconstrained parameters the fits move in, with derivatives.

Per slice: ln theta (theta = w(0), the total variance at the money), ln R and ln L (the slopes b (1 + rho) and
b (1 - rho) of the right and left wing), m, and ln sigma. Then b > 0, |rho| < 1 and sigma > 0 by themselves,
and the level, which quotes determine best, is a parameter of its own: the flat valley of raw SVI, a deep
`a` against a wide `sigma`, is gone. With u = k - m, r = sqrt(u^2 + sigma^2), and u0, r0 the same at k = 0,

    w(k) = theta + R/2 (r + u - r0 - u0) + L/2 (r - u - r0 + u0).

A table of parameters has shape (5, slices); points come as (slices, points) or, picked out, as (points,).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from pricing.european import Floats
from pricing.surface.arbitrage import raw_table
from pricing.surface.svi import SviSlice

LEVEL, RIGHT, LEFT, CENTRE, WIDTH = range(5)
COUNT: Final = 5


def from_slices(slices: Sequence[SviSlice]) -> Floats:
    """The table of `slices`; wings and level at the money must be positive."""
    a, b, rho, m, sigma = raw_table(slices)
    theta = a + b * (-rho * m + np.sqrt(m * m + sigma * sigma))
    return np.array([np.log(theta), np.log(b * (1.0 + rho)), np.log(b * (1.0 - rho)), m, np.log(sigma)])


def to_slices(table: Floats, years: Floats) -> list[SviSlice]:
    """The raw slices. :class:`pricing.surface.SurfaceError` where total variance would be negative."""
    level, right, left, centre, width = table
    theta, r, el, sigma = np.exp(level), np.exp(right), np.exp(left), np.exp(width)
    b, rho = 0.5 * (r + el), (r - el) / (r + el)
    a = theta - b * (-rho * centre + np.sqrt(centre * centre + sigma * sigma))
    columns = zip(*(x.tolist() for x in (years, a, b, rho, centre, sigma)), strict=True)
    return [SviSlice(*map(float, row)) for row in columns]


class Spread:
    """What does not depend on k, per slice; arrays of the table's shape after its first axis."""

    __slots__ = ("half_both", "half_left", "half_right", "left0", "m", "r0", "right0", "sigma_sq", "theta")

    def __init__(self, table: Floats) -> None:
        with np.errstate(over="ignore"):  # of the centre, which is no logarithm and not looked at
            grown = np.exp(table)
        self.theta = grown[LEVEL]
        self.half_right = 0.5 * grown[RIGHT]
        self.half_left = 0.5 * grown[LEFT]
        self.half_both = self.half_right + self.half_left
        self.m = table[CENTRE]
        self.sigma_sq = grown[WIDTH] * grown[WIDTH]
        self.r0 = np.sqrt(self.m * self.m + self.sigma_sq)
        self.right0 = self.r0 - self.m
        self.left0 = self.r0 + self.m

    def slope0(self) -> Floats:
        """w' at k = 0."""
        return np.asarray((self.half_right * self.right0 - self.half_left * self.left0) / self.r0)

    def least(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The lowest w over that at the money, and the parts of theta it is made of.

        Those are what the right and the left wing take away from theta, and what sigma sqrt(R L) gives.
        """
        right = self.half_right * self.right0 / self.theta
        left = self.half_left * self.left0 / self.theta
        bowl = 2.0 * np.sqrt(self.half_right * self.half_left * self.sigma_sq) / self.theta
        return 1.0 - right - left + bowl, right, left, bowl

    def least_by(self, right: Floats, left: Floats, bowl: Floats) -> Floats:
        """The derivatives of the first of :meth:`least` by the parameters, from its other parts."""
        return np.array(
            [
                right + left - bowl,
                0.5 * bowl - right,
                0.5 * bowl - left,
                self.slope0() / self.theta,
                bowl - self.half_both * self.sigma_sq / (self.r0 * self.theta),
            ]
        )


def variance_and_jacobian(s: Spread, k: Floats, jacobian: Floats) -> Floats:
    """w at `k` (slices, points), and dw by each parameter written to `jacobian` (5, slices, points).

    `s` is the spread of a table of shape (5, slices, 1).
    """
    u = k - s.m
    r = np.sqrt(u * u + s.sigma_sq)
    jacobian[LEVEL] = s.theta
    right, left = jacobian[RIGHT], jacobian[LEFT]
    np.add(r, u, out=right)
    right -= s.right0
    right *= s.half_right
    np.subtract(r, u, out=left)
    left -= s.left0
    left *= s.half_left
    np.divide(1.0, r, out=r)
    u *= r
    u *= s.half_both
    u += s.half_right - s.half_left - s.slope0()
    np.negative(u, out=jacobian[CENTRE])
    r -= 1.0 / s.r0
    r *= s.half_both * s.sigma_sq
    jacobian[WIDTH] = r
    return np.asarray(s.theta + right + left)


def variance(table: Floats, k: Floats) -> Floats:
    """w at `k`; `table` broadcasts against it after its first axis."""
    s = Spread(table)
    u = k - s.m
    r = np.sqrt(u * u + s.sigma_sq)
    return np.asarray(s.theta + s.half_right * (r + u - s.right0) + s.half_left * (r - u - s.left0))


def jet(table: Floats, k: Floats) -> tuple[Floats, Floats, Floats]:
    """w, w', w'' at `k`; `table` broadcasts against it after its first axis."""
    s = Spread(table)
    u = k - s.m
    r = np.sqrt(u * u + s.sigma_sq)
    x = u / r
    w = s.theta + s.half_right * (r + u - s.right0) + s.half_left * (r - u - s.left0)
    first = s.half_right * (1.0 + x) - s.half_left * (1.0 - x)
    return w, first, s.half_both * s.sigma_sq / r**3


def jet_jacobian(table: Floats, k: Floats) -> Floats:
    """The derivatives of w, w', w'' by each parameter: shape (3, 5, points); `table` is (5, points)."""
    s = Spread(table)
    u = k - s.m
    r = np.sqrt(u * u + s.sigma_sq)
    x = u / r
    zero = np.zeros_like(r)
    bend = s.sigma_sq / r**3
    second = s.half_both * bend
    steep = s.half_right * (1.0 + x) - s.half_left * (1.0 - x)
    w = (
        s.theta + zero,
        s.half_right * (r + u - s.right0),
        s.half_left * (r - u - s.left0),
        s.slope0() - steep,
        s.half_both * s.sigma_sq * (1.0 / r - 1.0 / s.r0),
    )
    first = (zero, s.half_right * (1.0 + x), -s.half_left * (1.0 - x), -second, -second * u)
    wider = second * (2.0 - 3.0 * s.sigma_sq / (r * r))
    last = (zero, s.half_right * bend, s.half_left * bend, 3.0 * second * u / (r * r), wider)
    return np.array([w, first, last])


LEAST_SHARE: Final = 0.02
"""Fits keep the lowest total variance above this share of that at the money."""

LN_LEE: Final = math.log(2.0)
"""ln of the steepest wing (Lee)."""
