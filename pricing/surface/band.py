"""How far a surface may lie from one known from outside, and how fast it may leave another.

A surface fitted to a book is what whoever quotes there says it is. What is marked may follow, but

- no further from the outside volatility than the larger of ten points and 15 % of it (the *band*), and
- by no more than five points a second (the *pace*), whatever the quotes do.

Both are kept slice by slice, by going from a slice that is allowed toward the one that is wanted, in the raw
parameters, as far as the volatilities at the given log-moneyness stay allowed. What comes out are slices like
any others: smooth, and to be checked for arbitrage like any others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pricing.european import Bools, Floats
from pricing.surface.svi import SurfaceError, SviSlice

_HALVINGS: Final = 24


@dataclass(frozen=True, slots=True)
class BandRules:
    """Volatilities as fractions, 0.1 is ten points. SurfaceError for senseless ones."""

    points: float = 0.10
    share: float = 0.15
    """Of the outside volatility."""
    pace_per_s: float = 0.05

    def __post_init__(self) -> None:
        numbers = (self.points, self.share, self.pace_per_s)
        if not all(np.isfinite(x) and x > 0.0 for x in numbers):
            raise SurfaceError(f"a band needs positive points, share and pace: {numbers}")

    def width(self, outside: Floats) -> Floats:
        """How far a volatility may lie from `outside`."""
        return np.maximum(self.points, self.share * outside)


def vols(slices: Sequence[SviSlice], k: Floats) -> Floats:
    """Volatilities of each slice at its own row of `k`: shape (slices, nodes)."""
    return _vol(_table(slices), np.array([[piece.years] for piece in slices]), k)


def go_toward(
    start: Sequence[SviSlice],
    end: Sequence[SviSlice],
    k: Floats,
    low: Floats,
    high: Floats,
    together: bool = False,
) -> list[SviSlice]:
    """Slices as far from `start` toward `end` as their volatilities at `k` stay in `low` … `high`.

    All arrays (slices, nodes); `start` and `end` of the same times, `start` within the limits (where it is
    not, the slice stays there). `together`: all go the same share of the way, that of the one that may go
    least.
    """
    years = np.array([[piece.years] for piece in end])
    begin, goal = _table(start), _table(end)

    def fits(share: Floats) -> Bools:
        vol = _vol(begin + share * (goal - begin), years, k)
        return np.asarray(((vol >= low) & (vol <= high)).all(axis=1))[:, None]

    reached = np.where(fits(np.ones_like(years)), 1.0, 0.0)
    short = reached < 1.0
    if short.any():
        step = 0.5
        for _ in range(_HALVINGS):
            tried = np.where(short, reached + step, reached)
            reached = np.where(fits(tried), tried, reached)
            step *= 0.5
    if together:
        reached = np.full_like(reached, reached.min(initial=1.0))
    return [
        piece if share == 1.0 else SviSlice(piece.years, *row)
        for piece, share, row in zip(
            end, reached[:, 0].tolist(), (begin + reached * (goal - begin))[:, :, 0].T.tolist(), strict=True
        )
    ]


def _table(slices: Sequence[SviSlice]) -> Floats:
    """Raw parameters: shape (5, slices, 1)."""
    return np.array([(p.a, p.b, p.rho, p.m, p.sigma) for p in slices]).reshape(-1, 5).T[:, :, None]


def _vol(table: Floats, years: Floats, k: Floats) -> Floats:
    """NaN, which no limits admit, where total variance is negative."""
    a, b, rho, m, sigma = table
    u = k - m
    w = a + b * (rho * u + np.sqrt(u * u + sigma * sigma))
    return np.sqrt(np.where(w >= 0.0, w, np.nan) / years)
