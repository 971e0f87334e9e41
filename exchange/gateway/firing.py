"""Triggers that one command could not fire all: what the sequencer does about them.

A command fires at most 64 orders. What is due beyond that is fired by FIRE commands before anything else is
applied; a batch ends behind marks while orders wait for a price, so that nothing comes between these and
what they made due.
"""

from __future__ import annotations

from typing import Final

from exchange.domain import commands_orders
from exchange.domain import records as r
from exchange.domain.limits import FIRE_MOST

FIRES_AT_ONCE: Final = 16
_FIRE: Final = commands_orders.fire()
_PRICES: Final = frozenset({r.MARKS, r.RISK_SNAPSHOT})


def fires(due: int) -> list[bytes]:
    """FIRE commands for `due` orders, some at a time."""
    return [_FIRE] * min(FIRES_AT_ONCE, -(-due // FIRE_MOST))


def up_to_marks(pending: list[bytes]) -> int:
    """How many of the pending commands to apply at once: up to the first that brings prices."""
    for at, command in enumerate(pending):
        if command[0] in _PRICES:
            return at + 1
    return len(pending)
