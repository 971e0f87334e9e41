"""Check 16, rules 2 and 3: closing and reducing risk, at every limit and one micro-USDC or tick beyond it.

Rates per lot, in USDC, are those of `margins`.
"""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import IOC, MARKET, MARKET_LIMIT, PERP, SELL, USDC, last, of, reason
from tests.unit.core.margins import (
    ALICE,
    CALL_50,
    CALL_55,
    DORA,
    PERPETUAL,
    PUT_40,
    PUT_50,
    RISK,
    MarginMarket,
)

HIGHEST = 500_000


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    return MarginMarket(request.param())


def keep(market: MarginMarket, micro: int, cash: int = 10_000 * USDC) -> None:
    """Withdraw until ALICE has this much cash."""
    assert isinstance(market.withdraw(ALICE, cash - micro), e.Cash)


def refused(market: MarginMarket, at: int, price: int, lots: int, flags: int = 0) -> bool:
    return reason(market.order(ALICE, at, price, lots, flags)) in ("insufficient_funds", "negative_equity")


def short_calls(market: MarginMarket, mark: int) -> None:
    """ALICE is short ten CALL_50 with the 950 they need at 20; then they are marked otherwise."""
    market.hold(ALICE, CALL_50, -10)
    keep(market, 950 * USDC, 10_200 * USDC)
    market.mark(marks={CALL_50: mark})


# --- rule 2: maintenance is met afterwards ---------------------------------------------------------


@pytest.mark.parametrize(("lots", "price"), [(10, 9_500), (5, 12_250), (1, 34_250)])
def test_a_closing_purchase_leaves_maintenance(market: MarginMarket, lots: int, price: int) -> None:
    short_calls(market, 3_000)  # what stays needs 67.50 a lot: 0, 337.50 or 607.50 of 950
    assert refused(market, CALL_50, price + 1, lots)
    market.rests(ALICE, CALL_50, price, lots)


def test_open_orders_count_in_it(market: MarginMarket) -> None:
    order_id = market.rests(ALICE, PUT_50, 1_000, 10)  # holds 100
    market.hold(ALICE, CALL_50, -10)
    keep(market, 1_050 * USDC, 10_200 * USDC)
    market.mark(marks={CALL_50: 3_000})
    assert refused(market, CALL_50, 9_501, 10)
    market.send(c.cancel(ALICE, order_id))
    market.rests(ALICE, CALL_50, 9_501, 10)


def test_what_reduces_risk_saves_what_it_holds(market: MarginMarket) -> None:
    market.hold(ALICE, PERPETUAL, 100)
    market.hold(ALICE, PUT_40, -10)
    keep(market, 1_530_200_000, 10_030 * USDC)
    market.mark(marks={PUT_40: 2_000})
    market.send(c.funding(PERPETUAL, USDC))
    # 10 · 70 and 1,000.20 are needed of 1,430.20. Eleven puts bought save 700, 63.6363 for each; maintenance
    # would be met up to 84.55.
    assert refused(market, PUT_40, 6_364, 11)
    market.rests(ALICE, PUT_40, 6_363, 11)


def test_receipts_pay_for_no_more_maintenance(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_55, 10)
    market.hold(ALICE, CALL_50, -10)
    keep(market, 500 * USDC, 10_100 * USDC)
    # Without the CALL_55 575 must be kept. 8 are brought in by each of them.
    assert refused(market, CALL_55, 800, 10, SELL)
    assert refused(market, CALL_55, HIGHEST, 10, SELL)
    market.deposit(ALICE, 75 * USDC - 1)
    assert refused(market, CALL_55, 800, 10, SELL)
    market.deposit(ALICE, 1)
    market.rests(ALICE, CALL_55, 800, 10, SELL)


def test_a_sale_that_pays_its_fee_needs_nothing_else(market: MarginMarket) -> None:
    market.must(cr.set_fees([cr.FeeTier(0, 300, 0, 0)]), e.Fees)  # 0.15 a lot
    market.hold(ALICE, CALL_50, 10)
    keep(market, 0, 9_798_500_000)
    assert refused(market, CALL_50, 14, 10, SELL)
    market.rests(ALICE, CALL_50, 15, 10, SELL)


# --- rule 2: short of maintenance already ----------------------------------------------------------


