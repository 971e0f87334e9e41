"""The engine against the reference under rules 2: the same random commands, the same events and state."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.property.streams import compare_another_shard, compare_scenario, restore_at_any_batch
from tests.reference import campaign
from tests.reference.come_by import come_by
from tests.reference.differential import Kind, compare_stream
from tests.reference.promises import PROMISES
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic
from tests.reference.risk_scenarios import RISK_SCENARIOS

MILLION = 1_000_000
QUICK_COMMANDS = 2_500
FIRST_SEED = 700
LONG_SCENARIOS = ("pending_withdrawals", "volume")


def test_random_streams_agree_and_show_everything() -> None:
    seen: Counter[Kind] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + len(RISK_PROFILES)):
        run = compare_stream(
            seed, QUICK_COMMANDS, traffic_of=RiskTraffic, state_every=250, restore_every=900
        )
        assert run.state_checks >= 9
        assert run.restores >= 2
        assert run.recuts == 1
        seen += run.seen
    assert {kind for kind, _ in seen} == {event for event in r.EVENT_NAMES if event < r.EV_REPEATED}
    assert {kind for of, kind in seen if of == r.EV_LIQUIDATION} == set(r.LIQUIDATION_NAMES)
    assert {kind for of, kind in seen if of == r.EV_CASH} == set(range(1, r.CASH_TAKEOVER + 1))
    new = set(range(why.NO_RISK, why.ID_EXPIRED)) - {why.TOO_MANY_ACCOUNTS}
    assert new <= {reason for of, reason in seen if of == r.EV_REJECTED}


@pytest.mark.parametrize("name", sorted(set(RISK_SCENARIOS) - set(LONG_SCENARIOS)))
def test_scenario(name: str) -> None:
    assert not Counter(PROMISES[name]) - compare_scenario(RISK_SCENARIOS[name](), margins=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_SCENARIOS)
def test_long_scenario(name: str) -> None:
    assert not Counter(PROMISES[name]) - compare_scenario(RISK_SCENARIOS[name](), margins=True)


def test_the_shorter_of_these_keeps_its_promise() -> None:
    assert not Counter(PROMISES["volume"]) - come_by(RISK_SCENARIOS["volume"]())


@pytest.mark.parametrize("seed", [1, 4])
def test_an_engine_restored_at_any_batch_goes_on_alike(seed: int) -> None:
    restore_at_any_batch(compare_stream(seed, 900, traffic_of=RiskTraffic).batches)


def test_another_shard_stamps_its_ids() -> None:
    compare_another_shard(compare_stream(3, 900, traffic_of=RiskTraffic).batches)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    seeds = range(20_000, 20_400)
    runs = campaign.run(seeds, campaign.STREAM_COMMANDS, workers=2, rules=2)
    assert sum(run.commands for run in runs) >= 10 * MILLION
