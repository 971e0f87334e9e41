"""TAKEOVER: part of a portfolio in auction passes to a bidder, or nothing has happened (docs/rules-2.md)."""

from __future__ import annotations

import pytest

from exchange.core import invariants
from exchange.core.engine import Engine as CoreEngine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits, rejects
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
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
    START_MS,
    RiskMarket,
    kinds,
)

MILLI = 1_000
HALF = 500_000
WHOLE = 1_000_000
NO_LIMIT = limits.MAX_VALUE_MICRO


SEQ_WORD = 3  # of the state: the next sequence number


def in_auction(
    engine: Engine, index: int = 48_480, risk: cr.RiskParameters = RISK, fund: int = 500
) -> RiskMarket:
    """ALICE's 100 perpetuals, bought at 50,000 on 2,000 USDC, in auction since START_MS."""
    found = RiskMarket(engine, risk, fund_micro=fund * USDC)
    found.deposit(ALICE, 2_000 * USDC)
    found.give(ALICE, PERPETUAL, 100, 50_000)
    found.mark(index)
    found.sweep()
    found.to_auction()
    found.deposit(BOB, 10_000 * USDC)
    return found


@pytest.fixture
def early(engine_class: type[Engine]) -> RiskMarket:
    """The auction just begun: no discount. Balance 480, maintenance 484.80; 500 in the fund."""
    return in_auction(engine_class())


@pytest.fixture
def market(early: RiskMarket) -> RiskMarket:
    """The same half a minute later, at half the discount: 5 %."""
    early.send(c.time(START_MS + 30_000))
    return early


def bid(market: RiskMarket, fraction: int = HALF, most: int = NO_LIMIT, by: int = BOB) -> list[e.Event]:
    return market.send(cr.takeover(by, ALICE, fraction, most))


def rejected(events: list[e.Event]) -> tuple[str, int]:
    found = only(events, e.Rejected)
    return rejects.REJECT_NAMES[found.reason], found.detail


def test_half_a_portfolio_at_half_the_discount(market: RiskMarket) -> None:
    # The discount: 50 lots · 484.80 · 5 % are 1,212, but half the maintenance margin, 242.40, at most. ALICE
    # gives half her equity, 240; the fund nothing, as there is equity left.
    moved, ours, theirs, told = bid(market, most=-240 * USDC)
    assert isinstance(moved, e.Moved)
    assert (moved.head.account, moved.head.instrument, moved.to_account) == (ALICE, PERPETUAL, BOB)
    assert (moved.lots, moved.value_micro) == (50, 24_240 * USDC)
    cash = [(ours, BOB, ALICE, 240, 10_240), (theirs, ALICE, BOB, -240, 1_760)]
    for event, account, counter, delta, balance in cash:
        assert isinstance(event, e.Cash)
        assert (event.head.account, event.kind, event.counter_account) == (account, r.CASH_TAKEOVER, counter)
        assert (event.delta_micro, event.balance_micro) == (delta * USDC, balance * USDC)
    assert isinstance(told, e.Liquidation)
    assert (told.head.account, told.kind, told.counter_account) == (ALICE, r.LIQ_TAKEOVER, BOB)
    assert (told.amount_micro, told.lots) == (240 * USDC, HALF)
    # The marks are the price: all of the loss of 1,520 is ALICE's.
    assert (told.maintenance_micro, told.balance_micro) == (242_400 * MILLI, 240 * USDC)


def test_what_the_bidder_asks_for_at_most(market: RiskMarket) -> None:
    assert rejected(bid(market, most=-240 * USDC - 1)) == ("price_too_high", -240 * USDC)


def test_the_discount_grows_from_nothing_to_its_end_and_no_further(engine_class: type[Engine]) -> None:
    market = in_auction(engine_class(), 48_400, RISK._replace(auction_discount_ppm=1_000))
    assert rejected(bid(market, 100_000, most=-1)) == ("price_too_high", 0)
    for gone_ms, discount in ((30_000, 2_420), (60_000, 4_840), (600_000, 4_840)):  # 0.1 % of ten lots of 484
        market.send(c.time(START_MS + gone_ms))
        assert rejected(bid(market, 100_000, most=-NO_LIMIT)) == ("price_too_high", -discount * MILLI)


def test_no_more_may_be_taken_than_restores_maintenance(engine_class: type[Engine]) -> None:
    market = in_auction(engine_class(), 48_400, RISK._replace(auction_discount_ppm=1_000))
    # 84 of 484 are short: 17.3554 %.
    assert rejected(bid(market, 173_555)) == ("bad_size", 173_554)
    assert rejected(bid(market, WHOLE)) == ("bad_size", 173_554)
    market.send(c.time(START_MS + 60_000))
    # Now the whole would give 48.40 away: 84 of 435.60.
    assert rejected(bid(market, 192_839)) == ("bad_size", 192_838)
    told = last(bid(market, 192_838), e.Liquidation)  # 19.3 lots are twenty: 80 need 387.20
    assert (told.maintenance_micro, told.balance_micro) == (387_200 * MILLI, 390_320 * MILLI)
    assert market.told().kind == r.LIQ_ENDED