@pytest.mark.parametrize("lots", [1, 4, 10])
def test_it_gives_up_no_larger_a_part_of_what_it_has_than_of_what_it_must_have(
    market: MarginMarket, lots: int
) -> None:
    short_calls(market, 9_000)  # 10 · 127.50 needed; 950 less 900 of equity
    # the same part of 950 a lot: 95
    assert refused(market, CALL_50, 9_501, lots)
    market.rests(ALICE, CALL_50, 9_500, lots)


def test_worthless_cover_is_not_sold_under_its_mark(market: MarginMarket) -> None:
    market.hold(ALICE, PUT_40, 100)
    market.hold(ALICE, CALL_50, -10)
    keep(market, 950 * USDC, 9_900 * USDC)
    market.mark(marks={CALL_50: 12_000})  # equity: 950 − 1,200 + 300
    # 50 may be lost on a hundred puts at 3
    assert refused(market, PUT_40, 249, 100, SELL)
    market.rests(ALICE, PUT_40, 250, 100, SELL)


def test_it_ends_no_further_from_maintenance(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_55, 10)
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, PERPETUAL, 1)
    keep(market, 510_002_000, 10_100 * USDC)
    market.send(c.funding(PERPETUAL, 20 * USDC))
    market.mark(marks={CALL_55: 7_500})
    # 490.002 of 505.001. One CALL_55 less, and 10 · 57.50 must be kept: 75 more.
    assert refused(market, CALL_55, 7_499, 1, SELL)
    market.rests(ALICE, CALL_55, 7_500, 1, SELL)


def test_orders_that_rest_do_not_make_an_account_short(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, 20)
    market.hold(ALICE, CALL_55, -20)
    keep(market, 0, 9_800 * USDC)
    # Nothing needs to be kept. Without the CALL_50 it is 950, and no premium makes up for it.
    assert refused(market, CALL_50, HIGHEST, 2, SELL)
    assert refused(market, CALL_50, 1, 18, SELL)
    assert refused(market, CALL_50, 2_000, 20, SELL)


def test_products_beyond_64_bits(market: MarginMarket) -> None:
    market.deposit(ALICE, 10**9 * USDC)
    market.hold(ALICE, CALL_50, -10_000)
    keep(market, 950_000 * USDC, 10**9 * USDC + 210_000 * USDC)
    market.mark(marks={CALL_50: 9_000})  # 1,275,000 needed
    assert refused(market, CALL_50, 9_501, 10_000)  # 950,100 · 1,275,000 · 10¹² against 950,000 · 1,275,000
    market.rests(ALICE, CALL_50, 9_500, 10_000)


# --- portfolio model -------------------------------------------------------------------------------


@pytest.mark.parametrize(("pm_mm_ppm", "price"), [(None, 6_450), (900_000, 6_120), (700_000, 6_450)])
def test_maintenance_of_a_portfolio_takes_the_largest_rate_there_is(
    market: MarginMarket, pm_mm_ppm: int | None, price: int
) -> None:
    if pm_mm_ppm is not None:
        market.send(c.list_underlying(1, "ETH"), cr.risk(1, RISK._replace(pm_mm_ppm=pm_mm_ppm)))
    market.tables()
    market.portfolio(ALICE)
    market.hold(ALICE, CALL_50, -10)
    keep(market, 555 * USDC + 10_000, 10_200 * USDC)  # 355.01 besides what the calls are worth
    market.mark(marks={CALL_50: 2_010})  # equity 354.01
    # Five are left: worst 145, shock 7.50, short 12.50 and 0.005: 165.005, times 0.8 or 0.9; what is left of
    # 354.01 may be lost against 20.10.
    assert refused(market, CALL_50, price + 1, 5)
    market.rests(ALICE, CALL_50, price, 5)


# --- rule 3: market orders -------------------------------------------------------------------------


def bought(market: MarginMarket, lots: int, flags: int = MARKET) -> e.Order:
    return last(market.order(ALICE, CALL_50, 0, lots, flags), e.Order)


def test_a_market_purchase_that_closes_goes_as_far_as_can_be_paid(market: MarginMarket) -> None:
    short_calls(market, 3_000)
    market.rests(DORA, CALL_50, 9_500, 4, SELL)
    market.rests(DORA, CALL_50, 9_501, 10, SELL)
    order = bought(market, 10)
    assert (order.price_ticks, order.filled_lots, order.reason) == (9_500, 4, r.CANCEL_NO_LIQUIDITY)


def test_a_market_limit_order_does_not(market: MarginMarket) -> None:
    short_calls(market, 3_000)
    market.rests(DORA, CALL_50, 9_501, 10, SELL)
    assert refused(market, CALL_50, 0, 10, MARKET_LIMIT)


