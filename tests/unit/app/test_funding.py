"""Funding: clamps by hand, means over an interval, one charge an interval whatever the clock does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.app.funding import E9, Funding, FundingRules, PremiumMeter
from exchange.app.products import PRODUCTS
from exchange.domain import commands as c
from exchange.domain import records as r
from tests.unit.app.direct import LISTED_MS, USDC, DirectVenue

HOUR_MS = 3_600_000
RULES = FundingRules()
PPM = 1_000  # of 1e-9


def test_the_rate_has_a_dead_band_and_a_cap() -> None:
    rates = {0: 0, 250: 0, -250: 0, 251: 1, -400: -150, 5_000: 4_750, 9_000: 4_750, -9_000: -4_750}
    for premium_ppm, rate_ppm in rates.items():
        assert RULES.rate_e9(premium_ppm * PPM) == rate_ppm * PPM


def test_a_charge_is_its_part_of_the_period_of_the_index() -> None:
    # 0.1 % in eight hours on 100,000 USDC, an hour, 0.001 of a coin: 100 / 8 / 1000 USDC.
    assert RULES.charge_micro(1_000 * PPM, 100_000 * USDC, 100_000) == 12_500
    assert RULES.charge_micro(-1_000 * PPM, 100_000 * USDC, 100_000) == -12_500
    assert RULES.charge_micro(1, 100_000 * USDC, 100_000) == 0


@given(st.integers(-E9, E9), st.integers(1, 1 << 42))
def test_rates_and_charges_are_odd_and_bounded(premium_e9: int, index_micro: int) -> None:
    rate = RULES.rate_e9(premium_e9)
    assert rate == -RULES.rate_e9(-premium_e9)
    assert abs(rate) <= RULES.cap_e9 - RULES.dead_band_e9
    charge = RULES.charge_micro(rate, index_micro, 100_000)
    assert charge == -RULES.charge_micro(-rate, index_micro, 100_000)
    assert abs(charge) * 1_000 <= index_micro


def test_the_meter_takes_one_sample_a_second_and_means_toward_zero() -> None:
    meter = PremiumMeter()
    assert meter.take() is None
    meter.sample(0, 1_001, 1_000)
    meter.sample(999, 9_000, 1_000)  # the same second
    meter.sample(1_000, 998, 1_000)
    meter.sample(500, 9_000, 1_000)  # the clock stepped back
    meter.sample(2_000, 0, 1_000)  # no mark yet
    assert meter.take() == -(E9 // 1_000) // 2
    assert meter.take() is None


class Rig:
    """A perpetual whose mark stands half a percent above its index."""

    def __init__(self, sequenced_ms: int) -> None:
        self.venue = DirectVenue()
        self.venue.do(
            c.list_underlying(0, "BTC"),
            c.list_instrument(0, PRODUCTS[0].perpetual(0)),
            c.marks(0, 100_000 * USDC, 1, [c.Mark(0, E9, 100_200 * USDC, 0, 100_000 * USDC)]),
        )
        self.funding = Funding(self.venue, RULES, sequenced_ms)

    def look(self, now_ms: int) -> list[int]:
        before = len(self.venue.sent)
        self.funding.look(now_ms, self.venue.registry.instruments)
        self.venue.run(0.01)
        made = self.venue.sent[before:]
        assert all(command[0] == r.FUNDING for command in made)
        return [int.from_bytes(command[32:40], "little", signed=True) for command in made]


def test_each_interval_is_charged_once() -> None:
    rig = Rig(LISTED_MS)
    # 0.2 % less the band of 0.025 %, an eighth of it, of 100 USDC a lot.
    charge = 1_750 * 100 * USDC // (1_000_000 * 8)
    moments = [LISTED_MS + 1_000, LISTED_MS + HOUR_MS - 1, LISTED_MS + HOUR_MS, LISTED_MS + HOUR_MS + 1_000]
    assert [rig.look(ms) for ms in moments] == [[], [], [charge], []]
    assert rig.look(LISTED_MS + HOUR_MS - 5_000) == []  # a step back
    assert rig.look(LISTED_MS + 2 * HOUR_MS) == [charge]
    assert rig.look(LISTED_MS + 5 * HOUR_MS) == [charge]  # hours nobody saw are not charged
    assert rig.funding.charged_count == 3


def test_an_interval_that_ended_while_nothing_ran_is_charged_at_the_start() -> None:
    rig = Rig(LISTED_MS - 1)
    assert len(rig.look(LISTED_MS + 1_000)) == 1
    first = Rig(0)
    assert first.look(LISTED_MS + 1_000) == []


def test_a_full_queue_loses_one_charge_and_nothing_else() -> None:
    rig = Rig(LISTED_MS)
    rig.venue.is_full = True
    assert rig.look(LISTED_MS + HOUR_MS) == []
    rig.venue.is_full = False
    assert rig.look(LISTED_MS + HOUR_MS + 1_000) == []
    assert len(rig.look(LISTED_MS + 2 * HOUR_MS)) == 1


def test_senseless_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="interval_ms"):
        FundingRules(interval_ms=0)
    with pytest.raises(ValueError, match="cap_e9"):
        FundingRules(dead_band_e9=2, cap_e9=1)
