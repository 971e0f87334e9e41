"""Withdrawals are held at request, then paid or given back (docs/rules-2.md, Accounts)."""

from __future__ import annotations

from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import ALICE, BOB, USDC, Market, only, reason

ALL = 1_000_000 * USDC


def test_the_amount_leaves_the_account_at_the_request(market_2: Market) -> None:
    held = only(market_2.send(c.withdraw(ALICE, 300, 7)), e.Cash)
    assert (held.kind, held.head.id, held.delta_micro) == (r.CASH_WITHDRAWAL, 7, -300)
    assert (held.balance_micro, held.counter_account, held.amount_micro) == (ALL - 300, 4, 0)
    assert reason(market_2.send(c.withdraw(ALICE, ALL, 8))) == "insufficient_funds"


def test_a_paid_withdrawal_leaves_the_venue(market_2: Market) -> None:
    market_2.send(c.withdraw(ALICE, 300, 7))
    paid = only(market_2.send(c.resolve_withdrawal(7, r.WITHDRAWAL_PAID)), e.Cash)
    assert (paid.head.account, paid.head.id, paid.kind) == (ALICE, 7, r.CASH_WITHDRAWAL_PAID)
    assert (paid.delta_micro, paid.balance_micro, paid.counter_account) == (0, ALL - 300, 3)
    assert paid.amount_micro == 300
    assert reason(market_2.send(c.resolve_withdrawal(7, r.WITHDRAWAL_PAID))) == "unknown_withdrawal"


def test_a_cancelled_withdrawal_comes_back(market_2: Market) -> None:
    market_2.send(c.withdraw(ALICE, ALL, 7))
    back = only(market_2.send(c.resolve_withdrawal(7, r.WITHDRAWAL_CANCELLED)), e.Cash)
    assert (back.head.account, back.head.id, back.kind) == (ALICE, 7, r.CASH_WITHDRAWAL_CANCELLED)
    assert (back.delta_micro, back.balance_micro, back.counter_account) == (ALL, ALL, 4)
    assert back.amount_micro == ALL
    assert reason(market_2.send(c.resolve_withdrawal(7, r.WITHDRAWAL_CANCELLED))) == "unknown_withdrawal"


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
    assert reason(market_2.send(c.resolve_withdrawal(6, 2))) == "bad_flags"
    assert reason(market_2.send(c.resolve_withdrawal(7, 0))) == "unknown_withdrawal"
    assert reason(market_2.send(c.resolve_withdrawal(-6, 0))) == "unknown_withdrawal"


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
    market_2.send(c.resolve_withdrawal(1, r.WITHDRAWAL_PAID))
    only(market_2.send(c.deposit(BOB, 1, ident + 1)), e.Cash)


def test_the_insurance_fund_takes_deposits(market_2: Market) -> None:
    given = only(market_2.send(c.deposit(limits.ACCOUNT_INSURANCE, 7, 50)), e.Cash)
    assert (given.head.account, given.balance_micro, given.counter_account) == (2, 7, 3)
    for account in (limits.ACCOUNT_FEES, limits.ACCOUNT_BRIDGE, limits.ACCOUNT_WITHDRAWALS):
        assert reason(market_2.send(c.deposit(account, 7, 51))) == "unknown_account"
    assert reason(market_2.send(c.withdraw(limits.ACCOUNT_INSURANCE, 7, 1))) == "unknown_account"


def test_under_rules_1_the_insurance_fund_takes_none(market: Market) -> None:
    assert reason(market.send(c.deposit(limits.ACCOUNT_INSURANCE, 7, 50))) == "unknown_account"
