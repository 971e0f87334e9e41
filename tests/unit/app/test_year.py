"""A year of listings, expiries, deliveries and fundings: real core and calendar, simulated prices."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from exchange.app.funding import FundingRules
from exchange.app.lifecycle import Calendar
from exchange.app.oracle import delivery_price
from exchange.app.parameters import BTC as RISK_OF_BTC
from exchange.app.parameters import GRID, VenueParameters
from exchange.app.table_sync import TableSync
from exchange.core import invariants, queries, risk_queries
from exchange.domain import commands as c
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.gateway.registry import Registry
from exchange.oracle.chain_spec import ChainPlan, expiries
from exchange.oracle.marks import MarkedInstrument, MarkLoop, UnderlyingMarks
from exchange.oracle.scenario_tables import Grid
from exchange.oracle.simulated import BTC, ETH, SimulatedFeed
from exchange.oracle.table_feed import SnapshotRules, TableFeed
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface
from tests.simulation.loop import EPOCH_MS
from tests.unit.app.direct import DirectVenue

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAYS = 365
START_MS = EPOCH_MS + 4 * HOUR_MS  # noon of 23 December 2026
PLAN = ChainPlan(dailies=2, weeklies=1, monthlies=1, quarterlies=1, strikes_per_expiry=2, delta_min=0.1)
MOMENTS_MS = (19 * HOUR_MS + 2_700_000, 20 * HOUR_MS)
"""Of a day, from noon on: 7:45 and 8:00, when the day ends."""
SMALL = Grid(GRID.scenarios[:3], GRID.quantum_micro)
RISK = {one.symbol: RISK_OF_BTC._replace(scenarios=3, extended_from=3) for one in (BTC, ETH)}
ALICE, BOB, CAROL = 64, 65, 66


class FixedPremium:
    """The perpetual stands a little above its index, all year."""

    def at(self, now_ms: int) -> float:
        return 3e-4


class YearPrices:
    """The calendar's prices and the marks, of a feed with a step of an hour."""

    def __init__(self, venue: DirectVenue) -> None:
        self.venue = venue
        self.marks = [
            UnderlyingMarks(
                number, one.symbol, simulated_surface(one.symbol), FlatCarry(0.05),
                FixedPremium(), tables=TableFeed(SMALL, SnapshotRules(1.0, DAY_MS)),
            )
            for number, one in enumerate((BTC, ETH))
        ]  # fmt: skip
        self.loop = MarkLoop(SimulatedFeed(5, START_MS, step_ms=900_000), self.marks)
        self.sync = TableSync(self.marks)

    def step(self, now_ms: int) -> None:
        self.sync.load(self.venue)
        for command in self.loop.step(now_ms):
            self.sync.submit(self.venue, command)

    def spot(self, underlying: int) -> float:
        return self.marks[underlying].last_index or (BTC, ETH)[underlying].spot

    def delivery_micro(self, underlying: int, expiry_ms: int) -> int | None:
        return delivery_price(self.marks[underlying].average, expiry_ms, self.venue.clock.now_ms())

    def relist(self, registry: Registry) -> None:
        for marks, members in zip(self.marks, registry.members, strict=True):
            marks.set_instruments(
                MarkedInstrument.from_terms(view.instrument, view.terms)
                for view in members
                if view.state < r.STATE_DELISTED
            )

    def forget_tables(self, underlying: int) -> None:
        self.sync.forget(underlying)

    def require(self, holds: Callable[[], bool]) -> None:
        pass


