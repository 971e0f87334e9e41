"""SHARE_LOSS: a deficit shared pro rata to what accounts are worth, in two passes (docs/rules-2.md)."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import USDC, Engine, of, only, reason
from tests.unit.core.liquidations import ALICE, BOB, CALL_50, CAROL, DORA, PERPETUAL, RiskMarket, kinds

# DORA's fortune, less what the bookings of the set-up add to it: see `cash`.
DEFICIT = 1_000 * USDC


@pytest.fixture
def market(engine_class: type[Engine]) -> RiskMarket:
    """ALICE owes 1,000 USDC and holds nothing; BOB has 3,000, CAROL 50,000; the fund nothing."""
    found = RiskMarket(engine_class())
    ruin(found, ALICE)
    found.deposit(BOB, 3_000 * USDC)
    assert kinds(found.step()) == [r.LIQ_DEFICIT]
    return found


def ruin(market: RiskMarket, account: int, index: int = 47_000) -> None:
    """The account bought 100 lots at 50,000 on 2,000 USDC and sold them at the index to CAROL."""
    market.deposit(account, 2_000 * USDC)
    market.give(account, PERPETUAL, 100, 50_000)
    market.mark(index)
    market.deposit(CAROL, 50_000 * USDC)
    market.rests(CAROL, PERPETUAL, index, 100)
    market.sweep(account, 1)
    for _ in range(20):
        market.step(account)
    market.mark()


def share(market: RiskMarket, count: int, account: int = ALICE) -> list[e.Event]:
    return market.send(cr.share_loss(account, count))


def test_everybody_pays_in_proportion_and_the_last_the_rest(market: RiskMarket) -> None:
    bases = {BOB: market.cash(BOB), CAROL: market.cash(CAROL), DORA: market.cash(DORA)}
    bases = {account: basis + 1 for account, basis in bases.items()}  # what `cash` deposits
    assert only(share(market, 1_024), e.Done).affected == 4
    events = share(market, 1_024)
    total = sum(bases.values())
    due = {account: -(-DEFICIT * basis // total) for account, basis in bases.items()}
    due[DORA] = DEFICIT - due[BOB] - due[CAROL]
    paid = of(events, e.Liquidation)[:-1]
    assert {event.head.account: event.amount_micro for event in paid} == due
    assert {(event.kind, event.counter_account) for event in paid} == {(r.LIQ_SHARED, ALICE)}
    assert paid[0].balance_micro == bases[BOB] - due[BOB]
    ended, done = events[-2:]
    assert isinstance(ended, e.Liquidation)
    assert isinstance(done, e.Done)
    assert (ended.head.account, ended.kind, ended.balance_micro) == (ALICE, r.LIQ_ENDED, 0)
    assert (done.command, done.affected) == (r.SHARE_LOSS, 4)
    assert reason(share(market, 1)) == "not_liquidatable"


def test_each_command_looks_at_its_count_of_accounts(market: RiskMarket) -> None:
    looked = [only(share(market, 3), e.Done).affected for _ in range(2)]
    assert looked == [3, 1]
    first = share(market, 2)  # ALICE, who has no part in it, and BOB
    assert [event.head.account for event in of(first, e.Liquidation)] == [BOB]
    assert kinds(share(market, 2)) == [r.LIQ_SHARED, r.LIQ_SHARED, r.LIQ_ENDED]


def test_whoever_is_in_liquidation_or_came_later_pays_nothing(market: RiskMarket) -> None:
    share(market, 1_024)
    market.must(c.create_account(DORA + 1), e.Account)
    market.deposit(DORA + 1, 10**6 * USDC)
    payers = [event.head.account for event in of(share(market, 1_024), e.Liquidation)[:-1]]
    assert payers == [BOB, CAROL, DORA]


def test_while_a_loss_is_shared_the_account_waits_and_so_does_the_next(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class())
    for account in (ALICE, BOB):
        ruin(market, account)
        market.step(account)
    share(market, 1)
    assert reason(market.step(ALICE)) == "not_liquidatable"
    assert reason(share(market, 1, BOB)) == "bad_value"
    while not kinds(share(market, 1_024)):
        pass
    assert only(share(market, 1_024, BOB), e.Done).affected == 4


def test_money_that_came_in_meanwhile_ends_it(market: RiskMarket) -> None:
    share(market, 2)
    market.deposit(ALICE, 1_000 * USDC)
    share(market, 2)
    ended, done = share(market, 1_024)
    assert isinstance(ended, e.Liquidation)
    assert isinstance(done, e.Done)
    assert (ended.kind, done.affected) == (r.LIQ_ENDED, 0)


def test_what_nobody_can_pay_stays_a_deficit(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class())
    ruin(market, ALICE, 45_000)
    market.step()
    share(market, 1_024)
    # Before it is collected, funding of her 100 lots leaves DORA 1,000; the shares stay as measured.
    spent = market.cash(DORA) + 1 - 1_000 * USDC
    left = 1_000 * USDC + spent % 100
    while spent >= 100:
        part = min(spent, 100 * (limits.MAX_VALUE_MICRO // 10_000))
        market.send(c.funding(PERPETUAL, -(part // 100)))
        spent -= part // 100 * 100
    events = share(market, 1_024)
    assert kinds(events) == [r.LIQ_SHARED, r.LIQ_SHARED]
    assert of(events, e.Liquidation)[1].amount_micro == left
    assert only(share(market, 1_024), e.Done).affected == 4  # and it is measured anew


@pytest.mark.parametrize("count", [0, -1, 1_025])
def test_a_count_out_of_bounds_is_refused(market: RiskMarket, count: int) -> None:
    assert reason(share(market, count)) == "bad_value"


def test_only_an_account_in_deficit_has_a_loss_to_share(market: RiskMarket) -> None:
    assert reason(share(market, 1, BOB)) == "not_liquidatable"
    assert reason(share(market, 1, 99)) == "unknown_account"
    assert reason(share(market, 1, 2)) == "unknown_account"


def test_deficits_of_one_micro_unit_are_shared_too(engine_class: type[Engine]) -> None:
    market = RiskMarket(engine_class())
    ruin(market, ALICE)
    market.deposit(ALICE, DEFICIT - 1)
    market.step()
    share(market, 1_024)
    paid = of(share(market, 1_024), e.Liquidation)
    assert [(event.head.account, event.kind, event.amount_micro) for event in paid] == [
        (CAROL, r.LIQ_SHARED, 1),
        (ALICE, r.LIQ_ENDED, 0),
    ]


def bases(market: RiskMarket, worth: dict[int, int]) -> dict[int, int]:
    """What each pays by the rule if this is what they are worth, the last the rest."""
    total = sum(worth.values())
    found = {account: -(-DEFICIT * basis // total) for account, basis in worth.items()}
    found[DORA] = DEFICIT - sum(paid for account, paid in found.items() if account != DORA)
    return found


def test_a_premium_received_for_what_is_still_owed_is_not_shared_by(market: RiskMarket) -> None:
    market.give(BOB, CALL_50, -10, 3_000)  # 300 received, and as much owed at the mark
    cash = {account: market.cash(account) + 1 for account in (BOB, CAROL, DORA)}
    share(market, 1_024)
    paid = of(share(market, 1_024), e.Liquidation)[:-1]
    due = bases(market, cash | {BOB: cash[BOB] - 300 * USDC})
    assert {event.head.account: event.amount_micro for event in paid} == due


@pytest.mark.parametrize(("micro", "pays"), [(0, False), (1, True)])
def test_who_is_worth_nothing_pays_nothing_whatever_the_cash(
    market: RiskMarket, micro: int, pays: bool
) -> None:
    market.give(BOB, CALL_50, -10, 3_000)
    market.mark(marks={CALL_50: 33_000})  # 3,300 owed
    if micro:
        market.deposit(BOB, micro)
    share(market, 1_024)
    payers = {event.head.account for event in of(share(market, 1_024), e.Liquidation)[:-1]}
    assert (BOB in payers) is pays
