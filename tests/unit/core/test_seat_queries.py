"""How sweeps are cut: by accounts and by seats, never to nothing."""

from __future__ import annotations

import pytest

from exchange.core import seat_queries
from exchange.core.engine import Engine
from exchange.core.layout import A_SEATS, ACCOUNT_WORDS
from exchange.domain import commands as c


@pytest.fixture
def engine() -> Engine:
    """Accounts 64…67 with 5, 0, 7 and 1 seats."""
    engine = Engine()
    engine.apply(b"".join(c.create_account(account, bytes([account]) * 20) for account in range(64, 68)))
    for account, seats in zip(range(64, 68), (5, 0, 7, 1), strict=True):
        engine.world.accounts[account * ACCOUNT_WORDS + A_SEATS] = seats
    return engine


@pytest.mark.parametrize(
    ("first", "accounts", "seats", "expected"),
    [
        (64, 4, 13, 4),
        (64, 4, 12, 3),
        (64, 4, 11, 2),
        (64, 4, 5, 2),
        (64, 4, 1, 1),  # more than fit: by itself
        (66, 4, 1, 1),
        (65, 1, 100, 1),
        (64, 2, 100, 2),
        (67, 128, 100, 128),  # behind the last account there is nobody
        (68, 128, 0, 128),
    ],
)
def test_accounts_within(engine: Engine, first: int, accounts: int, seats: int, expected: int) -> None:
    assert seat_queries.accounts_within(engine, first, accounts, seats) == expected

