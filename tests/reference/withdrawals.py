"""Withdrawals held at request and resolved later (rules 2: Accounts)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import margin
from tests.reference.branches import note
from tests.reference.outcome import Reject, require
from tests.reference.sweeping import covered
from tests.reference.world import Head, World


def withdraw(world: World, head: Head, words: tuple[int, ...]) -> None:
    """WITHDRAW: the amount is held on account 4 until it is resolved."""
    amount_micro, withdrawal_id = words[:2]
    account = world.user(head.account)
    world.check_free(account)
    if any(other.liquidation != r.LIQUIDATION_NONE for other in world.family_of(account)):
        note(world, "withdrawal: family in liquidation")
        raise Reject(why.ACCOUNT_LOCKED)
    if any(not covered(world, other) for other in world.family_of(account)):
        note(world, "withdrawal: family below maintenance")
        raise Reject(why.ACCOUNT_LOCKED)
    if world.sharing.account:
        note(world, "withdrawal: loss being shared")
    world.check_no_loss_shared()
    require(1 <= amount_micro <= limits.MAX_DEPOSIT_MICRO, why.BAD_VALUE)
    require(withdrawal_id >= 1, why.BAD_VALUE)
    require(withdrawal_id > world.last_withdrawal_id, why.DUPLICATE)
    require(len(world.withdrawals) < limits.MAX_PENDING_WITHDRAWALS, why.LIMIT_REACHED)
    if account.pending_withdrawals >= limits.MAX_PENDING_PER_ACCOUNT:
        note(world, "withdrawal: too many of its own")
        raise Reject(why.LIMIT_REACHED)
    require(amount_micro <= margin.free_micro(world, account), why.INSUFFICIENT_FUNDS)
    world.last_withdrawal_id = withdrawal_id
    world.withdrawals[withdrawal_id] = (account, amount_micro)
    account.pending_withdrawals += 1
    account.cash_micro -= amount_micro
    world.accounts[limits.ACCOUNT_WITHDRAWALS].cash_micro += amount_micro
    world.events.cash(
        account,
        withdrawal_id,
        -amount_micro,
        r.CASH_WITHDRAWAL,
        world.now_ms,
        counter=limits.ACCOUNT_WITHDRAWALS,
    )


def resolve(world: World, head: Head, words: tuple[int, ...]) -> None:
    """RESOLVE_WITHDRAWAL: paid out of the exchange, or given back."""
    withdrawal_id = words[0]
    require(head.flags <= r.WITHDRAWAL_CANCELLED, why.BAD_FLAGS)
    if withdrawal_id not in world.withdrawals:
        raise Reject(why.UNKNOWN_WITHDRAWAL)
    account, amount_micro = world.withdrawals.pop(withdrawal_id)
    account.pending_withdrawals -= 1
    cancelled = head.flags == r.WITHDRAWAL_CANCELLED
    world.accounts[limits.ACCOUNT_WITHDRAWALS].cash_micro -= amount_micro
    receiver = account if cancelled else world.accounts[limits.ACCOUNT_BRIDGE]
    receiver.cash_micro += amount_micro
    world.events.cash(
        account,
        withdrawal_id,
        amount_micro if cancelled else 0,
        r.CASH_WITHDRAWAL_CANCELLED if cancelled else r.CASH_WITHDRAWAL_PAID,
        world.now_ms,
        counter=limits.ACCOUNT_WITHDRAWALS if cancelled else limits.ACCOUNT_BRIDGE,
        amount=amount_micro,
    )
