"""Attacks one by one, with numbers that can be worked out on paper. X is the attacker, FRIEND his own too.

Per lot, in USDC, at the index 50,000 (lots of 0.01, so 500 of index): the perpetual is marked 500, needs 10
at first and 5 to keep, and costs 0.25 in fees; CALL_50 is marked 20, CALL_51 15.61, PUT_30 1.98. A call sold
needs 37.5 and its mark to keep it. Bands: 25 a lot for the perpetual, 20 for options. In a spread every
option counts 0.075 for delivery.
"""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects as no
from tests.property.attack_market import (
    CALL_50,
    CALL_51,
    FRIEND,
    FUND,
    MAIN,
    PERPETUAL,
    PUT_30,
    SUB,
)
from tests.property.attack_market import SYBIL as X
from tests.property.attack_world import AttackWorld
from tests.unit.core.harness import IOC, MARKET, SELL, USDC, of

SKY = 400_000
PPM = 1_000_000


def cents(usdc: float) -> int:
    """Micro-USDC of an amount with at most three decimals."""
    return round(usdc * 1_000) * 1_000


def holding(usdc: float, *positions: tuple[int, int], of_account: int = X) -> AttackWorld:
    """X with these positions (instrument, lots), bought and sold at the mark, and exactly this cash."""
    world = AttackWorld()
    hold(world, of_account, usdc, *positions)
    return world


def hold(world: AttackWorld, account: int, usdc: float, *positions: tuple[int, int]) -> None:
    world.deposit(account, 1_000_000 * USDC)
    for at, lots in positions:
        seller, buyer = (FRIEND, account) if lots > 0 else (account, FRIEND)
        assert world.trade(seller, buyer, at, world.marks[at], abs(lots), maker=FRIEND) == abs(lots)
    world.send(c.withdraw(account, world.cash(account) - cents(usdc), 1 << 20 | account))
    assert world.cash(account) == cents(usdc), world.margins(account)


def refused(events: list[e.Event]) -> int:
    """Why the command was refused; 0 if it was not."""
    return events[0].reason if isinstance(events[0], e.Rejected) else 0


def filled(events: list[e.Event]) -> int:
    return sum(trade.size_lots for trade in of(events, e.Trade))


# --- closing at any price ----------------------------------------------------------------------------


def test_a_perpetual_is_not_closed_at_the_far_edge_of_the_band() -> None:
    """100 lots on 1,000: at 47,500 they lose 2,500. They may lose 9.75 a lot and pay 0.25: 49,025."""
    world = holding(1_000, (PERPETUAL, 100))
    world.order(FRIEND, PERPETUAL, 47_500, 100)
    for price in (47_500, 49_024):
        events = world.order(X, PERPETUAL, price, 100, SELL | IOC)
        assert refused(events) == no.INSUFFICIENT_FUNDS
    world.order(FRIEND, PERPETUAL, 49_025, 100)
    assert filled(world.order(X, PERPETUAL, 49_025, 100, SELL | IOC)) == 100
    assert world.margins(X).equity_micro == 0


def test_a_closing_market_order_stops_where_the_account_is_empty() -> None:
    """As above: the market order becomes a limit at 49,025 and leaves the friend's 47,500 alone."""
    world = holding(1_000, (PERPETUAL, 100))
    world.order(FRIEND, PERPETUAL, 47_500, 100)
    assert filled(world.order(X, PERPETUAL, 0, 100, SELL | MARKET | IOC)) == 0
    world.order(FRIEND, PERPETUAL, 49_025, 30)
    assert filled(world.order(X, PERPETUAL, 0, 100, SELL | MARKET | IOC)) == 30
    assert world.margins(X).equity_micro == cents(700)


def test_two_closing_orders_are_not_fine_because_each_is() -> None:
    """40 of 100 lots at 48,500 cost 40 · 15.25 = 610 and leave 300 to keep: 910 of 1,000. Not twice."""
    world = holding(1_000, (PERPETUAL, 100))
    assert not refused(world.order(X, PERPETUAL, 48_500, 40, SELL))
    assert refused(world.order(X, PERPETUAL, 48_500, 40, SELL)) == no.INSUFFICIENT_FUNDS
    assert filled(world.order(FRIEND, PERPETUAL, 48_500, 80, IOC)) == 40
    assert world.margins(X).equity_micro == cents(400)  # a maker pays no fee
    assert world.sweep() == []


