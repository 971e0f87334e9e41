"""What the core says of margin, as the API shows it: one narrow door to its queries.

Under rules version 1 there is one requirement, for initial and maintenance alike, and no simulation.
Figures are read behind every command submitted before (`Venue.read`).
"""

from __future__ import annotations

from collections.abc import Sequence

from exchange.core import margin_queries, risk_queries
from exchange.core.engine import Engine
from exchange.core.margin_queries import MarginFigures
from exchange.wire import errors
from exchange.wire.errors import error
from exchange.wire.margins import ScenarioValues
from exchange.wire.session import RpcError


def rules(engine: Engine) -> int:
    """The rules version in force."""
    return risk_queries.rules(engine)


def must_have_rules(engine: Engine, version: int = 2) -> None:
    """Raises RpcError 13028 while the venue runs under older rules."""
    found = rules(engine)
    if found < version:
        raise error(errors.TEMPORARILY_UNAVAILABLE, reason=f"this venue runs under rules version {found}")


def free_micro(figures: MarginFigures) -> int:
    """What may still be bound: balance less initial margin, nothing under negative equity."""
    if figures.equity_micro < 0:
        return 0
    return max(0, figures.balance_micro - figures.initial_micro)


def margins(engine: Engine, account: int) -> MarginFigures:
    """An account's margins as the core enforces them. Raises KeyError for an unknown account."""
    return margin_queries.margins(engine, account)


def projected(engine: Engine, account: int) -> MarginFigures:
    """An account's margins without its open orders; under rules 1 as they are."""
    if rules(engine) < 2:
        return margin_queries.margins(engine, account)
    return margin_queries.without_orders(engine, account)


def seat_margins(engine: Engine, account: int) -> dict[int, tuple[int, int]]:
    """(initial, maintenance) of each seat by itself, by instrument."""
    found = margin_queries.seat_margins(engine, account)
    return {instrument: (initial, maintenance) for instrument, initial, maintenance in found}


def simulated(
    engine: Engine, account: int, sizes: Sequence[tuple[int, int]], *, add: bool, model: int = -1
) -> MarginFigures:
    """An account's margins, open orders left out, as if it held `sizes` (instrument, signed lots) besides
    what it holds, or (not `add`) nothing but them; under `model`, or (-1) its own.

    Raises:
        RpcError: 13028 under older rules; 10021 beyond a position limit or the number of positions.
    """
    must_have_rules(engine)
    try:
        return margin_queries.simulated(engine, account, list(sizes), add, model)
    except ValueError as wrong:
        raise _too_much(wrong) from None


def under_model(engine: Engine, account: int, model: int) -> MarginFigures:
    """An account's margins as they would be under another model."""
    must_have_rules(engine)
    return margin_queries.under_model(engine, account, model)


def scenarios(
    engine: Engine, account: int, underlying: int, sizes: Sequence[tuple[int, int]], *, add: bool
) -> ScenarioValues:
    """The portfolio margin of one underlying by its parts, whatever the account's model is; open orders
    count. Raises as `simulated`."""
    must_have_rules(engine)
    try:
        found = margin_queries.scenarios(engine, account, underlying, list(sizes), add)
    except ValueError as wrong:
        raise _too_much(wrong) from None
    return ScenarioValues(*found)


def _too_much(wrong: ValueError) -> RpcError:
    return error(errors.INVALID_AMOUNT, param="simulated_positions", reason=str(wrong))
