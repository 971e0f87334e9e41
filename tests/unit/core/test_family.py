"""Main accounts and subaccounts, what an account may be, transfers (docs/rules-2.md, Accounts)."""

from __future__ import annotations

import pytest

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import limits
from exchange.domain import records as r
from tests.unit.core.harness import (
    ALICE,
    BOB,
    CAROL,
    OPTION,
    SELL,
    USDC,
    Market,
    of,
    only,
    reason,
)

OWNER = bytes(range(20))
CHILD = 67


def child(market: Market, account: int = CHILD, main: int = ALICE) -> e.Account:
    """Make a subaccount."""
    return only(market.send(c.create_account(account, OWNER, main)), e.Account)


def test_a_subaccount_names_its_main_account(market_2: Market) -> None:
    made = child(market_2)
    assert (made.head.account, made.main, made.owner) == (CHILD, ALICE, OWNER)
    assert only(market_2.send(c.create_account(CHILD + 1)), e.Account).main == 0


def test_families_are_two_levels_deep(market_2: Market) -> None:
    child(market_2)
    assert reason(market_2.send(c.create_account(CHILD + 2, OWNER, 999))) == "bad_id"
    assert reason(market_2.send(c.create_account(CHILD + 1, OWNER, 999))) == "unknown_account"
    assert reason(market_2.send(c.create_account(CHILD + 1, OWNER, CHILD + 1))) == "unknown_account"
    assert reason(market_2.send(c.create_account(CHILD + 1, OWNER, limits.ACCOUNT_FEES))) == "unknown_account"
    assert reason(market_2.send(c.create_account(CHILD + 1, OWNER, -1))) == "unknown_account"
    assert reason(market_2.send(c.create_account(CHILD + 1, OWNER, CHILD))) == "bad_value"


def test_a_main_account_has_twenty_subaccounts_at_most(market_2: Market) -> None:
    for number in range(limits.MAX_SUBACCOUNTS):
        child(market_2, CHILD + number)
    after = CHILD + limits.MAX_SUBACCOUNTS
    assert reason(market_2.send(c.create_account(after, OWNER, ALICE))) == "too_many_accounts"
    child(market_2, after, BOB)


def test_under_rules_1_nobody_has_subaccounts(market: Market) -> None:
    assert reason(market.send(c.create_account(CHILD, OWNER, ALICE))) == "malformed"


def test_a_transfer_moves_cash_within_a_family(market_2: Market) -> None:
    child(market_2)
    gone, come = of(market_2.send(cr.transfer(ALICE, CHILD, 5, 17)), e.Cash)
    assert (gone.head.account, gone.head.id, gone.kind) == (ALICE, 17, r.CASH_TRANSFER)
    assert (gone.delta_micro, gone.balance_micro, gone.counter_account) == (-5, 1_000_000 * USDC - 5, CHILD)
    assert (come.head.account, come.head.id, come.kind) == (CHILD, 17, r.CASH_TRANSFER)
    assert (come.delta_micro, come.balance_micro, come.counter_account) == (5, 5, ALICE)
    assert gone.amount_micro == come.amount_micro == 0
    child(market_2, CHILD + 1)
    assert len(of(market_2.send(cr.transfer(CHILD, CHILD + 1, 5, 17)), e.Cash)) == 2, "between siblings"
    assert len(of(market_2.send(cr.transfer(CHILD + 1, ALICE, 5, 0)), e.Cash)) == 2, "and back to the main"
    assert market_2.balance(ALICE) == 1_000_000 * USDC


def test_a_transfer_stays_within_its_family(market_2: Market) -> None:
    child(market_2)
    assert reason(market_2.send(cr.transfer(ALICE, 999, 1, 1))) == "unknown_account"
    assert reason(market_2.send(cr.transfer(ALICE, limits.ACCOUNT_FEES, 1, 1))) == "unknown_account"
    assert reason(market_2.send(cr.transfer(ALICE, -1, 1, 1))) == "unknown_account"
    assert reason(market_2.send(cr.transfer(ALICE, ALICE, 1, 1))) == "bad_value"
    assert reason(market_2.send(cr.transfer(ALICE, BOB, 1, 1))) == "wrong_family"
    assert reason(market_2.send(cr.transfer(BOB, CHILD, 1, 1))) == "wrong_family"


def test_a_transfer_takes_no_more_than_is_free(market_2: Market) -> None:
    child(market_2)
    market_2.rests(ALICE, 100, 5_000)  # 5,000 lots at 1 USDC a lot
    free = 995_000 * USDC
    for amount in (0, -1, limits.MAX_DEPOSIT_MICRO + 1):
        assert reason(market_2.send(cr.transfer(ALICE, CHILD, amount, 1))) == "bad_value"
    for amount in (free + 1, limits.MAX_DEPOSIT_MICRO):
        assert reason(market_2.send(cr.transfer(ALICE, CHILD, amount, 1))) == "insufficient_funds"
    assert len(of(market_2.send(cr.transfer(ALICE, CHILD, free, 1)), e.Cash)) == 2
    assert reason(market_2.send(cr.transfer(ALICE, CHILD, 1, 1))) == "insufficient_funds"


