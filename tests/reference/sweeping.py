"""Sweeps: who is below maintenance (rules 2: Sweeps and liquidation)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import margin
from tests.reference.accounts import Account
from tests.reference.outcome import require
from tests.reference.world import Head, World


def tell(
    world: World,
    account: Account,
    kind: int,
    *,
    amount: int = 0,
    lots: int = 0,
    counter: int = 0,
    instrument: int = 0,
    order_id: int = 0,
) -> None:
    """LIQUIDATION, with the account's maintenance and balance as they are now."""
    world.events.liquidation(
        account,
        kind,
        margin.maintenance_now(world, account),
        margin.worth(account).balance,
        world.now_ms,
        amount=amount,
        lots=lots,
        counter=counter,
        instrument=instrument,
        order_id=order_id,
    )


def covered(world: World, account: Account) -> bool:
    """MM ≤ balance."""
    return margin.maintenance_now(world, account) <= margin.worth(account).balance


def risk_sweep(world: World, head: Head, words: tuple[int, ...]) -> None:
    """RISK_SWEEP."""
    first, count = words[:2]
    require(1 <= count <= limits.MAX_SWEEP and first >= limits.FIRST_USER_ACCOUNT, why.BAD_VALUE)
    world.check_venue_open()
    swept = world.users_from(first, count)
    for account in swept:
        if account.liquidation == r.LIQUIDATION_NONE and not covered(world, account):
            account.liquidation = r.LIQUIDATION_CLOSING
            account.cursor = 0
            tell(world, account, r.LIQ_STARTED)
    in_liquidation = sum(account.liquidation != r.LIQUIDATION_NONE for account in swept)
    world.events.done(head, in_liquidation, world.now_ms)
