"""Protection in a whole venue on the simulation's loop, under rules 2: restarts, lost indices, stepped
clocks."""

from __future__ import annotations

from random import Random

import pytest

from exchange.app.parameters import DEFAULT_RULES, VenueParameters
from exchange.core import queries, risk_queries
from exchange.domain import commands as c
from exchange.domain import events as ev
from exchange.domain import records as r
from exchange.domain import rejects as no
from exchange.oracle.feed import SourceTick
from exchange.oracle.sources import SimulatedSources
from pricing.mark import AVERAGE_MS
from tests.simulation import node as simulated
from tests.simulation.loop import World
from tests.simulation.node import Node, Process

ALICE = 64


class Rig:
    """A machine with a venue that has just come up."""

    def __init__(self) -> None:
        self.world = World(Random(1))
        self.node = Node(self.world, 1, lambda _engine: None, lambda _what, _data: None)
        self.node.boot()

    @property
    def process(self) -> Process:
        assert self.node.process is not None
        return self.node.process

    def run(self, seconds: float) -> None:
        end_us = self.world.now_us + int(seconds * 1e6)
        while self.world.now_us < end_us and self.world.step():
            pass

    def send(self, command: bytes) -> ev.Event:
        """The first event of a command."""
        answered: list[bytes] = []
        self.process.venue.submit(command, answered.append)
        while not answered:
            self.world.step()
        return next(iter(ev.read_events(answered[0])))

    def order(self, underlying: int) -> int:
        """The reason a small bid on the perpetual is refused for; 0: it is taken, and cancelled again."""
        view = next(v for v in self.process.venue.registry.members[underlying] if not v.is_option)
        figures = queries.instrument_figures(self.process.venue.engine, view.instrument)
        event = self.send(c.new_order(ALICE, view.instrument, 0, figures.min_price_ticks or 1, 1))
        if isinstance(event, ev.Rejected):
            return event.reason
        assert isinstance(event, ev.Order)
        self.send(c.cancel(ALICE, event.order_id))
        return 0

    def open_account(self) -> None:
        self.send(c.create_account(ALICE))
        self.process.venue.faucet(ALICE)
        self.run(2.0)

    def states(self) -> list[int]:
        engine = self.process.venue.engine
        return [risk_queries.underlying_state(engine, number) for number in range(2)]


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.run(3.0)
    rig.open_account()
    return rig


def silence(monkeypatch: pytest.MonkeyPatch, rig: Rig, symbols: tuple[str, ...], loud: int = 0) -> None:
    """Only the first `loud` sources of an underlying tell anything from now on."""
    advance = SimulatedSources.advance

    def told(self: SimulatedSources, now_ms: int) -> list[SourceTick]:
        kept = list(self.weights)[:loud]
        return [t for t in advance(self, now_ms) if t.underlying not in symbols or t.source in kept]

    monkeypatch.setattr(SimulatedSources, "advance", told)


