"""A book's quotes as observations of volatility: which count, how much, and why not.

A two-sided quote is an observation of the middle variance, (bid vol^2 + ask vol^2) / 2, and bounds the
surface by both; a one-sided quote only bounds. Weights are

    vega / (half spread in volatility^2 + floor^2) * size / (size + typical size of the expiry),

the size being the smaller of the two sides: near-the-money options with narrow, deep quotes lead, and no
quote, however tight, outweighs the rest by more than the floor lets it. With an external surface as anchor
the target moves a given share of the way toward it, out of the quote's own bid and ask if need be: a venue
whose makers quote around its own marks is a closed loop, and this pull, small and steady, is what keeps the
loop from drifting. A quote so tight that no pull stays inside it would else be a way to switch it off.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.european import Bools, Floats, years_between
from pricing.implied import implied_vol
from pricing.surface.points import VolPoints, vega_weight
from pricing.surface.svi import SurfaceError
from pricing.surface.term import VolSurface


class Use(IntEnum):
    """What became of an option's quotes. Codes are stable."""

    NONE = 0
    """No quote, or none that says anything: a bid at or under intrinsic value, an ask over the bound."""
    TWO_SIDED = 1
    ONE_SIDED = 2
    STALE = 3
    """Older than the rules allow."""
    CROSSED = 4
    """The bid above the ask: one of them is wrong, and which is not known."""
    OUTLIER = 5
    """Far off the other quotes of its expiry: turned down by the fit."""
    LONE_JUMP = 6
    """The few quotes of an expiry jumped together; not yet believed."""
    EXPIRED = 7


@dataclass(frozen=True, slots=True)
class BookQuotes:
    """The best quotes of one underlying's options: arrays of one length, plain enough to send to a process.

    Prices undiscounted in the unit of the strike, NaN where a side is empty (zero counts as empty).
    """

    expiry_ms: NDArray[np.int64]
    strike: Floats
    is_call: Bools
    forward: Floats
    """Forward of the option's expiry."""
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    at_ms: NDArray[np.int64]
    """When the quotes were last known to stand."""

    def __post_init__(self) -> None:
        others = (self.strike, self.is_call, self.forward, self.bid, self.ask, self.bid_size, self.ask_size)
        if any(x.shape != self.expiry_ms.shape for x in (*others, self.at_ms)) or self.expiry_ms.ndim != 1:
            raise SurfaceError("quotes need one-dimensional arrays of one length")
        for name, values in (("strike", self.strike), ("forward", self.forward)):
            if not (np.isfinite(values) & (values > 0.0)).all():
                raise SurfaceError(f"every {name} must be positive and finite")


@dataclass(frozen=True, slots=True)
class QuoteRules:
    """Parameters of :func:`observe`; volatilities as fractions (0.01 is one point)."""

    quote_age_ms_max: int = 60_000
    spread_floor_vol: float = 0.005
    """No half spread counts as narrower."""
    external_share: float = 0.1
    """How far a target moves toward the external surface, where one is given."""

    def __post_init__(self) -> None:
        if self.quote_age_ms_max < 0 or not self.spread_floor_vol > 0.0:
            raise SurfaceError("quote_age_ms_max may not be negative and spread_floor_vol must be positive")
        if not 0.0 <= self.external_share <= 1.0:
            raise SurfaceError(f"external_share must lie in 0 to 1: {self.external_share}")


@dataclass(frozen=True, slots=True)
class Observed:
    """Quotes seen as volatilities, in the order of the book."""

    use: NDArray[np.int8]
    """:class:`Use` codes."""
    bid_vol: Floats
    """NaN where there is none."""
    ask_vol: Floats
    k: Floats
    years: Floats
    target: Floats
    """NaN without a target."""
    weight: Floats

    def points(self, chosen: Bools, years: Floats, expiry: NDArray[np.intp]) -> VolPoints:
        """The observations `chosen`, for a fit to `years`; `expiry` per chosen option is an index into it."""
        low, high, weight = self.bid_vol[chosen], self.ask_vol[chosen], self.weight[chosen]
        target = self.target[chosen]
        return VolPoints(
            years,
            expiry,
            self.k[chosen],
            target,
            np.where(np.isfinite(target), weight, 0.0),
            np.nan_to_num(low, nan=-np.inf, neginf=-np.inf),
            np.nan_to_num(high, nan=np.inf, posinf=np.inf),
            weight,
        )


