"""The end of a trading day, 08:00 UTC of sequenced time: good-til-day orders, perpetuals, fee tiers."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from exchange.app.tiers import VolumeTiers
from exchange.app.venue_port import VenuePort
from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import commands, events
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT, MAX_EXPIRE_DAY_CANCELS
from exchange.wire.instruments import InstrumentView
from exchange.wire.session import RpcError

DAY_MS: Final = 86_400_000
DAY_END_MS: Final = 8 * 3_600_000
_log = logging.getLogger(__name__)


def day_of(now_ms: int) -> int:
    """The trading day of a moment: it begins at 08:00 UTC of the calendar day of this number."""
    return (now_ms - DAY_END_MS) // DAY_MS


class DayEnd:
    """Ends days as they pass, also those that ended while no process ran or while one died."""

    def __init__(self, venue: VenuePort, now_ms: int, tiers: VolumeTiers) -> None:
        """`now_ms`: the last sequenced time, which says how far the days have been ended; 0: a first start.
        """
        self._venue = venue
        self._tiers = tiers
        self._day = day_of(now_ms) if now_ms else None
        self._overdue = overdue(venue.engine, self._day) if self._day is not None else []
        self.ended_count = 0
        """Days ended by this process."""

    def look(self, now_ms: int, alive: Iterable[InstrumentView]) -> None:
        """End the day if it has passed. Time that steps back ends nothing twice."""
        for instrument in self._overdue:
            self._expire_day(instrument)
        self._overdue = []
        day = day_of(now_ms)
        if self._day is None:
            self._day = day
        if day > self._day:
            self._day = day
            self.ended_count += 1
            for view in alive:
                self._expire_day(view.instrument)
                if view.terms.kind == r.KIND_PERPETUAL:
                    self._settle(view)
            if risk_queries.rules(self._venue.engine) >= 2:
                self._tiers.end_day(day)
        self._tiers.look()

    def _expire_day(self, instrument: int) -> None:
        def done(packed: bytes) -> None:
            for event in events.read_events(packed):
                if isinstance(event, events.Done) and event.affected == MAX_EXPIRE_DAY_CANCELS:
                    self._expire_day(instrument)

        try:
            self._venue.submit(commands.expire_day(instrument), done)
        except RpcError as refused:
            _log.warning("the end of the day was not taken: %s", refused)
            self._overdue.append(instrument)

    def _settle(self, view: InstrumentView) -> None:
        mark_micro = queries.instrument_figures(self._venue.engine, view.instrument).mark_micro
        if not mark_micro:
            return
        # Nearest tick; a settlement only moves profit into cash, and is zero-sum at any price.
        price_ticks = (mark_micro + view.terms.tick_micro // 2) // view.terms.tick_micro
        try:
            self._venue.submit(commands.settle_perpetual(view.instrument, max(1, price_ticks)))
        except RpcError as refused:  # profit stays unrealised until tomorrow
            _log.warning("a settlement was not taken: %s", refused)


def overdue(engine: Engine, day: int) -> list[int]:
    """Instruments with good-til-day orders from before `day` began: a process died while it ended the day."""
    began_ms = day * DAY_MS + DAY_END_MS
    found: dict[int, None] = {}
    for account in range(FIRST_USER_ACCOUNT, engine.account_count):
        for event in events.read_events(queries.open_orders(engine, account)):
            if not isinstance(event, events.Order):
                continue
            is_day = event.flags >> r.TIF_SHIFT & r.TIF_MASK == r.TIF_GTD
            if is_day and event.created_ms < began_ms:
                found[event.head.instrument] = None
    return sorted(found)
