"""Every branch of the rules' newer half is really taken by the streams that compare engine and reference.

Where two engines agree on what nobody tries, nothing is shown. The reference notes what it does
(`tests/reference/branches.py`); the scripted scenarios alone must come by all of it: each has its promise
(`tests/reference/promises.py`), which `test_risk_differential` holds it to.
"""

from __future__ import annotations

import pytest

from tests.reference.branches import BRANCHES, note
from tests.reference.engine import ReferenceEngine
from tests.reference.promises import PROMISES
from tests.reference.risk_scenarios import RISK_SCENARIOS


def test_every_branch_is_promised() -> None:
    promised = {word for promise in PROMISES.values() for word in promise}
    assert not BRANCHES - promised


def test_every_scripted_stream_promises_something() -> None:
    assert set(PROMISES) == set(RISK_SCENARIOS)
    assert all(PROMISES.values())


def test_a_branch_without_a_name_is_not_noted() -> None:
    with pytest.raises(AssertionError):
        note(ReferenceEngine().world, "nowhere")
