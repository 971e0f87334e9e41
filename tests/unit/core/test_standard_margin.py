"""Standard margin, worked out by hand (rates per lot in `margins`); USDC in the comments."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import SELL, USDC
from tests.unit.core.margins import (
    ALICE,
    CALL_50,
    CALL_50_LATER,
    CALL_55,
    PERPETUAL,
    PUT_40,
    PUT_50,
    MarginMarket,
    figures,
    terms,
)


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    return MarginMarket(request.param())


def margins(market: MarginMarket) -> tuple[int, int]:
    """Initial and maintenance margin of ALICE, where the engine at hand shows them."""
    return figures(market, ALICE)[:2]


@pytest.mark.parametrize(
    ("instrument", "initial", "maintenance"),
    [
        (CALL_50, 95 * USDC, 57_500_000),
        (CALL_55, 60 * USDC, 47_500_000),
        (PUT_40, 53 * USDC, 40_500_000),
        (PUT_50, 95 * USDC, 57_500_000),
        (CALL_50_LATER, 105_750_000, 67_875_000),
        (PERPETUAL, 10_002_000, 5_001_000),
    ],
)
def test_a_short_lot(instrument: int, initial: int, maintenance: int) -> None:
    market = MarginMarket(Engine())
    market.hold(ALICE, instrument, -10)
    # A put struck at 40,000 cannot lose more than 400 a lot, and the margin is less than that.
    assert margins(market) == (10 * initial, 10 * maintenance)


def test_a_put_deep_in_the_money_needs_no_less_initially_than_to_be_kept() -> None:
    market = MarginMarket(Engine())
    market.mark(marks={PUT_40: 39_000})  # 390 a lot: maintenance max(37.5, 29.25) + 390
    market.hold(ALICE, PUT_40, -1, 39_000)
    # initial: max(75 - 100, 50) + 390 = 440; but settling at 0 costs 400, and that is all a put can cost
    assert margins(market) == (400 * USDC, 400 * USDC)


def test_a_long_option_needs_nothing(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, 10)
    market.has_free(ALICE, 9_800 * USDC)  # 10,000 less the premium of 200


def test_a_credit_spread_needs_what_it_can_lose(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, CALL_55, 10)
    # cash 10,000 + 200 - 100; alone the short calls need 950, at 55,000 and above the spread loses 500
    market.has_free(ALICE, 10_100 * USDC - 500 * USDC)


def test_its_maintenance_is_the_same_loss() -> None:
    market = MarginMarket(Engine())
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, CALL_55, 10)
    assert margins(market) == (500 * USDC, 500 * USDC)  # alone 950 and 575


def test_a_debit_spread_needs_nothing(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, 10)
    market.hold(ALICE, CALL_55, -10)
    market.has_free(ALICE, 9_900 * USDC)


def test_uncovered_calls_of_a_spread_need_the_forward_and_a_fifth() -> None:
    market = MarginMarket(Engine())
    market.deposit(ALICE, 100_000 * USDC)
    market.hold(ALICE, CALL_50, -1_000)
    market.hold(ALICE, CALL_55, 900)
    # alone 95,000; together at 55,000: 1,000 · 50 = 50,000, and 100 uncovered · 500 · 1.2 = 60,000
    # to be kept: alone 57,500; together 50,000 + 100 · 500 · 1.1
    assert margins(market) == (95_000 * USDC, 57_500 * USDC)
    market.hold(ALICE, CALL_55, 70)
    assert margins(market) == (50_000 * USDC + 30 * 600 * USDC, 57_500 * USDC)


def test_a_short_strangle_is_relieved_of_the_side_that_cannot_lose_too() -> None:
    market = MarginMarket(Engine())
    market.hold(ALICE, PUT_50, -10)
    market.hold(ALICE, PUT_40, 10)
    # settling at 40,000 or below loses 10 · 100
    assert margins(market) == (950 * USDC, 575 * USDC)
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, CALL_55, 10)
    # an iron butterfly: 1,000 below, 500 above, never both; alone 1,900 and 1,150
    assert margins(market) == (1_000 * USDC, 1_000 * USDC)


def test_expiries_do_not_relieve_each_other(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, CALL_50_LATER, 10)
    market.has_free(ALICE, 10_000 * USDC + 200 * USDC - 300 * USDC - 950 * USDC)


def test_open_sells_count_as_sold_and_open_buys_as_not_bought(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, 10)  # cash 9,800
    market.rests(ALICE, CALL_50, 2_100, 4, SELL)
    market.has_free(ALICE, 9_800 * USDC)
    market.rests(ALICE, CALL_55, 1_100, 6, SELL)
    market.has_free(ALICE, 9_800 * USDC)  # covered by the six that are left
    market.rests(ALICE, CALL_55, 1_100, 1, SELL)
    market.has_free(ALICE, 9_800 * USDC - 420 * USDC)  # 7 · 60 alone; one uncovered would need 600
    market.rests(ALICE, CALL_55, 900, 3)
    market.has_free(ALICE, 9_800 * USDC - 420 * USDC - 27 * USDC)  # the premium is held


def test_a_perpetual_needs_the_worse_side(market: MarginMarket) -> None:
    market.hold(ALICE, PERPETUAL, 5)
    market.rests(ALICE, PERPETUAL, 49_000, 2)
    market.rests(ALICE, PERPETUAL, 50_005, 9, SELL)
    # max(5 + 2, |5 - 9|) lots; selling at 50,005, 5 below the mark, holds 0.05 a lot
    market.has_free(ALICE, 10_000 * USDC - 7 * 10_002_000 - 9 * 50_000)


def test_profit_of_a_perpetual_counts_and_an_options_value_does_not(market: MarginMarket) -> None:
    market.hold(ALICE, PERPETUAL, -10, price=50_110)  # 100 above the mark: a profit of 1 a lot
    market.hold(ALICE, CALL_55, 10)
    # free is bounded by cash: 10,000 - 100
    # funds are 10 more than cash, initial margin is 10 · 10.002
    market.has_free(ALICE, 9_900 * USDC - 100_020_000)


def test_a_spread_off_the_grid_is_rounded_against_the_holder() -> None:
    # Strikes of 50,000.00001 and 55,000.00002: a lot of 0.01 pays fractions of a micro-USDC.
    market = MarginMarket(Engine())
    call = terms()[CALL_50]
    for number, strike in ((6, 50_000_000_010), (7, 55_000_000_020)):
        market.must(c.list_instrument(number, call._replace(strike_micro=strike)), e.Instrument)
    units = [c.Mark(n, 0, 2_000_000_000, 0, 50_000_000_000) for n in (6, 7)]
    market.feed += 1
    market.must(c.marks(0, 50_000_000_000, market.feed, units), e.Marked)
    market.hold(ALICE, 6, -10, 2_000)
    market.hold(ALICE, 7, 10, 2_000)
    # at 55,000.00002: ⌈5,000,000,010 / 100⌉ = 50,000,001 a lot
    assert margins(market) == (500_000_010, 500_000_010)


def charged(engine: Engine | ReferenceEngine, delivery_fee_ppm: int, forward_micro: int) -> MarginMarket:
    """Two more calls, of 50,000 and 55,000 and marked 20, whose delivery costs a fee."""
    market = MarginMarket(engine)
    call = terms()[CALL_50]._replace(delivery_fee_ppm=delivery_fee_ppm)
    for number, strike in ((6, 50_000 * USDC), (7, 55_000 * USDC)):
        market.must(c.list_instrument(number, call._replace(strike_micro=strike)), e.Instrument)
    units = [c.Mark(n, 0, 2_000 * USDC, 0, forward_micro) for n in (6, 7)]
    market.feed += 1
    market.must(c.marks(0, 50_000 * USDC, market.feed, units), e.Marked)
    return market


@pytest.mark.parametrize(
    ("forward_micro", "fee_micro"),
    [
        (50_000_000_000, 500),  # 500 USDC · 10⁻⁶
        (50_000_000_100, 501),  # 500.000001: 500,000.001 nano-USDC, rounded up twice
    ],
)
def test_a_spread_needs_its_delivery_s_cost_too(forward_micro: int, fee_micro: int) -> None:
    market = charged(Engine(), 1, forward_micro)
    market.hold(ALICE, 6, -10, 2_000)
    market.hold(ALICE, 7, 10, 2_000)
    assert margins(market) == (500 * USDC + 20 * fee_micro,) * 2


def test_delivery_s_cost_counts_in_which_is_less() -> None:
    # 2,249,999 · 20 lots: 500 and 45 less 20 micro-USDC. Ten calls alone need 950, and 575 are to be kept.
    market = charged(Engine(), 4_500, 50_000 * USDC)  # 2.25 a lot
    market.hold(ALICE, 6, -10, 2_000)
    market.hold(ALICE, 7, 10, 2_000)
    assert margins(market) == (545 * USDC, 545 * USDC)
    market = charged(Engine(), 7_502, 50_000 * USDC)  # 3.751: 575.02 together
    market.hold(ALICE, 6, -10, 2_000)
    market.hold(ALICE, 7, 10, 2_000)
    assert margins(market) == (575_020_000, 575 * USDC)


def test_an_open_sale_takes_no_seat_out_of_its_group(engine_class: type[Engine]) -> None:
    market = charged(engine_class(), 100, 50_000 * USDC)  # 0.05 a lot
    market.hold(ALICE, 6, -10, 2_000)
    market.hold(ALICE, 7, 10, 2_000)
    market.hold(ALICE, PUT_40, 100)  # no delivery fee
    market.hold(ALICE, 7, 50, 2_000)
    cash = 10_000 * USDC - 300 * USDC - 1_000 * USDC
    market.has_free(ALICE, cash - 500 * USDC - 70 * 50_000)
    # Fifty offered: delivery may come for all sixty still.
    market.rests(ALICE, 7, 2_000, 50, SELL)
    market.has_free(ALICE, cash - 500 * USDC - 70 * 50_000)
    # All sixty offered: nothing covers, and the strike of what is held counts on.
    market.rests(ALICE, 7, 2_000, 10, SELL)
    market.has_free(ALICE, cash - 950 * USDC)


def test_more_offered_than_held_counts_with_what_is_offered(engine_class: type[Engine]) -> None:
    market = charged(engine_class(), 100, 50_000 * USDC)
    market.hold(ALICE, 6, 20, 2_000)
    market.rests(ALICE, 7, 2_000, 15, SELL)  # alone 900: 60 a lot and the mark's other 10
    market.has_free(ALICE, 9_600 * USDC - 35 * 50_000)
