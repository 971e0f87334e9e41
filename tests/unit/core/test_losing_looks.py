"""What looks count of losing makers (docs/rules-2.md, Losing makers): no more than surely trades."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import FOK, IOC, REDUCE, SELL, USDC, last, of
from tests.unit.core.margins import ALICE, BOB, CALL_50, CALL_55, DORA, PERPETUAL, MarginMarket


@pytest.fixture(params=[Engine, ReferenceEngine], ids=["engine", "reference"])
def market(request: pytest.FixtureRequest) -> MarginMarket:
    return MarginMarket(request.param())


def leave(market: MarginMarket, micro: int, of_micro: int = 10_000 * USDC) -> None:
    """Withdraw until ALICE has this much."""
    assert isinstance(market.withdraw(ALICE, of_micro - micro), e.Cash)


def bid(market: MarginMarket, price: int, lots: int, *, display: int = 0, account: int = ALICE) -> None:
    placed = market.send(c.new_order(account, PERPETUAL, 0, price, lots, display_lots=display))
    assert last(placed, e.Order).open_lots == lots


def killed_or_filled(market: MarginMarket, lots: int, at: int = PERPETUAL, price: int = 48_000) -> bool:
    """DORA's sale, all or nothing: whether it was all."""
    done = last(market.order(DORA, at, price, lots, SELL | FOK), e.Order)
    assert (done.filled_lots, done.reason) in ((lots, 0), (0, r.CANCEL_FOK))
    return done.filled_lots == lots


# Ten perpetuals bid for at 50,000, marked 48,000: initial margin 96, and 200 that they lose.
TEN_MICRO = 296 * USDC


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_counted_as_long_as_initial_margin_and_the_loss_are_there(
    market: MarginMarket, missing_micro: int, filled: bool
) -> None:
    leave(market, TEN_MICRO - missing_micro)
    bid(market, 50_000, 10)
    market.mark(marks={PERPETUAL: 48_000})
    assert not killed_or_filled(market, 11)  # which takes nothing from the next look
    assert killed_or_filled(market, 10) is filled


def test_what_is_not_counted_may_trade_all_the_same(market: MarginMarket) -> None:
    leave(market, TEN_MICRO - 1)
    bid(market, 50_000, 10)
    market.mark(marks={PERPETUAL: 48_000})
    assert not killed_or_filled(market, 1)
    assert last(market.order(DORA, PERPETUAL, 48_000, 10, SELL | IOC), e.Order).filled_lots == 10


def test_at_the_mark_hidden_lots_count_and_above_it_only_the_shown(market: MarginMarket) -> None:
    bid(market, 48_000, 10, display=3)
    market.mark(marks={PERPETUAL: 48_000})
    assert killed_or_filled(market, 10)
    bid(market, 48_001, 10, display=3)
    assert not killed_or_filled(market, 4)
    assert killed_or_filled(market, 3)


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_hidden_lots_take_from_the_slack(market: MarginMarket, missing_micro: int, filled: bool) -> None:
    leave(market, TEN_MICRO - missing_micro)
    bid(market, 50_000, 10, display=3)
    market.mark(marks={PERPETUAL: 48_000})
    assert killed_or_filled(market, 3) is filled


@pytest.mark.parametrize(
    ("micro", "counted"),
    [
        (243 * USDC, 0),
        (244 * USDC, 5),  # margin of fifteen: 144; the best five lose 100
        (294 * USDC - 1, 5),
        (294 * USDC, 10),
        (319 * USDC - 1, 10),
        (319 * USDC, 15),
    ],
)
def test_an_account_s_orders_count_while_its_slack_lasts_and_others_behind_them(
    market: MarginMarket, micro: int, counted: int
) -> None:
    leave(market, micro)
    for price in (50_000, 49_000, 48_500):
        bid(market, price, 5)
    bid(market, 48_100, 2, account=BOB)
    market.mark(marks={PERPETUAL: 48_000})
    assert not killed_or_filled(market, counted + 3)
    assert killed_or_filled(market, counted + 2)


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_a_reduce_only_order_takes_though_it_does_not_count(
    market: MarginMarket, missing_micro: int, filled: bool
) -> None:
    market.hold(ALICE, PERPETUAL, -10)
    # They gain 201, and margin is 96; the bids lose 200 and 50.
    leave(market, 145 * USDC - missing_micro)
    market.rests(ALICE, PERPETUAL, 50_000, 10, REDUCE)
    bid(market, 49_000, 5)
    market.mark(marks={PERPETUAL: 48_000})
    assert not killed_or_filled(market, 6)
    assert killed_or_filled(market, 5) is filled


