from __future__ import annotations

import pytest

from exchange.core.engine import Engine
from loadtest import engine_runs, timing
from loadtest.packed import canonical_events, command_batches, setup_commands
from loadtest.workload import generate

OPERATIONS_COUNT = 3_000


@pytest.mark.parametrize("null_ledger", [True, False])
@pytest.mark.parametrize("batch_size", [1, 100])
def test_engine_and_baseline_make_the_same_events(null_ledger: bool, batch_size: int) -> None:
    workload = generate(OPERATIONS_COUNT)
    rows = timing.slices(workload.rows(), 3)
    batches = timing.slices(command_batches(workload, batch_size), 3)
    baseline = engine_runs.BaselineRun(rows)
    engine = engine_runs.EngineRun.on_a_fresh_venue(batches, null_ledger=null_ledger)
    timing.race((baseline, engine), 3)
    assert engine.checksum() == baseline.checksum()


def test_all_resting_orders_rest() -> None:
    engine = engine_runs.make_engine(null_ledger=False)
    for batch in command_batches(engine_runs.resting_orders(20_000), 1_000):
        events = canonical_events([engine.apply(batch)])
        assert (events[:, 0] == 1).all()
        assert (events[:, 5] == 1).all()
    assert engine.open_order_count == 20_000


def test_a_venue_that_cannot_be_set_up_is_no_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_commands()
    monkeypatch.setattr("loadtest.engine_runs.setup_commands", lambda: [*setup, setup[-1]])
    with pytest.raises(engine_runs.SetupRejected, match=f"set-up command {len(setup)} "):
        engine_runs.make_engine(null_ledger=False)


def test_the_interpreted_engine_is_measured_in_a_child() -> None:
    found = engine_runs.child("interpreted", "--ops", "500", interpreted_core=True)
    assert found["compiled"] is False
    assert found["checksums_equal"] is True
    assert found["operations_count"] == 500


def test_a_child_that_fails_says_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="memory: exit code 2"):
        engine_runs.child("memory", "--ops", "many")


def test_snapshots_are_written_beside_the_measurement() -> None:
    batches = command_batches(generate(500), 100)
    with engine_runs.snapshots_being_written(500) as written:
        assert engine_runs.longest_apply_seconds(batches) > 0
    assert written["snapshots_count"] >= 1
    engine = engine_runs.make_engine(null_ledger=False)
    for batch in batches:
        engine.apply(batch)
    assert written["bytes"] == len(engine.state_bytes())
    assert isinstance(engine, Engine)
