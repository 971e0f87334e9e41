"""TAKEOVER: part of a portfolio in auction passes to a bidder, or nothing has happened (docs/rules-2.md)."""

from __future__ import annotations

import pytest

from exchange.core import invariants
from exchange.core.engine import Engine as CoreEngine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import IOC, SELL, USDC, Engine, last, of, only, reason
from tests.unit.core.liquidations import (
    ALICE,
    BOB,
    CALL_50,
    CAROL,
    DORA,
    FUND,
    PERPETUAL,
    PUT_50,
    START_MS,
    RiskMarket,
    kinds,
)

MILLI = 1_000
HALF = 500_000
WHOLE = 1_000_000
NO_LIMIT = limits.MAX_VALUE_MICRO


SEQ_WORD = 3  # of the state: the next sequence number


@pytest.fixture
def market(engine_class: type[Engine]) -> RiskMarket:
    """ALICE's 100 perpetuals in auction since START_MS: balance 480, maintenance 484.80; 500 in the fund."""
    found = RiskMarket(engine_class(), fund_micro=500 * USDC)
    found.deposit(ALICE, 2_000 * USDC)
    found.give(ALICE, PERPETUAL, 100, 50_000)
    found.mark(48_480)
    found.sweep()
    found.to_auction()
    return found


def bid(market: RiskMarket, fraction: int = HALF, most: int = NO_LIMIT, by: int = BOB) -> list[e.Event]:
    return market.send(c.takeover(by, ALICE, fraction, most))


def rejected(events: list[e.Event]) -> tuple[str, int]:
    found = only(events, e.Rejected)
    return rejects.REJECT_NAMES[found.reason], found.detail


def test_half_a_portfolio_at_half_the_discount(market: RiskMarket) -> None:
    market.deposit(BOB, 10_000 * USDC)
    market.send(c.time(START_MS + 30_000))
    # The discount: 50 lots · 484.80 · 5 %: 1,212. ALICE gives half her equity, 240, the fund all it has.
    moved, ours, theirs, fund, told = bid(market, most=-740 * USDC)
    assert isinstance(moved, e.Moved)
    assert (moved.head.account, moved.head.instrument, moved.to_account) == (ALICE, PERPETUAL, BOB)
    assert (moved.lots, moved.value_micro) == (50, 24_240 * USDC)
    cash = [(ours, BOB, ALICE, 740, 10_740), (theirs, ALICE, BOB, -240, 1_760), (fund, FUND, BOB, -500, 0)]
    for event, account, counter, delta, balance in cash:
        assert isinstance(event, e.Cash)
        assert (event.head.account, event.kind, event.counter_account) == (account, r.CASH_TAKEOVER, counter)
        assert (event.delta_micro, event.balance_micro) == (delta * USDC, balance * USDC)
    assert isinstance(told, e.Liquidation)
    assert (told.head.account, told.kind, told.counter_account) == (ALICE, r.LIQ_TAKEOVER, BOB)
    assert (told.amount_micro, told.lots) == (740 * USDC, HALF)
    # 50 lots are left to ALICE: half the loss of 1,520 went with the others.
    assert (told.maintenance_micro, told.balance_micro) == (242_400 * MILLI, 240 * USDC)


def test_what_the_bidder_asks_for_at_most(market: RiskMarket) -> None:
    market.deposit(BOB, 10_000 * USDC)
    market.send(c.time(START_MS + 30_000))
    assert rejected(bid(market, most=-740 * USDC - 1)) == ("price_too_high", -740 * USDC)


def test_at_the_start_there_is_no_discount_and_behind_the_end_no_more(market: RiskMarket) -> None:
    market.deposit(BOB, 10_000 * USDC)
    market.deposit(FUND, 10_000 * USDC)
    assert rejected(bid(market, most=-1)) == ("price_too_high", 0)
    market.send(c.time(START_MS + 600_000))
    assert rejected(bid(market, most=-NO_LIMIT)) == ("price_too_high", -2_424 * USDC)  # 10 %


def test_options_are_paid_for_at_their_marks(market: RiskMarket) -> None:
    market.deposit(CAROL, 1_500 * USDC)
    market.give(CAROL, CALL_50, -9, 3_000)
    market.give(CAROL, PUT_50, 5, 3_000)
    market.deposit(BOB, 10_000 * USDC)
    market.mark(53_000, {CALL_50: 14_500})
    assert len(market.sweep(CAROL, 1)) == 1
    market.to_auction(CAROL)
    events = market.send(c.takeover(BOB, CAROL, HALF, NO_LIMIT))
    # Half of nine and of five lots, toward zero: four calls at 145 and two puts at 30.
    assert [(m.head.instrument, m.lots, m.value_micro) for m in of(events, e.Moved)] == [
        (CALL_50, -4, -580 * USDC),
        (PUT_50, 2, 60 * USDC),
    ]
    assert [(cash.head.account, cash.delta_micro) for cash in of(events, e.Cash)] == [
        (BOB, 520 * USDC),
        (CAROL, -520 * USDC),
    ]


def test_it_ends_by_a_step_once_enough_is_taken(market: RiskMarket) -> None:
    market.deposit(BOB, 10_000 * USDC)
    bid(market)
    assert market.told().kind == r.LIQ_ENDED


