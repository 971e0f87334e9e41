"""Read-only view of how much there is to look at, for whoever cuts sweeps into slices.

As `queries`, nothing here changes what `apply` would do.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.engine import Engine
from exchange.core.layout import A_SEATS, ACCOUNT_WORDS


def accounts_within(engine: Engine, first: i64, accounts_most: i64, seats_most: i64) -> int:
    """How many accounts from `first` on have at most `seats_most` seats together: at least 1 and at most
    `accounts_most`, whether they exist or not (one that does not has none)."""
    w = engine.world
    total: i64 = 0
    count: i64 = 0
    while count < accounts_most and first + count < w.account_count:
        total += w.accounts[(first + count) * ACCOUNT_WORDS + A_SEATS]
        if total > seats_most and count > 0:
            return count
        count += 1
    return accounts_most if count == 0 or first + count >= w.account_count else count
