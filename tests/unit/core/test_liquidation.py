"""Sweeps and the steps of a liquidation (docs/rules-2.md). Exact micro-USDC, worked out in comments."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import IOC, SELL, USDC, Engine, last, of, only, reason
from tests.unit.core.liquidations import (
    ALICE,
    BOB,
    CALL_50,
    CALL_60,
    CAROL,
    DORA,
    FUND,
    PERPETUAL,
    PUT_50,
    RISK,
    RiskMarket,
    kinds,
    long_perpetual,
)

MILLI = 1_000


@pytest.fixture
def market(engine_class: type[Engine]) -> RiskMarket:
    return RiskMarket(engine_class())


def short_calls(market: RiskMarket, mark: int) -> None:
    """ALICE: ten calls sold at 3,000 (30 USDC a lot), 1,100 USDC of cash; index 53,000, call at `mark`."""
    market.deposit(ALICE, 1_050 * USDC)
    market.give(ALICE, CALL_50, -10, 3_000)
    market.must(c.withdraw(ALICE, 250 * USDC, 1), e.Cash)
    market.mark(53_000, {CALL_50: mark})


# --- sweeps ----------------------------------------------------------------------------------------


def test_a_sweep_starts_the_liquidation_of_what_is_below_maintenance(market: RiskMarket) -> None:
    long_perpetual(market)
    # 2,000 less a loss of 1,520; 1 % of 48,480.
    events = market.send(cr.risk_sweep(ALICE, 4))
    started, done = events
    assert isinstance(started, e.Liquidation)
    assert isinstance(done, e.Done)
    assert (started.head.account, started.kind) == (ALICE, r.LIQ_STARTED)
    assert (started.maintenance_micro, started.balance_micro) == (484_800 * MILLI, 480 * USDC)
    assert (started.amount_micro, started.lots, started.counter_account, started.head.id) == (0, 0, 0, 0)
    assert (done.command, done.affected) == (r.RISK_SWEEP, 1)
    again = only(market.send(cr.risk_sweep(ALICE, 4)), e.Done)
    assert again.affected == 1


def test_maintenance_equal_to_the_balance_is_enough(market: RiskMarket) -> None:
    long_perpetual(market, deposit=1_985, index=48_500)
    assert market.sweep() == []
    market.mark(48_499)
    assert kinds(market.sweep()) == [r.LIQ_STARTED]


def test_a_sweep_looks_at_no_more_than_it_names(market: RiskMarket) -> None:
    long_perpetual(market)
    assert market.sweep(BOB, 1_024) == []
    assert only(market.send(cr.risk_sweep(limits.I64_MAX, 1_024)), e.Done).affected == 0
    assert [event.head.account for event in market.sweep(ALICE, 1)] == [ALICE]


@pytest.mark.parametrize(("first", "count"), [(ALICE, 0), (ALICE, 1_025), (ALICE, -1), (63, 1), (-1, 1)])
def test_a_sweep_out_of_bounds_is_refused(market: RiskMarket, first: int, count: int) -> None:
    assert reason(market.send(cr.risk_sweep(first, count))) == "bad_value"


def test_nothing_is_swept_or_liquidated_while_the_venue_is_cancel_only(market: RiskMarket) -> None:
    long_perpetual(market)
    market.sweep()
    market.send(c.set_mode(r.MODE_CANCEL_ONLY))
    assert reason(market.send(cr.risk_sweep(ALICE, 1))) == "venue_cancel_only"
    assert reason(market.step()) == "venue_cancel_only"


def test_who_owes_money_and_holds_nothing_is_found_too(market: RiskMarket) -> None:
    long_perpetual(market, deposit=1_000)
    market.mark(48_000)
    market.deposit(CAROL, 100_000 * USDC)
    market.rests(CAROL, PERPETUAL, 48_000, 100)
    market.sweep()
    for _ in range(21):
        market.step()
    assert market.told().kind == r.LIQ_DEFICIT


# --- steps -----------------------------------------------------------------------------------------


def test_only_an_account_in_liquidation_is_liquidated(market: RiskMarket) -> None:
    long_perpetual(market)
    assert reason(market.step(ALICE)) == "not_liquidatable"
    assert reason(market.step(limits.ACCOUNT_INSURANCE)) == "unknown_account"
    assert reason(market.step(99)) == "unknown_account"


def test_it_ends_when_the_balance_suffices_again(market: RiskMarket) -> None:
    long_perpetual(market)
    market.sweep()
    market.deposit(ALICE, 4_800 * MILLI)
    ended = only(market.step(), e.Liquidation)
    assert (ended.kind, ended.maintenance_micro, ended.balance_micro) == (
        r.LIQ_ENDED,
        484_800 * MILLI,
        484_800 * MILLI,
    )
    assert reason(market.step()) == "not_liquidatable"


def test_an_account_in_liquidation_may_cancel_and_nothing_else(market: RiskMarket) -> None:
    market.deposit(ALICE, 2_000 * USDC)
    resting = market.rests(ALICE, CALL_50, 1, 1)
    market.give(ALICE, PERPETUAL, 100, 50_000)
    market.mark(48_480)
    market.sweep()
    assert reason(market.send(c.new_order(ALICE, CALL_50, 0, 1, 1))) == "account_locked"
    assert reason(market.send(c.withdraw(ALICE, 1, 1))) == "account_locked"
    assert last(market.send(c.cancel(ALICE, resting)), e.Order).state == r.ORDER_STATE_CANCELLED


def test_orders_go_first_sixty_four_at_a_time(market: RiskMarket) -> None:
    market.deposit(ALICE, 2_000 * USDC)
    resting = [market.rests(ALICE, CALL_50, 1 + n % 3, 1) for n in range(66)]
    market.give(ALICE, PERPETUAL, 100, 50_000)
    market.mark(48_480)
    market.sweep()
    first = market.step()
    told = last(first, e.Liquidation)
    assert (told.kind, told.lots, told.amount_micro) == (r.LIQ_ORDERS, 64, 0)
    orders = of(first, e.Order)
    assert [order.head.id for order in orders] == resting[:64]
    assert {order.reason for order in orders} == {r.CANCEL_LIQUIDATION}
    assert market.told().lots == 2


def test_a_perpetual_is_closed_in_slices_at_the_band(market: RiskMarket) -> None:
    long_perpetual(market)
    market.deposit(CAROL, 10_000 * USDC)
    bid = market.rests(CAROL, PERPETUAL, 48_400, 3)
    market.sweep()
    events = market.step()
    trade, order, told = of(events, e.Trade)[0], of(events, e.Order)[-1], last(events, e.Liquidation)
    # The limit: 48,480 less 0.5 % of it, rounded up. The book has 3 of the 5 lots of a slice.
    assert (order.price_ticks, order.size_lots, order.filled_lots) == (48_238, 3, 3)
    assert order.flags == SELL | IOC | r.FLAG_LIQUIDATION
    assert (order.client_order_id, order.label, order.grant) == (0, 0, 0)
    assert (trade.maker_order_id, trade.price_ticks, trade.flags) == (bid, 48_400, 1 | r.TRADE_LIQUIDATION)
    assert (told.kind, told.head.id, told.head.instrument) == (r.LIQ_PERPETUAL, order.head.id, PERPETUAL)
    # Sold 0.80 below the mark a lot: 480 − 2.40, less the fee: 0.2 % of 484.80 · 3. MM: 97 · 4.848.
    assert (told.lots, told.amount_micro) == (-3, 2_908_800)
    assert (told.maintenance_micro, told.balance_micro) == (470_256 * MILLI, 474_691_200)
    assert market.cash(FUND) == 2_908_800
    assert market.told().kind == r.LIQ_ENDED


def test_a_slice_is_as_large_as_its_parameter_and_the_book_allow(market: RiskMarket) -> None:
    long_perpetual(market, index=47_500)
    market.deposit(CAROL, 100_000 * USDC)
    market.rests(CAROL, PERPETUAL, 47_500, 12)
    market.rests(CAROL, PERPETUAL, 47_000, 50)  # below the band
    market.sweep()
    sold = [market.told().lots for _ in range(4)]
    assert sold == [-5, -5, -2, 0]  # 2,500 USDC are five lots


def test_a_slice_never_sells_below_the_band(market: RiskMarket) -> None:
    long_perpetual(market)
    market.deposit(CAROL, 10_000 * USDC)
    market.rests(CAROL, PERPETUAL, 48_237, 3)
    market.sweep()
    told = market.told()
    assert (told.kind, told.lots, told.amount_micro) == (r.LIQ_PERPETUAL, 0, 0)


def test_reduce_only_makers_are_met_one_lot_at_a_time(market: RiskMarket) -> None:
    long_perpetual(market, index=48_000)
    market.deposit(CAROL, 100_000 * USDC)
    market.give(CAROL, PERPETUAL, -4, 48_000)
    market.rests(CAROL, PERPETUAL, 48_000, 4, r.FLAG_REDUCE_ONLY)
    market.sweep()
    assert [market.told().lots for _ in range(5)] == [-1, -1, -1, -1, 0]


@pytest.mark.parametrize(
    ("band_ppm", "fee_ppm", "price"),
    [
        # A lot frees 1 % of 484: 4.84.
        (5_000, 2_000, 48_158),  # the band: 242, a whole tick
        (5_000, 5_000, 48_158),  # half a per cent each for the band and the fee: just what is freed
        (5_000, 5_100, 48_163),  # 2.4684 of fee leave 2.3716
        (15_000, 2_000, 48_013),  # 0.968 of fee leave 3.872
        (5_000, 9_999, 48_400),  # 4.839516 of fee leave nothing a tick is worth: the mark
        (5_000, 10_000, 48_400),
        (5_000, 10_001, None),
    ],
)
def test_a_slice_goes_no_further_than_to_where_it_makes_nothing_worse(
    engine_class: type[Engine], band_ppm: int, fee_ppm: int, price: int | None
) -> None:
    market = RiskMarket(
        engine_class(), RISK._replace(liquidation_band_ppm=band_ppm, liquidation_fee_ppm=fee_ppm)
    )
    long_perpetual(market, index=48_400)
    market.deposit(CAROL, 10_000 * USDC)
    market.rests(CAROL, PERPETUAL, 48_400, 3)
    market.sweep()
    events = market.step()
    if price is None:
        done = only(events, e.Done)
        assert (done.command, done.affected) == (r.LIQUIDATE, 0)
        assert market.told().kind == r.LIQ_AUCTION
        return
    order = of(events, e.Order)[-1]
    assert (order.price_ticks, order.filled_lots) == (price, 3)


@pytest.mark.parametrize(("band_ppm", "price"), [(5_000, 27_426), (5_009, 27_426), (9_990, 27_452)])
def test_without_equity_a_slice_loses_no_more_than_a_tenth_of_the_band(
    engine_class: type[Engine], band_ppm: int, price: int
) -> None:
    market = RiskMarket(engine_class(), RISK._replace(liquidation_band_ppm=band_ppm))
    short_calls(market, 27_400)  # worth 2,740, on 1,100
    market.rests(DORA, CALL_50, price + 1, 4, SELL)
    market.sweep()
    events = market.step()
    assert of(events, e.Order)[-1].price_ticks == price
    assert (last(events, e.Liquidation).kind, last(events, e.Liquidation).lots) == (r.LIQ_OPTION, 0)


@pytest.mark.parametrize(("reduce_only", "lots"), [(0, -1_024), (1, -1_022)])
def test_a_slice_looks_no_further_than_it_may_go(
    engine_class: type[Engine], reduce_only: int, lots: int
) -> None:
    market = RiskMarket(engine_class(), RISK._replace(liquidation_slice_micro=10**6 * USDC))
    market.deposit(ALICE, 22_000 * USDC)
    market.give(ALICE, PERPETUAL, 1_100, 50_000)
    market.deposit(CAROL, 10**6 * USDC)
    market.mark(48_480)
    if reduce_only:
        market.give(CAROL, PERPETUAL, -1, 48_480)
        market.rests(CAROL, PERPETUAL, 48_480, 1, r.FLAG_REDUCE_ONLY)
    market.deposit(BOB, 10**6 * USDC)
    market.send(*(c.new_order(BOB, PERPETUAL, 0, 48_480, 1) for _ in range(1_100)))
    market.sweep(ALICE, 1)
    assert market.told().lots == lots


def test_a_perpetual_that_hedges_stays(market: RiskMarket) -> None:
    market.deposit(ALICE, 1_500 * USDC)
    market.give(ALICE, CALL_50, -10, 3_000)
    market.give(ALICE, PERPETUAL, 5, 50_000)
    market.deposit(CAROL, 100_000 * USDC)
    market.rests(CAROL, PERPETUAL, 53_000, 5)
    # Ten calls short at a delta of 0.6: −3,180; five perpetuals: +2,650.
    market.mark(53_000, {CALL_50: 15_500}, deltas={CALL_50: 600_000_000})
    market.sweep()
    assert only(market.step(), e.Done).command == r.LIQUIDATE
    assert last(market.step(), e.Liquidation).kind == r.LIQ_OPTION


def test_a_perpetual_is_closed_no_further_than_to_delta_neutral(market: RiskMarket) -> None:
    market.deposit(ALICE, 1_500 * USDC)
    market.give(ALICE, CALL_50, -10, 3_000)
    market.give(ALICE, PERPETUAL, 5, 50_000)
    market.deposit(CAROL, 100_000 * USDC)
    market.rests(CAROL, PERPETUAL, 53_000, 5)
    # A delta of 0.2: −1,060 against +2,650: 1,590 are three lots of 530.
    market.mark(53_000, {CALL_50: 15_500}, deltas={CALL_50: 200_000_000})
    market.sweep()
    assert market.told().lots == -3
    assert only(market.step(), e.Done).command == r.LIQUIDATE


def test_a_short_option_is_bought_back(market: RiskMarket) -> None:
    short_calls(market, 7_100)
    market.rests(DORA, CALL_50, 7_200, 10, SELL)
    # 1,100 against 10 · (7.5 % of 530 + 71).
    started = market.sweep()[0]
    assert (started.maintenance_micro, started.balance_micro) == (1_107_500 * MILLI, 1_100 * USDC)
    told = market.told()
    # Four lots (2,120 of 2,500 USDC) at 72, and 0.2 % of 530 each; six lots are left.
    assert (told.kind, told.lots, told.amount_micro) == (r.LIQ_OPTION, 4, 4_240 * MILLI)
    assert (told.maintenance_micro, told.balance_micro) == (664_500 * MILLI, 807_760 * MILLI)
    assert market.told().kind == r.LIQ_ENDED


def test_the_fee_never_takes_funds_below_nothing(market: RiskMarket) -> None:
    short_calls(market, 27_400)
    market.rests(DORA, CALL_50, 27_426, 4, SELL)
    market.sweep()
    told = market.told()
    # 1,100 less 4 · 274.26: 2.96 are left of a fee of 4.24.
    assert (told.lots, told.amount_micro, told.balance_micro) == (4, 2_960 * MILLI, 0)


def test_the_fee_of_an_option_is_capped_like_a_trade_s(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class(), RISK._replace(liquidation_fee_ppm=20_000), fee_cap_permille=125)
    short_calls(market, 7_100)
    market.rests(DORA, CALL_50, 7_200, 4, SELL)
    market.sweep()
    # 2 % of 530 a lot would be 42.40; at most an eighth of what was paid: 36 of 288.
    assert market.told().amount_micro == 36 * USDC


def test_perpetuals_then_shorts_then_longs_each_by_instrument(market: RiskMarket) -> None:
    market.deposit(ALICE, 3_000 * USDC)
    market.give(ALICE, CALL_50, 2, 3_000)
    market.give(ALICE, PERPETUAL, 100, 50_000)
    market.give(ALICE, PUT_50, -2, 3_000)
    market.give(ALICE, CALL_60, -2, 1_000)
    market.mark(47_500)
    market.sweep()
    tried = [market.told().head.instrument for _ in range(4)]
    assert tried == [PERPETUAL, PUT_50, CALL_60, CALL_50]
    assert market.told().kind == r.LIQ_AUCTION


def test_a_halted_instrument_or_underlying_is_passed_over(market: RiskMarket) -> None:
    long_perpetual(market, index=47_500)
    market.deposit(CAROL, 100_000 * USDC)
    market.rests(CAROL, PERPETUAL, 47_500, 50)
    market.sweep()
    market.send(c.set_instrument_state(PERPETUAL, r.STATE_HALTED))
    assert only(market.step(), e.Done).command == r.LIQUIDATE
    assert market.told().kind == r.LIQ_AUCTION  # the cursor stands behind the only seat
    market.send(c.set_instrument_state(PERPETUAL, r.STATE_OPEN), cr.set_underlying_state(0, 1))
    assert only(market.step(), e.Done).command == r.LIQUIDATE
    assert only(market.step(), e.Done).command == r.LIQUIDATE  # behind the last one: back to the first
    market.send(cr.set_underlying_state(0, 0))
    assert market.told().lots == -5


def test_no_auction_begins_while_the_underlying_of_a_seat_is_closed(market: RiskMarket) -> None:
    long_perpetual(market, index=47_500)
    market.sweep()
    market.send(cr.set_underlying_state(0, 1))
    for _ in range(3):
        assert only(market.step(), e.Done).command == r.LIQUIDATE  # it is passed over
        assert only(market.step(), e.Done).command == r.LIQUIDATE  # and no auction, but the next round
    market.send(cr.set_underlying_state(0, 0))
    assert [market.told().kind for _ in range(2)] == [r.LIQ_PERPETUAL, r.LIQ_AUCTION]


def test_an_expired_option_is_passed_over(market: RiskMarket) -> None:
    short_calls(market, 7_100)
    market.rests(DORA, CALL_50, 7_200, 10, SELL)
    market.sweep()
    market.send(c.time(10**9))
    assert only(market.step(), e.Done).command == r.LIQUIDATE


def test_behind_the_last_seat_the_auction_starts_once(market: RiskMarket) -> None:
    long_perpetual(market)
    market.sweep()
    assert [market.told().kind for _ in range(2)] == [r.LIQ_PERPETUAL, r.LIQ_AUCTION]
    assert market.told().kind == r.LIQ_PERPETUAL
    assert only(market.step(), e.Done).command == r.LIQUIDATE
    market.deposit(ALICE, 100 * USDC)
    assert market.told().kind == r.LIQ_ENDED


def test_under_the_portfolio_model_equity_is_the_balance(market: RiskMarket) -> None:
    market.deposit(ALICE, 600 * USDC)
    market.must(cr.set_margin_model(ALICE, r.MODEL_PORTFOLIO), e.Account)
    market.give(ALICE, PERPETUAL, 10, 50_000)
    market.deposit(CAROL, 10_000 * USDC)
    # Worst scenario: ten lots at 50 each; maintenance is 80 % of it.
    market.mark(48_000)
    assert market.sweep() == []
    market.mark(47_900)
    started = market.sweep()[0]
    assert (started.maintenance_micro, started.balance_micro) == (400 * USDC, 390 * USDC)
    market.rests(CAROL, PERPETUAL, 47_900, 5)
    told = market.told()
    assert (told.lots, told.amount_micro) == (-5, 4_790 * MILLI)
    assert (told.maintenance_micro, told.balance_micro) == (200 * USDC, 385_210 * MILLI)
