"""Read-only views of families of accounts and of withdrawals that are held, for the edge.

As `queries` and `risk_queries`, nothing here changes what `apply` would do.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.engine import Engine
from exchange.core.layout import A_CREATED, A_MAIN, ACCOUNT_WORDS


def main_accounts(engine: Engine) -> list[int]:
    """The main account of every account, 0 for those that are one, by account id."""
    w = engine.world
    found: list[int] = []
    account: i64 = 0
    while account < w.account_count:
        found.append(w.accounts[account * ACCOUNT_WORDS + A_MAIN])
        account += 1
    return found


def created_ms(engine: Engine, account: i64) -> int:
    """When an account was created. Raises KeyError for an unknown account."""
    w = engine.world
    if account < 0 or account >= w.account_count:
        raise KeyError(account)
    return w.accounts[account * ACCOUNT_WORDS + A_CREATED]


def pending_withdrawal(engine: Engine, ident: i64) -> tuple[int, int]:
    """(account, amount_micro) of a withdrawal that is held; (0, 0) if none of this id is."""
    return engine.world.pending.get(ident, (0, 0))


def held_withdrawals(engine: Engine) -> list[int]:
    """Ids of the withdrawals held now, in the order of their requests."""
    return list(engine.world.pending)


def held_micro(engine: Engine, account: i64) -> int:
    """The sum of an account's withdrawals that are held, in micro-USDC."""
    total: i64 = 0
    for pending in engine.world.pending.values():
        if pending[0] == account:
            total += pending[1]
    return total


def last_withdrawal_id(engine: Engine) -> int:
    """The id of the last withdrawal that was accepted."""
    return engine.world.last_withdrawal
