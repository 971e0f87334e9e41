"""What is drawn: quotes, the surface through them, and the arbitrage found in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from clients.surface_view.quotes import Market, Smile, SurfaceViewError
from pricing.surface import (
    SurfaceError,
    SviSlice,
    SviSurface,
    Violation,
    VolPoints,
    check_all,
    check_butterfly,
    check_calendar,
    fit,
    fit_independent,
)

Floats = NDArray[np.float64]

FITS: Final = ("joint", "separate", "essvi")
_STDEVS_SHOWN: Final = 3.5
K_SHOWN_MAX: Final = 1.5
"""Arbitrage is marked up to here (strikes of 0.22 to 4.5 times the forward) and counted beyond."""
_DELTA: Final = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A surface ready to be drawn. `smiles` is empty where only parameters were given."""

    underlying: str
    source: str
    at: datetime | None
    options_count: int
    labels: tuple[str, ...]
    smiles: tuple[Smile, ...]
    surface: SviSurface
    violations: tuple[Violation, ...]
    """On |k| <= 1.5."""
    beyond_count: int
    """Violations that lie wholly outside."""
    method: str
    error_bp: tuple[float, ...]
    """Vega-weighted error of the fit per expiry, in volatility basis points; empty without quotes."""
    left_out: tuple[str, ...] = ()
    """Expiries without a figure to fit to."""

    @property
    def slices(self) -> tuple[SviSlice, ...]:
        """One per label."""
        return self.surface.slices

    @property
    def title(self) -> str:
        """What, and as of when."""
        when = "" if self.at is None else self.at.strftime(", %-d %B %Y %H:%M UTC")
        return (f"{self.underlying} volatility" if self.underlying else "Volatility") + f" surface{when}"

    @property
    def subtitle(self) -> str:
        """How it came about."""
        count = len(self.labels)
        parts = [f"{count} expir{'y' if count == 1 else 'ies'}"]
        if self.options_count:
            parts.append(f"{self.options_count:,} options")
        parts.append(self.method)
        if self.error_bp:
            parts.append(f"median error {float(np.median(self.error_bp)):.0f} vol bp")
        if self.left_out:
            parts.append(f"left out: {', '.join(self.left_out)}")
        return " · ".join([*parts, self.source])

    def shown(self, index: int) -> tuple[float, float]:
        """The range of k worth drawing for one expiry: its quotes, or some standard deviations."""
        piece = self.slices[index]
        reach = min(_STDEVS_SHOWN * float(np.sqrt(piece.total_variance(0.0))), K_SHOWN_MAX)
        if not self.smiles:
            bad = [each for each in self.violations if each.slice == index and each.kind == "butterfly"]
            low = min([-reach, *(each.low for each in bad)])
            high = max([reach, *(each.high for each in bad)])
            return low - 0.1 * (high - low), high + 0.1 * (high - low)
        k = self.smiles[index].k
        near = k[np.abs(k) <= 2.0 * reach]
        low, high = float(near.min(initial=-0.3 * reach)), float(near.max(initial=0.3 * reach))
        margin = 0.04 * (high - low)
        return low - margin, high + margin

    def findings(self) -> list[str]:
        """Every violation in words; empty where there is none at any strike."""
        found = [_words(each, self.labels) for each in self.violations]
        if self.beyond_count:
            found.append(f"and {self.beyond_count} at strikes far out, beyond |k| = {K_SHOWN_MAX:g}")
        return found


