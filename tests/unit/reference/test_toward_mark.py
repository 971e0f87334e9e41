"""The bisected way to the mark against a walk over every valid price."""

from __future__ import annotations

from itertools import product

import pytest

from exchange.domain import commands as c
from tests.reference.engine import ReferenceEngine
from tests.reference.instruments import Instrument
from tests.reference.scenarios import PERPETUAL, opening
from tests.reference.toward_mark import first_price, last_price

LIMIT = 120
STEPS = ((0, 2), (20, 5), (60, 20))


def instrument(mark_micro: int) -> Instrument:
    engine = ReferenceEngine()
    engine.apply(opening(PERPETUAL._replace(price_limit_ticks=LIMIT, tick_steps=STEPS)))
    engine.apply(c.marks(0, 10**9, 2, [c.Mark(0, 0, mark_micro, 0, 10**9)]))
    return engine.world.instruments[0]


def walk(listed: Instrument, own: int, *, is_sell: bool) -> list[int]:
    """Every valid price from `own` to the first one at the mark or past it."""
    prices = [price for price in range(1, LIMIT + 1) if listed.on_tick(price)]
    tick, mark = listed.terms.tick_micro, listed.mark_micro
    if not is_sell:
        prices.reverse()
    past = [p for p in prices if (p * tick >= mark if is_sell else p * tick <= mark)]
    return prices[prices.index(own) : prices.index(past[0] if past else prices[-1]) + 1]


@pytest.mark.parametrize("is_sell", [False, True])
@pytest.mark.parametrize("mark_ticks", [0.5, 1, 19, 20, 21.5, 60, 61, 119, 120, 121, 400])
def test_it_ends_where_the_walk_ends(mark_ticks: float, *, is_sell: bool) -> None:
    listed = instrument(round(mark_ticks * 10**6))
    own = listed.lowest_price if is_sell else listed.highest_price
    assert last_price(listed, is_sell=is_sell) == walk(listed, own, is_sell=is_sell)[-1]


@pytest.mark.parametrize("is_sell", [False, True])
def test_it_finds_the_first_price_the_walk_finds(*, is_sell: bool) -> None:
    listed = instrument(61 * 10**6)
    prices = walk(listed, listed.lowest_price if is_sell else listed.highest_price, is_sell=is_sell)
    # Any price and all nearer the mark will do, but the last, which may or may not.
    for first, last_does in product(range(len(prices)), (False, True)):
        will_do = {*prices[first:-1], *(prices[-1:] if last_does else ())}
        for own in prices:
            wanted = next((p for p in prices[prices.index(own) :] if p in will_do), None)
            found = first_price(listed, own, is_sell=is_sell, will_do=will_do.__contains__)
            assert found == wanted


def test_no_price_will_do() -> None:
    assert first_price(instrument(50 * 10**6), 2, is_sell=True, will_do=lambda _: False) is None
