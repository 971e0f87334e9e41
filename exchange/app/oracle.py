"""The oracle wired up: sources, index, one mark loop, surfaces refitted from the books."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import replace
from typing import Final

from exchange.app.book_quotes import BookSweep
from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.gateway.ports import ChainView, Clock, Timer
from exchange.gateway.registry import Registry
from exchange.gateway.venue import Venue
from exchange.oracle.fitter import Fitter, NoFitter
from exchange.oracle.index import CombinedFeed
from exchange.oracle.marks import MarkedInstrument, MarkLoop, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.refits import Refits
from exchange.oracle.simulated import BTC, ETH, SimulatedFeed
from exchange.oracle.sources import SimulatedSources
from exchange.wire.session import RpcError
from pricing import engines
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

_CARRY: Final = 0.05
_MICRO: Final = 1_000_000
STEP_S: Final = 0.02
_EMPTY_BLOCK_BYTES: Final = 64
_log = logging.getLogger(__name__)


class Oracle:
    """The mark loop of a venue (`gateway.ports.OracleView`); marks leave as sequenced commands."""

    def __init__(
        self, engine: Engine, seed: int, clock: Clock, interval_ms: int, fitter: Fitter | None = None
    ) -> None:
        """`fitter` refits surfaces; None: they stay those of the simulated market."""
        now_ms = clock.now_ms()
        self._clock = clock
        self._timer: Timer | None = None
        self._marked = False
        known = [queries.underlying_figures(engine, number) for number in range(engine.underlying_count)]
        underlyings = []
        self._marks = []
        for number, simulated in enumerate((BTC, ETH)):
            last = known[number] if number < len(known) else None
            if last is not None and last.index_micro:  # go on where the journal ends
                simulated = replace(simulated, spot=last.index_micro / _MICRO)
            underlyings.append(simulated)
            self._marks.append(
                UnderlyingMarks(
                    number,
                    simulated.symbol,
                    simulated_surface(simulated.symbol),
                    FlatCarry(_CARRY),
                    PerpetualPremium(seed * 1_000 + number, now_ms),
                    last.feed_seq if last is not None else 0,
                )
            )
        self.symbols = [u.symbol for u in underlyings]
        self._spots = [u.spot for u in underlyings]
        sources = SimulatedSources(SimulatedFeed(seed, now_ms, underlyings), seed, now_ms)
        self._feed = CombinedFeed(sources, sources.weights)
        self._loop = MarkLoop(self._feed, self._marks, interval_ms)
        self._refits = Refits(fitter or NoFitter(), self._marks)
        self._sweep: BookSweep | None = None
        self._traded: dict[int, int] = {}

    # --- OracleView ----------------------------------------------------------------------------------

    def chain(self, underlying: int) -> ChainView | None:
        """The live Greeks of an underlying."""
        return self._loop.greeks_of(underlying)

    def is_fresh(self) -> bool:
        """Whether every index is fresh and listed instruments have been marked from it."""
        return self._marked and not self._loop.stale(self._clock.now_ms())

    # --- the loop ------------------------------------------------------------------------------------

    def start(self, venue: Venue) -> None:
        """Step now and from now on."""
        self._timer = venue.loop.call_later(STEP_S, lambda: self.start(venue))
        if not venue.halted:
            self.step(venue)

    def step(self, venue: Venue) -> None:
        """Sequence the marks that are due. A block the queue has no room for is dropped."""
        now_ms = self._clock.now_ms()
        self._refits.poll(now_ms)
        self._read_books(venue, now_ms)
        for command in self._loop.step(now_ms):
            try:
                venue.submit(command)
            except RpcError as refused:
                _log.warning("marks were not taken: %s", refused)
                continue
            self._marked = self._marked or len(command) > _EMPTY_BLOCK_BYTES

    def _read_books(self, venue: Venue, now_ms: int) -> None:
        """Read some more of the books for the next refit."""
        if self._sweep is None or self._sweep.is_void:
            marks = self._refits.due(now_ms)
            self._sweep = None if marks is None else BookSweep(marks, self._traded)
        if self._sweep is None:
            return
        request = self._sweep.advance(venue.registry.instruments, venue.views.markets, now_ms)
        if request is not None:
            self._sweep = None
            self._refits.submit(request, now_ms)

    def stop(self) -> None:
        """No more steps, no worker."""
        if self._timer is not None:
            self._timer.cancel()
        self._refits.stop()

    def report(self) -> dict[str, object]:
        """What the status shows: engine, index and surface of each underlying."""
        now_ms = self._clock.now_ms()
        return {
            "pricing_engine": engines.current(),
            "surface_worker_failures": self._refits.failures,
            "underlyings": {marks.symbol: self._report(marks, now_ms) for marks in self._marks},
        }

    def _report(self, marks: UnderlyingMarks, now_ms: int) -> dict[str, object]:
        index = self._feed.values.get(marks.symbol)
        return {
            "index": None if index is None else {**index._asdict(), "confidence": round(index.confidence, 3)},
            "surface": dataclasses.asdict(self._refits.report(marks.underlying_id, now_ms)),
        }

    # --- prices and listings -------------------------------------------------------------------------

    def spot(self, underlying: int) -> float:
        """The last index price in USDC; before the first mark, where the feed starts."""
        return self._marks[underlying].last_index or self._spots[underlying]

    def index_micro(self, underlying: int) -> int | None:
        """The last index price in micro-USDC, rounded down; None before the first mark."""
        index = self._marks[underlying].last_index
        return None if index is None else int(index * _MICRO)

    def delivery_micro(self, underlying: int, expiry_ms: int) -> int | None:
        """The delivery price in micro-USDC: the mean of the half hour before the expiry.

        Where the venue was not there to see that, the mean of what it has seen of the last half hour; None
        while that is nothing.
        """
        average = self._marks[underlying].average
        price_micro = average.price_micro(expiry_ms)
        return average.price_micro(self._clock.now_ms()) if price_micro is None else price_micro

    def relist(self, registry: Registry) -> None:
        """Mark exactly the instruments that are still alive."""
        for number, members in enumerate(registry.members):
            self._marks[number].set_instruments(
                MarkedInstrument.from_terms(view.instrument, view.terms)
                for view in members
                if view.state < r.STATE_DELISTED
            )