def test_two_lots_of_the_largest_position_may_be_taken_always(early: RiskMarket) -> None:
    # 4.80 of 484.80 are short: 0.99 %.
    assert rejected(bid(early, 20_001)) == ("bad_size", 20_000)
    assert of(bid(early, 20_000), e.Moved)[0].lots == 2


def test_the_bound_comes_behind_the_parts_and_before_the_price(early: RiskMarket) -> None:
    assert rejected(bid(early, 20_001, most=-1)) == ("bad_size", 20_000)
    early.send(cr.set_caps(BOB, 0, 1))
    early.rests(BOB, CALL_50, 1, 1)
    assert rejected(bid(early, 20_001)) == ("too_many_seats", 0)


@pytest.mark.parametrize(
    ("index", "fund", "topped"),
    [
        (47_900, 500, 100),  # what is missing
        (47_900, 60, 60),  # what the fund has
        (47_000, 5_000, 470),  # the discount, which is at most the maintenance margin
    ],
)
def test_the_fund_adds_to_the_whole_alone_what_is_missing(
    engine_class: type[Engine], index: int, fund: int, topped: int
) -> None:
    market = in_auction(engine_class(), index, fund=fund)
    market.send(c.time(START_MS + 30_000))
    assert rejected(bid(market, WHOLE - 1, most=-1)) == ("price_too_high", 0)
    assert rejected(bid(market, WHOLE, most=-NO_LIMIT)) == ("price_too_high", -topped * USDC)
    ours, theirs, funds = of(bid(market, WHOLE), e.Cash)
    assert (ours.delta_micro, theirs.delta_micro, funds.delta_micro) == (topped * USDC, 0, -topped * USDC)
    assert (funds.head.account, funds.kind, funds.counter_account) == (FUND, r.CASH_TAKEOVER, BOB)
    assert market.cash(FUND) == (fund - topped) * USDC


def short_calls_and_puts(market: RiskMarket, put_mark: int) -> None:
    """CAROL in auction: nine calls sold, five puts bought; index 53,000, calls at 170, cash 1,620."""
    market.deposit(CAROL, 1_500 * USDC)
    market.give(CAROL, CALL_50, -9, 3_000)
    market.give(CAROL, PUT_50, 5, 3_000)
    market.mark(53_000, {CALL_50: 17_000, PUT_50: put_mark})
    assert len(market.sweep(CAROL, 1)) == 1
    market.to_auction(CAROL)


def test_options_are_paid_for_at_their_marks(market: RiskMarket) -> None:
    short_calls_and_puts(market, 3_000)
    events = market.send(cr.takeover(BOB, CAROL, HALF, NO_LIMIT))
    # Half of nine calls sold, rounded up, and of five puts bought, down: five at 170 and two at 30.
    assert [(m.head.instrument, m.lots, m.value_micro) for m in of(events, e.Moved)] == [
        (CALL_50, -5, -850 * USDC),
        (PUT_50, 2, 60 * USDC),
    ]
    assert [(cash.head.account, cash.delta_micro) for cash in of(events, e.Cash)] == [
        (BOB, 790 * USDC),
        (CAROL, -790 * USDC),
    ]


def test_the_discount_of_a_long_option_is_half_its_value_at_most(market: RiskMarket) -> None:
    short_calls_and_puts(market, 500)
    market.send(c.time(START_MS + 36_000))  # 1 % of 530: 26.50 for five calls; two puts at 5: 5, not 10.60
    events = market.send(cr.takeover(BOB, CAROL, HALF, NO_LIMIT))
    assert last(events, e.Liquidation).amount_micro == 31_500 * MILLI
    assert of(events, e.Cash)[0].delta_micro == (850 - 10) * USDC + 31_500 * MILLI


def test_a_part_of_less_than_a_lot_is_one_unless_it_is_a_long_option(market: RiskMarket) -> None:
    short_calls_and_puts(market, 3_000)
    events = market.send(cr.takeover(BOB, CAROL, 1, NO_LIMIT))
    assert [(m.head.instrument, m.lots) for m in of(events, e.Moved)] == [(CALL_50, -1)]


def test_nothing_but_long_options_of_less_than_a_lot_is_nothing(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class())
    market.deposit(ALICE, 2_100 * USDC)
    market.give(ALICE, CALL_60, 4, 1_000)
    market.give(ALICE, PERPETUAL, 100, 50_000)
    market.deposit(CAROL, 100_000 * USDC)
    market.mark(47_000)
    market.rests(CAROL, PERPETUAL, 47_000, 100)
    market.sweep()
    market.to_auction(steps_most=30)  # the perpetuals are sold, 940 are missing, and four calls left
    assert rejected(market.send(cr.takeover(BOB, ALICE, 249_999, NO_LIMIT))) == ("bad_size", 0)
    market.deposit(BOB, 100 * USDC)
    assert of(market.send(cr.takeover(BOB, ALICE, 250_000, NO_LIMIT)), e.Moved)[0].lots == 1


