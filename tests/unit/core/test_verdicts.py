"""Verdicts over losing makers met again and again: those of the reference, at every meeting."""

from __future__ import annotations

from random import Random

import pytest

from exchange.core.engine import Engine
from exchange.domain import commands as c
from exchange.domain import events as e
from exchange.domain import records as r
from tests.reference.engine import ReferenceEngine
from tests.unit.core.harness import IOC, SELL, USDC, of
from tests.unit.core.margins import ALICE, BOB, DORA, MARKS, PERPETUAL, MarginMarket

SEEDS = 24


def told(engine: Engine | ReferenceEngine, seed: int) -> list[e.Event]:
    """What happens when DORA trades through icebergs of ALICE and BOB that lose since the marks moved."""
    random = Random(seed)
    market = MarginMarket(engine)
    market.tables()
    makers = (ALICE, BOB)
    for maker in makers:
        if random.random() < 0.5:
            market.portfolio(maker)
        for at in random.sample(sorted(MARKS), random.randint(2, 5)):
            market.hold(maker, at, random.choice((-1, 1)) * random.randint(1, 30))
    at = random.choice(sorted(MARKS))
    side = random.choice((0, SELL))
    price = MARKS[at][0]
    for _ in range(3):
        for maker in makers:
            market.send(c.new_order(maker, at, side, price, 20, display_lots=random.randint(1, 3)))
    move = price // 20 if at == PERPETUAL else price // 2
    market.mark(marks={at: price + (3 * move if side else -move)})
    # Some can pay for a part of their tips alone.
    for maker in makers:
        market.send(c.withdraw(maker, random.randint(1, 9_000) * USDC, 1_000 + maker))
    market.send(c.funding(PERPETUAL, random.randint(-80, 80) * USDC))
    events: list[e.Event] = []
    for lots in (37, 200):
        events += market.order(DORA, at, price, lots, IOC | (SELL if side == 0 else 0))
    return events


@pytest.mark.parametrize("seed", range(SEEDS))
def test_engine_and_reference_meet_the_same_makers(seed: int) -> None:
    assert told(Engine(), seed) == told(ReferenceEngine(), seed)


def test_some_makers_pay_for_a_part_of_what_they_show() -> None:
    parts = 0
    for seed in range(SEEDS):
        losing = [order for order in of(told(Engine(), seed), e.Order) if order.reason == r.CANCEL_MARGIN]
        parts += sum(0 < order.filled_lots < 20 for order in losing)
    assert parts >= 3