def test_nor_does_a_market_order_that_does_not_close(market: MarginMarket) -> None:
    short_calls(market, 3_000)
    assert refused(market, CALL_50, 0, 11, MARKET)


def test_its_band_s_edge_stays_where_that_can_be_paid(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_50, -10)
    order = bought(market, 10)  # of 10,200: 1,020 a lot, and the mark
    assert order.price_ticks == 102_000
    market.deposit(ALICE, 50_000 * USDC)
    assert bought(market, 10).price_ticks == HIGHEST


@pytest.mark.parametrize(("funding", "price"), [(0, 49_010), (5_000_000, 49_510), (10_002_000, 50_010)])
def test_a_market_sale_goes_down_to_what_can_be_borne(
    market: MarginMarket, funding: int, price: int
) -> None:
    market.hold(ALICE, PERPETUAL, 10)
    keep(market, 100_020_000)
    market.send(c.funding(PERPETUAL, funding))
    # 10.002 a lot may be lost against 500.10, less the funding
    order = last(market.order(ALICE, PERPETUAL, 0, 10, SELL | MARKET), e.Order)
    assert order.price_ticks == price


def test_not_even_at_the_mark_without_funds(market: MarginMarket) -> None:
    market.hold(ALICE, PERPETUAL, 10)
    keep(market, 100_020_000)
    market.send(c.funding(PERPETUAL, 10_002_001))
    assert refused(market, PERPETUAL, 0, 10, SELL | MARKET)


def test_the_last_price_is_beyond_the_mark_where_it_is_between_two(market: MarginMarket) -> None:
    at = 6
    market.must(c.list_instrument(at, PERP._replace(tick_steps=((0, 100),))), e.Instrument)
    units = [*market.units(), c.Mark(at, 0, 50_010 * USDC, 0, 50_000 * USDC)]
    market.must(c.marks(0, 50_000 * USDC, 1_000, units), e.Marked)
    market.rests(DORA, at, 50_000, 10, SELL)
    assert of(market.order(ALICE, at, 50_000, 10, IOC), e.Trade)
    keep(market, 100_020_000)  # and one to the good against the mark
    market.send(c.funding(at, 10_102_000))
    order = last(market.order(ALICE, at, 0, 10, SELL | MARKET), e.Order)
    assert order.price_ticks == 50_100


# --- amends and quotes -----------------------------------------------------------------------------


def test_an_amend_to_a_worse_price_is_looked_at(market: MarginMarket) -> None:
    market.hold(ALICE, CALL_55, 10)
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, PERPETUAL, 1)
    keep(market, 510_002_000, 10_100 * USDC)
    market.send(c.funding(PERPETUAL, 20 * USDC))
    market.mark(marks={CALL_55: 7_500})
    order_id = market.rests(ALICE, CALL_55, 7_600, 1, SELL)

    def amend(price: int) -> list[e.Event]:
        return market.send(c.amend(ALICE, order_id, price_ticks=price))

    assert last(amend(7_500), e.Order).price_ticks == 7_500
    assert reason(amend(7_499)) == "insufficient_funds"  # although it holds nothing, as before
    assert last(amend(8_000), e.Order).price_ticks == 8_000


def test_an_amended_purchase_is_held_against_its_new_price(market: MarginMarket) -> None:
    short_calls(market, 3_000)
    order_id = market.rests(ALICE, CALL_50, 5_000, 10)
    assert reason(market.send(c.amend(ALICE, order_id, price_ticks=9_501))) == "insufficient_funds"
    assert last(market.send(c.amend(ALICE, order_id, price_ticks=9_500)), e.Order).price_ticks == 9_500
    smaller = last(market.send(c.amend(ALICE, order_id, size_lots=9)), e.Order)
    assert (smaller.price_ticks, smaller.open_lots) == (9_500, 9)
    assert last(market.send(c.amend(ALICE, order_id, size_lots=10)), e.Order).open_lots == 10


def test_a_quote_is_held_against_its_price_without_what_it_replaces(market: MarginMarket) -> None:
    short_calls(market, 3_000)

    def quote(bid: int) -> list[e.Event]:
        return market.send(c.mass_quote(ALICE, [c.Quote(CALL_50, bid, 10)]))

    for bid in (5_000, 9_500, 9_499):
        assert of(quote(bid), e.Order)[-1].price_ticks == bid
    assert of(quote(9_501), e.Rejected)