def test_parts_that_would_tear_a_spread_are_not_taken(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class())
    market.deposit(ALICE, 200 * USDC)
    market.give(ALICE, CALL_60, 1, 1_000)
    market.give(ALICE, CALL_50, -1, 3_000)
    market.mark(marks={CALL_50: 100})
    market.must(c.withdraw(ALICE, 144 * USDC, 1), e.Cash)  # 76: 15 % of 500 and the mark
    market.mark(53_000, {CALL_50: 12_000})  # the spread can lose 100
    market.sweep()
    market.to_auction()
    market.deposit(BOB, 1_000 * USDC)
    engine = market.engine
    assert isinstance(engine, CoreEngine | ReferenceEngine)
    before = engine.state_bytes()
    # The short call alone: 120 paid, 100 freed.
    assert rejected(bid(market)) == ("bad_size", 0)
    assert words(engine.state_bytes()) == [n + (at == SEQ_WORD) for at, n in enumerate(words(before))]
    assert len(of(bid(market, WHOLE), e.Moved)) == 2


def test_it_ends_by_a_step_once_enough_is_taken(early: RiskMarket) -> None:
    bid(early, 10_000)
    assert early.told().kind == r.LIQ_ENDED


def test_the_whole_may_be_taken_where_no_less_is_enough(market: RiskMarket) -> None:
    # Of a discount of 484.80 ALICE gives all her equity: 4.80 are short, and no more than these are freed.
    events = bid(market, WHOLE)
    told = last(events, e.Liquidation)
    assert (told.lots, told.amount_micro) == (WHOLE, 480 * USDC)
    assert (told.maintenance_micro, told.balance_micro) == (0, 0)
    assert kinds(market.step()) == [r.LIQ_ENDED]


def poor(market: RiskMarket) -> None:
    """Leave BOB 100 USDC."""
    market.must(c.withdraw(BOB, 9_900 * USDC, 1), e.Cash)


def test_a_bidder_who_cannot_carry_it_changes_nothing(market: RiskMarket) -> None:
    poor(market)  # 50 lots need 484.80
    unchanged(market, bid(market), "insufficient_funds")
    unchanged(market, bid(market, WHOLE), "insufficient_funds")


def test_nor_one_with_a_seat_and_orders_of_its_own(market: RiskMarket) -> None:
    poor(market)
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
    again = market.send(cr.takeover(BOB, ALICE, HALF, NO_LIMIT))
    assert reason(again) == "insufficient_funds"
    after = engine.state_bytes()
    assert words(after) == [n + (at == SEQ_WORD) for at, n in enumerate(words(before))]
    if isinstance(engine, ReferenceEngine):
        return
    invariants.check(engine)
    restored = CoreEngine.restore(after)
    follow = c.new_order(BOB, CALL_50, 0, 2, 1) + cr.liquidate(ALICE) + cr.risk_sweep(ALICE, 4)
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
    ],
)
def test_what_is_refused(market: RiskMarket, bidder: int, target: int, fraction: int, why: str) -> None:
    assert reason(market.send(cr.takeover(bidder, target, fraction, NO_LIMIT))) == why


def test_nobody_takes_over_from_the_family(market: RiskMarket) -> None:
    child = DORA + 1
    market.must(c.create_account(child, main=ALICE), e.Account)
    assert reason(bid(market, by=child)) == "wrong_family"
    other = child + 1
    market.must(c.create_account(other, main=BOB), e.Account)
    market.deposit(other, 10_000 * USDC)
    assert len(of(bid(market, by=other), e.Moved)) == 1


def test_who_has_maintenance_again_is_not_taken_over(market: RiskMarket) -> None:
    market.deposit(ALICE, 4_800 * MILLI - 1)
    assert rejected(bid(market, most=-NO_LIMIT))[0] == "price_too_high"
    market.deposit(ALICE, 1)
    assert reason(bid(market)) == "not_in_auction"


def test_a_bidder_locked_or_in_liquidation_is_refused(market: RiskMarket) -> None:
    market.send(cr.set_lock(BOB, True))
    assert reason(bid(market)) == "account_locked"
    assert reason(bid(market, by=ALICE)) == "account_locked"


def test_nothing_is_taken_over_while_the_venue_is_cancel_only(market: RiskMarket) -> None:
    market.send(c.set_mode(r.MODE_CANCEL_ONLY))
    assert reason(bid(market)) == "venue_cancel_only"


def test_the_bidder_s_caps_and_limits_hold(market: RiskMarket) -> None:
    market.deposit(BOB, 1_000_000 * USDC)
    market.rests(BOB, CALL_50, 1, 1)
    market.send(cr.set_caps(BOB, 0, 1))
    assert reason(bid(market)) == "too_many_seats"
    market.send(cr.set_caps(BOB, 0, 2))
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
