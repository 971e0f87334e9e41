"""Whose turn it is to be refitted, and what came of it: surfaces of all underlyings, one worker.

The marks never wait for any of this. A reply that does not come leaves the last good surface, which
ages in place and is reported as what it is.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from exchange.oracle.fitter import Fitter
from exchange.oracle.mark_band import PACE_MS_MAX, SLOWED, MarkBand
from exchange.oracle.marks import UnderlyingMarks
from exchange.oracle.refit_job import BadJobError, RefitReply, RefitRequest
from exchange.oracle.surface_checks import RefusedSurface, checked
from pricing.simulated_surface import simulated_surface
from pricing.surface import SviSurface

INTERVAL_MS: Final = 3_000
LATE_MS: Final = 15_000
"""Without a new surface for so long, the one in use counts as held over."""

_AGE_MS: Final = 30_000
STEP_MS: Final = PACE_MS_MAX
"""How often a surface on its way (see :mod:`exchange.oracle.mark_band`) is moved on."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _State:
    marks: UnderlyingMarks
    band: MarkBand
    due_ms: int = 0
    reply: RefitReply | None = None
    """The last one with a surface."""
    placed_ms: int = 0
    """As of when the surface in use is aged."""
    status: str = "initial"
    refused: str = ""
    """Why the last surface was refused."""
    bounds: frozenset[str] = frozenset()
    """Why the surface in use is not the one that was fitted."""
    listing: int = -1
    """The listing this was last done for."""


@dataclass(frozen=True, slots=True)
class SurfaceReport:
    """The surface of one underlying, for people."""

    status: str
    """``initial``: the simulated market's, nothing fitted yet; ``fresh``, ``held``, ``no_quotes`` as of
    :class:`pricing.surface.Status`; ``failed``: the worker could not; ``late``: it has not answered; or the
    code of :mod:`exchange.oracle.surface_checks` why its surface was refused."""
    age_ms: int | None
    """Since the last reply with a surface."""
    expiries: int
    error_bp: float | None
    """Median weighted error of the last fit, in basis points of volatility."""
    bounds: tuple[str, ...] = ()
    """Codes of :mod:`exchange.oracle.mark_band`: why the options are not marked by the surface as fitted."""


class Refits:
    """Takes sweeps of the books to the worker and surfaces to the marks."""

    def __init__(
        self,
        fitter: Fitter,
        underlyings: Sequence[UnderlyingMarks],
        interval_ms: int = INTERVAL_MS,
        outside_of: Callable[[str], SviSurface] = simulated_surface,
    ) -> None:
        """`outside_of` gives the surface a symbol's marks are kept near to."""
        self._fitter = fitter
        self._states = {
            marks.underlying_id: _State(marks, MarkBand(outside_of(marks.symbol))) for marks in underlyings
        }
        for state in self._states.values():
            state.marks.set_band(state.band.outside, state.band.rules)
        self._interval_ms = interval_ms
        self.refused: Counter[str] = Counter()
        """Surfaces that were not used, by code."""
        self.bounded: Counter[str] = Counter()
        """Surfaces that came to be marked otherwise than fitted, by code of `mark_band`."""

    @property
    def failures(self) -> int:
        """Requests that got no reply."""
        return self._fitter.failures

    def due(self, now_ms: int) -> UnderlyingMarks | None:
        """Whose books to read next: who has waited longest; None if nobody's turn or the worker is busy."""
        if self._fitter.is_busy:
            return None
        # A clock that steps back must not put a turn off for longer than the interval.
        waiting = [
            state
            for state in self._states.values()
            if not 0 < state.due_ms - now_ms <= self._interval_ms
            and state.marks.last_index is not None
            and len(state.marks.chain)
        ]
        return min(waiting, key=lambda state: state.due_ms).marks if waiting else None

    def submit(self, request: RefitRequest, now_ms: int) -> None:
        """Hand a sweep to the worker; dropped if it is busy."""
        self._states[request.underlying].due_ms = now_ms + self._interval_ms
        self._fitter.submit(request.encode(), now_ms)

    def poll(self, now_ms: int) -> None:
        """Take what the worker has ready; keep surfaces without a reply in step with the time."""
        data = self._fitter.poll(now_ms)
        if data is not None:
            try:
                reply = RefitReply.decode(data)
            except BadJobError as error:
                _log.warning("a reply of the surface worker was not understood: %s", error)
            else:
                self._take(reply, now_ms)
        for state in self._states.values():
            if state.reply is None:
                continue
            every_ms = STEP_MS if SLOWED in state.bounds else _AGE_MS
            is_new = state.listing != state.marks.listing
            if is_new or abs(now_ms - state.placed_ms) >= every_ms:
                self._place(state, state.reply, now_ms)

    def stop(self) -> None:
        """End the worker."""
        self._fitter.stop()

    def report(self, underlying: int, now_ms: int) -> SurfaceReport:
        """The state of one underlying's surface."""
        state = self._states[underlying]
        reply = state.reply
        if reply is None:
            return SurfaceReport(state.status, None, 0, None)
        age_ms = max(0, now_ms - reply.at_ms)
        status = "late" if age_ms > LATE_MS and state.status != "failed" else state.status
        error = None if reply.error_bp != reply.error_bp else round(reply.error_bp, 2)
        return SurfaceReport(status, age_ms, reply.expiry_ms.size, error, tuple(sorted(state.bounds)))

    def _take(self, reply: RefitReply, now_ms: int) -> None:
        state = self._states.get(reply.underlying)
        if state is None:
            return
        state.status = reply.status
        if not reply.expiry_ms.size or not self._place(state, reply, now_ms):
            return
        state.reply = reply
        fits = reply.listing == state.marks.listing and reply.pull.size == len(state.marks.chain)
        if fits and bool(np.isfinite(reply.pull).all()):
            state.marks.set_pull(reply.pull)

    def _place(self, state: _State, reply: RefitReply, now_ms: int) -> bool:
        """Price by the surface of `reply`, aged to now; False, and the one before stays, if it is none."""
        state.placed_ms, state.listing = now_ms, state.marks.listing
        try:
            surface = checked(reply, now_ms)
        except RefusedSurface as refused:
            self.refused[refused.code] += 1
            if state.refused != refused.code:  # once, not every three seconds
                _log.warning("%s: a surface was refused: %s", state.marks.symbol, refused)
            state.status = state.refused = refused.code
            return False
        state.refused = ""
        if surface is not None:
            self._bound(state, reply, surface, now_ms)
        return surface is not None

    def _bound(self, state: _State, reply: RefitReply, surface: SviSurface, now_ms: int) -> None:
        """Mark by what the band makes of a surface."""
        marks = state.marks
        living = reply.expiry_ms.tolist()[-len(surface.slices) :]
        marked, bounds = state.band.bounded(living, surface, marks.chain, now_ms)
        for code in bounds - state.bounds if reply is state.reply else bounds:  # once a surface
            self.bounded[code] += 1
        told = bounds - state.bounds - {SLOWED}  # which any lively market is now and then
        if told:
            _log.warning("%s: a surface was bounded: %s", marks.symbol, ", ".join(sorted(told)))
        state.bounds = frozenset(bounds)
        marks.set_surface(marked)