_ONE_SIDED_SPREAD: Final = 0.05
"""A lone bid or ask counts like a quote with this half spread in volatility."""


def observe(book: BookQuotes, now_ms: int, rules: QuoteRules, external: VolSurface | None = None) -> Observed:
    """What the quotes of `book` say at `now_ms`."""
    years = np.maximum(years_between(now_ms, book.expiry_ms), 0.0)
    bid_vol, ask_vol = _side_vol(book.bid, book, years), _side_vol(book.ask, book, years)
    has_bid, has_ask = np.isfinite(bid_vol), np.isfinite(ask_vol)
    with np.errstate(invalid="ignore"):
        crossed = book.bid > book.ask
    two, one = has_bid & has_ask, has_bid ^ has_ask
    use = np.select(
        [years <= 0.0, now_ms - book.at_ms > rules.quote_age_ms_max, crossed, two, one],
        [Use.EXPIRED, Use.STALE, Use.CROSSED, Use.TWO_SIDED, Use.ONE_SIDED],
        Use.NONE,
    ).astype(np.int8)
    k = np.log(book.strike / book.forward)
    target = np.where(use == Use.TWO_SIDED, np.sqrt(0.5 * (bid_vol**2 + ask_vol**2)), np.nan)
    if external is not None:
        target = _anchored(target, use, bid_vol, ask_vol, k, years, rules.external_share, external)
    known = (use == Use.TWO_SIDED) | (use == Use.ONE_SIDED)
    at = np.where(known, np.fmax(np.fmax(target, bid_vol), np.where(has_bid, 0.0, ask_vol)), 1.0)
    half = np.where(use == Use.TWO_SIDED, 0.5 * (ask_vol - bid_vol), _ONE_SIDED_SPREAD)
    narrow = half**2 + rules.spread_floor_vol**2
    vega = vega_weight(k, np.where(known, years, 1.0), at)
    weight = np.where(known, vega / np.where(known, narrow, 1.0), 0.0) * _size_share(book, known)
    return Observed(use, bid_vol, ask_vol, k, years, target, weight)


def _side_vol(price: Floats, book: BookQuotes, years: Floats) -> Floats:
    """Implied volatilities of one side; NaN where the price is empty or has none."""
    known = np.where(price > 0.0, price, np.nan)
    return implied_vol(known, book.forward, book.strike, years, book.is_call).vol


_SIZE_MOST: Final = 1e100


def _size_share(book: BookQuotes, known: Bools) -> Floats:
    """size / (size + typical), typical the median over the known quotes of the expiry."""
    bid_size, ask_size = (
        np.clip(np.nan_to_num(size), 0.0, _SIZE_MOST) for size in (book.bid_size, book.ask_size)
    )
    size = np.where((bid_size > 0.0) & (ask_size > 0.0), np.minimum(bid_size, ask_size), bid_size + ask_size)
    share = np.zeros(size.shape)
    for moment in np.unique(book.expiry_ms[known]):
        here = known & (book.expiry_ms == moment)
        typical = float(np.median(size[here]))
        share[here] = size[here] / (size[here] + typical) if typical > 0.0 else 0.5
    return share


def _anchored(
    target: Floats,
    use: NDArray[np.int8],
    bid_vol: Floats,
    ask_vol: Floats,
    k: Floats,
    years: Floats,
    share: float,
    external: VolSurface,
) -> Floats:
    """Targets, first brought inside bid and ask, a `share` of the way to the external volatility."""
    two = np.flatnonzero(use == Use.TWO_SIDED)
    if not (two.size and share > 0.0):
        return target
    times, expiry = np.unique(years[two], return_inverse=True)
    outside = np.sqrt(external.bind(expiry.astype(np.intp), times).total_variance(k[two], times) / years[two])
    out = target.copy()
    inside = np.clip(target[two], bid_vol[two], ask_vol[two])
    out[two] = (1.0 - share) * inside + share * outside
    return out
