"""The surface worker: quotes in, surface and pulls out. Runs in a child process, or inline in the simulation.

**Why the loop does not drift.** The venue's market makers quote around its own marks, so the book alone says
nothing of where volatility is: a surface fitted to it would be fitted to itself, and wander. What is known
from outside (here the simulated market's surface) is the anchor, in two places. In the fit, each target
lies a share of the way toward it, however tight the quote (:mod:`pricing.surface.quotes`): where
the book only echoes the marks, the distance to the anchor shrinks by that share with every refit; where
takers and makers insist on another price, their bid and ask hold it there. In the mark variance
(:mod:`pricing.mark`), the external variance is one of the three the outer median chooses from, so that a
quote that leaps out of its neighbours moves its option's mark only as far as a second witness goes.

The surface prices every option; the mark variance decides only where, between bid and ask, an option goes
whose book contradicts the surface.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.oracle.refit_job import COLUMNS, RefitReply, RefitRequest
from pricing.european import Floats, black76, years_between
from pricing.implied import implied_vol
from pricing.mark import BookRules, MarkVariance, VarianceRules, book_pull
from pricing.simulated_surface import simulated_surface
from pricing.surface import (
    BookQuotes,
    Refit,
    RefitRules,
    SurfaceError,
    SviSlice,
    SviSurface,
    VolPoints,
    fit,
)

RULES: Final = RefitRules(move_points=0.05)
"""An echo's pull is a tenth of its distance to the anchor, and must not drown in the hysteresis: with this,
a loop comes to rest within half a point of the anchor."""

_STEP_BACK_MS_MAX: Final = 1_000
"""A clock that steps back further makes a new beginning."""

_NODES: Final = np.linspace(-2.5, 2.5, 11)
"""Where a slice of the external surface is read off, in standard deviations."""


class SurfaceWorker:
    """Keeps a surface per underlying between calls; one request at a time."""

    def __init__(
        self,
        external_of: Callable[[str], SviSurface] = simulated_surface,
        refit_rules: RefitRules | None = None,
        book_rules: BookRules | None = None,
        variance_rules: VarianceRules | None = None,
    ) -> None:
        """`external_of` gives the anchor of a symbol, or raises SurfaceError."""
        self._external_of = external_of
        self._refit_rules = refit_rules or RULES
        self._book_rules = book_rules or BookRules()
        self._variance_rules = variance_rules or VarianceRules()
        self._states: dict[str, _State] = {}

    def handle(self, request: bytes) -> bytes:
        """The reply to an encoded request. :class:`exchange.oracle.refit_job.BadJobError` if it is none.

        A market no surface can be made of is answered with status ``failed``, and forgotten: the next
        request begins anew.
        """
        job = RefitRequest.decode(request)
        try:
            return self._refit(job).encode()
        except SurfaceError:
            self._states.pop(job.symbol, None)
            moments, slices, pull = np.zeros(0, np.int64), np.zeros((6, 0)), np.zeros(job.columns.shape[1])
            head = ("failed", job.underlying, job.listing, job.at_ms, np.nan)
            return RefitReply(*head, moments, slices, pull).encode()

    def _refit(self, job: RefitRequest) -> RefitReply:
        expiry_ms = job.columns[COLUMNS.index("expiry_ms")].astype(np.int64)
        state = self._states.get(job.symbol)
        if state is None or job.at_ms < state.at_ms - _STEP_BACK_MS_MAX:
            state = self._states[job.symbol] = self._begin(job.symbol, expiry_ms, job.at_ms)
        now_ms = state.at_ms = max(job.at_ms, state.at_ms)
        columns = dict(zip(COLUMNS, job.columns, strict=True))
        is_call = columns["is_call"] > 0.5
        book = BookQuotes(
            expiry_ms, columns["strike"], is_call, columns["forward"], columns["bid"], columns["ask"],
            columns["bid_size"], columns["ask_size"], columns["at_ms"].astype(np.int64),
        )  # fmt: skip
        made = state.refit.update(book, now_ms, state.external)
        slices = made.surface.slices if made.surface is not None else ()
        table = [(p.years, p.a, p.b, p.rho, p.m, p.sigma) for p in slices]
        pull = np.zeros(expiry_ms.size)
        if made.surface is not None:
            pull = self._pull(state, made.surface, book, columns["last"], now_ms)
        return RefitReply(
            made.status.value, job.underlying, job.listing, now_ms,
            made.fit.median_error_bp if made.fit is not None else np.nan,
            made.expiry_ms, np.array(table, dtype=np.float64).reshape(-1, 6).T, pull,
        )  # fmt: skip

    def _begin(self, symbol: str, expiry_ms: NDArray[np.int64], at_ms: int) -> _State:
        external = self._external_of(symbol)
        return _State(external, Refit(self._refit_rules, sampled(external, expiry_ms, at_ms), at_ms), at_ms)

    def _pull(
        self, state: _State, surface: SviSurface, book: BookQuotes, last: Floats, now_ms: int
    ) -> Floats:
        """Where the book contradicts the surface, how far it moves the marks."""
        years = years_between(now_ms, book.expiry_ms)
        living = years > 0.0
        safe = np.where(living, years, 1.0)
        k = np.log(book.strike / book.forward)

        def variance(price: Floats) -> Floats:
            known = np.where(living & (price > 0.0), price, np.nan)
            return np.asarray(implied_vol(known, book.forward, book.strike, safe, book.is_call).vol ** 2)

        average = state.average(book, self._variance_rules)
        outside = np.where(living, state.external.total_variance(k, safe) / safe, np.nan)
        mark = average.update(now_ms, variance(book.bid), variance(book.ask), variance(last), outside)
        model = black76(book.forward, book.strike, safe, surface.vol(k, safe), book.is_call)
        toward = black76(book.forward, book.strike, safe, np.sqrt(mark), book.is_call).price
        sides = (book.bid, book.ask, self._book_rules, book.bid_size, book.ask_size)
        pull = book_pull(model.price, model.vega, *sides, toward)
        return np.where(living, pull, 0.0)


@dataclass(slots=True)
class _State:
    """What is known of one underlying."""

    external: SviSurface
    refit: Refit
    at_ms: int
    options: bytes = b""
    """Which options `variance` is of."""
    variance: MarkVariance | None = None

    def average(self, book: BookQuotes, rules: VarianceRules) -> MarkVariance:
        """The mark variances of these options; new ones when the listing has changed."""
        options = b"".join((book.expiry_ms.tobytes(), book.strike.tobytes(), book.is_call.tobytes()))
        if self.variance is None or options != self.options:
            self.options, self.variance = options, MarkVariance(book.strike.size, rules)
        return self.variance


def sampled(surface: SviSurface, expiry_ms: NDArray[np.int64], at_ms: int) -> dict[int, SviSlice]:
    """One slice per living expiry, fitted jointly and free of arbitrage to what `surface` says there."""
    moments = np.unique(expiry_ms[expiry_ms > at_ms])
    if not moments.size:
        return {}
    years = years_between(at_ms, moments)
    k = (_NODES[:, None] * np.sqrt(surface.total_variance(0.0, years))).ravel()
    expiry = np.tile(np.arange(moments.size), _NODES.size)
    order = np.argsort(expiry, kind="stable")
    points = VolPoints.from_vols(years, expiry[order], k[order], surface.vol(k, years[expiry])[order])
    return dict(zip(moments.tolist(), fit(points).surface.slices, strict=True))
