"""SHARE_LOSS: all accounts worth something take their part (rules 2: Sweeps and liquidation)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import margin
from tests.reference.accounts import Account
from tests.reference.arithmetic import ceil_div
from tests.reference.branches import note
from tests.reference.liquidating import end
from tests.reference.outcome import require
from tests.reference.sweeping import tell
from tests.reference.world import Head, Sharing, World

ADDING, PAYING = 1, 2


def share_loss(world: World, head: Head, words: tuple[int, ...]) -> None:
    """SHARE_LOSS."""
    count = words[0]
    require(1 <= count <= limits.MAX_SWEEP, why.BAD_VALUE)
    account = world.user(head.account)
    require(account.liquidation == r.LIQUIDATION_DEFICIT, why.NOT_LIQUIDATABLE)
    require(world.sharing.account in (0, account.id), why.BAD_VALUE)
    if not world.sharing.account:
        world.sharing = Sharing(account.id, ADDING, limits.FIRST_USER_ACCOUNT)
    step = _add_up if world.sharing.phase == ADDING else _pay
    looked_at = step(world, account, count)
    world.events.done(head, looked_at, world.now_ms)


def _add_up(world: World, account: Account, count: int) -> int:
    """The next accounts' bases; behind the last account the deficit is fixed. How many were looked at."""
    sharing = world.sharing
    found = world.users_from(sharing.at, count)
    for payer in found:
        takes_part = payer.liquidation == r.LIQUIDATION_NONE and payer is not account
        payer.basis_micro = _basis(world, payer) if takes_part else 0
        sharing.total_micro += payer.basis_micro
    sharing.at += len(found)
    if sharing.at == world.next_account:
        sharing.phase, sharing.at = PAYING, limits.FIRST_USER_ACCOUNT
        sharing.deficit_micro = max(0, -margin.worth(account).funds)
        sharing.remaining_micro = sharing.deficit_micro
    return len(found)


def _basis(world: World, payer: Account) -> int:
    """What a loss is shared by: cash, as far as the account is worth it."""
    equity = margin.worth(payer).equity
    if payer.cash_micro <= 0:
        note(world, "sharing: no cash, no part")
    elif equity <= 0:
        note(world, "sharing: cash but no equity, no part")
    else:
        note(world, "sharing: by equity" if equity < payer.cash_micro else "sharing: by cash")
    return max(0, min(payer.cash_micro, equity))


def _pay(world: World, account: Account, count: int) -> int:
    """The next accounts' shares, until nothing remains. How many were looked at."""
    sharing = world.sharing
    looked_at = 0
    for payer in world.users_from(sharing.at, count):
        if not sharing.remaining_micro:
            break
        looked_at += 1
        sharing.at += 1
        _pay_share(world, payer, account)
    if not sharing.remaining_micro or sharing.at == world.next_account:
        if not sharing.remaining_micro:
            end(world, account)
        missing = "something" if sharing.remaining_micro else "nothing"
        note(world, f"sharing: ends with {missing} missing")
        world.sharing = Sharing()
    return looked_at


def _pay_share(world: World, payer: Account, account: Account) -> None:
    sharing = world.sharing
    if payer.basis_micro == 0:
        return
    share = ceil_div(sharing.deficit_micro * payer.basis_micro, sharing.total_micro)
    if payer.cash_micro < min(share, sharing.remaining_micro):
        left = "less there than its share" if payer.cash_micro > 0 else "nothing there any more"
        note(world, f"sharing: {left}")
    share = min(share, sharing.remaining_micro, max(0, payer.cash_micro))
    if share > 0:
        payer.cash_micro -= share
        account.cash_micro += share
        sharing.remaining_micro -= share
        tell(world, payer, r.LIQ_SHARED, amount=share, counter=account.id)
