"""Engine against reference under rules 6: forced withdrawals, refused deposits, heaps of losing makers."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.domain import records as r
from tests.property.streams import compare_another_shard, compare_scenario, restore_at_any_batch
from tests.reference import campaign
from tests.reference.differential import Kind, compare_stream
from tests.reference.forced_generator import FORCED_PROFILES, ForcedTraffic
from tests.reference.forced_scenarios import FORCED_SCENARIOS

QUICK_COMMANDS = 1_000
FIRST_SEED = 6_102


def test_random_streams_agree_and_show_what_is_new() -> None:
    seen: Counter[Kind] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + len(FORCED_PROFILES)):
        run = compare_stream(
            seed, QUICK_COMMANDS, traffic_of=ForcedTraffic, state_every=90, restore_every=300
        )
        assert run.restores >= 2
        seen += run.seen
    assert any(of == r.EV_FORCED for of, _ in seen)
    assert (r.EV_CASH, r.CASH_FORCED) in seen


@pytest.mark.parametrize("name", sorted(FORCED_SCENARIOS))
def test_scenario(name: str) -> None:
    compare_scenario(FORCED_SCENARIOS[name](), restore_every=5)


def test_an_engine_restored_at_any_batch_goes_on_alike() -> None:
    restore_at_any_batch(FORCED_SCENARIOS["forced_paid"]())


def test_another_shard_stamps_its_ids() -> None:
    compare_another_shard(FORCED_SCENARIOS["forced_orders"]())


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    runs = campaign.run(range(80_000, 80_400), campaign.STREAM_COMMANDS, workers=2, rules=6)
    assert sum(run.commands for run in runs) >= 10_000_000