def test_a_locked_account_may_cancel_and_nothing_else(market_2: Market) -> None:
    child(market_2)
    order = market_2.rests(ALICE, 100, 5)
    locked = only(market_2.send(cr.set_lock(ALICE, True)), e.Account)
    assert locked.locked == 1
    for command in (
        c.new_order(ALICE, OPTION, 0, 100, 1),
        c.amend(ALICE, order, size_lots=4),
        c.mass_quote(ALICE, [c.Quote(OPTION, 100, 1)]),
        c.withdraw(ALICE, 1, 1),
        cr.transfer(ALICE, CHILD, 1, 1),
    ):
        assert reason(market_2.send(command)) == "account_locked"
    unknown = c.new_order(ALICE, 99, 0, 100, 1)
    assert reason(market_2.send(unknown)) == "account_locked", "before the instrument"
    assert only(market_2.send(c.cancel(ALICE, order)), e.Order).state == r.ORDER_STATE_CANCELLED
    market_2.send(cr.transfer(ALICE, CHILD, 1, 1))
    assert only(market_2.send(cr.set_lock(ALICE, False)), e.Account).locked == 0
    market_2.rests(ALICE, 100, 5)


def test_a_locked_account_still_receives(market_2: Market) -> None:
    child(market_2)
    market_2.send(cr.set_lock(CHILD, True))
    assert len(of(market_2.send(cr.transfer(ALICE, CHILD, 5, 1)), e.Cash)) == 2


def test_tiers_caps_and_locks_have_bounds(market_2: Market) -> None:
    assert only(market_2.send(cr.set_tier(ALICE, 7)), e.Account).tier == 7
    assert reason(market_2.send(cr.set_tier(ALICE, 8))) == "bad_flags"
    assert reason(market_2.send(cr.set_tier(999, 1))) == "unknown_account"
    assert reason(market_2.send(c.header(r.SET_LOCK, 1, flags=2, account=ALICE))) == "bad_flags"
    assert reason(market_2.send(cr.set_lock(limits.ACCOUNT_FEES, True))) == "unknown_account"
    orders, seats = limits.MAX_OPEN_ORDERS_PER_ACCOUNT, limits.MAX_SEATS
    capped = only(market_2.send(cr.set_caps(ALICE, orders, seats)), e.Account)
    assert (capped.max_orders, capped.max_positions) == (orders, seats)
    for caps in ((orders + 1, 0), (0, seats + 1), (-1, 0), (0, -1)):
        assert reason(market_2.send(cr.set_caps(ALICE, *caps))) == "bad_value"
    assert reason(market_2.send(cr.set_caps(999, 1, 1))) == "unknown_account"
    assert only(market_2.send(cr.set_caps(ALICE, 0, 0)), e.Account).max_orders == 0


def test_what_the_venue_decides_comes_from_the_venue(market_2: Market) -> None:
    forged = [
        c.header(r.SET_TIER, 1, flags=7, account=ALICE, grant=1),
        c.header(r.SET_LOCK, 1, account=ALICE, grant=1),
        c.header(r.SET_MODE, 1, grant=9),
        c.header(r.LIQUIDATE, 1, account=BOB, grant=1),
        c.header(r.DEPOSIT, 2, account=ALICE, grant=1) + bytes(32),
        c.header(r.TIME, 2, grant=1) + bytes(32),
        c.header(r.SET_RULES, 1, flags=2, aux=2, grant=1),
    ]
    for command in forged:
        assert reason(market_2.send(command)) == "not_authorised"
    cut_short = c.header(r.TIME, 1, grant=1)
    assert reason(market_2.send(cut_short)) == "malformed", "the shape comes first"
    granted = c.header(r.CONFIGURE_ACCOUNT, 1, account=CAROL, grant=5)
    assert only(market_2.send(granted), e.Account).head.account == CAROL


@pytest.mark.parametrize("state", [r.STATE_CANCEL_ONLY, r.STATE_HALTED])
def test_an_underlying_that_is_not_open_takes_no_orders(market_2: Market, state: int) -> None:
    order = market_2.rests(ALICE, 100, 5)
    changed = only(market_2.send(cr.set_underlying_state(0, state)), e.Underlying)
    assert (changed.state, changed.head.instrument) == (state, 0)
    assert reason(market_2.order(BOB, 100, 1, SELL)) == "underlying_not_open"
    assert reason(market_2.send(c.amend(ALICE, order, size_lots=4))) == "underlying_not_open"
    quoted = market_2.send(c.mass_quote(BOB, [c.Quote(OPTION, 100, 1)]))
    assert isinstance(quoted[0], e.Rejected)
    assert only(market_2.send(c.cancel(ALICE, order)), e.Order).state == r.ORDER_STATE_CANCELLED
    market_2.send(cr.set_underlying_state(0, r.STATE_OPEN))
    market_2.rests(ALICE, 100, 5)


def test_states_of_underlyings_have_bounds(market_2: Market) -> None:
    assert reason(market_2.send(cr.set_underlying_state(1, 0))) == "unknown_underlying"
    assert reason(market_2.send(cr.set_underlying_state(0, 3))) == "bad_flags"
