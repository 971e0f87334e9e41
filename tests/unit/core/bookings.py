"""What tests of blocks and of moves ask of either engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from exchange.core import queries
from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.core.layout import A_SEATS, A_VOLUME, ACCOUNT_WORDS
from exchange.domain import commands as c
from exchange.domain import commands_risk as cr
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.reference import invariants
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import PERPETUAL, Market, only


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


# --- refusals ------------------------------------------------------------------------------------------


def refusal(market: Market, packed: bytes) -> e.Rejected:
    """Send a command that is refused and leaves no trace but its number."""
    before = in_use(market).state_bytes()
    found = only(market.send(packed), e.Rejected)
    must_hold_together(market)
    after = in_use(market).state_bytes()
    assert (after[:24], after[32:]) == (before[:24], before[32:])  # but for next_seq
    return found


def must_be_malformed(market: Market, whole: bytes, spoiled: Iterable[int]) -> None:
    """A command of four units: refused with one of these bytes changed, with too few units and too many."""
    for at in spoiled:
        raw = bytearray(whole)
        raw[at] ^= 1
        assert only(market.send(bytes(raw)), e.Rejected).reason == rejects.MALFORMED, at
    for units in (1, 2, 3, 5):
        raw = bytearray(whole.ljust(160, b"\0")[: 32 * units])
        raw[2] = units
        assert only(market.send(bytes(raw)), e.Rejected).reason == rejects.MALFORMED, units


def venue_closed(market: Market) -> None:
    market.send(c.set_mode(r.MODE_CANCEL_ONLY))


def locked(account: int) -> Callable[[Market], None]:
    def lock(market: Market) -> None:
        market.send(cr.set_lock(account, True))

    return lock


def halted(market: Market) -> None:
    market.send(c.set_instrument_state(PERPETUAL, r.STATE_HALTED))


def halted_underlying(market: Market) -> None:
    market.send(cr.set_underlying_state(0, 1))
