"""Fees by listing and by tier, rebates, caps: rounding is always the venue's (docs/rules-2.md)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.core.layout import A_VOLUME, ACCOUNT_WORDS
from exchange.core.risk_queries import account_state
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    IOC,
    OPTION,
    PERP,
    PERPETUAL,
    SELL,
    Market,
    of,
    only,
    reason,
    under_rules_2,
)

# Index 50,000 USDC, a lot is 0.01: 500 USDC of index notional per lot, so 1 ppm is 500 micro-USDC a lot.
NOTIONAL_MICRO = 500_000_000
FREE = cr.FeeTier(0, 0, 0, 0)
RETAIL = cr.FeeTier(200, 300, 100, 500)
MAKERS = cr.FeeTier(-100, 250, -50, 400)
BIGGEST = limits.MAX_FEE_PPM


def schedule(market: Market, *tiers: cr.FeeTier, combo_discount: int = 0) -> e.Fees:
    return only(market.send(cr.set_fees(tiers, combo_discount)), e.Fees)


def trade(market: Market, price: int, lots: int, at: int = OPTION) -> e.Trade:
    """ALICE makes, BOB takes."""
    market.rests(ALICE, price, lots, SELL, at)
    return of(market.order(BOB, price, lots, IOC, at), e.Trade)[0]


def test_the_schedule_is_told(market_2: Market) -> None:
    told = schedule(market_2, RETAIL, MAKERS, combo_discount=250)
    assert (told.combo_discount_permille, told.tiers) == (250, (RETAIL, MAKERS))


def test_tiers_pay_their_rates(market_2: Market) -> None:
    schedule(market_2, RETAIL, MAKERS)
    market_2.send(cr.set_tier(ALICE, 1))
    option = trade(market_2, 1_000, 3)
    assert option.taker_fee_micro == 3 * 500 * 300
    assert option.maker_fee_micro == -3 * 500 * 100, "a rebate"
    market_2.send(cr.set_tier(ALICE, 0), cr.set_tier(BOB, 1))
    perpetual = trade(market_2, 50_000, 2, PERPETUAL)
    assert (perpetual.maker_fee_micro, perpetual.taker_fee_micro) == (2 * 500 * 100, 2 * 500 * 400)


def test_a_tier_beyond_the_schedule_pays_its_last(market_2: Market) -> None:
    schedule(market_2, RETAIL, MAKERS)
    market_2.send(cr.set_tier(BOB, 7))
    assert trade(market_2, 1_000, 1).taker_fee_micro == 500 * 250


def test_what_is_booked_is_what_is_told(market_2: Market) -> None:
    schedule(market_2, MAKERS)
    before = [market_2.balance(account) for account in (ALICE, BOB)]
    done = trade(market_2, 1_000, 3)
    assert market_2.balance(ALICE) == before[0] + done.value_micro + 3 * 500 * 100 + 1
    assert market_2.balance(BOB) == before[1] - done.value_micro - 3 * 500 * 250 + 1


def test_before_a_schedule_the_listing_says(market_2: Market) -> None:
    terms = CALL._replace(maker_fee_ppm=7, taker_fee_ppm=11)
    told = only(market_2.send(c.list_instrument(2, terms)), e.Instrument)
    assert told.terms.taker_fee_ppm == 11
    mark(market_2, 2)
    done = trade(market_2, 1_000, 1, 2)
    assert (done.maker_fee_micro, done.taker_fee_micro) == (500 * 7, 500 * 11)
    schedule(market_2, FREE)
    done = trade(market_2, 1_000, 1, 2)
    assert (done.maker_fee_micro, done.taker_fee_micro) == (0, 0), "its rates are not used any more"


def mark(market: Market, instrument: int, index_micro: int = 50_000_000_000) -> None:
    market.feed += 1
    unit = c.Mark(instrument, 0, 1_000_000_000, 0, index_micro)
    only(market.send(c.marks(0, index_micro, market.feed, [unit])), e.Marked)


def tiny(maker_ppm: int, taker_ppm: int, cap: int = 0) -> Market:
    """A lot so small that an index of 1 USDC makes 1 micro-USDC of notional per lot."""
    terms = CALL._replace(tick_micro=10**6, lot_e8=100, price_limit_ticks=10**6, fee_cap_permille=cap)
    market = under_rules_2(Market(Engine(), terms, PERP))
    schedule(market, cr.FeeTier(maker_ppm, taker_ppm, 0, 0))
    market.feed += 1
    unit = c.Mark(OPTION, 0, 10**6, 0, 10**6)
    for index in (5_000, 500, 50, 5, 1):  # no jump is tenfold
        market.feed += 1
        units = [unit] if index == 1 else []
        only(market.send(c.marks(0, index * 10**6, market.feed, units)), e.Marked)
    return market


def test_a_fee_rounds_up_and_a_rebate_down() -> None:
    paying = trade(tiny(1, 1), 1, 1)
    assert (paying.maker_fee_micro, paying.taker_fee_micro) == (1, 1), "a millionth of a micro-unit is one"
    given = trade(tiny(-BIGGEST, BIGGEST), 1, 9)
    assert (given.maker_fee_micro, given.taker_fee_micro) == (0, 1), "nine tenths of a micro-unit are none"
    given = trade(tiny(-BIGGEST, BIGGEST), 1, 10)
    assert (given.maker_fee_micro, given.taker_fee_micro) == (-1, 1)


def test_a_rebate_is_never_more_than_the_capped_fee_of_its_match() -> None:
    given = trade(tiny(-BIGGEST, BIGGEST, cap=125), 1, 100)
    assert given.value_micro == 100
    assert given.taker_fee_micro == 10, "below an eighth of the value"
    assert given.maker_fee_micro == -10
    dear = tiny(-BIGGEST, BIGGEST, cap=1)
    given = trade(dear, 1, 100)
    assert (given.maker_fee_micro, given.taker_fee_micro) == (0, 0), "the cap is rounded down to nothing"


@pytest.mark.parametrize(
    "tiers",
    [
        [FREE._replace(option_maker_ppm=BIGGEST + 1)],
        [FREE._replace(perp_maker_ppm=-BIGGEST - 1, perp_taker_ppm=BIGGEST)],
        [FREE._replace(option_taker_ppm=BIGGEST + 1)],
        [FREE._replace(perp_taker_ppm=-1)],
        [FREE._replace(option_maker_ppm=-1)],
        [cr.FeeTier(-300, 300, 0, 0), cr.FeeTier(0, 299, 0, 0)],
        [cr.FeeTier(0, 0, 5, 200), cr.FeeTier(0, 0, -201, 300)],
        [FREE._replace(perp_taker_ppm=1 << 62)],
    ],
)
def test_rates_have_bounds(market_2: Market, tiers: list[cr.FeeTier]) -> None:
    assert reason(market_2.send(cr.set_fees(tiers))) == "bad_value"


def test_the_bounds_themselves_are_rates(market_2: Market) -> None:
    edge = cr.FeeTier(-BIGGEST, BIGGEST, BIGGEST, 0)
    assert schedule(market_2, *[edge] * 8, combo_discount=1000).tiers == (edge,) * 8
    assert reason(market_2.send(cr.set_fees([edge], 1001))) == "bad_value"
    assert reason(market_2.send(cr.set_fees([edge], -1))) == "bad_value"
    assert reason(market_2.send(cr.set_fees([edge] * 9))) == "malformed"
    assert reason(market_2.send(cr.set_fees([]))) == "malformed"


def test_an_order_holds_the_dearest_tier(market_2: Market) -> None:
    """1 lot of the option at 100 ticks holds 1 USDC of premium and the largest fee of all tiers."""
    schedule(market_2, FREE, cr.FeeTier(0, 400, 0, 0))
    free = 1_000_000_000_000
    market_2.rests(ALICE, 100, 1)
    held = 1_000_000 + 500 * 400
    assert reason(market_2.send(c.withdraw(ALICE, free - held + 1, 1))) == "insufficient_funds"
    only(market_2.send(c.withdraw(ALICE, free - held, 1)), e.Cash)


def test_volume_counts_both_sides_from_rules_2_on() -> None:
    engine = Engine()
    market = Market(engine)
    trade(market, 1_000, 4)
    under_rules_2(market)
    assert volumes(engine) == [0, 0]
    trade(market, 1_000, 3)
    trade(market, 50_000, 2, PERPETUAL)
    assert volumes(engine) == [5 * NOTIONAL_MICRO] * 2
    trade(market, 1_000, 3)
    assert volumes(Engine.restore(engine.state_bytes())) == [8 * NOTIONAL_MICRO] * 2


def volumes(engine: Engine) -> list[int]:
    return [account_state(engine, account).volume_micro for account in (ALICE, BOB)]


def test_volume_stops_at_its_limit() -> None:
    engine = Engine()
    market = under_rules_2(Market(engine))
    engine.world.accounts[ALICE * ACCOUNT_WORDS + A_VOLUME] = limits.MAX_VOLUME_MICRO - 3 * NOTIONAL_MICRO + 1
    trade(market, 1_000, 3)
    assert volumes(engine) == [limits.MAX_VOLUME_MICRO, 3 * NOTIONAL_MICRO]


def test_a_liquidated_taker_is_told_from_others(market_2: Market) -> None:
    assert trade(market_2, 1_000, 1).flags & r.TRADE_LIQUIDATION == 0
