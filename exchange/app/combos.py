"""Combos that nobody uses are taken off the list, so that their options have room for others.

A combo is idle while its book is empty and it does not trade. Who made it is not asked, nor told: the same
legs can be listed again at any time. What is idle is not kept: a process that starts begins to wait anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from exchange.app.venue_port import VenuePort
from exchange.core import combo_queries, queries
from exchange.core.engine import Engine
from exchange.domain import commands
from exchange.domain import records as r
from exchange.domain.limits import COMBOS_OF_LEG, MAX_COMBOS
from exchange.wire.instruments import InstrumentView
from exchange.wire.session import RpcError

LOOK_MS: Final = 60_000
IDLE_MS: Final = 86_400_000
SCARCE_MS: Final = 600_000
"""How long one may be idle where one of its options, or the venue, has hardly room for another."""
SCARCE_OF_LEG: Final = COMBOS_OF_LEG * 3 // 4
SCARCE: Final = MAX_COMBOS * 3 // 4
DELISTED_A_LOOK: Final = 64
_log = logging.getLogger(__name__)


class IdleCombos:
    """Delists combos that have been idle for long enough, those that have been for longest first."""

    def __init__(self, venue: VenuePort) -> None:
        self._venue = venue
        self._since_ms: dict[int, int] = {}  # since when each has been idle
        self._trades: dict[int, int] = {}  # and how many trades it had then
        self._looked_at_ms: int | None = None
        self.delisted_count = 0
        """Taken off the list by this process."""

    def look(self, now_ms: int, alive: Iterable[InstrumentView]) -> None:
        """Do what is due; once a minute is enough."""
        since_ms = now_ms - self._looked_at_ms if self._looked_at_ms is not None else LOOK_MS
        if 0 <= since_ms < LOOK_MS:
            return
        self._looked_at_ms = now_ms
        combos = [view for view in alive if view.is_combo]
        for view in combos:
            self._note(view, now_ms)
        self._forget(combos)
        is_full = len(combos) >= SCARCE
        due = [view for view in combos if self._is_due(view, now_ms, is_full=is_full)]
        due.sort(key=lambda view: (self._since_ms[view.instrument], view.instrument))
        for view in due[:DELISTED_A_LOOK]:
            if not self._delist(view):
                return

    def _note(self, view: InstrumentView, now_ms: int) -> None:
        instrument, engine = view.instrument, self._venue.engine
        trades = queries.instrument_figures(engine, instrument).trade_seq
        known = self._trades.get(instrument)
        self._trades[instrument] = trades
        if known != trades or _has_orders(engine, instrument):
            self._since_ms[instrument] = now_ms

    def _forget(self, combos: list[InstrumentView]) -> None:
        if len(self._since_ms) > len(combos):
            here = {view.instrument: None for view in combos}
            for instrument in [each for each in self._since_ms if each not in here]:
                del self._since_ms[instrument], self._trades[instrument]

    def _is_due(self, view: InstrumentView, now_ms: int, *, is_full: bool) -> bool:
        idle_ms = now_ms - self._since_ms[view.instrument]
        if idle_ms < SCARCE_MS or view.settling:  # what has expired ends with its option
            return False
        if idle_ms >= IDLE_MS or is_full:
            return True
        engine = self._venue.engine
        of_legs = (len(combo_queries.open_combos_of(engine, leg.view.instrument)) for leg in view.legs)
        return max(of_legs) >= SCARCE_OF_LEG

    def _delist(self, view: InstrumentView) -> bool:
        def done(packed: bytes) -> None:
            if packed and packed[0] == r.EV_REJECTED:  # an order came first
                _log.info("%s stays on the list: %s", view.name, packed.hex())
            elif packed:
                self.delisted_count += 1

        try:
            self._venue.submit(commands.set_instrument_state(view.instrument, r.STATE_DELISTED), done)
        except RpcError as refused:  # a full queue or a halt: found due again
            _log.warning("an idle combo could not be delisted: %s", refused)
            return False
        return True


def _has_orders(engine: Engine, instrument: int) -> bool:
    return any(queries.book_levels(engine, instrument, 1))
