"""Asking changes nothing: an engine asked what-ifs between commands stays the twin of one that is not."""

from __future__ import annotations

import random

import pytest

from exchange.core import margin_queries, queries, risk_queries
from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.domain.limits import FIRST_USER_ACCOUNT
from tests.reference.engine import ReferenceEngine
from tests.reference.risk_generator import RiskTraffic

COMMANDS = 1_000


def ask(engine: Engine, chance: random.Random) -> None:
    """Every query once, of an account and instrument that may be anything."""
    accounts, instruments = engine.account_count - FIRST_USER_ACCOUNT, engine.instrument_count
    if accounts <= 0 or instruments == 0:
        return
    account = FIRST_USER_ACCOUNT + chance.randrange(accounts)
    instrument = chance.randrange(instruments)
    sizes = [(instrument, chance.randint(-50, 50)), ((instrument + 1) % instruments, chance.randint(-9, 9))]
    try:
        margin_queries.simulated(engine, account, sizes, chance.random() < 0.5, chance.choice((-1, 0, 1)))
        underlying = chance.randrange(engine.underlying_count)
        margin_queries.scenarios(engine, account, underlying, sizes, chance.random() < 0.5)
        lots, sell = chance.randint(1, 50), chance.randrange(2)
        margin_queries.order_initial(engine, account, instrument, sell, 100, lots)
    except ValueError:
        pass  # beyond a position limit
    margin_queries.under_model(engine, account, chance.choice((r.MODEL_STANDARD, r.MODEL_PORTFOLIO)))
    margin_queries.without_orders(engine, account)
    margin_queries.seat_margins(engine, account)
    assert queries.positions(engine, 0) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_engine_that_is_asked_stays_the_twin_of_one_that_is_not(seed: int) -> None:
    chance = random.Random(seed)
    reference = ReferenceEngine()
    traffic = RiskTraffic(seed, reference)
    asked, left_alone = Engine(), Engine()
    batches = 0
    packed = traffic.opening()
    while left_alone.next_seq <= COMMANDS:
        reference.apply(packed)
        assert asked.apply(packed) == left_alone.apply(packed)
        for _ in range(3):
            ask(asked, chance)
        batches += 1
        if batches % 10 == 0:
            assert asked.state_hash() == left_alone.state_hash()
        packed = traffic.batch(chance.randint(1, 20))
    assert asked.state_hash() == left_alone.state_hash()
    assert risk_queries.rules(asked) == 2