def test_after_a_restart_it_is_cancel_only_until_every_feed_is_fresh(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rig.order(0) == 0
    rig.node.die(power=False)
    with monkeypatch.context() as patch:
        silence(patch, rig, ("ETH",))
        rig.node.boot()
        assert rig.process.venue.engine.world.rules == DEFAULT_RULES
        rig.run(4.0)
        assert rig.process.venue.phase == "cancel_only"
        assert [rig.order(number) for number in range(2)] == [no.VENUE_CANCEL_ONLY] * 2
    rig.run(1.0)
    assert rig.process.venue.phase == "open"
    rig.run(4.0)  # the silent underlying has been closed for itself besides
    assert [rig.order(number) for number in range(2)] == [0, 0]


def test_the_first_start_opens_with_its_parameters_in_force_and_a_fund(rig: Rig) -> None:
    assert rig.process.venue.phase == "open"
    report = rig.process.calendar.report()
    assert report["parameters_in_force"] is True
    assert report["parameters_refused"] == 0
    assert rig.process.risk.report()["fund"] == 10_000_000
    assert rig.node.l1.deposits[0][8:12] == (2).to_bytes(4, "little")
    rig.node.die(power=False)
    rig.node.boot()
    rig.run(3.0)
    assert rig.process.risk.report()["fund"] == 10_000_000  # capitalised once


def test_an_underlying_without_an_index_is_closed_alone_and_opens_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        silence(patch, rig, ("ETH",))
        rig.run(12.0)
        assert rig.states() == [0, 1]
        assert rig.process.venue.phase == "open"
        assert [rig.order(number) for number in range(2)] == [0, no.UNDERLYING_NOT_OPEN]
    rig.run(1.0)
    assert rig.states() == [0, 1]  # not before it has been good for a while
    rig.run(6.0)
    assert rig.states() == [0, 0]
    assert [rig.order(number) for number in range(2)] == [0, 0]


def test_an_index_of_one_source_is_not_to_be_trusted(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(monkeypatch, rig, ("BTC",), loud=1)
    rig.run(12.0)
    assert rig.states() == [1, 0]


def test_without_any_index_the_venue_is_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        silence(patch, rig, ("BTC", "ETH"))
        rig.run(12.0)
        assert rig.process.venue.phase == "cancel_only"
        assert rig.states() == [1, 1]
    rig.run(8.0)
    assert rig.process.venue.phase == "open"
    assert rig.states() == [0, 0]


def test_a_clock_that_steps_back_an_hour_stops_neither_prices_nor_days(rig: Rig) -> None:
    venue = rig.process.venue

    def index() -> int:
        return queries.underlying_figures(venue.engine, 0).index_micro

    before_ms, listed = venue.engine.now_ms, len(venue.registry.instruments)
    seen = index()
    rig.node.clock.offset_us -= 3_600_000_000
    rig.run(3.0)
    assert index() != seen
    assert venue.phase == "open"
    assert rig.order(0) == 0
    assert venue.engine.now_ms == before_ms  # sequenced time waits for the clock
    assert len(venue.registry.instruments) == listed
    assert rig.process.calendar.report()["days_ended"] == 0
    assert rig.process.oracle.report()["clock_steps_back"] == 1
    assert rig.process.oracle.report()["marks_refused"] == {}


def test_the_estimate_goes_from_the_index_to_the_delivery_price(rig: Rig) -> None:
    oracle, now_ms = rig.process.oracle, rig.node.clock.now_ms()
    index = oracle.spot(0)
    assert oracle.estimated_delivery_price(0, now_ms + 2 * AVERAGE_MS) == index
    estimate = oracle.estimated_delivery_price(0, now_ms + AVERAGE_MS // 2)
    assert estimate == pytest.approx(index, rel=1e-3)
    assert estimate != index
    delivered = oracle.delivery_micro(0, now_ms)
    assert delivered is not None
    assert oracle.estimated_delivery_price(0, now_ms) == delivered / 1e6


def test_scenario_tables_of_the_core_are_kept_through_a_restart(rig: Rig) -> None:
    def tables() -> list[list[int] | None]:
        engine = rig.process.venue.engine
        return [risk_queries.table(engine, number) for number in range(engine.instrument_count)]

    before = tables()
    assert None not in before
    rig.node.die(power=False)
    rig.node.boot()
    rig.run(2.0)
    report = rig.process.oracle.report()
    assert report["marks_refused"] == {}
    after = tables()
    assert None not in after
    assert after != before
    assert rig.process.oracle.report()["surfaces_refused"] == {}
    assert risk_queries.mode(rig.process.venue.engine) == r.MODE_OPEN


def test_a_journal_of_rules_one_goes_on_under_rules_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions and orders of before stay; parameters, tables and the fund come; then it opens."""
    monkeypatch.setattr(simulated, "PARAMETERS", VenueParameters(rules=1))
    rig = Rig()
    rig.run(3.0)
    rig.open_account()
    venue = rig.process.venue
    assert risk_queries.rules(venue.engine) == 1
    assert rig.order(0) == 0
    perpetual = next(v for v in venue.registry.members[0] if not v.is_option)
    figures = queries.instrument_figures(venue.engine, perpetual.instrument)
    rig.send(c.new_order(ALICE, perpetual.instrument, 0, figures.min_price_ticks, 3))
    cash = queries.account_figures(venue.engine, ALICE).cash_micro
    rig.node.die(power=False)

    monkeypatch.setattr(simulated, "PARAMETERS", VenueParameters(rules=2))
    rig.node.boot()
    rig.run(4.0)
    engine = rig.process.venue.engine
    assert rig.process.venue.phase == "open"
    assert risk_queries.rules(engine) == 2
    assert all(risk_queries.risk_parameters(engine, number) for number in range(2))
    assert all(risk_queries.table(engine, number) for number in range(engine.instrument_count))
    assert risk_queries.fund_micro(engine) == 10_000_000 * 1_000_000
    assert queries.account_figures(engine, ALICE).cash_micro == cash
    assert queries.account_figures(engine, ALICE).open_orders == 1
    assert [rig.order(number) for number in range(2)] == [0, 0]
