"""The engine against the reference at limits that random traffic does not reach."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.domain import events as e
from exchange.domain import rejects as why
from tests.reference import invariants
from tests.reference.differential import compare_batch, compare_state
from tests.reference.engine import ReferenceEngine
from tests.reference.scenarios import SCENARIOS

REASONS = {
    "cold_start": why.ORDER_NOT_FOUND,
    "many_seats": why.TOO_MANY_SEATS,
    "many_orders": why.TOO_MANY_ORDERS,
    "accumulation": why.LIMIT_REACHED,
    "entry_limit": why.LIMIT_REACHED,
    "deposits_limit": why.LIMIT_REACHED,
    "many_underlyings": why.BAD_ID,
    "day_end": None,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    reference, engine = ReferenceEngine(), Engine()
    reasons = set()
    for batch in SCENARIOS[name]():
        events = compare_batch(0, reference, engine, batch)
        reasons |= {event.reason for event in e.read_events(events) if isinstance(event, e.Rejected)}
    compare_state(0, reference, engine)
    invariants.check(reference.world)
    assert REASONS[name] in reasons or REASONS[name] is None
