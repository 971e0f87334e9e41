"""FORCED_WITHDRAWAL: what the bridge's queue on the L1 asks for is answered (rules 6: Forced withdrawals)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import following, margin, resting
from tests.reference.accounts import Account
from tests.reference.branches import note
from tests.reference.outcome import require
from tests.reference.world import Head, World


def forced_withdrawal(world: World, head: Head, words: tuple[int, ...]) -> None:
    """FORCED_WITHDRAWAL."""
    asked_micro, request_id = words[:2]
    account = world.user(head.account)
    require(asked_micro >= 1, why.BAD_VALUE)
    require(request_id == world.forced_through + 1, why.BAD_ID, world.forced_through)
    world.forced_through = request_id
    cancelled = _cancel_all(world, account)
    paid = min(asked_micro, _free(world, account))
    _note(world, account, asked_micro, paid, cancelled)
    if paid > 0:
        account.cash_micro -= paid
        world.accounts[limits.ACCOUNT_BRIDGE].cash_micro += paid
        world.events.cash(account, request_id, -paid, r.CASH_FORCED, world.now_ms)
    world.events.forced(account, request_id, asked_micro, paid, cancelled, world.now_ms)


def _cancel_all(world: World, account: Account) -> int:
    """Every open order ends, whatever kind it is of; how many did by themselves."""
    found = [order for _, order in sorted(account.orders.items())]
    for order in found:
        resting.cancel(world, order, r.CANCEL_FORCED)
    following.carry_out(world)
    return len(found)


def _free(world: World, account: Account) -> int:
    """What can be paid, with no order open: nothing in liquidation or while a loss is being shared."""
    if account.liquidation != r.LIQUIDATION_NONE or world.sharing.account:
        return 0
    return max(0, margin.free_micro(world, account))


def _note(world: World, account: Account, asked_micro: int, paid: int, cancelled: int) -> None:
    share = "nothing" if not paid else "all" if paid == asked_micro else "a part"
    holds = any(seat.size_lots for seat in account.seats.values())
    note(world, f"forced: {share}, {'with' if holds else 'without'} positions")
    if cancelled:
        note(world, "forced: orders cancelled")
    if account.liquidation != r.LIQUIDATION_NONE:
        note(world, "forced: in liquidation")
    if world.sharing.account:
        note(world, "forced: loss being shared")
    if account.locked:
        note(world, "forced: locked")
