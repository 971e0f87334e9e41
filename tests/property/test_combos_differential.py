"""The engine against the reference under rules 4: combos and implied orders, the same events and state."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.property.streams import compare_another_shard, compare_scenario, restore_at_any_batch
from tests.reference import campaign
from tests.reference.combo_generator import COMBO_PROFILES, ComboTraffic
from tests.reference.combo_margin_scenarios import ALL_COMBO_SCENARIOS
from tests.reference.differential import Kind, compare_stream
from tests.reference.promises import COMBO_PROMISES

QUICK_COMMANDS = 900
FIRST_SEED = 4_800


def test_random_streams_agree_and_show_what_is_new() -> None:
    seen: Counter[Kind] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + len(COMBO_PROFILES)):
        run = compare_stream(
            seed, QUICK_COMMANDS, traffic_of=ComboTraffic, state_every=90, restore_every=400
        )
        assert run.state_checks >= 9
        assert run.restores >= 2
        assert run.recuts == 1
        seen += run.seen
    kinds = {kind for of, kind in seen if of == r.EV_COMBO_TRADE}
    assert kinds == {r.COMBO_BOOK, r.COMBO_IN, r.COMBO_OUT}
    assert why.BAD_TERMS in {reason for of, reason in seen if of == r.EV_REJECTED}


@pytest.mark.parametrize("name", sorted(ALL_COMBO_SCENARIOS))
def test_scenario(name: str) -> None:
    assert not Counter(COMBO_PROMISES[name]) - compare_scenario(ALL_COMBO_SCENARIOS[name](), restore_every=5)


def test_an_engine_restored_at_any_batch_goes_on_alike() -> None:
    restore_at_any_batch(compare_stream(6, 800, traffic_of=ComboTraffic).batches)


def test_another_shard_stamps_its_ids() -> None:
    compare_another_shard(compare_stream(3, 800, traffic_of=ComboTraffic).batches)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    runs = campaign.run(range(60_000, 60_400), campaign.STREAM_COMMANDS, workers=2, rules=4)
    assert sum(run.commands for run in runs) >= 10_000_000
