"""The invariants hold under any traffic, and damage to any structure is noticed."""

from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import InvariantError, check
from exchange.core.layout import (
    A_CASH,
    ACCOUNT_WORDS,
    L_HEAD,
    L_SHOWN,
    LEVEL_WORDS,
    O_LOTS,
    O_PLACE,
    ORDER_WORDS,
    S_HOLD,
    S_SIZE,
    SEAT_WORDS,
)
from exchange.core.world import World
from exchange.domain.limits import FIRST_USER_ACCOUNT
from tests.reference.engine import ReferenceEngine
from tests.reference.generator import Traffic

SEEDS = range(1, 5)


def busy_engine(seed: int, batches_count: int = 20) -> Engine:
    """An engine after some random traffic, checked after each batch."""
    reference = ReferenceEngine()
    traffic = Traffic(seed, reference)
    engine = Engine()
    for number in range(batches_count):
        batch = traffic.batch(20) if number else traffic.opening()
        reference.apply(batch)
        engine.apply(batch)
        check(engine)
    return engine


def resting_order(world: World) -> int:
    """The record of an order at the head of some level."""
    for book in world.books:
        for sell in (0, 1):
            level = book.best_level(sell)
            if level:
                return world.levels.data[level * LEVEL_WORDS + L_HEAD] * ORDER_WORDS
    pytest.fail("no order rests")


@pytest.mark.parametrize("seed", SEEDS)
def test_hold_after_every_batch_and_after_a_restore(seed: int) -> None:
    check(Engine.restore(busy_engine(seed).state_bytes()))


def test_hold_without_accounts() -> None:
    check(Engine(null_ledger=True))


def test_cash_from_nowhere_is_noticed() -> None:
    engine = busy_engine(2)
    engine.world.accounts[FIRST_USER_ACCOUNT * ACCOUNT_WORDS + A_CASH] += 1
    with pytest.raises(InvariantError, match="cash"):
        check(engine)


@pytest.mark.parametrize(
    ("field", "what"), [(S_SIZE, "stale|positions"), (S_HOLD, "stale|hold")], ids=["position", "hold"]
)
def test_a_damaged_seat_is_noticed(field: int, what: str) -> None:
    engine = busy_engine(2)
    world = engine.world
    seat = (world.orders.data[resting_order(world) + O_PLACE] >> 32) * SEAT_WORDS
    world.seats.data[seat + field] += 1_000
    with pytest.raises(InvariantError, match=what):
        check(engine)


def test_a_wrong_level_total_is_noticed() -> None:
    engine = busy_engine(2)
    world = engine.world
    order = resting_order(world)
    for level in range(1, world.levels.slots):
        if world.levels.data[level * LEVEL_WORDS + L_HEAD] * ORDER_WORDS == order:
            world.levels.data[level * LEVEL_WORDS + L_SHOWN] += 1
    with pytest.raises(InvariantError, match="total"):
        check(engine)


def test_open_lots_beyond_the_size_are_noticed() -> None:
    engine = busy_engine(2)
    engine.world.orders.data[resting_order(engine.world) + O_LOTS] += 1 << 29
    with pytest.raises(InvariantError, match="open lots"):
        check(engine)
