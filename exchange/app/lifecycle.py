"""The venue's calendar: what is listed, delivered, settled and when.

Everything it decides becomes a sequenced command; the core never sees a calendar. One look every second:
list what the plan wants, deliver what has expired, at 08:00 UTC end the day, every interval a funding. Time
is the sequenced one where that is ahead of the clock, so that a clock that steps back repeats nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Protocol

from exchange.app.combos import IdleCombos
from exchange.app.day_end import DayEnd
from exchange.app.fund import FundCapital
from exchange.app.funding import Funding, FundingRules
from exchange.app.listing import Listed
from exchange.app.parameters import Parameters, VenueParameters
from exchange.app.products import PRODUCTS
from exchange.app.tiers import MemoryVolumes, VolumeStore, VolumeTiers
from exchange.app.venue_port import VenuePort
from exchange.domain import commands, events
from exchange.domain import records as r
from exchange.gateway.ports import Clock, DepositPort, Loop, Timer
from exchange.gateway.registry import Registry
from exchange.oracle.chain_spec import ChainPlan
from exchange.wire.instruments import InstrumentView
from exchange.wire.session import RpcError

LOOK_S: Final = 1.0
LIST_MS: Final = 60_000
"""Once a minute the plan is asked again, where the market may have moved to."""
RETRY_MS: Final = 60_000
_log = logging.getLogger(__name__)


class Prices(Protocol):
    """What the calendar needs of the oracle; `exchange.app.oracle.Oracle` fits."""

    def spot(self, underlying: int) -> float:
        """The index, or where it will start, in USDC."""

    def delivery_micro(self, underlying: int, expiry_ms: int) -> int | None:
        """The delivery price of an expiry, in micro-USDC; None while nothing is known."""

    def relist(self, registry: Registry) -> None:
        """Mark exactly the instruments that are alive."""

    def forget_tables(self, underlying: int) -> None:
        """The core may drop the scenario tables of an underlying."""

    def require(self, holds: Callable[[], bool]) -> None:
        """The venue does not open before `holds()`."""


class Calendar:
    """Drives listings, deliveries, day ends and fundings of one venue, and its parameters."""

    def __init__(
        self,
        venue: VenuePort,
        oracle: Prices,
        clock: Clock,
        plan: ChainPlan,
        parameters: VenueParameters | None = None,
        *,
        funding: FundingRules | None = None,
        volumes: VolumeStore | None = None,
        deposits: DepositPort | None = None,
    ) -> None:
        """`volumes` keeps what tiers are made of; through `deposits` the insurance fund gets its capital."""
        self._venue = venue
        self._oracle = oracle
        self._clock = clock
        self._plan = plan
        configured = parameters or VenueParameters()
        sequenced_ms = venue.engine.now_ms
        self.listed = Listed(venue.registry)
        self.parameters = Parameters(venue, configured, oracle.forget_tables)
        self.funding = Funding(venue, funding or FundingRules(), sequenced_ms)
        self.tiers = VolumeTiers(venue, configured, volumes or MemoryVolumes())
        self.day_end = DayEnd(venue, sequenced_ms, self.tiers)
        self.combos = IdleCombos(venue)
        self.fund = FundCapital(venue, self.parameters, deposits)
        oracle.require(lambda: self.parameters.in_force)
        self._asked: dict[int, int] = {}  # instruments whose delivery is under way, or when to ask again
        self._listed_at_ms: int | None = None
        self._next_instrument = 0
        self._underlyings_asked = 0
        self._relisting = False
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

    def report(self) -> dict[str, object]:
        """What the status shows."""
        return {
            "parameters_in_force": self.parameters.in_force,
            "parameters_refused": self.parameters.refused_count,
            "instruments_alive": len(self.listed.alive()),
            "combos_delisted": self.combos.delisted_count,
            "days_ended": self.day_end.ended_count,
            "fundings": self.funding.charged_count,
            "tiers_changed": self.tiers.changed_count,
        }

    def look(self) -> None:
        """Do what is due."""
        if self._venue.halted:
            return
        now_ms = max(self._clock.now_ms(), self._venue.engine.now_ms)
        self.parameters.look()
        self.fund.look()
        self.listed.refresh()
        self._deliver(now_ms)
        self._list(now_ms)
        alive = self.listed.alive()
        self.day_end.look(now_ms, alive)
        self.combos.look(now_ms, alive)
        self.funding.look(now_ms, self.listed.perpetuals())

    # --- listings ----------------------------------------------------------------------------------

    def _list(self, now_ms: int) -> None:
        """List what the plan wants around today's price; once a minute is enough."""
        self._list_underlyings()
        since_ms = now_ms - self._listed_at_ms if self._listed_at_ms is not None else LIST_MS
        if 0 <= since_ms < LIST_MS:
            return
        self._listed_at_ms = now_ms
        following = max(self._next_instrument, len(self._venue.registry.instruments))
        for number, product in enumerate(PRODUCTS):
            spot = self._oracle.spot(number)
            for terms in self.listed.missing(number, product, now_ms, spot, self._plan):
                if not self._submit(commands.list_instrument(following, terms), self._on_listed):
                    return
                following += 1
        self._next_instrument = following

    def _list_underlyings(self) -> None:
        first = max(self._underlyings_asked, len(self._venue.registry.symbols))
        for number in range(first, len(PRODUCTS)):
            command = commands.list_underlying(number, PRODUCTS[number].symbol)
            if not self._submit(command, lambda _: self.parameters.look()):
                return
            self._underlyings_asked = number + 1

    def _on_listed(self, packed: bytes) -> None:
        if packed and isinstance(events.read_event(packed), events.Instrument):
            self._relist_soon()
        else:
            # A combo may have taken the id: looked at anew, with the ids of then.
            self._next_instrument = 0
            self._listed_at_ms = None
            _log.warning("a listing was refused: %s", packed.hex())

    # --- expiry ------------------------------------------------------------------------------------

    def _deliver(self, now_ms: int) -> None:
        for view in self.listed.expired(now_ms):
            retry_ms = self._asked.get(view.instrument, 0)
            if retry_ms > now_ms:
                continue
            price_micro = self._oracle.delivery_micro(view.terms.underlying, view.terms.expiry_ms)
            if price_micro is None:
                continue
            self._asked[view.instrument] = now_ms + RETRY_MS
            if not self._submit(commands.deliver(view.instrument, price_micro), self._on_delivered(view)):
                del self._asked[view.instrument]
                return

    def _on_delivered(self, view: InstrumentView) -> Callable[[bytes], None]:
        def done(packed: bytes) -> None:
            if packed and packed[0] == r.EV_REJECTED:  # asked again in a minute
                _log.error("delivery of %s was refused: %s", view.name, packed.hex())
                return
            self._asked.pop(view.instrument, None)
            self._listed_at_ms = None  # what ended leaves room for the next
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

    def _submit(self, command: bytes, done: Callable[[bytes], None] | None = None) -> bool:
        try:
            self._venue.submit(command, done)
        except RpcError as refused:  # a full queue or a halt: what is due is found due again
            _log.warning("the calendar was not heard: %s", refused)
            self._next_instrument = 0
            return False
        return True
