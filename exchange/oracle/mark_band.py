"""The surface that marks: the fitted one, kept near the outside surface and moved at a bounded pace.

Anybody may quote, so anybody can move what is fitted to the quotes. What options are *marked* at is another
matter: margin, liquidation and withdrawals go by it. So behind fit, checks and ageing each surface passes
here last (:mod:`pricing.surface.band` has the rules): first no further from what marked before than the pace
allows, then no further from the outside surface than the band allows, then free of arbitrage as before. The
band goes before the pace: should the outside surface itself move, marks follow at once as far as they must.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from exchange.oracle.refit_worker import sampled
from exchange.oracle.surface_checks import RefusedSurface, must_be_free
from pricing.chain import Chain
from pricing.european import MS_PER_YEAR, Floats
from pricing.surface import BandRules, SurfaceError, SviSlice, SviSurface, go_toward, vols

BOUNDED: Final = "bounded_surface"
"""The fitted surface lay outside the band."""
SLOWED: Final = "slowed_surface"
"""The fitted surface was further away than the pace allowed."""
OUTSIDE: Final = "outside_surface"
"""Nothing between the two could be used: the outside surface marks."""

PACE_MS_MAX: Final = 200
"""No more time than this counts for one move, a point: a pause saves up no room."""

_NODES: Final = 33
_ROOM: Final = 0.02
"""In log-moneyness, beyond the outermost strikes: how far the index may go before the next look."""
_MARGIN: Final = 1e-4
"""Kept from the band's edge between nodes and until the next look, a hundredth of a point."""


class MarkBand:
    """Keeps one underlying's marked surface; knows what marked before."""

    def __init__(self, outside: SviSurface, rules: BandRules | None = None) -> None:
        self.outside = outside
        self.rules = rules or BandRules()
        self._marked: dict[int, SviSlice] = {}
        self._anchors: dict[int, SviSlice] = {}
        self._moved_ms: int | None = None

    def bounded(
        self, moments: list[int], fitted: SviSurface, chain: Chain, now_ms: int
    ) -> tuple[SviSurface, set[str]]:
        """What may be marked in place of `fitted`, whose slices end at `moments`, and why if it differs."""
        elapsed_ms = PACE_MS_MAX if self._moved_ms is None else now_ms - self._moved_ms
        pace = self.rules.pace_per_s * min(max(elapsed_ms, 0), PACE_MS_MAX) / 1_000.0
        self._moved_ms = now_ms
        slices = fitted.slices
        k = self._nodes(moments, fitted, chain)
        outside = self.outside.vol(k, fitted.years[:, None])
        before = [self._aged(self._marked, m, piece) for m, piece in zip(moments, slices, strict=True)]
        was = np.stack([outside[n] if p is None else p.vol(k[n]) for n, p in enumerate(before)])
        wanted = vols(slices, k)
        width = self.rules.width(outside) - _MARGIN
        is_far = bool((np.abs(wanted - outside) > width).any())
        is_fast = bool((np.abs(wanted - was) > pace).any())
        codes = {code for code, holds in ((BOUNDED, is_far), (SLOWED, is_fast)) if holds}
        if not codes and self._admits(fitted, chain, now_ms):
            self._marked = dict(zip(moments, slices, strict=True))
            return fitted, codes
        made = self._between(moments, slices, before, (k, was, pace, outside, width), chain, now_ms)
        if made is None:
            self._marked = {}
            return self.outside, codes | {OUTSIDE}
        self._marked = dict(zip(moments, made.slices, strict=True))
        return made, codes

    def _between(
        self,
        moments: list[int],
        slices: tuple[SviSlice, ...],
        before: list[SviSlice | None],
        limits: tuple[Floats, Floats, float, Floats, Floats],
        chain: Chain,
        now_ms: int,
    ) -> SviSurface | None:
        """The nearest to the fitted slices that pace, band and the absence of arbitrage allow."""
        k, was, pace, outside, width = limits
        anchors = self._anchors_of(moments, slices, now_ms)
        if anchors is None:
            return None
        start = [anchor if old is None else old for anchor, old in zip(anchors, before, strict=True)]
        # The anchor of an expiry without a mark differs from the outside surface by what sampling leaves.
        room = pace + np.where([[old is None] for old in before], 0.005, 0.0)
        for goal, together in ((slices, False), (slices, True), (start, False), (start, True)):
            try:
                paced = go_toward(start, goal, k, was - room, was + room, together)
                made = SviSurface(go_toward(anchors, paced, k, outside - width, outside + width, together))
                must_be_free(made)
            except (SurfaceError, RefusedSurface):
                continue
            if self._admits(made, chain, now_ms):
                return made
        return None

    def _admits(self, surface: SviSurface, chain: Chain, now_ms: int) -> bool:
        """Whether every option of the chain would be marked within the band."""
        years = (chain.expiry_ms[chain.expiry_of_option] - now_ms) / MS_PER_YEAR
        forward = chain.expiry_forward[chain.expiry_of_option]
        here = (years > 0.0) & (forward > 0.0)
        if not here.any():
            return True
        k, left = np.log(chain.strike[here] / forward[here]), years[here]
        outside = self.outside.vol(k, left)
        return bool((np.abs(surface.vol(k, left) - outside) <= self.rules.width(outside)).all())

    def _nodes(self, moments: list[int], surface: SviSurface, chain: Chain) -> Floats:
        """Where each slice is looked at: from below its lowest strike to above its highest."""
        rows = []
        at = {moment: n for n, moment in enumerate(chain.expiry_ms.tolist())}
        for moment, piece in zip(moments, surface.slices, strict=True):
            reach = 3.0 * float(np.sqrt(self.outside.total_variance(0.0, piece.years)))
            low, high = -reach, reach
            number = at.get(moment)
            if number is not None and chain.expiry_forward[number] > 0.0:
                k = np.log(chain.strike[chain.expiry_of_option == number] / chain.expiry_forward[number])
                low, high = float(k.min()), float(k.max())
            rows.append(np.linspace(low - _ROOM, high + _ROOM, _NODES))
        return np.stack(rows)

    def _anchors_of(
        self, moments: list[int], slices: tuple[SviSlice, ...], now_ms: int
    ) -> list[SviSlice] | None:
        """The outside surface as slices of these expiries; None if it has none.

        Fitted (some milliseconds) when asked for expiries it was not asked for before.
        """
        if not set(moments) <= set(self._anchors):
            try:
                self._anchors = sampled(self.outside, np.array(moments, dtype=np.int64), now_ms)
            except SurfaceError:
                return None
        found = [self._aged(self._anchors, m, piece) for m, piece in zip(moments, slices, strict=True)]
        known = [piece for piece in found if piece is not None]
        return known if len(known) == len(found) else None

    @staticmethod
    def _aged(kept: dict[int, SviSlice], moment: int, like: SviSlice) -> SviSlice | None:
        """The slice of an expiry with as much time left as `like`."""
        piece = kept.get(moment)
        if piece is None:
            return None
        share = like.years / piece.years  # a little above one where the clock has stepped back
        return SviSlice(like.years, piece.a * share, piece.b * share, piece.rho, piece.m, piece.sigma)
