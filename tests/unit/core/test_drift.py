"""Bookings with one side only halt the engine; what is acknowledged always adds up."""

from __future__ import annotations

import pytest

from exchange.core import ledger
from exchange.core.engine import Engine, InvariantError
from exchange.core.queries import open_interest
from exchange.domain import commands as c
from tests.unit.core.harness import ALICE, OPTION, PERPETUAL, Market, under_rules_2


@pytest.fixture
def market() -> Market:
    return under_rules_2(Market(Engine()))


def seat(engine: Engine) -> int:
    return ledger.find_seat(engine.world, ALICE, OPTION)


@pytest.mark.parametrize("what", ["cash_drift", "size_drift", "entry_drift"])
def test_an_engine_that_drifts_goes_no_further(market: Market, what: str) -> None:
    engine = market.engine
    assert isinstance(engine, Engine)
    setattr(engine.world, what, 1)
    before = engine.state_bytes()
    for _ in range(2):
        with pytest.raises(InvariantError, match="do not add up"):
            engine.apply(c.time(5))
    assert engine.state_bytes() == before, "reads go on, and nothing has changed"


def test_one_sided_bookings_are_noticed(market: Market) -> None:
    engine = market.engine
    assert isinstance(engine, Engine)
    market.rests(ALICE, 100, 5)
    ledger.move_cash(engine.world, ALICE, 5)
    ledger.move_position(engine.world, seat(engine), 7, -3)
    with pytest.raises(InvariantError, match=r"cash 5 micro-USDC, positions 7 lots, entry values -3"):
        engine.apply(c.cancel(ALICE, 1))


def test_open_interest_follows_positions() -> None:
    engine = Engine()
    market = under_rules_2(Market(engine))
    market.long(64, 65, 10, 1_000)
    assert open_interest(engine, OPTION) == 10
    market.long(66, 64, 4, 1_000)
    assert open_interest(engine, OPTION) == 10, "handed on"
    market.long(65, 64, 6, 1_000)
    assert open_interest(engine, OPTION) == 4, "closed on both sides"
    market.long(64, 65, 3, 50_000, PERPETUAL)
    assert open_interest(engine, PERPETUAL) == 3
    assert open_interest(Engine.restore(engine.state_bytes()), OPTION) == 4
    market.send(c.time(1_000_000), c.deliver(OPTION, 50_000_000_000))
    assert open_interest(engine, OPTION) == 0
    with pytest.raises(KeyError):
        open_interest(engine, 99)
