"""Shorthand for the tests of market-maker protection."""

from __future__ import annotations

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import commands as c
from exchange.domain import commands_orders as co
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.domain import rejects
from tests.unit.core.harness import (
    ALICE,
    BOB,
    IOC,
    MICRO,
    OPTION,
    SELL,
    Market,
)

LOT = 1_000_000
MMP = r.FLAG_MMP
WIDE = 10**12


def group(
    market: Market,
    number: int = 0,
    account: int = ALICE,
    *,
    interval: int = 1_000,
    frozen: int = 0,
    quantity: int = 0,
    delta: int = 0,
    vega: int = 0,
    most: int = WIDE,
) -> list[e.Event]:
    """Send SET_MMP for underlying 0."""
    wanted = co.MmpLimits(interval, frozen, quantity, delta, vega, most)
    return market.send(co.set_mmp(account, 0, number, wanted))


def quote(market: Market, *quotes: c.Quote, number: int = 0, account: int = ALICE) -> list[e.Event]:
    """Send a MASS_QUOTE of a group."""
    return market.send(c.mass_quote(account, quotes, mmp_group=number + 1))


def greeks(market: Market, delta_e9: int, vega_micro: int) -> None:
    market.feed += 1
    unit = c.Mark(OPTION, delta_e9, 12_000 * MICRO, vega_micro, 50_000 * MICRO)
    market.send(c.marks(0, 50_000 * MICRO, market.feed, [unit]))


def take(market: Market, price: int, lots: int, flags: int = SELL | IOC, account: int = BOB) -> list[e.Event]:
    return market.order(account, price, lots, flags)


def shape(events: list[e.Event]) -> list[tuple[str, int, int]]:
    """(what, account, price or kind or reason) of each event."""
    found: list[tuple[str, int, int]] = []
    for event in events:
        who = event.head.account
        if isinstance(event, e.Order):
            found.append((f"order {event.kind}/{event.state}/{event.reason}", who, event.price_ticks))
        elif isinstance(event, e.Mmp):
            found.append(("mmp", who, event.kind))
        elif isinstance(event, e.Rejected):
            found.append((rejects.REJECT_NAMES[event.reason], who, event.position))
        else:
            found.append((type(event).__name__.lower(), who, 0))
    return found


def checked(market: Market) -> None:
    """The production engine's invariants hold, and what it is comes back from its bytes."""
    engine = market.engine
    if not isinstance(engine, Engine):
        return
    check(engine)
    restored = Engine.restore(engine.state_bytes())
    check(restored)
    assert restored.state_bytes() == engine.state_bytes()
    market.engine = restored
