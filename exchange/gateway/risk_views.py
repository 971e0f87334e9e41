"""What the core says of margin, as the API shows it: one narrow door to its queries.

Under rules version 1 there is one requirement, for initial and maintenance alike, and no simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from exchange.core import queries, risk_queries
from exchange.core.engine import Engine
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.margins import ScenarioValues


class Margins(NamedTuple):
    """Margins and what they are held against, in micro-USDC."""

    initial_micro: int
    maintenance_micro: int
    balance_micro: int
    equity_micro: int

    @property
    def free_micro(self) -> int:
        """What may still be bound: balance less initial margin, nothing below zero equity."""
        return max(0, self.balance_micro - self.initial_micro) if self.equity_micro >= 0 else 0


def rules(engine: Engine) -> int:
    """The rules version in force."""
    return risk_queries.rules(engine)


def must_have_rules(engine: Engine, version: int = 2) -> None:
    """Raises RpcError 13028 while the venue runs under older rules."""
    if rules(engine) < version:
        raise error(errors.TEMPORARILY_UNAVAILABLE, reason="this venue runs under rules version 1")


def margins(engine: Engine, account: int) -> Margins:
    """An account's margins as the core enforces them. Raises KeyError for an unknown account."""
    figures = queries.account_figures(engine, account)
    needed = figures.requirement_micro
    return Margins(needed, needed, figures.funds_micro, figures.equity_micro)


def projected(engine: Engine, account: int) -> Margins:
    """An account's margins without its open orders."""
    return margins(engine, account)


def seat_margins(engine: Engine, account: int) -> dict[int, tuple[int, int]]:
    """(initial, maintenance) of each seat by itself, by instrument."""
    return {
        held.instrument: (held.requirement_micro, held.requirement_micro)
        for held in queries.positions(engine, account)
    }



def simulated(
    engine: Engine, account: int, sizes: Sequence[tuple[int, int]], *, add: bool, model: int = -1
) -> Margins:
    """An account's margins, open orders left out, as if it held `sizes` (instrument, signed lots) besides
    what it holds, or (not `add`) nothing but them; under `model`, or its own."""
    must_have_rules(engine)
    raise NotImplementedError


def under_model(engine: Engine, account: int, model: int) -> Margins:
    """An account's margins as they would be under another model."""
    must_have_rules(engine)
    raise NotImplementedError


def order_initial(
    engine: Engine, account: int, instrument: int, sell: int, price_ticks: int, lots: int
) -> int:
    """By how much an order, all of it counted as open, would raise the initial margin (micro-USDC)."""
    must_have_rules(engine)
    raise NotImplementedError


def scenarios(
    engine: Engine, account: int, underlying: int, sizes: Sequence[tuple[int, int]], *, add: bool
) -> ScenarioValues:
    """The portfolio margin of one underlying by its parts, whatever the account's model is."""
    must_have_rules(engine)
    raise NotImplementedError
