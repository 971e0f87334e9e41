"""The calendar where something does not go as planned: refusals, full queues, no prices, halts."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from exchange.app.lifecycle import Calendar
from exchange.app.parameters import VenueParameters
from exchange.app.products import PRODUCTS
from exchange.domain import commands as c
from exchange.domain import records as r
from exchange.gateway.registry import Registry
from exchange.oracle.chain_spec import ChainPlan, expiries
from tests.unit.app.direct import LISTED_MS, USDC, DirectVenue

PLAN = ChainPlan(dailies=1, weeklies=0, monthlies=0, quarterlies=0, strikes_per_expiry=1)
EXPIRY_MS = expiries(LISTED_MS, PLAN)[0]


class Prices:
    """Two still markets."""

    def __init__(self) -> None:
        self.delivery: int | None = 3_000 * USDC
        self.relisted = 0

    def spot(self, underlying: int) -> float:
        return (98_000.0, 3_400.0)[underlying]

    def delivery_micro(self, underlying: int, expiry_ms: int) -> int | None:
        return self.delivery

    def relist(self, registry: Registry) -> None:
        self.relisted += 1

    def forget_tables(self, underlying: int) -> None:
        pass

    def require(self, holds: Callable[[], bool]) -> None:
        pass


class Rig:
    def __init__(self) -> None:
        self.venue = DirectVenue()
        self.prices = Prices()
        self.calendar = Calendar(self.venue, self.prices, self.venue.clock, PLAN, VenueParameters(rules=2))

    def look(self, now_ms: int | None = None) -> list[int]:
        """The types of the commands a look brings."""
        if now_ms is not None:
            self.venue.advance_to(now_ms)
        before = len(self.venue.sent)
        self.calendar.look()
        self.venue.settle()
        return [command[0] for command in self.venue.sent[before:]]

    def states(self) -> list[int]:
        return [view.state for view in self.venue.registry.instruments if view.is_option]


def test_a_first_look_lists_everything_and_sets_the_parameters() -> None:
    rig = Rig()
    made = rig.look()
    assert made.count(r.LIST_UNDERLYING) == 2
    assert made.count(r.LIST_INSTRUMENT) == 2 * 3
    assert made.count(r.RISK) == 2  # with the answer to the listing, not a second later
    assert rig.look() == []
    assert rig.calendar.report() == {
        "parameters_in_force": True, "parameters_refused": 0, "instruments_alive": 6,
        "combos_delisted": 0, "days_ended": 0, "fundings": 0, "tiers_changed": 0,
    }  # fmt: skip
    assert rig.prices.relisted == 1  # once for all of a release


def test_what_expires_is_delivered_and_the_next_day_listed() -> None:
    rig = Rig()
    rig.look()
    assert r.DELIVER not in rig.look(EXPIRY_MS - 1)
    assert rig.look(EXPIRY_MS).count(r.DELIVER) == 4
    assert rig.look().count(r.LIST_INSTRUMENT) in (0, 4)
    rig.look(EXPIRY_MS + 61_000)
    assert rig.states() == [r.STATE_DELIVERED] * 4 + [r.STATE_OPEN] * 4


def test_without_a_delivery_price_it_is_waited_for() -> None:
    rig = Rig()
    rig.look()
    rig.prices.delivery = None
    assert r.DELIVER not in rig.look(EXPIRY_MS)
    rig.prices.delivery = 3_000 * USDC
    assert rig.look(EXPIRY_MS + 1_000).count(r.DELIVER) == 4


def test_a_refused_delivery_is_asked_for_again_in_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.look()
    rig.prices.delivery = 0
    with caplog.at_level(logging.ERROR):
        assert rig.look(EXPIRY_MS).count(r.DELIVER) == 4
        assert r.DELIVER not in rig.look(EXPIRY_MS + 30_000)
    assert len(caplog.records) == 4
    rig.prices.delivery = 3_000 * USDC
    assert rig.look(EXPIRY_MS + 60_000).count(r.DELIVER) == 4
    rig.look(EXPIRY_MS + 121_000)
    assert rig.states()[:4] == [r.STATE_DELIVERED] * 4


def test_a_full_queue_leaves_everything_due() -> None:
    rig = Rig()
    rig.venue.is_full = True
    assert rig.look() == []
    rig.venue.is_full = False
    rig.look(LISTED_MS + 61_000)
    assert rig.states() == [r.STATE_OPEN] * 4
    rig.venue.is_full = True
    assert rig.look(EXPIRY_MS) == []
    rig.venue.is_full = False
    assert rig.look(EXPIRY_MS + 1_000).count(r.DELIVER) == 4


def test_a_listing_that_somebody_else_got_first_is_made_again() -> None:
    rig = Rig()
    rig.calendar.look()  # its listings wait
    terms = rig.calendar.listed.missing(0, PRODUCTS[0], LISTED_MS, 98_000.0, PLAN)
    rig.venue.jump_in(c.list_underlying(0, "BTC"), c.list_instrument(0, terms[0]))
    rig.venue.settle()
    rig.look(LISTED_MS + 61_000)
    rig.look(LISTED_MS + 122_000)
    keys = [(view.symbol, view.name) for view in rig.venue.registry.instruments]
    assert len(keys) == len(set(keys))
    assert len(rig.states()) == 4


def test_a_clock_that_steps_back_over_an_expiry_changes_nothing() -> None:
    rig = Rig()
    rig.look()
    rig.look(EXPIRY_MS + 61_000)
    listed = len(rig.venue.registry.instruments)
    assert rig.look(EXPIRY_MS - 7_200_000) == []
    assert len(rig.venue.registry.instruments) == listed


def test_a_halted_venue_is_left_alone() -> None:
    rig = Rig()
    rig.venue.halted = True
    assert rig.look() == []


def test_it_looks_every_second_until_it_is_stopped() -> None:
    rig = Rig()
    rig.calendar.start(rig.venue.loop)
    rig.venue.run(2.5)
    sent = len(rig.venue.sent)
    assert sent
    rig.calendar.stop()
    rig.venue.advance_to(EXPIRY_MS)
    rig.venue.run(5.0)
    assert len(rig.venue.sent) == sent
