"""What tests of blocks and of moves ask of either engine."""

from __future__ import annotations

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.core.layout import A_SEATS, A_VOLUME, ACCOUNT_WORDS
from tests.reference import invariants
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import Market


def in_use(market: Market) -> Engine | ReferenceEngine:
    """The engine of a market, which is either."""
    engine: object = market.engine
    assert isinstance(engine, Engine | ReferenceEngine)
    return engine


def must_hold_together(market: Market) -> None:
    """Everything an engine keeps agrees with everything else."""
    engine = in_use(market)
    if isinstance(engine, Engine):
        check(engine)
    else:
        invariants.check(engine.world)


def volume_of(market: Market, account: int) -> int:
    engine = in_use(market)
    if isinstance(engine, Engine):
        return int(engine.world.accounts[account * ACCOUNT_WORDS + A_VOLUME])
    return engine.world.accounts[account].volume_micro


def seats_of(market: Market, account: int) -> int:
    engine = in_use(market)
    if isinstance(engine, Engine):
        return int(engine.world.accounts[account * ACCOUNT_WORDS + A_SEATS])
    return len(engine.world.accounts[account].seats)


def held(market: Market, account: int, instrument: int) -> tuple[int, int]:
    """(size, entry value) of a position."""
    engine = in_use(market)
    if isinstance(engine, Engine):
        (found,) = [each for each in queries.positions(engine, account) if each.instrument == instrument]
        return found.size_lots, found.entry_value_micro
    seat = engine.world.accounts[account].seats[instrument]
    return seat.size_lots, seat.entry_value_micro


def but_counter(state: bytes) -> bytes:
    """A state without next_seq."""
    return state[:24] + state[32:]
