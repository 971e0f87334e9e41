"""The engine against the reference under rules 5: positions that move and blocks with several takers."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.domain import records as r
from tests.property.streams import compare_another_shard, compare_scenario, restore_at_any_batch
from tests.reference import campaign
from tests.reference.differential import Kind, compare_stream
from tests.reference.move_scenarios import MOVE_SCENARIOS
from tests.reference.moves_generator import MOVE_PROFILES, MoveTraffic

QUICK_COMMANDS = 800
FIRST_SEED = 5_100


def test_random_streams_agree_and_show_what_is_new() -> None:
    seen: Counter[Kind] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + len(MOVE_PROFILES)):
        run = compare_stream(
            seed, QUICK_COMMANDS, traffic_of=MoveTraffic, state_every=90, restore_every=300
        )
        assert run.restores >= 2
        seen += run.seen
    assert any(of == r.EV_MOVED for of, _ in seen)
    assert (r.EV_CASH, r.CASH_MOVED) in seen


@pytest.mark.parametrize("name", sorted(MOVE_SCENARIOS))
def test_scenario(name: str) -> None:
    compare_scenario(MOVE_SCENARIOS[name](), restore_every=5)


def test_an_engine_restored_at_any_batch_goes_on_alike() -> None:
    restore_at_any_batch(MOVE_SCENARIOS["moves_done"]())


def test_another_shard_stamps_its_ids() -> None:
    compare_another_shard(MOVE_SCENARIOS["moves_done"]())


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    runs = campaign.run(range(70_000, 70_400), campaign.STREAM_COMMANDS, workers=2, rules=5)
    assert sum(run.commands for run in runs) >= 10_000_000
