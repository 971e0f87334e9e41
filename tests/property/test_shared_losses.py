"""Whoever is worth something bears its share of a loss, whatever it does while the loss is shared."""

from __future__ import annotations

import itertools

from hypothesis import event, given
from hypothesis import strategies as st

from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from tests.property.attack_market import ATTACKERS, CALL_60, FRIEND, MAIN, PERPETUAL, SUB, SYBIL
from tests.property.attack_world import AttackWorld
from tests.property.attacks import Action, Choice
from tests.property.test_extraction import QUICK, some
from tests.unit.core.harness import USDC, of


def leave(world: AttackWorld, who: int, to: int, percent: int) -> None:
    """Cash out of the venue, or to the other account of the family."""
    world.withdrawals += 1
    amount = max(1, world.cash(who) * percent // 100)
    number = world.withdrawals
    world.send(cr.transfer(who, to, amount, number) if to != who else c.withdraw(who, amount, number))


def return_cash(world: AttackWorld, number: int) -> None:
    """A withdrawal cancelled."""
    world.send(cr.resolve_withdrawal(number, r.WITHDRAWAL_CANCELLED))


LEAVING: tuple[Choice, ...] = (
    (leave, ((MAIN, SUB, FRIEND), (MAIN, SUB), (1, 30, 100))),
    (return_cash, (range(1, 5),)),
)


def worth(world: AttackWorld, account: int) -> int:
    """What an account's share in a loss is measured by."""
    if world.liquidation(account) != r.LIQUIDATION_NONE:
        return 0
    return max(0, min(world.cash(account), world.margins(account).equity_micro))


@QUICK
@given(
    money=st.tuples(*[st.integers(0, 3_000 * USDC)] * 2),
    owing=st.tuples(*[st.integers(0, 40)] * 2),
    earlier=some(LEAVING, 0, 3),
    batches=st.lists(st.tuples(st.integers(1, 3), some(LEAVING, 0, 3)), min_size=8, max_size=8),
)
def test_nobody_worth_something_pays_less_than_a_share(
    money: tuple[int, int],
    owing: tuple[int, int],
    earlier: list[Action],
    batches: list[tuple[int, list[Action]]],
) -> None:
    """Whoever is worth something when a loss begins to be shared pays its share of it, in id order, and no
    more; what it is worth is its cash as far as its equity goes, whatever it does from then on."""
    world = AttackWorld(fund_micro=1)
    world.deposit(SYBIL, 1_025 * USDC)
    world.trade(FRIEND, SYBIL, PERPETUAL, 50_000, 100, maker=FRIEND)
    for account, amount, lots in zip((MAIN, SUB), money, owing, strict=True):
        world.deposit(account, amount + 1)
        if lots:  # sold for cash that is not all its own, or refused
            world.fitting(account, FRIEND, CALL_60, world.marks[CALL_60], lots, maker=FRIEND)
    world.mark(45_000)
    world.sweep()
    world.order(FRIEND, PERPETUAL, 45_000, 100)
    world.close_out(SYBIL)
    assert world.liquidation(SYBIL) == r.LIQUIDATION_DEFICIT
    for action, given_to in earlier:
        action(world, *given_to)
    begun = {account: worth(world, account) for account in ATTACKERS}
    deficit = remaining = -world.margins(SYBIL).equity_micro
    basis, asked, by_equity = dict[int, int](), iter(ATTACKERS), False
    for count, actions in batches:
        cash = {account: world.cash(account) for account in ATTACKERS}
        is_measuring = len(basis) < len(ATTACKERS)
        if is_measuring:
            new = {account: worth(world, account) for account in ATTACKERS[len(basis) :][:count]}
            by_equity |= any(basis_micro < cash[account] for account, basis_micro in new.items())
            basis |= new
        told = of(world.send(cr.share_loss(SYBIL, count)), e.Liquidation)
        paid = {share.head.account: share.amount_micro for share in told if share.kind == r.LIQ_SHARED}
        for account in () if is_measuring else itertools.islice(asked, count):
            share = min(-(-deficit * basis[account] // sum(basis.values())), remaining)
            assert paid.pop(account, 0) == share
            remaining -= share
            cash[account] -= share
            cash[SYBIL] += share
        assert not paid
        assert cash == {account: world.cash(account) for account in ATTACKERS}
        if world.liquidation(SYBIL) == r.LIQUIDATION_NONE:
            break
        for action, given_to in actions:
            action(world, *given_to)
        assert all(world.cash(account) >= cash[account] for account in ATTACKERS)
    else:
        raise AssertionError("the loss was not shared")
    assert remaining == 0
    assert all(basis[account] >= begun[account] for account in ATTACKERS)
    event("by equity" if by_equity else "by cash")
