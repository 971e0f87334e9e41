"""The surface kept in step with a live book.

Each call of :meth:`Refit.update` takes the book's best quotes and the time (there is no clock here) and
gives the surface to use. Rules, all parameters of :class:`RefitRules`:

- **last good**: the slice of an expiry belongs to that expiry and ages with it, its smile of volatilities
  unchanged; without quotes it stays, flagged ``no_quotes``, and ``stale`` once too old. A book without any
  quotes changes nothing else;
- **joint**: quoted expiries are fitted together, the unquoted ones taking part as their own last smile at
  low importance, so that what comes out is free of arbitrage as a whole. Each is drawn to its last good
  slice where quotes leave it open, a new one to its neighbours' shape;
- **hysteresis**: a new slice replaces the old only where it matters: the two differ by more than
  `move_points` on weighted average, or the new one lies less far outside the bids and asks on the whole,
  and for some quote by more than `outside_points`. Should old and new not go together, all become new;
- **outliers**: quotes far off their expiry's others are turned down by the fit. The quotes of an expiry
  with fewer than `lone_count` of them have no others to judge by: when they leave the last good slice by
  more than `lone_jump_points` they are believed only after `lone_confirm_ms`.

It is plain data in and plain data out, so that it runs in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.european import MS_PER_YEAR, Bools, Floats
from pricing.surface.fitting import SurfaceFit, check_all, fit
from pricing.surface.points import VolPoints, vega_weight
from pricing.surface.quotes import BookQuotes, Observed, QuoteRules, Use, observe
from pricing.surface.svi import SurfaceError, SviSlice
from pricing.surface.term import SviSurface, VolSurface


class Status(StrEnum):
    """What an update did to a slice, or to the surface."""

    FRESH = "fresh"
    """A new fit is in use."""
    HELD = "held"
    """Quotes bear the old one out: it stays."""
    NO_QUOTES = "no_quotes"
    """Nothing to go by: the last good one stays, save where fresh neighbours push it."""


@dataclass(frozen=True, slots=True)
class RefitRules:
    """Parameters of :class:`Refit`; points are volatility points (0.01)."""

    quotes: QuoteRules = field(default_factory=QuoteRules)
    move_points: float = 0.2
    outside_points: float = 0.25
    lone_count: int = 3
    lone_jump_points: float = 10.0
    lone_confirm_ms: int = 5_000
    stale_ms: int = 300_000
    held_importance: float = 0.05

    def __post_init__(self) -> None:
        numbers = (self.move_points, self.outside_points, self.lone_jump_points, self.held_importance)
        if not all(np.isfinite(x) and x > 0.0 for x in numbers):
            raise SurfaceError(f"points and importance must be positive: {numbers}")
        if min(self.lone_count, self.lone_confirm_ms, self.stale_ms) < 0:
            raise SurfaceError("counts and times may not be negative")


@dataclass(frozen=True, slots=True)
class Refitted:
    """The surface after an update. Arrays per expiry, in the order of ``surface.slices``."""

    surface: SviSurface | None
    """None as long as nothing was ever quoted."""
    status: Status
    """The best of `by_expiry`: fresh if anything is."""
    at_ms: int
    expiry_ms: NDArray[np.int64]
    by_expiry: tuple[Status, ...]
    confirmed_ms: NDArray[np.int64]
    """When quotes last spoke for the slice."""
    stale: Bools
    use: NDArray[np.int8]
    """:class:`pricing.surface.quotes.Use` per option of the book."""
    fit: SurfaceFit | None
    """The fit made, used or not; None without quotes."""


@dataclass(slots=True)
class _Kept:
    """What is known of one expiry."""

    piece: SviSlice
    confirmed_ms: int
    suspect_ms: int | None = None


class Refit:
    """Quotes in, surface out; holds the last good slices between calls. Not for several threads."""

    def __init__(
        self, rules: RefitRules | None = None, initial: Mapping[int, SviSlice] | None = None, at_ms: int = 0
    ) -> None:
        """`initial` slices by expiry in milliseconds, as of `at_ms`."""
        self.rules = rules or RefitRules()
        self._at_ms = at_ms
        self._kept = {expiry: _Kept(piece, at_ms) for expiry, piece in (initial or {}).items()}

    @classmethod
    def from_surface(cls, surface: SviSurface, at_ms: int, rules: RefitRules | None = None) -> Refit:
        """Begin with all slices of `surface` as the last good ones."""
        moments = (at_ms + round(piece.years * MS_PER_YEAR) for piece in surface.slices)
        return cls(rules, dict(zip(moments, surface.slices, strict=True)), at_ms)

    def update(self, book: BookQuotes, now_ms: int, external: VolSurface | None = None) -> Refitted:
        """The surface as of `now_ms`. `external` anchors the targets (:mod:`pricing.surface.quotes`).

        SurfaceError if time runs backwards.
        """
        self._age(now_ms)
        seen = observe(book, now_ms, self.rules.quotes, external)
        use = self._without_lone_jumps(book, seen, now_ms)
        live = ((use == Use.TWO_SIDED) | (use == Use.ONE_SIDED)) & (seen.weight > 0.0)
        quoted = self._quoted(book.expiry_ms, use, live)
        live &= np.isin(book.expiry_ms, quoted)
        if not quoted.size:
            return self._result(now_ms, {}, use, None)
        made, moments = self._fit(book, seen, live, quoted, now_ms)
        chosen = np.flatnonzero(live)
        off = chosen[made.outlier[: chosen.size]]
        use[off] = Use.OUTLIER
        live[off] = False
        fresh = self._adopt(made, moments, self._matters(made, moments, quoted, book, seen, live))
        for moment in quoted.tolist():
            self._kept[moment].confirmed_ms = now_ms
        states = {m: Status.FRESH if m in fresh else Status.HELD for m in quoted.tolist()}
        return self._result(now_ms, states, use, made)

    def _age(self, now_ms: int) -> None:
        """All slices to `now_ms`; expired ones go."""
        if now_ms < self._at_ms:
            raise SurfaceError(f"time runs backwards: from {self._at_ms} to {now_ms} ms")
        self._at_ms = now_ms
        self._kept = {moment: kept for moment, kept in sorted(self._kept.items()) if moment > now_ms}
        for moment, kept in self._kept.items():
            kept.piece = kept.piece.aged(min((moment - now_ms) / MS_PER_YEAR, kept.piece.years))

    def _without_lone_jumps(self, book: BookQuotes, seen: Observed, now_ms: int) -> NDArray[np.int8]:
        """`seen.use` with the quotes that jumped alone put aside."""
        use = seen.use.copy()
        for moment, kept in self._kept.items():
            here = np.flatnonzero(
                (book.expiry_ms == moment) & ((use == Use.TWO_SIDED) | (use == Use.ONE_SIDED))
            )
            if not 0 < here.size < self.rules.lone_count:
                kept.suspect_ms = None
                continue
            vol = kept.piece.vol(seen.k[here])
            jump = np.fmax(np.abs(seen.target[here] - vol), _outside(vol, seen, here))
            if not (jump > 0.01 * self.rules.lone_jump_points).all():
                kept.suspect_ms = None
                continue
            kept.suspect_ms = now_ms if kept.suspect_ms is None else kept.suspect_ms
            if now_ms - kept.suspect_ms < self.rules.lone_confirm_ms:
                use[here] = Use.LONE_JUMP
        return use

    def _quoted(self, expiry_ms: NDArray[np.int64], use: NDArray[np.int8], live: Bools) -> NDArray[np.int64]:
        """Expiries to fit: known ones with any usable quote, new ones with a two-sided quote at least."""
        known = np.array(list(self._kept), dtype=np.int64)
        enough = live & ((use == Use.TWO_SIDED) | np.isin(expiry_ms, known))
        return np.unique(expiry_ms[enough])

    def _fit(
        self, book: BookQuotes, seen: Observed, live: Bools, quoted: NDArray[np.int64], now_ms: int
    ) -> tuple[SurfaceFit, NDArray[np.int64]]:
        """The joint fit, and the expiries it covers: the quoted ones and the last good ones."""
        moments = np.union1d(quoted, np.array(list(self._kept), dtype=np.int64))
        years: Floats = (moments - now_ms) / MS_PER_YEAR
        points = seen.points(live, years, np.searchsorted(moments, book.expiry_ms[live]).astype(np.intp))
        held = np.flatnonzero(~np.isin(moments, quoted))
        importance = np.ones(moments.size)
        if held.size:
            importance[held] = self.rules.held_importance
            points = _with_held(points, held, [self._kept[int(m)].piece for m in moments[held]], importance)
        prior = [kept.piece if (kept := self._kept.get(m)) else None for m in moments.tolist()]
        return fit(points, prior), moments

    def _matters(
        self,
        made: SurfaceFit,
        moments: NDArray[np.int64],
        quoted: NDArray[np.int64],
        book: BookQuotes,
        seen: Observed,
        live: Bools,
    ) -> set[int]:
        """The quoted expiries whose new slice is to replace the old one."""
        matters = set()
        pieces = dict(zip(moments.tolist(), made.surface.slices, strict=True))
        for moment in quoted.tolist():
            kept = self._kept.get(moment)
            here = np.flatnonzero(live & (book.expiry_ms == moment))
            if kept is None:
                matters.add(moment)
                continue
            if not here.size:  # nothing but outliers
                continue
            old, new = kept.piece.vol(seen.k[here]), pieces[moment].vol(seen.k[here])
            weight = seen.weight[here]
            out_old, out_new = _outside(old, seen, here), _outside(new, seen, here)
            nearer = bool((out_old - out_new > 0.01 * self.rules.outside_points).any())
            better = float(weight @ out_new) < float(weight @ out_old)
            moved = float(weight @ np.abs(new - old)) > 0.01 * self.rules.move_points * float(weight.sum())
            if moved or (nearer and better):
                matters.add(moment)
        return matters

    def _adopt(self, made: SurfaceFit, moments: NDArray[np.int64], matters: set[int]) -> set[int]:
        """Take over the slices that matter; all of them where the mixture would admit arbitrage."""
        if not matters:
            return matters
        new = dict(zip(moments.tolist(), made.surface.slices, strict=True))
        mixed = [new[m] if m in matters else self._kept[m].piece for m in new]
        if len(matters) < len(new) and not check_all(mixed).is_free:
            matters = set(new)
        for moment in matters:
            kept = self._kept.setdefault(moment, _Kept(new[moment], self._at_ms))
            kept.piece = new[moment]
        self._kept = dict(sorted(self._kept.items()))
        return matters

    def _result(
        self, now_ms: int, states: dict[int, Status], use: NDArray[np.int8], made: SurfaceFit | None
    ) -> Refitted:
        kept = self._kept
        by_expiry = tuple(states.get(moment, Status.NO_QUOTES) for moment in kept)
        best = next((s for s in (Status.FRESH, Status.HELD) if s in by_expiry), Status.NO_QUOTES)
        confirmed = np.array([k.confirmed_ms for k in kept.values()], dtype=np.int64)
        return Refitted(
            SviSurface([k.piece for k in kept.values()]) if kept else None,
            best,
            now_ms,
            np.array(list(kept), dtype=np.int64),
            by_expiry,
            confirmed,
            now_ms - confirmed > self.rules.stale_ms,
            use,
            made,
        )


_HELD_NODES: Final = np.linspace(-2.5, 2.5, 9)


def _with_held(
    points: VolPoints, held: NDArray[np.intp], pieces: list[SviSlice], importance: Floats
) -> VolPoints:
    """`points` and, for the expiries `held`, their own smiles as observations."""
    k = np.concatenate([_HELD_NODES * np.sqrt(p.total_variance(0.0)) for p in pieces])
    vol = np.concatenate([p.vol(x) for p, x in zip(pieces, k.reshape(len(pieces), -1), strict=True)])
    expiry = np.repeat(held, _HELD_NODES.size)
    none = np.full(k.size, np.inf)
    return VolPoints(
        points.years,
        np.append(points.expiry, expiry),
        np.append(points.k, k),
        np.append(points.vol, vol),
        # Not zero: a smile so high that its vegas underflow is still one to keep.
        np.append(points.weight, np.maximum(vega_weight(k, points.years[expiry], vol), 1e-300)),
        np.append(points.low, -none),
        np.append(points.high, none),
        np.append(points.edge_weight, np.zeros(k.size)),
        importance,
    )


def _outside(vol: Floats, seen: Observed, here: NDArray[np.intp]) -> Floats:
    """How far `vol` lies outside bid and ask of the options `here`, as a fraction; 0 inside."""
    above = np.fmax(vol - seen.ask_vol[here], 0.0)
    return np.asarray(np.fmax(above, seen.bid_vol[here] - vol))
