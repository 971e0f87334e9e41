"""Compiled and interpreted core, under any hash seed: the same events and the same state hash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reference.differential import TrafficOf, compare_stream
from tests.reference.generator import Traffic
from tests.reference.risk_generator import RiskTraffic

ROOT = Path(__file__).parents[2]
COMMANDS = 3_000
FORMS = (("", "0"), ("", "1"), ("1", "0"), ("1", "4294967295"))


def replay_in_process(path: Path, interpreted: str, hash_seed: str) -> dict[str, object]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "STRIKEBOOK_INTERPRETED": interpreted}
    done = subprocess.run(
        [sys.executable, "-m", "tests.reference.replay", str(path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("seed", "traffic_of"), [(0, Traffic), (3, Traffic), (4, RiskTraffic)])
def test_every_form_comes_to_the_same(seed: int, traffic_of: TrafficOf, tmp_path: Path) -> None:
    path = tmp_path / "stream.commands"
    path.write_bytes(b"".join(compare_stream(seed, COMMANDS, traffic_of=traffic_of).batches))
    outcomes = [replay_in_process(path, interpreted, hash_seed) for interpreted, hash_seed in FORMS]
    compiled = [bool(outcome.pop("compiled")) for outcome in outcomes]
    assert not any(compiled[2:])
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert outcomes[0]["commands"] == COMMANDS
