"""The engine against the reference with triggers, links and volatility: the same events, the same state."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.property.streams import compare_another_shard, compare_scenario, restore_at_any_batch
from tests.reference import campaign
from tests.reference.differential import Kind, compare_stream
from tests.reference.trigger_scenarios import TRIGGER_SCENARIOS
from tests.reference.triggers_generator import TRIGGER_PROFILES, TriggerTraffic

QUICK_COMMANDS = 2_000
FIRST_SEED = 2_400
NEW_REASONS = {why.BAD_TRIGGER, why.BAD_LINK, why.TRIGGERS_DUE}


def test_random_streams_agree_and_show_what_is_new() -> None:
    seen: Counter[Kind] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + len(TRIGGER_PROFILES)):
        run = compare_stream(
            seed, QUICK_COMMANDS, traffic_of=TriggerTraffic, state_every=150, restore_every=600
        )
        assert run.state_checks >= 9
        assert run.restores >= 2
        assert run.recuts == 1
        seen += run.seen
    assert {r.EV_EXTENDED, r.EV_DUE} <= {kind for kind, _ in seen}
    assert {reason for of, reason in seen if of == r.EV_REJECTED} >= NEW_REASONS


@pytest.mark.parametrize("name", sorted(TRIGGER_SCENARIOS))
def test_scenario(name: str) -> None:
    compare_scenario(TRIGGER_SCENARIOS[name](), restore_every=5)


def test_an_engine_restored_at_any_batch_goes_on_alike() -> None:
    restore_at_any_batch(compare_stream(6, 1_000, traffic_of=TriggerTraffic).batches)


def test_another_shard_stamps_its_ids() -> None:
    compare_another_shard(compare_stream(3, 900, traffic_of=TriggerTraffic).batches)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    seeds = range(40_000, 40_400)
    runs = campaign.run(seeds, campaign.STREAM_COMMANDS, workers=2, rules=campaign.TRIGGERS)
    assert sum(run.commands for run in runs) >= 10_000_000