def test_a_closing_order_is_not_amended_to_a_worse_price() -> None:
    world = holding(1_000, (PERPETUAL, 100))
    (placed,) = world.order(X, PERPETUAL, 50_500, 100, SELL)
    assert isinstance(placed, e.Order)
    worse = c.amend(X, placed.order_id, price_ticks=47_500)
    assert refused(world.send(worse)) == no.INSUFFICIENT_FUNDS
    assert not refused(world.send(c.amend(X, placed.order_id, price_ticks=49_025)))


def test_a_vertical_spread_is_not_legged_out() -> None:
    """20 pairs on their 40 · 0.075 = 3: neither leg can be closed at the friend's price."""
    world = holding(3, (CALL_50, 20), (CALL_51, -20))
    assert world.margins(X).maintenance_micro == cents(3)
    world.order(FRIEND, CALL_51, 3_561, 20, SELL)
    assert refused(world.order(X, CALL_51, 3_561, 20, IOC)) == no.INSUFFICIENT_FUNDS
    world.order(FRIEND, CALL_50, 1, 20)
    assert refused(world.order(X, CALL_50, 1, 20, SELL | IOC)) == no.INSUFFICIENT_FUNDS


def test_an_offer_in_the_sky_does_not_pay_for_a_torn_spread() -> None:
    """An offer of 2 calls for 4,000 each would pay for all 20 naked calls sold (1,062): it never fills."""
    world = holding(3, (CALL_50, 20), (CALL_51, -20))
    world.order(FRIEND, CALL_50, 1, 18)
    assert refused(world.order(X, CALL_50, SKY, 2, SELL)) == no.INSUFFICIENT_FUNDS
    assert refused(world.order(X, CALL_50, 1, 18, SELL | IOC)) == no.INSUFFICIENT_FUNDS


def test_receipts_of_all_lots_do_not_pay_for_the_first() -> None:
    """20 calls at 54 bring 1,080, more than 20 naked ones need (1,062); one brings 54 and needs 551."""
    world = holding(3, (CALL_50, 20), (CALL_51, -20))
    assert refused(world.order(X, CALL_50, 5_400, 20, SELL)) == no.INSUFFICIENT_FUNDS


def test_an_offer_of_options_held_does_not_lower_what_must_be_held() -> None:
    """10 pairs and 9,000 puts: delivery 9,020 · 0.075 = 676.5, less than the 10 naked calls: 531.1."""
    world = holding(700, (CALL_50, 10), (CALL_51, -10), (PUT_30, 9_000))
    before = world.margins(X)
    assert before.maintenance_micro == cents(531.1)
    assert not refused(world.order(X, PUT_30, SKY, 9_000, SELL))
    assert world.margins(X).initial_micro >= before.maintenance_micro
    world.withdraw_all(X)
    world.send(c.cancel_many(X))
    assert world.room(X) >= 0


# --- takeovers ---------------------------------------------------------------------------------------


