"""Booking, fees and the interim funds rule (docs/rules.md, Booking a match, Funds). Exact micro-USDC."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CALL,
    CAROL,
    IOC,
    MARKET,
    MARKET_LIMIT,
    OPTION,
    PERP,
    PERPETUAL,
    REDUCE,
    SELL,
    USDC,
    Engine,
    Market,
    last,
    of,
    only,
    reason,
)

MILLION = 1_000_000 * USDC
FEES = CALL._replace(maker_fee_ppm=300, taker_fee_ppm=500, fee_cap_permille=125)


def largest(market: Market, account: int, price: int, flags: int = 0, at: int = OPTION) -> int:
    """The most lots an order may have before funds refuse it, found by bisection."""
    low, high = 0, 9_999
    while low < high:
        lots = (low + high + 1) // 2
        placed = market.order(account, price, lots, flags, at)
        if isinstance(placed[0], e.Rejected):
            assert reason(placed) == "insufficient_funds"
            high = lots - 1
        else:
            market.send(c.cancel_many(account))
            low = lots
    return low


def test_an_option_moves_its_premium_at_the_fill(market: Market) -> None:
    market.long(ALICE, BOB, 7, 1_000)
    premium = 7 * 10 * USDC
    assert (market.balance(ALICE), market.balance(BOB)) == (MILLION - premium, MILLION + premium)


def test_a_perpetual_moves_no_cash_until_settlement(market: Market) -> None:
    market.long(ALICE, BOB, 7, 50_000, at=PERPETUAL)
    assert market.balance(ALICE) == MILLION
    settled = of(market.send(c.settle_perpetual(PERPETUAL, 50_100)), e.Settled)
    assert [(s.head.account, s.cash_delta_micro) for s in settled] == [(ALICE, 7 * USDC), (BOB, -7 * USDC)]
    assert settled[0].entry_before_micro == 7 * 500 * USDC
    assert settled[0].entry_after_micro == 7 * 501 * USDC


def test_fees_round_up_and_are_capped(engine_class: type[Engine]) -> None:
    market = Market(engine_class(), option=FEES)
    market.rests(BOB, 1_000, 3, SELL)
    trade = of(market.order(ALICE, 1_000, 3), e.Trade)[0]
    # 500 USDC a lot: maker 0.15, taker 0.25 USDC a lot; the cap, 12.5 % of 10 USDC a lot, is far.
    assert (trade.maker_fee_micro, trade.taker_fee_micro) == (450_000, 750_000)
    assert trade.value_micro == 30 * USDC
    market.rests(BOB, 7, 3, SELL)
    capped = of(market.order(ALICE, 7, 3), e.Trade)[0]
    assert capped.maker_fee_micro == capped.taker_fee_micro == 7 * 10_000 * 3 * 125 // 1000


def test_fees_of_the_smallest_amounts_round_up(engine_class: type[Engine]) -> None:
    market = Market(engine_class(), perpetual=PERP._replace(maker_fee_ppm=1, taker_fee_ppm=3))
    market.mark(index=1)
    market.rests(BOB, 1, 1, SELL, at=PERPETUAL)
    trade = of(market.order(ALICE, 1, 1, at=PERPETUAL), e.Trade)[0]
    # ⌈10,000 micro · 1 ppm⌉ = 0.01 micro and 0.03 micro: both one micro-unit.
    assert (trade.maker_fee_micro, trade.taker_fee_micro) == (1, 1)


@pytest.mark.parametrize(
    ("flags", "price", "at", "lots"),
    [
        (0, 10_000, OPTION, 9_999),  # premium 100 USDC a lot
        (0, 50_000, OPTION, 2_000),  # premium 500
        (SELL, 50_000, OPTION, 2_000),  # a short call: the forward, 500
        (0, 50_000, PERPETUAL, 2_000),  # mark 500
        (0, 60_000, PERPETUAL, 1_666),  # and the 100 paid above the mark
        (0, 40_000, PERPETUAL, 2_000),
        (SELL, 50_000, PERPETUAL, 2_000),
        (SELL, 40_000, PERPETUAL, 1_666),
    ],
)
def test_what_a_million_can_open(market: Market, flags: int, price: int, at: int, lots: int) -> None:
    assert largest(market, ALICE, price, flags, at) == lots


def test_a_short_put_requires_its_strike(engine_class: type[Engine]) -> None:
    market = Market(engine_class(), option=CALL._replace(option_type=r.OPTION_PUT))
    assert largest(market, ALICE, 50_000, SELL) == 2_500  # strike 40,000: 400 USDC a lot


def test_the_fee_is_held_too(engine_class: type[Engine]) -> None:
    market = Market(engine_class(), option=FEES)
    assert largest(market, ALICE, 50_000) == 1_999  # 500.25 USDC a lot


def test_a_market_order_reserves_at_the_band(engine_class: type[Engine]) -> None:
    market = Market(engine_class(), perpetual=PERP._replace(band_ppm=100_000))
    market.rests(BOB, 50_000, 1, SELL, at=PERPETUAL)
    assert reason(market.order(ALICE, 0, 1_819, MARKET, PERPETUAL)) == "insufficient_funds"
    placed = last(market.order(ALICE, 0, 1_818, MARKET, PERPETUAL), e.Order)
    assert (placed.price_ticks, placed.filled_lots) == (55_000, 1)


def test_a_market_limit_order_reserves_at_its_price(market: Market) -> None:
    market.rests(BOB, 60_000, 1, SELL, at=PERPETUAL)
    assert reason(market.order(ALICE, 0, 1_667, MARKET_LIMIT, PERPETUAL)) == "insufficient_funds"
    assert last(market.order(ALICE, 0, 1_666, MARKET_LIMIT, PERPETUAL), e.Order).filled_lots == 1


def test_a_long_option_covers_a_sale_of_itself(market: Market) -> None:
    market.long(ALICE, BOB, 10, 90_000)
    out = only(market.send(c.withdraw(ALICE, market.balance(ALICE) + 1)), e.Cash)
    assert out.balance_micro == 0
    market.rests(ALICE, 95_000, 10, SELL)
    assert reason(market.order(ALICE, 95_000, 1, SELL)) == "insufficient_funds"


def test_no_netting_between_instruments(market: Market) -> None:
    market.rests(ALICE, 50_000, 1_000, at=PERPETUAL)
    assert largest(market, BOB, 50_000, at=PERPETUAL) == 2_000
    market.rests(ALICE, 50_000, 1_000, SELL)
    assert reason(market.order(ALICE, 1, 1)) == "insufficient_funds"


def test_negative_equity_may_only_reduce(market: Market) -> None:
    market.long(BOB, ALICE, 1_500, 50_000, at=PERPETUAL)
    market.mark(index=150_000)
    assert reason(market.order(ALICE, 1, 1)) == "negative_equity"
    assert reason(market.order(ALICE, 50_000, 1_501, at=PERPETUAL)) == "negative_equity"
    market.rests(ALICE, 50_000, 1_500, at=PERPETUAL)
    assert reason(market.order(ALICE, 50_000, 1, at=PERPETUAL)) == "negative_equity"


def test_withdrawals_leave_what_is_required(market: Market) -> None:
    market.rests(ALICE, 50_000, 1_000, at=PERPETUAL)
    assert reason(market.send(c.withdraw(ALICE, MILLION // 2 + 1))) == "insufficient_funds"
    out = only(market.send(c.withdraw(ALICE, MILLION // 2, 77)), e.Cash)
    assert (out.head.id, out.delta_micro, out.balance_micro) == (77, -MILLION // 2, MILLION // 2)
    assert (out.kind, out.counter_account) == (r.CASH_WITHDRAWAL, 3)


def test_unsettled_profit_is_funds_but_not_cash(market: Market) -> None:
    market.long(ALICE, BOB, 100, 50_000, at=PERPETUAL)
    market.mark(index=100_000)
    # 50,000 USDC of profit; the position requires its mark notional, 100,000.
    assert reason(market.send(c.withdraw(ALICE, 900_000 * USDC + 1))) == "insufficient_funds"
    assert only(market.send(c.withdraw(ALICE, 900_000 * USDC)), e.Cash).balance_micro == 100_000 * USDC


def test_marks_round_against_the_holder(engine_class: type[Engine]) -> None:
    # One lot is 1e-8 · 1,000,000; a mark of 50,000.000001 USDC is 500.00000001 a lot.
    market = Market(engine_class())
    units = [c.Mark(PERPETUAL, 0, 50_000 * USDC + 1, 0, 50_000 * USDC + 1)]
    market.send(c.marks(0, 50_000 * USDC + 1, 99, units))
    assert largest(market, CAROL, 50_000, SELL, PERPETUAL) == 1_999
    assert largest(market, CAROL, 50_000, 0, PERPETUAL) == 1_999


def test_a_fill_beyond_the_hold_never_happens(market: Market) -> None:
    market.rests(BOB, 49_000, 100, SELL, at=PERPETUAL)
    taker = last(market.order(ALICE, 50_000, 2_000, IOC, PERPETUAL), e.Order)
    assert (taker.filled_lots, taker.filled_value) == (100, 4_900_000)


def test_reduce_only_passes_without_funds(market: Market) -> None:
    market.long(ALICE, BOB, 100, 50_000, at=PERPETUAL)
    market.mark(index=1)
    assert reason(market.order(BOB, 500_000, 1, SELL | REDUCE, PERPETUAL)) == "reduce_only"
    market.rests(ALICE, 500_000, 100, SELL | REDUCE, at=PERPETUAL)


def test_under_rules_1_a_sale_holds_nothing_for_its_fee(engine_class: type[Engine]) -> None:
    market = Market(engine_class(), option=CALL._replace(taker_fee_ppm=300))  # 0.15 a lot, without a cap
    market.send(c.withdraw(ALICE, (1_000_000 - 500) * USDC, 1))
    market.rests(ALICE, 1, 1, SELL)  # 500 are needed for the forward
