"""The engine against the reference under rules 3: the same random commands, the same events and state."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.property.streams import compare_another_shard, compare_scenario, restore_at_any_batch
from tests.reference import campaign
from tests.reference.differential import Kind, compare_stream
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
    compare_scenario(ORDER_SCENARIOS[name]())


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", sorted(LONG_ORDER_SCENARIOS))
def test_long_scenario(name: str) -> None:
    compare_scenario(ORDER_SCENARIOS[name](), restore_every=500)


@pytest.mark.parametrize("seed", [1, 2])
def test_an_engine_restored_at_any_batch_goes_on_alike(seed: int) -> None:
    restore_at_any_batch(compare_stream(seed, 900, traffic_of=OrderTraffic).batches)


def test_another_shard_stamps_its_ids() -> None:
    compare_another_shard(compare_stream(3, 900, traffic_of=OrderTraffic).batches)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    seeds = range(30_000, 30_400)
    runs = campaign.run(seeds, campaign.STREAM_COMMANDS, workers=2, rules=3)
    assert sum(run.commands for run in runs) >= 10 * MILLION
