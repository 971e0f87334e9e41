"""Events of some kinds are found where they stand."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from exchange.edge.places import mask_of, places_of
from tests.unit.core.harness import ALICE, BOB, IOC, OPTION, PERPETUAL, SELL, Market

MARKET = Market(Engine())
EVENTS = MARKET.engine.apply(
    b"".join(
        [
            c.new_order(ALICE, OPTION, SELL, 12_000, 1),
            c.new_order(ALICE, PERPETUAL, SELL, 50_000, 1),
            c.deposit(BOB, 1, 99),
            c.new_order(BOB, OPTION, IOC, 12_000, 1),
            c.new_order(BOB, PERPETUAL, IOC, 50_000, 1),
        ]
    )
)


@pytest.mark.parametrize("kinds", [(), (r.EV_TRADE,), (r.EV_CASH,), (r.EV_ORDER, r.EV_TRADE), (r.EV_MARKED,)])
def test_they_are_those_a_slow_reading_finds(kinds: tuple[int, ...]) -> None:
    found = [e.read_event(EVENTS, at) for at in places_of(EVENTS, mask_of(*kinds))]
    assert found == [event for event in e.read_events(EVENTS) if event.head.type in kinds]


def test_bytes_that_are_no_whole_events_are_refused() -> None:
    assert places_of(b"", mask_of(r.EV_TRADE)) == []
    for broken in (EVENTS[:-1], EVENTS[:-32], bytes(32)):
        with pytest.raises(ValueError, match="byte"):
            places_of(broken, mask_of(r.EV_TRADE))
