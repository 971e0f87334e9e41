"""Scenario tables in the core are those of the moment, whatever became of the blocks that carried them."""

import logging

import pytest

from exchange.app.parameters import BTC, GRID, Parameters, VenueParameters
from exchange.app.products import PRODUCTS
from exchange.app.table_sync import TableSync
from exchange.core import risk_queries
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import records as r
from exchange.oracle.chain_spec import ChainPlan, chain_spec
from exchange.oracle.marks import MarkedInstrument, UnderlyingMarks
from exchange.oracle.premium import PerpetualPremium
from exchange.oracle.table_feed import SnapshotRules, TableFeed
from pricing.forward import FlatCarry
from pricing.simulated_surface import simulated_surface
from tests.unit.app.direct import LISTED_MS, DirectVenue

PLAN = ChainPlan(dailies=1, weeklies=0, monthlies=0, quarterlies=1, strikes_per_expiry=3)


class Rig:
    """Bitcoin, listed, with a mark loop of its own."""

    def __init__(self, rules: int = 2) -> None:
        venue = self.venue = DirectVenue()
        venue.do(c.list_underlying(0, "BTC"), c.list_underlying(1, "ETH"))
        terms = [PRODUCTS[0].perpetual(0)]
        terms += [PRODUCTS[0].option(0, spec) for spec in chain_spec(LISTED_MS, 98_000.0, PLAN)]
        venue.do(*[c.list_instrument(number, one) for number, one in enumerate(terms)])
        self.parameters = Parameters(venue, VenueParameters(rules=rules))
        self.parameters.look()
        venue.run(0.01)
        self.feed_seq = 0
        self.begin()

    def begin(self) -> None:
        """A process starts: it knows nothing of the core's tables."""
        self.tables = TableFeed(GRID, SnapshotRules())
        self.marks = self.make_marks(self.tables)
        self.marks.feed_seq = self.feed_seq
        self.sync = TableSync([self.marks])

    def make_marks(self, tables: TableFeed) -> UnderlyingMarks:
        marks = UnderlyingMarks(
            0, "BTC", simulated_surface("BTC"), FlatCarry(0.0), PerpetualPremium(1, LISTED_MS, 0.0),
            tables=tables,
        )  # fmt: skip
        listed = self.venue.registry.instruments
        marks.set_instruments(MarkedInstrument.from_terms(view.instrument, view.terms) for view in listed)
        return marks

    def step(self, index: float, after_ms: int) -> int:
        """Mark and settle; the type of the command that was sent."""
        self.sync.load(self.venue)
        command = self.marks.mark(index, LISTED_MS + after_ms)
        self.feed_seq = self.marks.feed_seq
        self.sync.submit(self.venue, command)
        self.venue.run(0.01)
        return command[0]

    def held(self) -> list[list[int] | None]:
        """The core's tables, by instrument."""
        engine = self.venue.engine
        return [risk_queries.table(engine, number) for number in range(engine.instrument_count)]

    def truth(self, index: float, after_ms: int) -> list[list[int] | None]:
        """The full tables of this moment."""
        tables = TableFeed(GRID)
        tables.load({})
        marks = self.make_marks(tables)
        marks.mark(index, LISTED_MS + after_ms)
        fresh = DirectVenue()
        fresh.engine = type(fresh.engine).restore(self.venue.engine.state_bytes())
        fresh.do(cr.risk(0, BTC._replace(quantum_micro=1)), cr.risk(0, BTC))  # drops what there is
        marks.feed_seq = self.feed_seq
        tables.load({})
        fresh.do(marks.mark(index, LISTED_MS + after_ms))
        engine = fresh.engine
        return [risk_queries.table(engine, number) for number in range(engine.instrument_count)]


def test_the_core_holds_the_tables_of_the_moment_after_every_snapshot() -> None:
    rig = Rig()
    assert rig.step(98_000.0, 0) == r.RISK_SNAPSHOT
    for index, after_ms in ((98_100.0, 1_000), (97_500.0, 1_200), (99_900.0, 5_000)):
        assert rig.step(index, after_ms) == r.RISK_SNAPSHOT
        assert rig.held() == rig.truth(index, after_ms)
    assert rig.sync.has_marked


def test_a_new_process_reads_the_tables_back_and_goes_on() -> None:
    rig = Rig()
    rig.step(98_000.0, 0)
    rig.step(98_700.0, 1_000)
    full = rig.tables.sent_bytes
    rig.begin()
    assert rig.step(98_710.0, 2_000) == r.RISK_SNAPSHOT
    assert rig.held() == rig.truth(98_710.0, 2_000)
    assert rig.tables.sent_bytes < full / 2


def test_a_refused_block_leaves_tables_that_the_next_one_builds_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig()
    rig.step(98_000.0, 0)
    with caplog.at_level(logging.ERROR):
        for after_ms in (1_000, 2_000, 3_000):
            rig.step(9_000.0, after_ms)  # less than a tenth
            assert rig.held() == rig.truth(98_000.0, 0)
    assert rig.sync.refused == {"mark_jump": 3}
    assert len(caplog.records) == 1
    assert rig.step(98_050.0, 4_000) == r.RISK_SNAPSHOT
    assert rig.held() == rig.truth(98_050.0, 4_000)


def test_changed_parameters_drop_the_tables_and_they_come_anew() -> None:
    rig = Rig()
    rig.step(98_000.0, 0)
    rig.sync.forget(0)
    rig.venue.do(cr.risk(0, BTC._replace(quantum_micro=20_000)))
    assert rig.step(98_000.0, 1_000) == r.MARKS  # not in the unit the tables are made in
    rig.venue.do(cr.risk(0, BTC))
    assert rig.step(98_050.0, 2_000) == r.RISK_SNAPSHOT
    assert rig.held() == rig.truth(98_050.0, 2_000)


def test_tables_dropped_behind_our_back_are_right_again_after_one_block_more() -> None:
    rig = Rig()
    rig.step(98_000.0, 0)
    rig.venue.do(cr.risk(0, BTC._replace(quantum_micro=20_000)), cr.risk(0, BTC))
    rig.step(98_050.0, 1_000)  # differences to tables that are no more
    rig.sync.forget(0)
    rig.step(98_060.0, 2_000)
    assert rig.held() == rig.truth(98_060.0, 2_000)


def test_a_full_queue_drops_a_block_and_the_next_is_as_good() -> None:
    rig = Rig()
    rig.step(98_000.0, 0)
    rig.venue.is_full = True
    rig.step(98_500.0, 1_000)
    rig.venue.is_full = False
    assert rig.step(98_600.0, 1_100) == r.RISK_SNAPSHOT
    assert rig.held() == rig.truth(98_600.0, 1_100)


def test_under_rules_one_marks_go_alone() -> None:
    rig = Rig(rules=1)
    assert [rig.step(98_000.0 + n, 1_000 * n) for n in range(3)] == [r.MARKS] * 3