# --- holds and fees -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_a_fee_that_has_grown_counts(market: MarginMarket, missing_micro: int, filled: bool) -> None:
    market.must(cr.set_fees([cr.FeeTier(0, 0, 1_000, 1_000)]), e.Fees)
    # A lot holds 0.50 and 0.90 against the mark of 500.10. Later its fee is 1 and it loses 1: 0.60 more.
    # Margin: 14 held, and 100.
    leave(market, 120 * USDC - missing_micro)
    bid(market, 50_100, 10)
    market.mark(index=100_000, marks={PERPETUAL: 50_000})
    assert killed_or_filled(market, 10) is filled


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_a_rebate_counts_nothing(market: MarginMarket, missing_micro: int, filled: bool) -> None:
    market.must(cr.set_fees([cr.FeeTier(0, 0, -1_000, 1_000)]), e.Fees)
    leave(market, TEN_MICRO - missing_micro)  # margin is 5 more, as much as is held for a taker's fee
    bid(market, 50_000, 10)
    market.mark(marks={PERPETUAL: 48_000})
    assert killed_or_filled(market, 10) is filled


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_a_premium_is_held_already(market: MarginMarket, missing_micro: int, filled: bool) -> None:
    market.hold(ALICE, PERPETUAL, 1)
    leave(market, 300 * USDC)
    market.rests(ALICE, CALL_50, 2_000, 10)
    paid = 300 * USDC - 200 * USDC - 10_002_000  # 200 of premium, and what the perpetual requires, stay
    market.send(c.funding(PERPETUAL, paid + missing_micro))
    market.mark(marks={CALL_50: 500})
    assert killed_or_filled(market, 10, CALL_50, 500) is filled


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_an_option_sold_needs_its_initial_margin_and_no_premium_helps(
    market: MarginMarket, missing_micro: int, filled: bool
) -> None:
    leave(market, 960 * USDC - missing_micro)
    market.rests(ALICE, CALL_50, 2_000, 10, SELL)
    market.mark(marks={CALL_50: 2_100})  # 75 and 21 a lot
    done = last(market.order(DORA, CALL_50, 2_100, 10, FOK), e.Order)
    assert (done.filled_lots == 10) is filled


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_relief_does_not_count(market: MarginMarket, missing_micro: int, filled: bool) -> None:
    market.hold(ALICE, CALL_50, -10)
    market.hold(ALICE, CALL_55, 10)
    # The spread needs 500, its legs 950. A perpetual 9.60, and it loses 20.
    leave(market, 979_600_000 - missing_micro, 10_100 * USDC)
    bid(market, 50_000, 1)
    market.mark(marks={PERPETUAL: 48_000})
    assert killed_or_filled(market, 1) is filled


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_in_the_portfolio_model(market: MarginMarket, missing_micro: int, filled: bool) -> None:
    market.tables()
    market.portfolio(ALICE)
    # 100 in the worst scenario, 3 % of 2,750 for the orders' delta; 100 are lost; ten of rounding.
    leave(market, 282_500_010 - missing_micro)
    market.rests(ALICE, CALL_50, 2_000, 10)
    market.mark(marks={CALL_50: 1_000})
    assert killed_or_filled(market, 10, CALL_50, 1_000) is filled


@pytest.mark.parametrize(("missing_micro", "filled"), [(0, True), (1, False)])
def test_a_sale_s_table_is_rounded_in_the_portfolio_model(
    market: MarginMarket, missing_micro: int, filled: bool
) -> None:
    market.tables()
    market.portfolio(ALICE)
    # 300.01 less 5 in the worst scenario, 25 for what is short, 82.50 for delta; 10 are lost, and each lot's
    # rounding is a quantum and a micro.
    leave(market, 412_510_000 + 10 * 1_001 - missing_micro)
    market.rests(ALICE, CALL_50, 2_000, 10, SELL)
    market.mark(marks={CALL_50: 2_100})
    done = last(market.order(DORA, CALL_50, 2_100, 10, FOK), e.Order)
    assert (done.filled_lots == 10) is filled


# --- where the look ends --------------------------------------------------------------------------------


@pytest.mark.parametrize("missing_micro", [0, 1])
def test_a_level_too_long_for_the_look_takes_from_the_slack_too(
    market: MarginMarket, missing_micro: int
) -> None:
    market.deposit(BOB, 100_000 * USDC)
    leave(market, 2_960 * USDC - missing_micro)  # of a hundred lots
    bid(market, 50_000, 100, display=1)  # a hundred meetings
    one = c.new_order(BOB, PERPETUAL, 0, 50_000, 1)
    market.send(*[one] * (limits.MEETINGS_MOST - 50))
    market.mark(marks={PERPETUAL: 48_000})
    counted = limits.MEETINGS_MOST - 50 + (1 if missing_micro == 0 else 0)
    assert not killed_or_filled(market, counted + 1)
    assert killed_or_filled(market, counted)


@pytest.mark.parametrize(("micro", "lots"), [(50_580_000, 3), (50_579_999, 1)])
def test_a_slice_counts_as_fill_or_kill_does(market: MarginMarket, micro: int, lots: int) -> None:
    market.hold(BOB, PERPETUAL, 900)  # 4,500.90 to be kept of 10,000
    leave(market, micro)
    bid(market, 50_000, 3)
    market.mark(marks={PERPETUAL: 49_300})  # three need 29.58, and lose 21
    assert of(market.send(cr.risk_sweep(BOB, 1)), e.Liquidation)
    told = last(market.send(cr.liquidate(BOB)), e.Liquidation)
    assert told.lots == -lots  # where none counts a single lot is tried, and ALICE can pay for it
