"""Every branch of the rules' newer half is really taken by the streams that compare engine and reference.

Where two engines agree on what nobody tries, nothing is shown. The reference notes what it does
(`tests/reference/branches.py`); the scripted scenarios alone must come by all of it.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.reference.branches import BRANCHES, note
from tests.reference.corner_scenarios import CORNER_SCENARIOS
from tests.reference.crowd_scenarios import CROWD_SCENARIOS
from tests.reference.engine import ReferenceEngine
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic

RANDOM_COMMANDS = 2_000
# Random streams come by these by themselves, whatever the seed: the campaigns are worth running.
OFTEN = {
    branch
    for branch in BRANCHES
    if branch.startswith(("check 16: closing, maintenance met", "slice: at the band", "takeover: all"))
}


@pytest.fixture(scope="module")
def taken() -> Counter[str]:
    """What the scripted crowds and corners come by."""
    found: Counter[str] = Counter()
    for scenario in (*CROWD_SCENARIOS.values(), *CORNER_SCENARIOS.values()):
        engine = ReferenceEngine()
        for batch in scenario():
            engine.apply(batch)
        found += engine.world.taken
    return found


@pytest.mark.parametrize("branch", sorted(BRANCHES))
def test_a_scripted_stream_takes(branch: str, taken: Counter[str]) -> None:
    assert taken[branch]


def test_random_streams_take_the_common_ones() -> None:
    found: Counter[str] = Counter()
    for seed in range(len(RISK_PROFILES)):
        engine = ReferenceEngine()
        traffic = RiskTraffic(seed, engine)
        engine.apply(traffic.opening())
        while engine.next_seq <= RANDOM_COMMANDS:
            engine.apply(traffic.batch(50))
        found += engine.world.taken
    assert not OFTEN - set(found)
    assert len(found) > len(BRANCHES) // 2


def test_a_branch_without_a_name_is_not_noted() -> None:
    with pytest.raises(AssertionError):
        note(ReferenceEngine().world, "nowhere")
