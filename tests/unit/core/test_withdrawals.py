"""Withdrawals are held at request, then paid or given back (docs/rules-2.md, Accounts)."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine as CoreEngine
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core import liquidations as small
from tests.unit.core.harness import ALICE, BOB, USDC, Engine, Market, of, only, reason

ALL = 1_000_000 * USDC


def test_the_amount_leaves_the_account_at_the_request(market_2: Market) -> None:
    held = only(market_2.send(c.withdraw(ALICE, 300, 7)), e.Cash)
    assert (held.kind, held.head.id, held.delta_micro) == (r.CASH_WITHDRAWAL, 7, -300)
    assert (held.balance_micro, held.counter_account, held.amount_micro) == (ALL - 300, 4, 0)
    assert reason(market_2.send(c.withdraw(ALICE, ALL, 8))) == "insufficient_funds"


def test_a_paid_withdrawal_leaves_the_venue(market_2: Market) -> None:
    market_2.send(c.withdraw(ALICE, 300, 7))
    paid = only(market_2.send(cr.resolve_withdrawal(7, r.WITHDRAWAL_PAID)), e.Cash)
    assert (paid.head.account, paid.head.id, paid.kind) == (ALICE, 7, r.CASH_WITHDRAWAL_PAID)
    assert (paid.delta_micro, paid.balance_micro, paid.counter_account) == (0, ALL - 300, 3)
    assert paid.amount_micro == 300
    assert reason(market_2.send(cr.resolve_withdrawal(7, r.WITHDRAWAL_PAID))) == "unknown_withdrawal"


def test_a_cancelled_withdrawal_comes_back(market_2: Market) -> None:
    market_2.send(c.withdraw(ALICE, ALL, 7))
    back = only(market_2.send(cr.resolve_withdrawal(7, r.WITHDRAWAL_CANCELLED)), e.Cash)
    assert (back.head.account, back.head.id, back.kind) == (ALICE, 7, r.CASH_WITHDRAWAL_CANCELLED)
    assert (back.delta_micro, back.balance_micro, back.counter_account) == (ALL, ALL, 4)
    assert back.amount_micro == ALL
    assert reason(market_2.send(cr.resolve_withdrawal(7, r.WITHDRAWAL_CANCELLED))) == "unknown_withdrawal"


def test_withdrawals_have_growing_ids_and_bounds(market_2: Market) -> None:
    for amount in (0, -1, limits.MAX_DEPOSIT_MICRO + 1):
        assert reason(market_2.send(c.withdraw(ALICE, amount, 1))) == "bad_value"
    for ident in (0, -1):
        assert reason(market_2.send(c.withdraw(ALICE, 1, ident))) == "bad_value"
    assert reason(market_2.send(c.withdraw(999, 1, 1))) == "unknown_account"
    only(market_2.send(c.withdraw(ALICE, 1, 5)), e.Cash)
    assert reason(market_2.send(c.withdraw(BOB, 1, 5))) == "duplicate"
    assert reason(market_2.send(c.withdraw(BOB, 1, 4))) == "duplicate"
    assert reason(market_2.send(c.withdraw(BOB, ALL + 1, 6))) == "insufficient_funds"
    only(market_2.send(c.withdraw(BOB, ALL, 6)), e.Cash)
    assert reason(market_2.send(cr.resolve_withdrawal(6, 2))) == "bad_flags"
    assert reason(market_2.send(cr.resolve_withdrawal(7, 0))) == "unknown_withdrawal"
    assert reason(market_2.send(cr.resolve_withdrawal(-6, 0))) == "unknown_withdrawal"


def test_what_open_orders_hold_cannot_be_withdrawn(market_2: Market) -> None:
    market_2.rests(ALICE, 100, 5_000)
    assert reason(market_2.send(c.withdraw(ALICE, ALL - 5_000 * USDC + 1, 1))) == "insufficient_funds"
    only(market_2.send(c.withdraw(ALICE, ALL - 5_000 * USDC, 1)), e.Cash)


def test_only_what_was_paid_makes_room_for_deposits(market_2: Market) -> None:
    room = limits.MAX_TOTAL_DEPOSITS_MICRO - 3 * ALL
    ident = 100
    while room > 0:
        part = min(room, limits.MAX_DEPOSIT_MICRO)
        ident += 1
        only(market_2.send(c.deposit(BOB, part, ident)), e.Cash)
        room -= part
    market_2.send(c.withdraw(ALICE, 1, 1))
    assert reason(market_2.send(c.deposit(BOB, 1, ident + 1))) == "limit_reached"
    market_2.send(cr.resolve_withdrawal(1, r.WITHDRAWAL_PAID))
    only(market_2.send(c.deposit(BOB, 1, ident + 1)), e.Cash)


def test_the_insurance_fund_takes_deposits(market_2: Market) -> None:
    given = only(market_2.send(c.deposit(limits.ACCOUNT_INSURANCE, 7, 50)), e.Cash)
    assert (given.head.account, given.balance_micro, given.counter_account) == (2, 7, 3)
    for account in (limits.ACCOUNT_FEES, limits.ACCOUNT_BRIDGE, limits.ACCOUNT_WITHDRAWALS):
        assert reason(market_2.send(c.deposit(account, 7, 51))) == "unknown_account"
    assert reason(market_2.send(c.withdraw(limits.ACCOUNT_INSURANCE, 7, 1))) == "unknown_account"


def test_under_rules_1_the_insurance_fund_takes_none(market: Market) -> None:
    assert reason(market.send(c.deposit(limits.ACCOUNT_INSURANCE, 7, 50))) == "unknown_account"


@pytest.mark.parametrize("outcome", [r.WITHDRAWAL_PAID, r.WITHDRAWAL_CANCELLED])
def test_an_account_has_so_many_pending_at_most(market_2: Market, outcome: int) -> None:
    for ident in range(1, limits.MAX_PENDING_PER_ACCOUNT + 1):
        only(market_2.send(c.withdraw(ALICE, 1, ident)), e.Cash)
    assert reason(market_2.send(c.withdraw(ALICE, 1, 17))) == "limit_reached"
    assert reason(market_2.send(c.withdraw(ALICE, 1, 16))) == "duplicate", "said first"
    only(market_2.send(c.withdraw(BOB, 1, 17)), e.Cash)
    assert reason(market_2.send(c.withdraw(ALICE, ALL, 18))) == "limit_reached", "said before the funds"
    only(market_2.send(cr.resolve_withdrawal(3, outcome)), e.Cash)
    only(market_2.send(c.withdraw(ALICE, 1, 18)), e.Cash)
    assert reason(market_2.send(c.withdraw(ALICE, 1, 19))) == "limit_reached"
    only(market_2.send(cr.resolve_withdrawal(17, outcome)), e.Cash)
    assert reason(market_2.send(c.withdraw(ALICE, 1, 19))) == "limit_reached", "BOB's was another's"


def test_a_restored_engine_knows_how_many(market_2: Market) -> None:
    for ident in range(1, limits.MAX_PENDING_PER_ACCOUNT + 1):
        market_2.send(c.withdraw(ALICE, 1, ident))
    if isinstance(market_2.engine, ReferenceEngine):
        return
    assert isinstance(market_2.engine, CoreEngine)
    market_2.engine = CoreEngine.restore(market_2.engine.state_bytes())
    assert reason(market_2.send(c.withdraw(ALICE, 1, 17))) == "limit_reached"
    only(market_2.send(cr.resolve_withdrawal(3, 0)), e.Cash)
    only(market_2.send(c.withdraw(ALICE, 1, 17)), e.Cash)


CHILDREN = (small.DORA + 1, small.DORA + 2)


@pytest.fixture
def family(engine_class: type[Engine]) -> small.RiskMarket:
    """ALICE with two subaccounts; the first holds a perpetual on a whole coin bought at 50,000 on 2,000."""
    market = small.RiskMarket(engine_class())
    for child in CHILDREN:
        market.must(c.create_account(child, main=small.ALICE), e.Account)
    for account in (small.ALICE, CHILDREN[0], CHILDREN[1], small.BOB):
        market.deposit(account, 2_000 * USDC)
    market.give(CHILDREN[0], small.PERPETUAL, 100, 50_000)
    return market


def withdrawals(market: small.RiskMarket, ident: int) -> list[bool]:
    """Whether ALICE, her second subaccount and BOB may withdraw."""
    found = []
    for number, account in enumerate((small.ALICE, CHILDREN[1], small.BOB)):
        events = market.send(c.withdraw(account, 1, ident + number))
        found.append(isinstance(events[0], e.Cash))
        if not found[-1]:
            assert reason(events) == "account_locked"
    return found


def test_nobody_withdraws_while_another_of_the_family_is_short_or_in_liquidation(
    family: small.RiskMarket,
) -> None:
    family.mark(48_500)  # 500 left, 485 to be kept
    assert withdrawals(family, 10) == [True, True, True]
    family.mark(48_484)  # 484 and 484.84
    assert withdrawals(family, 20) == [False, False, True]
    assert reason(family.send(c.withdraw(CHILDREN[0], 1, 30))) == "insufficient_funds", "its own is told so"
    family.deposit(CHILDREN[0], 840_000)
    assert withdrawals(family, 40) == [True, True, True]
    family.mark(48_480)
    assert len(family.sweep(CHILDREN[0], 1)) == 1
    family.mark(50_000)
    assert withdrawals(family, 50) == [False, False, True]
    moved = of(family.send(cr.transfer(small.ALICE, CHILDREN[1], 1, 1)), e.Cash)
    assert len(moved) == 2, "within the family it may go round"
    family.step(CHILDREN[0])
    assert withdrawals(family, 60) == [True, True, True]


def test_the_main_account_s_need_binds_too(family: small.RiskMarket) -> None:
    family.give(small.ALICE, small.PERPETUAL, -100, 50_000)
    family.mark(51_486)  # ALICE has 514 left of which 514.86 are to be kept
    assert reason(family.send(c.withdraw(CHILDREN[1], 1, 1))) == "account_locked"


def test_a_restored_family_is_the_same(family: small.RiskMarket) -> None:
    if isinstance(family.engine, ReferenceEngine):
        return
    assert isinstance(family.engine, CoreEngine)
    family.engine = CoreEngine.restore(family.engine.state_bytes())
    family.mark(48_484)
    assert withdrawals(family, 20) == [False, False, True]


def test_nothing_leaves_while_a_loss_is_shared(family: small.RiskMarket) -> None:
    family.deposit(small.CAROL, 2_000 * USDC)
    family.give(small.CAROL, small.PERPETUAL, 100, 50_000)
    family.mark(47_000)
    family.deposit(small.BOB, 10_000 * USDC)
    family.rests(small.BOB, small.PERPETUAL, 47_000, 100)
    family.sweep(small.CAROL, 1)
    for _ in range(21):
        family.step(small.CAROL)
    family.mark()
    withdraw, transfer = c.withdraw(small.BOB, 1, 1), cr.transfer(small.ALICE, CHILDREN[1], 1, 1)
    for count in (1, 1_024):  # measuring, then to be collected
        family.send(cr.share_loss(small.CAROL, count))
        for command in (withdraw, transfer, c.withdraw(small.BOB, 0, 0), cr.transfer(small.ALICE, 99, 0, 0)):
            expected = "unknown_account" if command == cr.transfer(small.ALICE, 99, 0, 0) else "loss_sharing"
            assert reason(family.send(command)) == expected
    family.send(cr.set_lock(small.BOB, True))
    assert reason(family.send(withdraw)) == "account_locked", "said first"
    family.send(cr.set_lock(small.BOB, False), cr.share_loss(small.CAROL, 1_024))
    assert isinstance(family.send(withdraw)[0], e.Cash)
    assert isinstance(family.send(transfer)[0], e.Cash)
