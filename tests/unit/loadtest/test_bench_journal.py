from __future__ import annotations

from pathlib import Path

import pytest

from loadtest import bench_journal


def test_what_is_written_is_what_a_restart_finds(tmp_path: Path) -> None:
    count, _, expected = bench_journal.write(tmp_path, 2_000, 3)
    assert count > 2_000
    assert bench_journal.restart(tmp_path)[1] == expected


def test_it_tells_what_it_measured(capsys: pytest.CaptureFixture[str]) -> None:
    bench_journal.main(["--ops", "500", "--runs", "1"])
    told = capsys.readouterr().out
    assert "state hash equal" in told
    assert "commands/s" in told
