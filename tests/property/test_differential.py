"""The engine against the reference: the same random commands, the same bytes of events and of state."""

from __future__ import annotations

import os

import pytest

from exchange.core.engine import BatchError, Engine
from exchange.domain import commands as c
from tests.reference import campaign
from tests.reference.differential import compare_state, compare_stream
from tests.reference.engine import ReferenceEngine

MILLION = 1_000_000
# Streams differ by seed in profile (rich, poor, huge numbers, hostile …) and in every draw.
FIRST_SEED = 100


@pytest.mark.timeout(540)
def test_a_million_random_commands() -> None:
    streams = MILLION // campaign.STREAM_COMMANDS
    seeds = range(FIRST_SEED, FIRST_SEED + streams)
    workers = min(2, os.cpu_count() or 1)
    runs = list(campaign.run(seeds, campaign.STREAM_COMMANDS, workers))
    assert sum(run.commands for run in runs) >= MILLION
    assert all(run.state_checks >= 10 and run.restores >= 2 and run.recuts for run in runs)


def test_the_cut_into_batches_changes_nothing() -> None:
    stream = b"".join(compare_stream(7, 3_000).batches)
    commands = c.split(stream)
    outcomes = []
    for size in (1, 7, 100, len(commands)):
        engine = Engine()
        events = [engine.apply(b"".join(commands[n : n + size])) for n in range(0, len(commands), size)]
        outcomes.append((b"".join(events), engine.state_bytes()))
    assert all(outcome == outcomes[0] for outcome in outcomes)


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_an_engine_restored_at_any_batch_goes_on_alike(seed: int) -> None:
    batches = compare_stream(seed, 1_500).batches
    engine = Engine()
    for batch in batches:
        restored = Engine.restore(engine.state_bytes())
        assert restored.apply(batch) == engine.apply(batch)
        assert restored.state_bytes() == engine.state_bytes()


def test_another_shard_stamps_its_ids() -> None:
    batches = compare_stream(1, 1_000).batches
    reference, engine = ReferenceEngine(shard=5), Engine(shard=5)
    for batch in batches:
        assert engine.apply(batch) == reference.apply(batch)
    compare_state(1, reference, engine)


@pytest.mark.parametrize(
    "batch", [b"\1", bytes(31), bytes(32), b"\x14\1\2\0" + bytes(28), c.time(5) + b"\x14\1\1\0" + bytes(29)]
)
def test_records_that_do_not_add_up_are_refused_whole(batch: bytes) -> None:
    engine = Engine()
    before = engine.state_bytes()
    with pytest.raises(BatchError):
        engine.apply(batch)
    assert engine.state_bytes() == before


def test_an_empty_batch_is_nothing() -> None:
    assert Engine().apply(b"") == b""


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_ten_million_random_commands() -> None:
    seeds = range(10_000, 10_400)
    runs = campaign.run(seeds, campaign.STREAM_COMMANDS, workers=2)
    assert sum(run.commands for run in runs) >= 10 * MILLION
