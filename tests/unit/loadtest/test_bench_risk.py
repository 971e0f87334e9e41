"""The benchmark of risk: every row, its bar, and what fails it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from exchange.core import is_compiled
from exchange.domain import records as r
from loadtest import bench_risk
from loadtest.bench_core import Timed
from loadtest.bench_risk import crash_table, limit_row, percentile, portfolio_row, sweep_table
from loadtest.engine_runs import BaselineRun
from loadtest.risk_crash import CrashFigures
from loadtest.risk_runs import SweepFigures


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_risk, "is_compiled", lambda: True)


def timed(seconds: list[float], checksum: int = 7) -> Timed:
    return Timed("a row", 1.0, lambda: BaselineRun([]), seconds, {checksum})


def test_small_parts_run_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    small = ["--instruments", "160", "--victims", "20", "--journal-seconds", "2", "--runs", "1"]
    code = bench_risk.main(["--only", "fall", "journal", "--json", str(path), *small])
    printed = capsys.readouterr().out
    found = json.loads(path.read_text(encoding="utf-8"))
    assert code == (0 if found["passed"] else 1)
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == [
        "index -5 %: longest step",
        "index -5 %: until all are handled",
        "index -5 %: accounts handled",
        "index -5 %: lost",
        "journal of risk snapshots",
    ]
    assert rows["index -5 %: accounts handled"]["passed"]
    assert rows["index -5 %: lost"]["figure"] == "nothing"
    assert all(name in printed for name in rows)
    if not is_compiled():
        assert rows["index -5 %: longest step"]["note"] == bench_risk.NOT_COMPILED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--victims", "0"], "0 is not positive"),
        (["--only", "nothing"], "invalid choice"),
        (["--only", "sweep", "--accounts", "10"], "even number of accounts"),
        (["--pin", "4000"], "core 4000 is not available"),
    ],
)
def test_wrong_arguments_end_with_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        bench_risk.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("compiled")
def test_portfolio_margin_is_judged_in_commands_per_second() -> None:
    baseline = timed([2.0, 2.0, 9.0])
    row = portfolio_row(timed([1.5, 1.5, 9.0]), baseline, 1_000_000)
    assert (row.passed, row.figure, row.bar) == (True, "0.667 M ops/s", "0.600 M ops/s")
    assert row.ratio == pytest.approx(2.0 / 1.5)
    assert portfolio_row(timed([1.7]), baseline, 1_000_000).passed is False
    differs = portfolio_row(timed([0.1], checksum=8), baseline, 1_000_000)
    assert (differs.passed, differs.note) == (False, "EVENTS DIFFER from the baseline's")


def test_nothing_passes_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_risk, "is_compiled", lambda: False)
    assert portfolio_row(timed([0.1]), timed([1.0]), 1_000_000).passed is False
    row = limit_row("a time", 0.0001, 1.0, "")
    assert (row.passed, row.note) == (False, bench_risk.NOT_COMPILED)


@pytest.mark.usefixtures("compiled")
def test_the_median_sum_and_each_slice_s_best_count() -> None:
    cpu = [0.0007, 0.0005]
    runs = [
        SweepFigures(0.001, [0.004, 0.0009], [0.005, 0.002], 0.1, 10_000, cpu),
        SweepFigures(0.001, [0.0008, 0.0030], [0.002, 0.004], 0.2, 10_000, cpu),
        SweepFigures(0.001, [0.0008, 0.0009], [0.002, 0.002], 0.3, 10_000, cpu),
    ]
    total, longest, elapsed, among = sweep_table(runs, [0.001] * 5)
    assert (total.figure, total.passed) == ("3.800 ms", True)
    assert total.note.endswith("processor time 1.20 ms")
    assert (longest.figure, longest.passed) == ("0.900 ms", True)
    assert longest.note == "as met in each run: 4.00, 3.00, 0.90; processor time 0.70 ms"
    assert (elapsed.figure, elapsed.passed) == ("200.000 ms", True)
    assert (among.figure, among.passed) == ("5.000 ms", None)
    figures = SweepFigures(0.001, [0.0011] * 15, [0.002] * 15, 0.26, 10_000, [0.0011] * 15)
    slow = sweep_table([figures], [0.001])
    assert [row.passed for row in slow] == [False, False, False, None]


@pytest.mark.usefixtures("compiled")
def test_a_fall_passes_when_all_are_handled_in_time_and_nothing_is_lost() -> None:
    ends, kinds, cpu = Counter(closed=3), Counter({r.LIQ_ENDED: 3}), [0.0005, 0.0012]
    first = CrashFigures(3, 0.001, 1.5, [0.001, 0.004], ends, kinds, "", cpu)
    second = CrashFigures(3, 0.001, 1.7, [0.003, 0.0015], ends.copy(), kinds, "", cpu)
    rows = crash_table([first, second])
    assert [row.passed for row in rows] == [True, True, True, True]
    assert rows[0].figure == "1.500 ms"  # each step's best
    assert rows[0].note == "as met in each run: 4.00, 3.00; processor time 1.20 ms"
    assert rows[1].figure == "1600.000 ms"
    assert "3 ended" in rows[1].note
    second.lost = "cash is not conserved: the sum is (1)"
    second.outcomes["closed"] = 2
    assert [row.passed for row in crash_table([first, second])[2:]] == [False, False]
    slow = CrashFigures(3, 0.001, 2.1, [0.0021], ends, kinds, "", [0.0021])
    assert [row.passed for row in crash_table([slow])[:2]] == [False, False]


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(1, 201)]
    assert [percentile(values, percent) for percent in (50, 99, 100)] == [100.0, 198.0, 200.0]
    assert percentile([3.0], 99) == 3.0
