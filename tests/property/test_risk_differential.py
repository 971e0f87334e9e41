"""The engine against the reference under rules 2: the same random commands, the same events and state."""

from __future__ import annotations

from collections import Counter

import pytest

from exchange.core.engine import Engine
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import campaign, invariants
from tests.reference.differential import Kind, compare_batch, compare_margins, compare_state, compare_stream
from tests.reference.engine import ReferenceEngine
from tests.reference.ledger import Ledger
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic
from tests.reference.risk_scenarios import RISK_SCENARIOS

MILLION = 1_000_000
QUICK_COMMANDS = 2_500
FIRST_SEED = 718
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
    compare_scenario(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_SCENARIOS)
def test_long_scenario(name: str) -> None:
    compare_scenario(name)


def compare_scenario(name: str) -> None:
    """A scripted stream: the same events and states, restored on the way; and the ledger adds up."""
    reference, engine, ledger = ReferenceEngine(), Engine(), Ledger()
    for n, batch in enumerate(RISK_SCENARIOS[name]()):
        ledger.read(compare_batch(0, reference, engine, batch))
        compare_margins(0, reference, engine)
        if n % 7 == 3:
            engine = Engine.restore(engine.state_bytes())
    compare_state(0, reference, engine)
    invariants.check(reference.world)
    ledger.compare(reference.world)


@pytest.mark.parametrize("seed", [1, 4])
def test_an_engine_restored_at_any_batch_goes_on_alike(seed: int) -> None:
    batches = compare_stream(seed, 900, traffic_of=RiskTraffic).batches
    engine = Engine()
    for batch in batches:
        restored = Engine.restore(engine.state_bytes())
        assert restored.apply(batch) == engine.apply(batch)
        assert restored.state_bytes() == engine.state_bytes()


def test_another_shard_stamps_its_ids() -> None:
    batches = compare_stream(3, 900, traffic_of=RiskTraffic).batches
    reference, engine = ReferenceEngine(shard=5), Engine(shard=5)
    for batch in batches:
        assert engine.apply(batch) == reference.apply(batch)
    compare_state(3, reference, engine)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    seeds = range(20_000, 20_400)
    runs = campaign.run(seeds, campaign.STREAM_COMMANDS, workers=2, rules=2)
    assert sum(run.commands for run in runs) >= 10 * MILLION