def test_the_whole_may_be_taken(market: RiskMarket) -> None:
    market.deposit(BOB, 10_000 * USDC)
    events = bid(market, WHOLE)
    told = last(events, e.Liquidation)
    assert (told.lots, told.maintenance_micro, told.balance_micro) == (WHOLE, 0, 480 * USDC)
    assert kinds(market.step()) == [r.LIQ_ENDED]


def test_a_bidder_who_cannot_carry_it_changes_nothing(market: RiskMarket) -> None:
    market.deposit(BOB, 100 * USDC)  # 50 lots need 484.80
    unchanged(market, bid(market), "insufficient_funds")
    unchanged(market, bid(market, WHOLE), "insufficient_funds")


def test_nor_one_with_a_seat_and_orders_of_its_own(market: RiskMarket) -> None:
    market.deposit(BOB, 100 * USDC)
    market.give(BOB, PERPETUAL, 2, 48_480)
    market.rests(BOB, CALL_50, 1, 1)
    unchanged(market, bid(market), "insufficient_funds")
    assert last(market.send(c.new_order(BOB, PERPETUAL, IOC, 1, 1)), e.Order).filled_lots == 0


def unchanged(market: RiskMarket, events: list[e.Event], why: str) -> None:
    """The reject, and that the state before it differs by the sequence number alone; so does what follows."""
    assert reason(events) == why
    engine = market.engine
    assert isinstance(engine, CoreEngine | ReferenceEngine)
    before = engine.state_bytes()
    again = market.send(c.takeover(BOB, ALICE, HALF, NO_LIMIT))
    assert reason(again) == "insufficient_funds"
    after = engine.state_bytes()
    assert words(after) == [n + (at == SEQ_WORD) for at, n in enumerate(words(before))]
    if isinstance(engine, ReferenceEngine):
        return
    invariants.check(engine)
    restored = CoreEngine.restore(after)
    follow = c.new_order(BOB, CALL_50, 0, 2, 1) + c.liquidate(ALICE) + c.risk_sweep(ALICE, 4)
    assert engine.apply(follow) == restored.apply(follow)
    assert engine.state_bytes() == restored.state_bytes()


def words(state: bytes) -> list[int]:
    return [int.from_bytes(state[at : at + 8], "little", signed=True) for at in range(0, len(state), 8)]


@pytest.mark.parametrize(
    ("bidder", "target", "fraction", "why"),
    [
        (99, ALICE, HALF, "unknown_account"),
        (limits.ACCOUNT_INSURANCE, ALICE, HALF, "unknown_account"),
        (BOB, 99, HALF, "unknown_account"),
        (BOB, -1, HALF, "unknown_account"),
        (BOB, limits.ACCOUNT_FEES, HALF, "unknown_account"),
        (BOB, BOB, HALF, "bad_value"),
        (BOB, ALICE, 0, "bad_value"),
        (BOB, ALICE, WHOLE + 1, "bad_value"),
        (BOB, CAROL, HALF, "not_in_auction"),
        (BOB, ALICE, 9_999, "bad_size"),  # less than a lot of 100
    ],
)
def test_what_is_refused(market: RiskMarket, bidder: int, target: int, fraction: int, why: str) -> None:
    assert reason(market.send(c.takeover(bidder, target, fraction, NO_LIMIT))) == why


def test_a_bidder_locked_or_in_liquidation_is_refused(market: RiskMarket) -> None:
    market.send(c.set_lock(BOB, True))
    assert reason(bid(market)) == "account_locked"
    assert reason(bid(market, by=ALICE)) == "account_locked"


def test_nothing_is_taken_over_while_the_venue_is_cancel_only(market: RiskMarket) -> None:
    market.send(c.set_mode(r.MODE_CANCEL_ONLY))
    assert reason(bid(market)) == "venue_cancel_only"


def test_the_bidder_s_caps_and_limits_hold(market: RiskMarket) -> None:
    market.deposit(BOB, 1_000_000 * USDC)
    market.rests(BOB, CALL_50, 1, 1)
    market.send(c.set_caps(BOB, 0, 1))
    assert reason(bid(market)) == "too_many_seats"
    market.send(c.set_caps(BOB, 0, 2))
    market.rests(BOB, PERPETUAL, 1, 9_951)  # of 10,000
    assert reason(bid(market)) == "position_limit"
    assert len(of(bid(market, 490_000), e.Moved)) == 1


def test_an_entry_value_that_has_run_away_is_refused(market: RiskMarket) -> None:
    market.deposit(BOB, 10**9 * USDC)
    for _ in range(13):  # each round loses 45 million USDC to DORA: the limit is 2⁴⁹ micro-USDC
        market.send(
            c.new_order(DORA, PERPETUAL, SELL, 500_000, 9_000),
            c.new_order(BOB, PERPETUAL, IOC, 500_000, 9_000),
            c.new_order(DORA, PERPETUAL, 0, 1, 9_000),
            c.new_order(BOB, PERPETUAL, SELL | IOC, 1, 9_000),
        )
    assert reason(bid(market)) == "limit_reached"
