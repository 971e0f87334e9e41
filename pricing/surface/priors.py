"""What a smile is drawn to where its quotes leave it open.

The pull is weak, a few volatility basis points for an expiry with many quotes, and fades with their number:
few quotes take the prior's smile and only their own level. The prior is, in this order, the last good slice
of the expiry, the shape of its well-quoted neighbours, or a plain symmetric smile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pricing.european import Bools, Floats
from pricing.surface import shape
from pricing.surface.model import Data
from pricing.surface.svi import SviSlice

_PRIOR_POINTS: Final = 0.4
"""A shape one e-fold off the prior costs a lone quote as much as this many volatility points."""

_KNOWN_LEVEL_POINTS: Final = 1e-3
_BOUNDED_LEVEL_POINTS: Final = 0.5
"""Likewise for the level: hardly where quotes give it, firmly where they only bound it."""

_SHARED_LEVEL_POINTS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Prior:
    """Where the shape is drawn to in the absence of quotes."""

    table: Floats
    """Parameters by expiry (:mod:`pricing.surface.shape`), level included."""
    strength: Floats
    """Volatility points per unit of each parameter: same shape as `table`."""


def default_prior(data: Data) -> Prior:
    """A plain symmetric smile on the level of each expiry's own observations."""
    weight = data.weight + 1e-9 * data.edge + 1e-300
    vol = np.where(data.weight > 0.0, data.vol, np.clip(data.vol, data.low, data.high))
    theta = data.years[:, 0] * (weight * vol * vol).sum(axis=1) / weight.sum(axis=1)
    root = 0.5 * np.log(theta)
    table = np.array([np.log(theta), np.log(0.7) + root, np.log(0.7) + root, 0.0 * root, np.log(1.5) + root])
    return Prior(table, prior_strength(table, data.effective))


def prior_strength(table: Floats, effective: Floats) -> Floats:
    """Strength that fades with the number of observations; none for the level."""
    each = _PRIOR_POINTS / np.sqrt(np.maximum(effective, 1.0))
    out = np.tile(each, (shape.COUNT, 1))
    out[shape.LEVEL] = 0.0
    out[shape.CENTRE] /= np.exp(0.5 * table[shape.LEVEL])
    return out


def with_known(prior: Prior, known: Sequence[SviSlice | None], data: Data) -> Prior:
    """`prior` with the slices that are known in place of the guesses."""
    where = np.flatnonzero([piece is not None for piece in known])
    if not where.size:
        return prior
    table, strength = prior.table.copy(), prior.strength.copy()
    table[:, where] = shape.from_slices([piece for piece in known if piece is not None])
    strength[:, where] = prior_strength(table[:, where], data.effective[where])
    strength[shape.LEVEL, where] = np.where(
        data.only_bounds[where], _BOUNDED_LEVEL_POINTS, _KNOWN_LEVEL_POINTS
    )
    return Prior(table, strength)


def from_neighbours(data: Data, table: Floats, thin: Bools, pull: Prior) -> Prior:
    """The prior with the shape of well-quoted neighbours for thin expiries, scaled to their own level."""
    at = np.log(data.years[:, 0])
    known = np.flatnonzero(~thin)
    half = 0.5 * table[shape.LEVEL]
    scaled = table - half
    scaled[shape.CENTRE] = table[shape.CENTRE] / np.exp(half)
    scaled[shape.LEVEL] = table[shape.LEVEL] - at  # ln of the variance a year
    shared = np.array([np.interp(at, at[known], row[known]) for row in scaled])
    level = np.where(data.only_bounds, shared[shape.LEVEL] + at, pull.table[shape.LEVEL])
    full = shared + 0.5 * level
    full[shape.LEVEL] = level
    full[shape.CENTRE] = shared[shape.CENTRE] * np.exp(0.5 * level)
    strength = 2.0 * prior_strength(full, data.effective)
    strength[shape.LEVEL] = np.where(data.only_bounds, _SHARED_LEVEL_POINTS, 0.0)
    return Prior(
        np.where(thin, full, pull.table),
        np.where(thin, strength, pull.strength),
    )
