"""The oracle wired up: sources, index, one mark loop, scenario tables, surfaces refitted from the books."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from exchange.app import perpetual_book
from exchange.app.book_quotes import BookSweep, Seen
from exchange.app.index_guard import GuardRules, IndexGuard
from exchange.app.parameters import GRID
from exchange.app.steady import SteadyClock
from exchange.app.table_sync import TableSync
from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.gateway.ports import ChainView, Clock, Timer
from exchange.gateway.registry import Registry
from exchange.gateway.venue import Venue
from exchange.oracle.feed import IndexFeed
from exchange.oracle.fitter import Fitter, NoFitter
from exchange.oracle.index import CombinedFeed
from exchange.oracle.marks import MarkedInstrument, MarkLoop, UnderlyingMarks
from exchange.oracle.perpetual import PerpetualMark
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.refits import Refits
from exchange.oracle.simulated import BTC, ETH, SimulatedFeed, SimulatedUnderlying
from exchange.oracle.sources import SimulatedSources
from exchange.oracle.table_feed import SnapshotRules, TableFeed
from pricing import engines
from pricing.forward import FlatCarry
from pricing.index import SourcePrice
from pricing.mark import AVERAGE_MS, DeliveryAverage
from pricing.simulated_surface import simulated_surface

_CARRY: Final = 0.05
_MICRO: Final = 1_000_000
STEP_S: Final = 0.02
_log = logging.getLogger(__name__)


class Oracle:
    """The mark loop of a venue (`gateway.ports.OracleView`); marks leave as sequenced commands."""

    def __init__(
        self,
        engine: Engine,
        seed: int,
        clock: Clock,
        interval_ms: int,
        fitter: Fitter | None = None,
        *,
        snapshots: SnapshotRules | None = None,
        guard: GuardRules | None = None,
    ) -> None:
        """`fitter` refits surfaces; None: they stay those of the simulated market."""
        self._clock = SteadyClock(clock)
        now_ms = self._clock.now_ms()
        self._engine = engine
        self._timer: Timer | None = None
        self._was_fresh = False
        self._required: list[Callable[[], bool]] = []
        underlyings = [_resumed(engine, number, one) for number, one in enumerate((BTC, ETH))]
        self._perpetuals = [
            PerpetualMark(PerpetualPremium(seed * 1_000 + number, now_ms))
            for number in range(len(underlyings))
        ]
        self._marks = [
            UnderlyingMarks(
                number,
                simulated.symbol,
                simulated_surface(simulated.symbol),
                FlatCarry(_CARRY),
                self._perpetuals[number],
                _feed_seq(engine, number),
                TableFeed(GRID, snapshots),
            )
            for number, simulated in enumerate(underlyings)
        ]
        self.symbols = [u.symbol for u in underlyings]
        self._spots = [u.spot for u in underlyings]
        sources = SimulatedSources(SimulatedFeed(seed, now_ms, underlyings), seed, now_ms)
        self._combined = CombinedFeed(sources, sources.weights)
        self._feed: IndexFeed = self._combined
        self._loop = MarkLoop(self._feed, self._marks, interval_ms)
        self._guards = [IndexGuard(number, symbol, guard) for number, symbol in enumerate(self.symbols)]
        self.tables = TableSync(self._marks)
        self._refits = Refits(fitter or NoFitter(), self._marks)
        self._sweep: BookSweep | None = None
        self._seen = Seen()

    # --- OracleView ----------------------------------------------------------------------------------

    def chain(self, underlying: int) -> ChainView | None:
        """The live Greeks of an underlying."""
        return self._loop.greeks_of(underlying)

    def is_fresh(self) -> bool:
        """Whether the venue may be open.

        After a start: once every index is fresh, instruments have been marked from it, and what
        :meth:`require` names holds. From then on, under rules 2, an index that goes stale closes its own
        underlying alone (:mod:`exchange.app.index_guard`), and the venue only if no index is left; under
        rules 1 any stale index closes the venue.
        """
        stale = len(self._loop.stale(self._clock.now_ms()))
        if not self._was_fresh or risk_queries.rules(self._engine) < 2:
            required = all(holds() for holds in self._required)
            self._was_fresh = self.tables.has_marked and not stale and required
            return self._was_fresh
        return stale < len(self.symbols)

    def require(self, holds: Callable[[], bool]) -> None:
        """The venue does not open after a start before `holds()`."""
        self._required.append(holds)

    def estimated_delivery_price(self, underlying: int, expiry_ms: int) -> float | None:
        """The delivery price as it would be if the index stood still from now on, in USDC.

        Before the last half hour that is the index; in it, the mean so far for the part that is over and the
        index for the rest; behind it, the delivery price. None before the first mark.
        """
        marks = self._marks[underlying]
        index, now_ms = marks.last_index, self._clock.now_ms()
        if index is None:
            return None
        if now_ms >= expiry_ms:
            price_micro = self.delivery_micro(underlying, expiry_ms)
            return None if price_micro is None else price_micro / _MICRO
        left = min(1.0, (expiry_ms - now_ms) / AVERAGE_MS)
        so_far = marks.average.since(expiry_ms - AVERAGE_MS) if left < 1.0 else None
        return index if so_far is None else left * index + (1.0 - left) * so_far

    def index_sources(self, underlying: int) -> Sequence[SourcePrice]:
        """What each source tells of an underlying's index, as it counts now."""
        return self._combined.panel(self.symbols[underlying], self._clock.now_ms())

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
        self._read_perpetuals(venue, now_ms)
        self.tables.load(venue)
        for command in self._loop.step(now_ms):
            self.tables.submit(venue, command)
        self._guard(venue, now_ms)

    def _guard(self, venue: Venue, now_ms: int) -> None:
        """Close underlyings whose index is not to be trusted; nothing before the first marks."""
        if not self.tables.has_marked:
            return
        stale = self._loop.stale(now_ms)
        for guard, symbol in zip(self._guards, self.symbols, strict=True):
            value = None if symbol in stale else self._combined.values.get(symbol)
            guard.look(venue, None if value is None else value.confidence, now_ms)

    def _read_perpetuals(self, venue: Venue, now_ms: int) -> None:
        """Tell the perpetuals' marks what their books say."""
        for mark, marks in zip(self._perpetuals, self._marks, strict=True):
            index = marks.last_index
            for instrument in marks.greeks.perpetual_ids if index is not None else ():
                view, book = venue.registry.instruments[instrument], venue.views.markets[instrument].book
                perpetual_book.tell(mark, view, book, index or 1.0, now_ms)

    def forget_tables(self, underlying: int) -> None:
        """The core's scenario tables of an underlying may be dropped by what is sequenced next."""
        self.tables.forget(underlying)

    def _read_books(self, venue: Venue, now_ms: int) -> None:
        """Read some more of the books for the next refit."""
        if self._sweep is None or self._sweep.is_void:
            marks = self._refits.due(now_ms)
            self._sweep = None if marks is None else BookSweep(marks, self._seen)
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
            "surfaces_refused": dict(self._refits.refused),
            "surfaces_bounded": dict(self._refits.bounded),
            "marks_refused": dict(self.tables.refused),
            "clock_steps_back": self._clock.steps_back,
            "underlyings": {marks.symbol: self._report(marks, now_ms) for marks in self._marks},
        }

    def _report(self, marks: UnderlyingMarks, now_ms: int) -> dict[str, object]:
        index = self._combined.values.get(marks.symbol)
        return {
            "index": None if index is None else {**index._asdict(), "confidence": round(index.confidence, 3)},
            "surface": dataclasses.asdict(self._refits.report(marks.underlying_id, now_ms)),
            "snapshots": _snapshots(marks),
            "index_halts": self._guards[marks.underlying_id].halts_count,
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
        return delivery_price(self._marks[underlying].average, expiry_ms, self._clock.now_ms())

    def relist(self, registry: Registry) -> None:
        """Mark exactly the instruments that are still alive."""
        for number, members in enumerate(registry.members):
            self._marks[number].set_instruments(
                MarkedInstrument.from_terms(view.instrument, view.terms)
                for view in members
                if view.state < r.STATE_DELISTED and not view.is_combo
            )


def delivery_price(average: DeliveryAverage, expiry_ms: int, now_ms: int) -> int | None:
    """The mean of the half hour before the expiry, or, with nothing of that seen, of the last half hour."""
    price_micro = average.price_micro(expiry_ms)
    return average.price_micro(now_ms) if price_micro is None else price_micro


def _resumed(engine: Engine, number: int, simulated: SimulatedUnderlying) -> SimulatedUnderlying:
    """The simulated market going on where the journal ends."""
    if number < engine.underlying_count:
        index_micro = queries.underlying_figures(engine, number).index_micro
        if index_micro:
            return replace(simulated, spot=index_micro / _MICRO)
    return simulated


def _feed_seq(engine: Engine, number: int) -> int:
    return queries.underlying_figures(engine, number).feed_seq if number < engine.underlying_count else 0


def _snapshots(marks: UnderlyingMarks) -> dict[str, int]:
    """What was sent of scenario tables."""
    tables = marks.tables
    if tables is None:
        return {}
    return {
        "sent": tables.sent_count,
        "bytes": tables.sent_bytes,
        "capped_entries": tables.capped_count,
        "without_tables": marks.tables_refused_count,
    }
