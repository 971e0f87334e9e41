"""Parameters reach the core: on a first start, on an older journal, when they change; and only then."""

import dataclasses
import logging

import pytest

from exchange.app.parameters import BTC, ETH, TIERS, Parameters, VenueParameters
from exchange.core import risk_queries
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.app.direct import USDC, DirectVenue

TWO = VenueParameters(rules=2)


def looked(venue: DirectVenue, configured: VenueParameters = TWO) -> Parameters:
    parameters = Parameters(venue, configured)
    for _ in range(3):
        parameters.look()
        venue.run(0.01)
    return parameters


def kinds(venue: DirectVenue) -> list[int]:
    return [command[0] for command in venue.sent]


def test_a_first_start_activates_the_rules_and_sets_everything() -> None:
    venue = DirectVenue()
    parameters = looked(venue)
    assert kinds(venue) == [r.SET_RULES, r.SET_FEES]
    venue.do(c.list_underlying(0, "BTC"), c.list_underlying(1, "ETH"))
    in_force = [parameters.in_force]
    parameters.look()
    venue.run(0.01)
    assert [*in_force, parameters.in_force] == [False, True]
    assert parameters.was_activated
    assert kinds(venue)[-2:] == [r.RISK, r.RISK]
    assert risk_queries.rules(venue.engine) == 2
    assert risk_queries.risk_parameters(venue.engine, 0) == BTC
    assert risk_queries.risk_parameters(venue.engine, 1) == ETH
    assert risk_queries.fee_schedule(venue.engine) == (500, list(TIERS))


def test_an_older_journal_is_brought_up_to_the_rules_once() -> None:
    venue = DirectVenue()
    venue.do(c.list_underlying(0, "BTC"))
    told: list[int] = []
    parameters = Parameters(venue, TWO, told.append)
    parameters.look()
    parameters.look()  # the answers are awaited
    venue.run(0.01)
    assert kinds(venue)[1:] == [r.SET_RULES, r.RISK, r.SET_FEES]
    assert told == [0]  # its tables are in doubt from here on
    again = looked(venue)
    assert len(venue.sent) == 4
    assert again.in_force
    assert not again.was_activated


def test_rules_4_are_followed_by_the_fees_once_more() -> None:
    """Who reads from there on learns the discount on combos."""
    venue = DirectVenue()
    venue.do(c.list_underlying(0, "BTC"))
    looked(venue, VenueParameters(rules=3))
    before = len(venue.sent)
    parameters = looked(venue, VenueParameters(rules=4))
    assert kinds(venue)[before:] == [r.SET_RULES, r.SET_FEES]
    assert parameters.in_force
    assert parameters.was_activated
    assert risk_queries.rules(venue.engine) == 4
    looked(venue, VenueParameters(rules=4))
    assert len(venue.sent) == before + 2


def test_what_changes_is_sent_again_and_nothing_else() -> None:
    venue = DirectVenue()
    venue.do(c.list_underlying(0, "BTC"))
    looked(venue)
    before = len(venue.sent)
    changed = dataclasses.replace(TWO, risk={"BTC": BTC._replace(roll_ppm=7_000)})
    looked(venue, changed)
    assert kinds(venue)[before:] == [r.RISK]
    found = risk_queries.risk_parameters(venue.engine, 0)
    assert found is not None
    assert found.roll_ppm == 7_000


def test_a_refused_command_is_told_once_and_the_venue_does_not_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    venue = DirectVenue()
    venue.do(c.list_underlying(0, "BTC"))
    beyond = dataclasses.replace(TWO, risk={"BTC": BTC._replace(jump_factor=1)})
    with caplog.at_level(logging.ERROR):
        parameters = looked(venue, beyond)
    assert parameters.refused_count == 1
    assert len(caplog.records) == 1
    assert not parameters.in_force
    assert risk_queries.risk_parameters(venue.engine, 0) is None


def test_a_full_queue_puts_it_off() -> None:
    venue = DirectVenue()
    parameters = Parameters(venue, TWO)
    venue.is_full = True
    parameters.look()
    venue.is_full = False
    in_force = [parameters.in_force]
    parameters.look()
    venue.run(0.01)
    assert [*in_force, parameters.in_force] == [False, True]


def test_under_rules_one_nothing_is_sent() -> None:
    venue = DirectVenue()
    venue.do(c.list_underlying(0, "BTC"))
    assert looked(venue, VenueParameters(rules=1)).in_force
    assert kinds(venue) == [r.LIST_UNDERLYING]


@pytest.mark.parametrize("parameters", [BTC, ETH], ids=["BTC", "ETH"])
def test_a_liquidation_slice_of_a_perpetual_fits_its_maintenance(parameters: cr.RiskParameters) -> None:
    """Band, taker and liquidation fee together stay below maintenance, or no slice would ever be sent."""
    taker = max(tier.perp_taker_ppm for tier in TIERS)
    worst = parameters.liquidation_band_ppm + taker + parameters.liquidation_fee_ppm
    assert worst < parameters.perp_mm_ppm < parameters.perp_im_ppm


def test_no_rebate_is_above_the_least_taker_fee() -> None:
    assert min(tier.option_maker_ppm for tier in TIERS) >= -min(tier.option_taker_ppm for tier in TIERS)
    assert min(tier.perp_maker_ppm for tier in TIERS) >= -min(tier.perp_taker_ppm for tier in TIERS)
    assert len(TIERS) <= limits.MAX_TIERS


def test_tiers_begin_at_their_volumes() -> None:
    million = 1_000_000 * USDC
    volumes = (0, 25 * million - 1, 25 * million, 499 * million, 10_000 * million)
    assert [TWO.tier_of(volume) for volume in volumes] == [0, 0, 1, 2, 4]


def test_senseless_schedules_are_refused() -> None:
    with pytest.raises(ValueError, match="tiers"):
        VenueParameters(tier_from_micro=(0,))
    with pytest.raises(ValueError, match="grow"):
        VenueParameters(tiers=TIERS[:2], tier_from_micro=(0, 0))