class Year:
    def __init__(self) -> None:
        self.venue = DirectVenue(START_MS)
        self.prices = YearPrices(self.venue)
        self.calendar = Calendar(
            self.venue, self.prices, self.venue.clock, PLAN, VenueParameters(rules=2, risk=RISK),
            funding=FundingRules(interval_ms=8 * HOUR_MS, dead_band_e9=0),
        )  # fmt: skip
        self.random = Random(3)
        self.settled: list[ev.Settled] = []
        self.trades = 0
        self.calendar.look()
        self.venue.settle()
        self.look(START_MS)
        self.venue.open_for(3, 50_000_000)
        self.look(START_MS + 1_000)

    def look(self, now_ms: int) -> None:
        """One moment: marks, and what the calendar makes of it."""
        self.venue.advance_to(now_ms)
        self.prices.step(now_ms)
        self.venue.settle()
        for _ in range(2):  # what was delivered makes room for the next
            self.calendar.look()
            self.venue.settle()
        self.settled += [event for event in self.venue.events if isinstance(event, ev.Settled)]
        assert not [event for event in self.venue.events if isinstance(event, ev.Rejected)]
        self.venue.events.clear()
        self.venue.sent.clear()

    def trade(self) -> None:
        """Somebody sells to somebody, a few options and a perpetual, in the middle of their bands."""
        alive = self.calendar.listed.alive()
        for view in self.random.sample(alive, 3):
            figures = queries.instrument_figures(self.venue.engine, view.instrument)
            if not figures.marked:
                continue
            seller, buyer = self.random.sample((ALICE, BOB, CAROL), 2)
            middle = (figures.min_price_ticks + figures.max_price_ticks) // 2
            price = middle - middle % max(step for above, step in view.terms.tick_steps if middle >= above)
            for account, flags in ((seller, r.FLAG_SELL), (buyer, r.TIF_IOC << r.TIF_SHIFT)):
                self.venue.submit(c.new_order(account, view.instrument, flags, max(1, price), 2))
            self.venue.submit(c.cancel_many(seller))
        self.venue.settle()
        made = self.venue.events
        self.trades += sum(isinstance(event, ev.Trade) for event in made)
        made.clear()

    def conserves(self) -> bool:
        return risk_queries.total_cash(self.venue.engine) == 0


def test_a_year_of_expiries() -> None:
    year = Year()
    engine, registry = year.venue.engine, year.venue.registry
    for day in range(DAYS):
        noon_ms = START_MS + day * DAY_MS
        for moment_ms in MOMENTS_MS:
            year.look(noon_ms + moment_ms)
        year.trade()
        assert year.conserves()
        now_ms = noon_ms + MOMENTS_MS[-1]
        alive = year.calendar.listed.alive()
        for underlying in range(2):
            mine = [view for view in alive if view.terms.underlying == underlying]
            listed = {view.terms.expiry_ms for view in mine if view.is_option}
            assert listed == set(expiries(now_ms, PLAN))
            assert sum(not view.is_option for view in mine) == 1
            assert len(mine) < 250

    end_ms = engine.now_ms
    invariants.check(engine)
    ended = [view for view in registry.instruments if view.is_option and view.terms.expiry_ms <= end_ms]
    assert all(view.state == r.STATE_DELIVERED for view in ended)
    over = {view.instrument for view in ended}
    assert all(view.state == r.STATE_OPEN for view in registry.instruments if view.instrument not in over)
    for underlying in range(2):  # one expiry a day, none missing
        days = {view.terms.expiry_ms // DAY_MS for view in ended if view.terms.underlying == underlying}
        assert len(days) == DAYS
        assert max(days) - min(days) == DAYS - 1
    fridays = [view for view in ended if view.terms.expiry_ms // DAY_MS % 7 == 1]
    assert {view.terms.delivery_fee_ppm for view in fridays} == {150}
    dailies = [view for view in ended if view.terms.expiry_ms // DAY_MS % 7 != 1]
    assert {view.terms.delivery_fee_ppm for view in dailies} == {0}

    kinds = {kind: [s for s in year.settled if s.head.id == kind] for kind in (1, 2, 3)}
    assert year.trades > 500
    assert len(kinds[r.SETTLED_DELIVERY]) > 500
    for kind in (r.SETTLED_DELIVERY, r.SETTLED_PERPETUAL, r.SETTLED_FUNDING):
        assert kinds[kind]
        paid = sum(settled.cash_delta_micro + settled.fee_micro for settled in kinds[kind])
        assert paid == 0
    report = year.calendar.report()
    assert report["days_ended"] == DAYS
    assert report["fundings"] == 2 * 2 * DAYS  # seen at 7:45 and at 8:00, of two perpetuals
    # Nobody holds what has been delivered.
    for account in (ALICE, BOB, CAROL):
        held = [position.instrument for position in queries.positions(engine, account)]
        assert all(registry.instruments[instrument].state == r.STATE_OPEN for instrument in held)
