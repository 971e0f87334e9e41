"""SVI per expiry, all expiries at once: Levenberg-Marquardt on a batch of small problems.

Each expiry starts from the best of a few trial bends, for which level and wings are linear least squares
(Zeliade's quasi-explicit form), and then moves on its own damping. What its quotes leave open is settled by
a weak pull toward a prior shape (:mod:`pricing.surface.priors`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pricing.european import Floats
from pricing.surface import shape
from pricing.surface.model import Data
from pricing.surface.priors import Prior

_TRIAL_CENTRES: Final = (-0.5, 0.0, 0.5)
_TRIAL_WIDTHS: Final = (0.5, 1.2, 3.0)
_STEPS: Final = 14
_PROGRESS: Final = 2e-3
"""Stop when no expiry's cost has fallen by more than this share."""

_STUCK: Final = 1e3
"""A slice that finds nothing better at this damping has arrived."""

_LONGEST_STEP: Final = 1.0
_DOUBTS: Final = {1: (1.0, 1), 2: (1.0, 1), 4: (1.0, 2), 6: (2.0, 3), 9: (6.0, 4)}
"""The steps before which trust in the observations is judged, and how: see :meth:`Data.trust`."""

_SURE: Final = max(_DOUBTS)


def starting_table(data: Data, prior: Prior) -> Floats:
    """The best of the trial bends for each expiry, and the prior where none does better."""
    theta = np.exp(prior.table[shape.LEVEL])
    root = np.sqrt(theta)
    centre = np.repeat(_TRIAL_CENTRES, len(_TRIAL_WIDTHS))[:, None] * root
    width = np.tile(_TRIAL_WIDTHS, len(_TRIAL_CENTRES))[:, None] * root
    u = data.k - centre[:, :, None]
    features = np.empty((*u.shape[:2], 3, u.shape[2]))
    features[:, :, 0], features[:, :, 1] = 1.0, u
    features[:, :, 2] = np.sqrt(u * u + (width * width)[:, :, None])
    weight = data.weight / (4.0 * data.vol**2 * data.years**2)
    stiff = features * weight[:, None, :]
    matrix = stiff @ features.swapaxes(-1, -2)
    matrix += (1e-8 * np.trace(matrix, axis1=-2, axis2=-1) + 1e-300)[..., None, None] * np.eye(3)
    target = (stiff @ (data.vol**2 * data.years)[:, :, None])[..., 0]
    floor, tilt, bend = np.moveaxis(np.linalg.solve(matrix, target[..., None])[..., 0], -1, 0)
    least, most = 0.02 * root, np.maximum(2.0 * root, 0.05)
    right, left = np.clip(bend + tilt, least, most), np.clip(bend - tilt, least, most)
    level = floor - tilt * centre + bend * np.sqrt(centre**2 + width**2)
    level = np.clip(level, 0.5 * theta, 2.0 * theta)
    tables = np.array([np.log(level), np.log(right), np.log(left), centre, np.log(width)])
    tables = np.concatenate([tables, prior.table[:, None]], axis=1)
    w = shape.variance(tables[..., None], data.k)
    vol = np.sqrt(np.maximum(w, 1e-3 * theta[:, None]) / data.years)
    cost = (data.weight * (vol - data.vol) ** 2).sum(axis=-1)
    best = cost.argmin(axis=0)
    return np.ascontiguousarray(tables[:, best, np.arange(theta.size)])


def fit_slices(
    data: Data, prior: Prior, start: Floats, steps: int = _STEPS, trust: Floats | None = None
) -> tuple[Floats, Floats]:
    """The table after at most `steps` steps, and the trust in each observation it was made with.

    Unless given, trust (:meth:`Data.trust`) is judged anew a few times on the way: first nearly as least
    absolute deviations have it, so that a wild quote cannot bend the smile toward itself and hide, at last
    by what stands out of the smile so found.
    """
    problem = _Problem(data, prior, np.ones(data.k.shape) if trust is None else trust)
    table = start
    damping = np.full(data.years.size, 1e-2)
    if data.only_bounds.any():  # which of them hold changes on the way
        steps *= 3
    cost, gradient, matrix, vol = problem.equations(table)
    for step in range(steps):
        if trust is None and step in _DOUBTS:
            problem.trust = data.trust(vol, *_DOUBTS[step])
            cost, gradient, matrix, vol = problem.equations(table)
        full = matrix.copy()
        diagonal = full.reshape(damping.size, -1)[:, :: shape.COUNT + 1]
        diagonal *= 1.0 + damping[:, None]
        diagonal += 1e-10
        move = np.linalg.solve(full, gradient[:, :, None])[:, :, 0].T
        trial = table - np.clip(move, -_LONGEST_STEP, _LONGEST_STEP)
        new_cost, new_gradient, new_matrix, new_vol = problem.equations(trial)
        better = new_cost < cost
        slow = np.where(better, cost - new_cost <= _PROGRESS * cost, damping > _STUCK).all()
        if better.all():
            table, cost, gradient, matrix, vol = trial, new_cost, new_gradient, new_matrix, new_vol
        else:
            table = np.where(better, trial, table)
            cost = np.where(better, new_cost, cost)
            gradient = np.where(better[:, None], new_gradient, gradient)
            matrix = np.where(better[:, None, None], new_matrix, matrix)
            vol = np.where(better[:, None], new_vol, vol)
        damping *= np.where(better, 0.2, 5.0)
        if slow and (trust is not None or step > _SURE):
            break
    return table, problem.trust


class _Problem:
    """Data and prior together."""

    def __init__(self, data: Data, prior: Prior, trust: Floats) -> None:
        self._data = data
        self._prior = prior.table
        self._stiff = prior.strength**2
        self._ridge = np.eye(shape.COUNT) * self._stiff.T[:, :, None]
        self.trust = trust

    def equations(self, table: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """As :meth:`Data.equations`."""
        cost, gradient, matrix, vol = self._data.equations(table, self.trust)
        off = table - self._prior
        pull = self._stiff * off
        cost = cost + 0.5 * (pull * off).sum(axis=0)
        return cost, gradient + pull.T, matrix + self._ridge, vol
