"""What is alive and what is missing, without walking over the dead."""

import logging

import pytest

from exchange.app import listing
from exchange.app.listing import Listed
from exchange.app.products import PRODUCTS, Product, is_daily
from exchange.domain import commands as c
from exchange.domain import limits
from exchange.domain import records as r
from exchange.oracle.chain_spec import ChainPlan, OptionSpec, expiries
from tests.unit.app.direct import LISTED_MS, USDC, DirectVenue

PLAN = ChainPlan(dailies=2, weeklies=0, monthlies=0, quarterlies=0, strikes_per_expiry=3)
SPOT = 98_000.0


class Rig:
    def __init__(self) -> None:
        self.venue = DirectVenue()
        self.venue.do(c.list_underlying(0, "BTC"), c.list_underlying(1, "ETH"))
        self.listed = Listed(self.venue.registry)

    def list_missing(self, now_ms: int = LISTED_MS, spot: float = SPOT) -> int:
        self.listed.refresh()
        found = self.listed.missing(0, PRODUCTS[0], now_ms, spot, PLAN)
        first = len(self.venue.registry.instruments)
        self.venue.do(*[c.list_instrument(first + n, terms) for n, terms in enumerate(found)])
        self.listed.refresh()
        return len(found)


def test_what_is_listed_is_missing_no_more() -> None:
    rig = Rig()
    assert rig.list_missing() == 1 + 2 * 3 * 2  # a perpetual; two days, three strikes, calls and puts
    assert rig.list_missing() == 0
    assert len(rig.listed.alive()) == 13
    assert [view.instrument for view in rig.listed.perpetuals()] == [0]
    assert len(rig.listed.missing(1, PRODUCTS[1], LISTED_MS, 3_400.0, PLAN)) == 13


def test_as_the_market_moves_only_new_strikes_are_listed() -> None:
    rig = Rig()
    rig.list_missing()
    assert rig.list_missing(spot=SPOT * 1.001) == 0
    assert rig.list_missing(spot=SPOT * 1.12) in (4, 8)  # one or two strikes further up
    assert rig.list_missing(spot=SPOT) == 0


def test_the_delivered_leave_and_the_delisted_do_not_come_back() -> None:
    rig = Rig()
    rig.list_missing()
    expiry_ms = expiries(LISTED_MS, PLAN)[0]
    assert len(rig.listed.expired(expiry_ms)) == 6
    assert not rig.listed.expired(expiry_ms - 1)
    rig.venue.do(c.set_instrument_state(7, r.STATE_DELISTED))
    rig.venue.advance_to(expiry_ms)
    rig.venue.do(*[c.deliver(view.instrument, 98_000 * USDC) for view in rig.listed.expired(expiry_ms)])
    rig.listed.refresh()
    assert [view.instrument for view in rig.listed.alive()] == [0, *range(8, 13)]
    assert 7 not in [view.instrument for view in rig.venue.registry.instruments[13:]]
    assert rig.list_missing() == 6  # as if those of the day had never been, but for the delisted one


def test_an_underlying_has_room_for_so_many(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listing, "OPTIONS_MAX", 9)
    rig = Rig()
    with caplog.at_level(logging.WARNING):
        assert rig.list_missing() == 9
        assert rig.list_missing() == 0
    assert len(caplog.records) == 1


@pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.symbol)
def test_position_limits_leave_room_for_scenario_tables(product: Product) -> None:
    """An entry of 1.2 times the highest price, of the largest position, is within the core's bound."""
    option = product.option(0, OptionSpec(LISTED_MS, 100 * USDC, True))
    for terms in (option, product.perpetual(0)):
        highest_micro = terms.price_limit_ticks * terms.multiplier_micro
        assert highest_micro * 6 // 5 <= limits.MAX_VALUE_MICRO // terms.position_limit_lots


def test_dailies_are_delivered_free() -> None:
    day_ms = 86_400_000
    friday = 20_000 * day_ms - (20_000 + 3) % 7 * day_ms + 4 * day_ms + 8 * 3_600_000
    assert [is_daily(friday + n * day_ms) for n in range(7)] == [False, *[True] * 6]
    specs = [OptionSpec(ms, USDC, True) for ms in (friday, friday + day_ms)]
    assert [PRODUCTS[0].option(0, spec).delivery_fee_ppm for spec in specs] == [150, 0]