def test_cheap_longs_are_taken_over_for_half_their_value_at_least() -> None:
    """1,000 puts worth 2 each, 25 of index discount each: once 25,000 for 2,000 of options."""
    world = holding(100, (PUT_30, 1_000), (PERPETUAL, 10))
    world.mark(49_400)  # the perpetual loses 60: 40 left, 49.4 to keep
    fund = world.fund
    assert world.sweep() == [X]
    world.close_out(X)
    assert world.liquidation(X) == r.LIQUIDATION_AUCTION
    world.wait(60_000)
    own = world.margins(FRIEND).equity_micro
    refusal = world.take(FRIEND, X, PPM)
    assert refusal is not None
    assert refusal.reason == no.BAD_SIZE  # far more than restores maintenance
    assert world.take(FRIEND, X, refusal.detail) is None
    part = -(-1_000 * refusal.detail // PPM)
    assert world.margins(FRIEND).equity_micro - own <= part * world.marks[PUT_30] * 10_000 // 2 + cents(49.4)
    assert world.fund == fund
    assert world.margins(X).equity_micro > 0


def test_the_family_does_not_bid() -> None:
    world = holding(100, (PUT_30, 1_000), (PERPETUAL, 10), of_account=SUB)
    world.deposit(MAIN, 100_000 * USDC)
    world.mark(49_400)
    world.sweep()
    world.close_out(SUB)
    refusal = world.take(MAIN, SUB, 1_000)
    assert refusal is not None
    assert refusal.reason == no.WRONG_FAMILY


def test_the_fund_tops_up_once_and_what_is_owed_at_most() -> None:
    """100 lots long on 1,000, the index falls by 3 %: 500 owed. Nine parts of a tenth bring no top-up."""
    world = holding(1_000, (PERPETUAL, 100))
    world.mark(48_500)
    fund = world.fund
    world.sweep()
    world.close_out(X)
    world.wait(60_000)
    for _ in range(9):
        world.take(FRIEND, X, 100_000)
    assert world.fund == fund
    assert world.take(FRIEND, X, PPM) is None
    assert 0 < fund - world.fund <= cents(500)


def test_a_takeover_does_not_take_the_short_and_leave_the_long() -> None:
    """4 credit spreads, a hair short: half a lot is one lot of the call sold and none of the other."""
    world = holding(43, (CALL_50, -4), (CALL_51, 4))
    world.send(c.withdraw(X, world.cash(X) - world.margins(X).maintenance_micro, 1 << 21))
    world.mark(51_000)  # delivery costs 2 % more
    assert world.sweep() == [X]
    world.close_out(X)
    room = world.room(X)
    refusal = world.take(FRIEND, X, 125_000)
    assert refusal is not None
    assert refusal.reason == no.BAD_SIZE
    assert world.room(X) == room


# --- jumps -------------------------------------------------------------------------------------------


def test_a_stale_order_is_no_free_option() -> None:
    """A bid of 100 lots on 1,025; marks fall by 5 %, 2,500: it is cancelled instead of filled."""
    world = AttackWorld()
    world.deposit(X, cents(1_025))
    world.order(X, PERPETUAL, 50_000, 100)
    world.mark(47_500)
    events = world.order(FRIEND, PERPETUAL, 47_500, 100, SELL | IOC)
    assert filled(events) == 0
    assert world.margins(X).equity_micro == cents(1_025)


def test_an_offer_of_a_hedge_is_stale_below_the_mark() -> None:
    """Calls held pay for the perpetual sold: behind the jump the friend does not get them for a tick."""
    world = holding(2_500, (PERPETUAL, -250), (CALL_50, 100))
    assert not refused(world.order(X, CALL_50, 1, 50, SELL))
    world.mark(55_000)
    owed = -world.margins(X).equity_micro
    assert owed > 0
    assert filled(world.order(FRIEND, CALL_50, 1, 50, IOC)) == 0
    assert world.margins(X).equity_micro == -owed


def test_longs_are_not_given_away_behind_a_jump() -> None:
    """10 calls sold on 950 go from 20 to 105.9 a lot: 109 owed but for 100 puts of 2.06 each.

    The puts hold up no margin, so that selling them is no step away from maintenance at any price.
    """
    world = holding(950, (CALL_50, -10), (PUT_30, 100))
    world.mark(60_000, 5_000)
    assert world.margins(X).equity_micro == cents(950 - 1_059 + 206)
    world.order(FRIEND, PUT_30, 1, 100)
    assert refused(world.order(X, PUT_30, 1, 100, SELL | IOC)) == no.INSUFFICIENT_FUNDS
    world.order(FRIEND, PUT_30, 206, 100)
    assert filled(world.order(X, PUT_30, 206, 100, SELL | IOC)) == 100


def test_a_slice_does_not_give_away_what_is_not_there() -> None:
    """100 lots, 500 owed: at the mark less 242 they would lose 242 more; the bid must be near it."""
    world = holding(1_000, (PERPETUAL, 100))
    world.mark(48_500)
    world.sweep()
    world.order(FRIEND, PERPETUAL, 48_258, 100)
    world.close_out(X)
    assert world.size(X, PERPETUAL) == 100
    world = holding(1_000, (PERPETUAL, 100))
    world.mark(48_500)
    world.sweep()
    world.order(FRIEND, PERPETUAL, 48_490, 100)
    world.close_out(X)
    assert world.size(X, PERPETUAL) == 0
    assert world.margins(X).equity_micro >= -cents(500 + 10 + 25)  # 10 ticks, and the taker's fee


# --- families and losses -----------------------------------------------------------------------------


def test_open_orders_of_the_family_hold_nothing_back() -> None:
    """SUB owes 500; MAIN's 1,000 are held by bids far away, and pay all the same."""
    world = holding(1_000, (PERPETUAL, 100), of_account=SUB)
    world.deposit(MAIN, cents(1_000))
    world.order(MAIN, PERPETUAL, 1, 97)
    assert world.margins(MAIN).initial_micro > cents(990)
    world.mark(48_500)
    fund = world.fund
    world.sweep()
    world.order(FRIEND, PERPETUAL, 48_500, 100)
    world.close_out(SUB)
    assert world.liquidation(SUB) == r.LIQUIDATION_NONE
    assert world.fund == fund
    assert world.margins(SUB).equity_micro == 0
    assert cents(470) <= world.margins(MAIN).equity_micro <= cents(500)


def test_the_family_does_not_leave_before_the_sweep() -> None:
    world = holding(1_000, (PERPETUAL, 100), of_account=SUB)
    world.deposit(MAIN, cents(1_000))
    world.mark(48_500)
    assert refused(world.send(c.withdraw(MAIN, cents(1_000), 1 << 21))) == no.ACCOUNT_LOCKED


def in_deficit() -> AttackWorld:
    """X owes 500 and holds nothing, the fund is empty; MAIN has 3,000, SUB 1,000, FRIEND all the rest."""
    world = AttackWorld(fund_micro=1)
    hold(world, X, 1_000, (PERPETUAL, 100))
    world.deposit(MAIN, cents(3_000))
    world.deposit(SUB, cents(1_000))
    world.mark(48_500)
    world.sweep()
    world.order(FRIEND, PERPETUAL, 48_500, 100)
    world.close_out(X)
    assert world.liquidation(X) == r.LIQUIDATION_DEFICIT
    return world


def test_nobody_leaves_between_the_passes_of_a_shared_loss() -> None:
    world = in_deficit()
    owed = -world.margins(X).equity_micro
    basis = {account: world.cash(account) for account in (MAIN, SUB, FRIEND)}
    world.send(cr.share_loss(X, 2))
    leaving = (c.withdraw(MAIN, cents(2_000), 1 << 21), cr.transfer(MAIN, SUB, cents(2_000), 1))
    for command in leaving:
        assert refused(world.send(command)) == no.LOSS_SHARING
    world.send(cr.share_loss(X, 2))
    for command in leaving:
        assert refused(world.send(command)) == no.LOSS_SHARING
    world.send(cr.share_loss(X, 4))
    assert world.liquidation(X) == r.LIQUIDATION_NONE
    for account in (MAIN, SUB):
        share = -(-owed * basis[account] // sum(basis.values()))
        assert basis[account] - world.cash(account) == share
    assert not refused(world.send(leaving[1]))


@pytest.mark.parametrize("cap", [0, 125])
def test_the_fee_of_a_covered_sale_is_held(cap: int) -> None:
    """10 calls sold for a tick each against 10 held: 0.15 of fees a lot, or an eighth of the tick."""
    world = AttackWorld(fee_cap_permille=cap)
    hold(world, X, 1.5, (CALL_50, 10))
    world.order(FRIEND, CALL_51, 1, 10)
    world.order(X, CALL_51, 1, 10, SELL | IOC)
    assert world.room(X) >= 0
    assert world.cash(FUND) > 0
