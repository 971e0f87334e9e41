"""eSSVI to quotes: three parameters an expiry, free of arbitrage by construction.

Coarser than SVI, but it cannot fail: the fit of last resort of :func:`pricing.surface.fit`, and the choice
where a proof on paper is worth more than a few basis points.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pricing.european import Floats
from pricing.surface import shape
from pricing.surface.essvi import EssviSlice, nearest_free
from pricing.surface.model import Data
from pricing.surface.priors import Prior

_STEPS: Final = 25


def fit_essvi(data: Data, trust: Floats, prior: Prior) -> list[EssviSlice]:
    """Each expiry by itself in (theta, R, L), then the nearest slices that meet the conditions.

    SSVI is raw SVI with m and sigma tied to the rest: with psi = R + L and rho = (R - L)/psi,
    m = -rho theta/psi and sigma = sqrt(1 - rho^2) theta/psi.
    """
    free = prior.table[:3].copy()
    strength = prior.strength[:3] ** 2 + 1e-6
    damping = np.full(data.years.size, 1e-2)
    eye = np.eye(3)
    cost, gradient, matrix = _equations(data, trust, free, prior.table[:3], strength)
    for _ in range(_STEPS):
        diagonal = matrix.diagonal(axis1=1, axis2=2)
        full = matrix + eye * (damping[:, None] * diagonal + 1e-10)[:, :, None]
        move = -np.linalg.solve(full, gradient[:, :, None])[:, :, 0].T
        trial = free + np.clip(move, -0.7, 0.7)
        new = _equations(data, trust, trial, prior.table[:3], strength)
        better = new[0] < cost
        free = np.where(better, trial, free)
        cost = np.where(better, new[0], cost)
        gradient = np.where(better[:, None], new[1], gradient)
        matrix = np.where(better[:, None, None], new[2], matrix)
        damping = np.where(better, damping * 0.2, damping * 5.0)
    theta, right, left = np.exp(free)
    columns = (data.years[:, 0], theta, (right - left) / (right + left), right + left)
    return nearest_free([EssviSlice(*map(float, row)) for row in zip(*columns, strict=True)])


def _tied(free: Floats) -> tuple[Floats, Floats]:
    """The full table of (ln theta, ln R, ln L), and its derivatives by them: (5, n), (n, 5, 3)."""
    theta, right, left = np.exp(free)
    both = right + left
    centre = -theta * (right - left) / both**2
    width = np.log(2.0 * theta) + 0.5 * (free[1] + free[2]) - 2.0 * np.log(both)
    table = np.array([*free, centre, width])
    chain = np.zeros((theta.size, shape.COUNT, 3))
    chain[:, [0, 1, 2], [0, 1, 2]] = 1.0
    share = right / both
    chain[:, shape.CENTRE, 0] = centre
    chain[:, shape.CENTRE, 1] = -theta * right / both**2 - 2.0 * centre * share
    chain[:, shape.CENTRE, 2] = theta * left / both**2 - 2.0 * centre * (1.0 - share)
    chain[:, shape.WIDTH, 0] = 1.0
    chain[:, shape.WIDTH, 1] = 0.5 - 2.0 * share
    chain[:, shape.WIDTH, 2] = 0.5 - 2.0 * (1.0 - share)
    return table, chain


def _equations(
    data: Data, trust: Floats, free: Floats, prior: Floats, strength: Floats
) -> tuple[Floats, Floats, Floats]:
    table, chain = _tied(free)
    cost, gradient, matrix, _ = data.equations(table, trust)
    off = free - prior
    cost = cost + 0.5 * (strength * off * off).sum(axis=0)
    back = chain.transpose(0, 2, 1)
    pull = (back @ gradient[:, :, None])[:, :, 0] + (strength * off).T
    return cost, pull, back @ matrix @ chain + np.eye(3) * strength.T[:, :, None]