def of_market(market: Market, method: str) -> View:
    """Fit the smiles of a market by `method`, one of `FITS`. SurfaceViewError ``no_fit``."""
    smiles = tuple(smile for smile in market.smiles if np.isfinite(smile.mid).any())
    left_out = tuple(smile.label for smile in market.smiles if smile not in smiles)
    if not smiles:
        raise SurfaceViewError("no_fit", f"{market.source}: no expiry has a mark or both a bid and an ask")
    years = np.array([smile.years for smile in smiles])
    expiry = np.concatenate([np.full(smile.k.size, number) for number, smile in enumerate(smiles)])
    k = np.concatenate([smile.k for smile in smiles])
    points = VolPoints.from_vols(years, expiry, k, np.concatenate([smile.mid for smile in smiles]))
    try:
        if method == "separate":
            surface = SviSurface(fit_independent(points))
            name = "SVI, each expiry by itself"
        else:
            found = fit(points, method="essvi" if method == "essvi" else "svi")
            surface = found.surface
            name = {"svi": "joint arbitrage-free SVI", "essvi": "joint arbitrage-free eSSVI"}[found.method]
    except SurfaceError as error:
        raise SurfaceViewError("no_fit", f"{market.source}: no surface fits: {error}") from None
    return View(
        market.underlying,
        market.source,
        market.at,
        market.options_count,
        tuple(smile.label for smile in smiles),
        smiles,
        surface,
        *_arbitrage(surface),
        name,
        _errors_bp(points, surface),
        left_out,
    )


def of_slices(slices: Sequence[SviSlice], source: str) -> View:
    """Parameters as they are. SurfaceViewError ``no_fit`` where two slices share a time."""
    try:
        surface = SviSurface(slices)
    except SurfaceError as error:
        raise SurfaceViewError("no_fit", f"{source}: {error}") from None
    labels = tuple(f"{piece.years * 365:.3g} d" for piece in slices)
    return View("", source, None, 0, labels, (), surface, *_arbitrage(surface), "raw SVI as given", ())


def _arbitrage(surface: SviSurface) -> tuple[tuple[Violation, ...], int]:
    """Violations on |k| <= 1.5, and how many more there are wholly outside."""
    within = [
        *check_butterfly(surface.slices, K_SHOWN_MAX).violations,
        *check_calendar(surface.slices, K_SHOWN_MAX).violations,
    ]
    anywhere = check_all(surface.slices).violations
    if not within:
        within = [each for each in anywhere if each.kind == "between" and abs(each.worst_k) <= K_SHOWN_MAX]
    outside = [each for each in anywhere if each.low >= K_SHOWN_MAX or each.high <= -K_SHOWN_MAX]
    return tuple(within), len(outside)


def _errors_bp(points: VolPoints, surface: SviSurface) -> tuple[float, ...]:
    errors = []
    for number, piece in enumerate(surface.slices):
        own = (points.expiry == number) & (points.weight > 0.0)
        off = np.abs(piece.vol(points.k[own]) - points.vol[own])
        errors.append(1e4 * float(np.average(off, weights=points.weight[own])))
    return tuple(errors)


def delta_vols(piece: SviSlice) -> tuple[float, float]:
    """Volatility of the 25-delta put and of the 25-delta call, deltas on the forward; NaN if out of reach."""
    root = float(np.sqrt(piece.total_variance(0.0)))
    k = np.linspace(-8.0, 8.0, 1601) * root
    stdev = np.sqrt(piece.total_variance(k))
    delta = ndtr(-k / stdev + 0.5 * stdev)
    found = []
    for wanted in (1.0 - _DELTA, _DELTA):
        crossed = np.flatnonzero((delta[:-1] >= wanted) & (delta[1:] < wanted))
        if not crossed.size:
            found.append(float("nan"))
            continue
        i = int(crossed[0])
        part = (delta[i] - wanted) / (delta[i] - delta[i + 1])
        found.append(float(piece.vol(k[i] + part * (k[i + 1] - k[i]))))
    return found[0], found[1]


def _words(found: Violation, labels: Sequence[str]) -> str:
    span = f"k from {found.low:+.3g} to {found.high:+.3g}"
    name = labels[found.slice]
    if found.kind == "calendar":
        later = labels[found.slice + 1]
        return f"calendar: total variance falls from {name} to {later}, {span}, by {found.amount:.2g}"
    if found.kind == "between":
        name = f"{name} and {labels[found.slice + 1]}"
        return f"butterfly between {name}: {span}, g down to {-found.amount:.2g}"
    return f"butterfly: {name}, {span}, g down to {-found.amount:.2g}"
