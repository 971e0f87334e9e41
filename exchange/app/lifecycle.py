"""The venue's calendar: what is listed, delivered, settled and when.

Everything it decides becomes a sequenced command; the core never sees a calendar. One look every second:
list what the plan wants, deliver what has expired, at 08:00 UTC end the day (good-til-day orders,
perpetual settlement), every hour a funding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from exchange.app.oracle import Oracle
from exchange.app.products import PRODUCTS
from exchange.core import queries
from exchange.domain import commands, events
from exchange.domain import records as r
from exchange.domain.limits import MAX_EXPIRE_DAY_CANCELS
from exchange.gateway.ports import Clock, Loop, Timer
from exchange.gateway.venue import Venue
from exchange.oracle.chain_spec import ChainPlan, chain_spec
from exchange.wire.session import RpcError

LOOK_S: Final = 1.0
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
DAY_END_MS: Final = 8 * HOUR_MS  # 08:00 UTC
FUNDING_HOURS: Final = 8
_log = logging.getLogger(__name__)


class Calendar:
    """Drives listings, deliveries, day ends and fundings of one venue."""

    def __init__(self, venue: Venue, oracle: Oracle, clock: Clock, plan: ChainPlan) -> None:
        self._venue = venue
        self._oracle = oracle
        self._clock = clock
        self._plan = plan
        self._asked: set[int] = set()  # instruments whose delivery is under way
        self._listed_at_ms = 0
        self._next_instrument = 0
        self._relisting = False
        now_ms = clock.now_ms()
        self._day = (now_ms - DAY_END_MS) // DAY_MS
        self._hour = now_ms // HOUR_MS
        self._timer: Timer | None = None

    def start(self, loop: Loop) -> None:
        """Look now, and every second."""

        def turn() -> None:
            self._timer = loop.call_later(LOOK_S, turn)
            self.look()

        turn()

    def stop(self) -> None:
        """No more looks."""
        if self._timer is not None:
            self._timer.cancel()

    def look(self) -> None:
        """Do what is due."""
        if self._venue.halted:
            return
        now_ms = self._clock.now_ms()
        self._deliver(now_ms)
        self._list(now_ms)
        self._end_day(now_ms)
        self._fund(now_ms)

    # --- listings ----------------------------------------------------------------------------------

    def _list(self, now_ms: int) -> None:
        """List what the plan wants around today's price; once a minute is enough."""
        registry = self._venue.registry
        if len(registry.symbols) < len(PRODUCTS):
            for number in range(len(registry.symbols), len(PRODUCTS)):
                self._submit(commands.list_underlying(number, PRODUCTS[number].symbol))
        if now_ms - self._listed_at_ms < 60_000 and self._listed_at_ms:
            return
        self._listed_at_ms = now_ms
        wanted = []
        for number, product in enumerate(PRODUCTS):
            wanted.append(product.perpetual(number))
            options = chain_spec(now_ms, self._oracle.spot(number), self._plan)
            wanted.extend(product.option(number, spec) for spec in options)
        known = {
            (t.underlying, t.kind, t.option_type, t.expiry_ms, t.strike_micro)
            for t in (view.terms for view in registry.instruments)
        }
        following = max(self._next_instrument, len(registry.instruments))
        for terms in wanted:
            key = (terms.underlying, terms.kind, terms.option_type, terms.expiry_ms, terms.strike_micro)
            if key not in known:
                self._submit(commands.list_instrument(following, terms), self._on_listed)
                following += 1
        self._next_instrument = following

    def _on_listed(self, packed: bytes) -> None:
        if packed and isinstance(events.read_event(packed), events.Instrument):
            self._relist_soon()
        else:
            self._next_instrument = 0
            _log.warning("a listing was refused: %s", packed.hex())

    # --- expiry ------------------------------------------------------------------------------------

    def _deliver(self, now_ms: int) -> None:
        for view in self._venue.registry.instruments:
            terms = view.terms
            if not view.is_option or terms.expiry_ms > now_ms or view.state >= r.STATE_DELISTED:
                continue
            price_micro = self._oracle.delivery_micro(terms.underlying, terms.expiry_ms)
            if price_micro is None or view.instrument in self._asked:
                continue
            self._asked.add(view.instrument)
            self._submit(commands.deliver(view.instrument, price_micro), self._on_delivered(view.instrument))

    def _on_delivered(self, instrument: int) -> Callable[[bytes], None]:
        def done(packed: bytes) -> None:
            self._asked.discard(instrument)
            if packed and packed[0] == r.EV_REJECTED:
                _log.error("delivery of instrument %d was refused: %s", instrument, packed.hex())
            self._relist_soon()

        return done

    def _relist_soon(self) -> None:
        """Tell the oracle what lives, once for all listings and deliveries of one release."""
        if not self._relisting:
            self._relisting = True
            self._venue.loop.call_soon(self._relist)

    def _relist(self) -> None:
        self._relisting = False
        self._oracle.relist(self._venue.registry)

    # --- days and hours ----------------------------------------------------------------------------

    def _end_day(self, now_ms: int) -> None:
        day = (now_ms - DAY_END_MS) // DAY_MS
        if day == self._day:
            return
        self._day = day
        for view in self._venue.registry.instruments:
            if view.state >= r.STATE_DELISTED:
                continue
            self._expire_day(view.instrument)
            if view.terms.kind == r.KIND_PERPETUAL:
                self._settle_perpetual(view.instrument)

    def _expire_day(self, instrument: int) -> None:
        def done(packed: bytes) -> None:
            for event in events.read_events(packed):
                if isinstance(event, events.Done) and event.affected == MAX_EXPIRE_DAY_CANCELS:
                    self._expire_day(instrument)

        self._submit(commands.expire_day(instrument), done)

    def _settle_perpetual(self, instrument: int) -> None:
        mark_micro = self._mark_micro(instrument)
        terms = self._venue.registry.instruments[instrument].terms
        if mark_micro:
            # Nearest tick; a settlement only moves profit into cash, and is zero-sum at any price.
            price_ticks = (mark_micro + terms.tick_micro // 2) // terms.tick_micro
            self._submit(commands.settle_perpetual(instrument, max(1, price_ticks)))

    def _fund(self, now_ms: int) -> None:
        """Once an hour: longs pay the premium of the mark over the index, an eighth of it per hour."""
        hour = now_ms // HOUR_MS
        if hour == self._hour:
            return
        self._hour = hour
        for view in self._venue.registry.instruments:
            terms = view.terms
            index_micro = self._oracle.index_micro(terms.underlying)
            mark_micro = self._mark_micro(view.instrument)
            if terms.kind != r.KIND_PERPETUAL or index_micro is None or not mark_micro:
                continue
            premium_micro = mark_micro - index_micro
            # Toward zero: neither side is charged a part of a micro-USDC it does not owe.
            part = abs(premium_micro) * terms.lot_e8 // (100_000_000 * FUNDING_HOURS)
            self._submit(commands.funding(view.instrument, part if premium_micro > 0 else -part))

    def _mark_micro(self, instrument: int) -> int:
        return queries.instrument_figures(self._venue.engine, instrument).mark_micro

    def _submit(self, command: bytes, done: Callable[[bytes], None] | None = None) -> None:
        try:
            self._venue.submit(command, done)
        except RpcError as refused:  # a full queue or a halt: what is due is found due again
            _log.warning("the calendar was not heard: %s", refused)
            self._asked.clear()
            self._next_instrument = 0
