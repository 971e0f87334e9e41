"""The oracle wired up: a feed, one mark loop over all underlyings, and what is listed in it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.gateway.ports import ChainView, Clock, Timer
from exchange.gateway.registry import Registry
from exchange.gateway.venue import Venue
from exchange.oracle.marks import MarkedInstrument, MarkLoop, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.simulated import BTC, ETH, SimulatedFeed
from exchange.wire.session import RpcError
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface

_CARRY: Final = 0.05
_MICRO: Final = 1_000_000
STEP_S: Final = 0.02
_EMPTY_BLOCK_BYTES: Final = 64
_log = logging.getLogger(__name__)


class Oracle:
    """The mark loop of a venue (`gateway.ports.OracleView`); marks leave as sequenced commands."""

    def __init__(self, engine: Engine, seed: int, clock: Clock, interval_ms: int) -> None:
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
        self._loop = MarkLoop(SimulatedFeed(seed, now_ms, underlyings), self._marks, interval_ms)

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
        for command in self._loop.step(self._clock.now_ms()):
            try:
                venue.submit(command)
            except RpcError as refused:
                _log.warning("marks were not taken: %s", refused)
                continue
            self._marked = self._marked or len(command) > _EMPTY_BLOCK_BYTES

    def stop(self) -> None:
        """No more steps."""
        if self._timer is not None:
            self._timer.cancel()

    # --- prices and listings -------------------------------------------------------------------------

    def spot(self, underlying: int) -> float:
        """The last index price in USDC; before the first mark, where the feed starts."""
        return self._marks[underlying].last_index or self._spots[underlying]

    def index_micro(self, underlying: int) -> int | None:
        """The last index price in micro-USDC, rounded down; None before the first mark."""
        index = self._marks[underlying].last_index
        return None if index is None else int(index * _MICRO)

    def relist(self, registry: Registry) -> None:
        """Mark exactly the instruments that are still alive."""
        for number, members in enumerate(registry.members):
            self._marks[number].set_instruments(
                MarkedInstrument.from_terms(view.instrument, view.terms)
                for view in members
                if view.state < r.STATE_DELISTED
            )
