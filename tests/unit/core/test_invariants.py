"""The invariants hold under any traffic, and damage to any structure is noticed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import InvariantError, check
from exchange.core.layout import (
    A_CASH,
    A_KIN,
    A_LOCKED,
    A_MAIN,
    A_PENDING,
    A_SUBACCOUNTS,
    A_TIER,
    A_VOLUME,
    ACCOUNT_WORDS,
    I_OPEN_INTEREST,
    INSTRUMENT_WORDS,
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
from exchange.domain import commands as c
from exchange.domain.limits import FIRST_USER_ACCOUNT
from tests.reference.engine import ReferenceEngine
from tests.reference.generator import Traffic
from tests.reference.risk_generator import RiskTraffic
from tests.unit.core.harness import ALICE, BOB, OPTION, Market, under_rules_2

SEEDS = range(1, 5)


def busy_engine(seed: int, batches_count: int = 20, kind: type[Traffic] = Traffic) -> Engine:
    """An engine after some random traffic, checked after each batch."""
    reference = ReferenceEngine()
    traffic = kind(seed, reference)
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


@pytest.mark.parametrize("seed", SEEDS)
def test_hold_under_rules_2(seed: int) -> None:
    engine = busy_engine(seed, 10, RiskTraffic)
    check(Engine.restore(engine.state_bytes()))


@pytest.fixture
def families() -> World:
    """A family of two with a withdrawal that waits, under rules 2."""
    engine = Engine()
    market = under_rules_2(Market(engine))
    market.long(ALICE, BOB, 5, 12_000)
    market.send(c.create_account(67, bytes(20), ALICE), c.withdraw(ALICE, 30, 5))
    check(engine)
    return engine.world


Damage = Callable[[World], None]


def account_word(account: int, field: int, value: int) -> Damage:
    """Put something else into an account's record."""

    def damage(world: World) -> None:
        world.accounts[account * ACCOUNT_WORDS + field] = value

    return damage


def scalar(name: str, value: int) -> Damage:
    """Put something else into one of the world's scalars."""

    def damage(world: World) -> None:
        setattr(world, name, value)

    return damage


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda world: world.pending.update({5: (ALICE, 29)}), "held cash"),
        (lambda world: world.pending.update({5: (4, 30)}), "nobody's"),
        (lambda world: world.pending.update({6: (ALICE, 0)}), "future"),
        (scalar("deposits_net", 1), "bridge"),
        (scalar("cash_drift", 1), "drift"),
        (scalar("share_account", ALICE), "for nobody"),
        (scalar("share_phase", 1), "for nobody"),
        (account_word(67, A_MAIN, 67), "later"),
        (account_word(ALICE, A_MAIN, 3), "later"),
        (account_word(67, A_MAIN, BOB), "torn"),
        (account_word(ALICE, A_SUBACCOUNTS, 2), "miscounted"),
        (account_word(ALICE, A_KIN, 0), "torn"),
        (account_word(67, A_KIN, BOB), "goes on"),
        (account_word(BOB, A_KIN, 67), "goes on"),
        (account_word(ALICE, A_PENDING, 2), "withdrawals are miscounted"),
        (account_word(BOB, A_TIER, 8), "tier"),
        (account_word(BOB, A_LOCKED, 2), "switch"),
        (account_word(BOB, A_VOLUME, -1), "volume"),
        (lambda world: add(world, OPTION * INSTRUMENT_WORDS + I_OPEN_INTEREST), "open interest"),
    ],
)
def test_damage_to_what_rules_2_adds_is_noticed(families: World, damage: Damage, what: str) -> None:
    engine = Engine()
    engine.world = families
    damage(families)
    with pytest.raises(InvariantError, match=what):
        check(engine)


def add(world: World, at: int) -> None:
    world.instruments[at] += 1


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
