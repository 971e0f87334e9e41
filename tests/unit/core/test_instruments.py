"""The valid prices next to a price, on a grid whose steps widen."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.core.instruments import price_at_or_above, price_at_or_below
from exchange.domain import commands as c
from exchange.domain import events as e
from tests.unit.core.harness import CALL, only

# 1 … 100 by 1, up to 1,000 by 10, beyond by 50; the limit of 1,234 is itself off the grid.
TERMS = CALL._replace(price_limit_ticks=1_234, tick_steps=((0, 1), (100, 10), (1_000, 50)))
VALID = [*range(1, 100), *range(100, 1_000, 10), *range(1_000, 1_235, 50)]


@pytest.fixture(scope="module")
def engine() -> Engine:
    engine = Engine()
    engine.apply(c.list_underlying(0, "BTC"))
    found = list(e.read_events(engine.apply(c.list_instrument(0, TERMS))))
    only(found, e.Instrument)
    return engine


@pytest.mark.parametrize("price", [-5, 0, 1, 2, 99, 100, 101, 110, 995, 1_000, 1_001, 1_234, 9_999])
def test_prices_next_to_a_price(engine: Engine, price: int) -> None:
    below = [valid for valid in VALID if valid <= price]
    above = [valid for valid in VALID if valid >= price]
    assert price_at_or_below(engine.world, 0, price) == (below[-1] if below else VALID[0])
    assert price_at_or_above(engine.world, 0, price) == (above[0] if above else VALID[-1])
