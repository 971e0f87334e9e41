"""Seeded runs of the whole venue through its ports: crashes, power losses, failed syncs, lost connections,
clocks that jump. `python -m tests.simulation` runs more of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.run import KINDS, Outcome, misfortunes, simulate

SEEDS = range(1, 21)
_outcomes: dict[int, Outcome] = {}


@pytest.mark.parametrize("seed", SEEDS)
def test_no_misfortune_breaks_a_promise(seed: int) -> None:
    """Every check is made inside the run: acknowledgements, recovery, streams, books, reads."""
    outcome = _outcomes[seed] = simulate(seed)
    assert outcome.acknowledged > 0
    assert outcome.trades > 0


def test_a_seed_is_a_whole_run_whatever_the_hash_seed() -> None:
    ours = _outcomes.get(SEEDS[0]) or simulate(SEEDS[0])
    program = f"from tests.simulation.run import simulate; print(simulate({SEEDS[0]}))"
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    theirs = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert theirs.stdout.strip() == repr(ours)


def test_another_seed_is_another_run() -> None:
    assert simulate(101).trace != simulate(102).trace


def test_the_menu_of_misfortunes_is_used() -> None:
    planned = Counter(kind for seed in SEEDS for _, kind in misfortunes(seed))
    assert set(planned) == set(KINDS)
    assert planned["kill"] + planned["power"] + planned["torn"] >= len(SEEDS)
