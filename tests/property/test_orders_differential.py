"""The engine against the reference under rules 3: the same random commands, the same events and state."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.core.engine import Engine
from exchange.core.invariants import check
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import campaign, invariants
from tests.reference.differential import Kind, compare_batch, compare_state, compare_stream
from tests.reference.engine import ReferenceEngine
from tests.reference.ledger import Ledger
from tests.reference.order_scenarios import LONG_ORDER_SCENARIOS, ORDER_SCENARIOS
from tests.reference.orders_generator import ORDER_PROFILES, OrderTraffic

MILLION = 1_000_000
QUICK_COMMANDS = 2_500
FIRST_SEED = 1_200
NEW_REASONS = set(range(why.ID_EXPIRED, why.QUOTES_FROZEN + 1))


def test_random_streams_agree_and_show_what_is_new() -> None:
    seen: Counter[Kind] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + len(ORDER_PROFILES)):
        run = compare_stream(
            seed, QUICK_COMMANDS, traffic_of=OrderTraffic, state_every=250, restore_every=900
        )
        assert run.state_checks >= 9
        assert run.restores >= 2
        assert run.recuts == 1
        seen += run.seen
    assert {r.EV_REPEATED, r.EV_MMP} <= {kind for kind, _ in seen}
    assert {reason for of, reason in seen if of == r.EV_REJECTED} >= NEW_REASONS


@pytest.mark.parametrize("name", sorted(set(ORDER_SCENARIOS) - LONG_ORDER_SCENARIOS))
def test_scenario(name: str) -> None:
    compare_scenario(name)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", sorted(LONG_ORDER_SCENARIOS))
def test_long_scenario(name: str) -> None:
    compare_scenario(name, restore_every=500)


def compare_scenario(name: str, restore_every: int = 7) -> None:
    """A scripted stream: the same events and states, restored on the way; and the ledger adds up."""
    reference, engine, ledger = ReferenceEngine(), Engine(), Ledger()
    for n, batch in enumerate(ORDER_SCENARIOS[name]()):
        ledger.read(compare_batch(0, reference, engine, batch))
        if n % restore_every == restore_every - 1:
            compare_state(0, reference, engine)
            engine = Engine.restore(engine.state_bytes())
    compare_state(0, reference, engine)
    check(engine)
    invariants.check(reference.world)
    ledger.compare(reference.world)


@pytest.mark.parametrize("seed", [1, 2])
def test_an_engine_restored_at_any_batch_goes_on_alike(seed: int) -> None:
    batches = compare_stream(seed, 900, traffic_of=OrderTraffic).batches
    engine = Engine()
    for batch in batches:
        restored = Engine.restore(engine.state_bytes())
        assert restored.apply(batch) == engine.apply(batch)
        assert restored.state_bytes() == engine.state_bytes()


def test_another_shard_stamps_its_ids() -> None:
    batches = compare_stream(3, 900, traffic_of=OrderTraffic).batches
    reference, engine = ReferenceEngine(shard=5), Engine(shard=5)
    for batch in batches:
        assert engine.apply(batch) == reference.apply(batch)
    compare_state(3, reference, engine)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    seeds = range(30_000, 30_400)
    runs = campaign.run(seeds, campaign.STREAM_COMMANDS, workers=2, rules=3)
    assert sum(run.commands for run in runs) >= 10 * MILLION
