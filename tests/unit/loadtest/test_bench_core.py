from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest import bench_core, timing
from loadtest.bench_core import Report, Row, Timed, baseline_row, ratio_row
from loadtest.peers import PeerResult

SMALL = ["--ops", "1000", "--runs", "1", "--resting", "1000", "--interpreted-ops", "300", "--no-peers"]


def timed(ratio_min: float, seconds: list[float], checksum: int = 7) -> Timed:
    def never() -> timing.Contestant:
        raise AssertionError("not run here")

    return Timed("row", ratio_min, never, seconds, {checksum})


def test_a_small_run_prints_every_row_and_writes_json(tmp_path: Path) -> None:
    target = tmp_path / "bench.json"
    command = [sys.executable, "-m", "loadtest.bench_core", *SMALL, "--json", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    printed = done.stdout
    found = json.loads(target.read_text())
    assert done.returncode == (0 if found["passed"] else 1)
    assert [row["name"] for row in found["rows"]] == [
        "baseline: sortedcontainers",
        "matching, batches of 100",
        "matching, batches of 1",
        "with accounts, batches of 100",
        "matching, interpreted",
        "longest apply of 100",
        "the same beside snapshots",
        "memory per resting order",
    ]
    assert all(row["name"] in printed for row in found["rows"])
    assert bench_core.EVENTS_DIFFER not in printed
    assert found["environment"]["operations"] == 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--ops", "0"], "0 is not positive"), (["--pin", "4000"], "core 4000 is not available")],
)
def test_wrong_arguments_end_with_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        bench_core.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_one_missed_bar_fails_the_report_and_a_row_without_a_bar_does_not() -> None:
    rows = [Row("a", "1", passed=True), Row("b", "2")]
    assert Report({}, rows).passed
    assert not Report({}, [*rows, Row("c", "3", passed=False)]).passed
    assert "MISS" in Report({}, [Row("c", "3", passed=False)]).text()


def test_the_median_decides_a_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_core, "is_compiled", lambda: True)
    baseline = timed(1.0, [2.0, 2.0, 9.0])
    row = ratio_row(timed(17.0, [0.1, 0.1, 5.0]), baseline, 1_000_000)
    assert (row.ratio, row.passed, row.figure) == (20.0, True, "10.000 M ops/s")
    assert ratio_row(timed(21.0, [0.1]), baseline, 1_000_000).passed is False


def test_other_events_or_an_uncompiled_core_fail_a_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    baseline = timed(1.0, [2.0])
    monkeypatch.setattr(bench_core, "is_compiled", lambda: True)
    differs = ratio_row(timed(17.0, [0.1], checksum=8), baseline, 100)
    assert (differs.passed, differs.note) == (False, bench_core.EVENTS_DIFFER)
    monkeypatch.setattr(bench_core, "is_compiled", lambda: False)
    assert ratio_row(timed(17.0, [0.1]), baseline, 100).passed is False


def test_a_slow_baseline_is_no_denominator() -> None:
    assert baseline_row(timed(1.0, [2.8, 2.8, 4.0]), 1_000_000).passed is True
    assert baseline_row(timed(1.0, [2.8, 4.0, 4.0]), 1_000_000).passed is False
    assert baseline_row(timed(1.0, [3.0, 3.0, 3.0]), 1_000_000).passed is False


def test_a_peer_ahead_of_us_or_missing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    results = {
        "lightmatchingengine": PeerResult("lightmatchingengine", "1", 10, 50.0, 1),
        "limit-order-book": PeerResult("limit-order-book", "1", 10, 500.0, None),
        "order-matching": PeerResult("order-matching", "", 0, 0.0, None, "not installed"),
    }
    monkeypatch.setattr("loadtest.peers.measure", lambda name, ops, runs: results[name])
    rows = bench_core.peer_rows(10, 1, 100.0)
    assert [row.passed for row in rows] == [True, False, False]
    assert rows[2].note == "not installed"
