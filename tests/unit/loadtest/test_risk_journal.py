"""The journal's bytes: every block of the oracle is taken by the core and counted once."""

from __future__ import annotations

import pytest

from loadtest import risk_journal


def test_a_few_seconds_of_the_oracle() -> None:
    found = risk_journal.measure(3, 40)
    assert found.instruments_count == 40
    # Each underlying: tables at least once a second, marks between them.
    assert found.snapshots_count >= 6
    assert found.marks_count > found.snapshots_count
    assert len(found.apply_seconds) == found.marks_count + found.snapshots_count
    assert 0 < found.stream_bytes < found.snapshots_bytes
    assert found.marks_bytes == found.marks_count * 32 * (2 + 20)
    frames = 64 * len(found.apply_seconds)
    hour = (found.marks_bytes + found.snapshots_bytes + frames) * 1_200
    assert found.bytes_per_hour == pytest.approx(hour)
