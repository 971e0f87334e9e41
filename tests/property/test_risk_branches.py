"""Every branch of the rules' newer half is really taken by the streams that compare engine and reference.

Where two engines agree on what nobody tries, nothing is shown. The reference notes what it does
(`tests/reference/branches.py`); the scripted scenarios alone must come by all of it, and each by what it
was written for (`tests/reference/promises.py`).
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.reference.branches import BRANCHES, note
from tests.reference.come_by import come_by
from tests.reference.engine import ReferenceEngine
from tests.reference.promises import PROMISES
from tests.reference.risk_generator import RISK_PROFILES, RiskTraffic
from tests.reference.risk_scenarios import RISK_SCENARIOS

LONG = "pending_withdrawals"
RANDOM_COMMANDS = 3_000
# Random streams come by these by themselves, whatever the seed: the campaigns are worth running.
OFTEN = {
    branch
    for branch in BRANCHES
    if branch.startswith(("check 16: closing, maintenance met", "slice: at the band", "takeover: all"))
}


@pytest.fixture(scope="module")
def found() -> dict[str, Counter[str]]:
    """What each scripted stream comes by."""
    return {name: come_by(RISK_SCENARIOS[name]()) for name in RISK_SCENARIOS if name != LONG}


@pytest.fixture(scope="module")
def taken(found: dict[str, Counter[str]]) -> Counter[str]:
    """What they come by together."""
    return sum(found.values(), Counter())


@pytest.mark.parametrize("branch", sorted(BRANCHES))
def test_a_scripted_stream_takes(branch: str, taken: Counter[str]) -> None:
    assert taken[branch]


@pytest.mark.parametrize("name", sorted(set(PROMISES) - {LONG}))
def test_a_scripted_stream_keeps_its_promise(name: str, found: dict[str, Counter[str]]) -> None:
    assert not Counter(PROMISES[name]) - found[name]


@pytest.mark.slow
def test_the_long_one_keeps_its_promise() -> None:
    assert not Counter(PROMISES[LONG]) - come_by(RISK_SCENARIOS[LONG]())


def test_every_scripted_stream_promises_something() -> None:
    assert set(PROMISES) == set(RISK_SCENARIOS)
    assert all(PROMISES.values())


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
