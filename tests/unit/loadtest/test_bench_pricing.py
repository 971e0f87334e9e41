from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtest import bench_pricing, timing
from loadtest.pricing_report import run
from pricing import engines

ROWS = [
    "price + 5 Greeks, 300 options, each",
    "  to naive numpy + scipy",
    "largest relative error, hard grid: price",
    "  the same: delta",
    "  the same: gamma",
    "  the same: vega",
    "  the same: theta",
    "  the same: rho",
    "implied volatility, 300 options, each",
    "  to the fastest Let's Be Rational",
    "round trip vol → price → vol, error / condition",
    "  without an answer",
    "1,000-instrument chain re-marked, index to MARKS command",
    "  in options of the naive twin",
    "  of which prices and Greeks",
    "35 scenarios × 1,000 instruments",
    "  in options of the naive twin",
    "  with integers for either side",
    "joint surface fit, real chain, 11 expiries",
    "  violations on |k| ≤ 1.5",
    "  vega-weighted error, median",
]


def test_a_small_run_fills_every_row_with_the_packages_left_out() -> None:
    arguments = ["--options", "300", "--rounds", "1", "--grid", "90", "--no-peers"]
    options = bench_pricing.parser().parse_args(arguments)
    before = engines.current()
    report = run(options, bench_pricing.environment(options), lambda stage, done, total: None)
    assert engines.current() == before
    assert [row.what for row in report.rows] == ROWS
    by_name = {row.what: row.cells for row in report.rows}
    for name in ROWS[2:8] + ROWS[11:12] + ROWS[19:20]:
        assert all(cell.passed for cell in by_name[name].values()), name
    for cells in by_name.values():
        assert cells
    found = json.loads(report.json())
    assert found["environment"]["options"] == 300
    assert found["peers"][0]["rows"][0]["name"] == "strikebook"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--rounds", "0"], "0 is not positive"), (["--pin", "4000"], "core 4000 is not available")],
)
def test_wrong_arguments_end_with_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bench_pricing.ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        bench_pricing.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_process_with_other_threads_starts_over_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in bench_pricing.ONE_THREAD:
        monkeypatch.setenv(name, "1")
    started: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda path, arguments: started.append(arguments))
    bench_pricing.on_one_thread(["--rounds", "3"])
    assert started == []
    monkeypatch.setenv("RAYON_NUM_THREADS", "8")
    bench_pricing.on_one_thread(["--rounds", "3"])
    assert started[0][1:] == ["-m", "loadtest.bench_pricing", "--rounds", "3"]


def test_the_exit_code_and_the_file_say_what_was_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from loadtest.pricing_table import NUMPY, Cell, Report, Row

    passed = [True]
    monkeypatch.setattr(bench_pricing, "on_one_thread", lambda arguments: None)
    monkeypatch.setattr(timing, "pin", lambda core: None)
    monkeypatch.setattr(timing, "keep_heap", lambda: None)
    monkeypatch.setattr(
        "loadtest.pricing_report.run",
        lambda options, environment, progress: Report(
            environment, [Row("row", {NUMPY: Cell(1.0, "1 ns", "≤ 1 ns", passed[0])})]
        ),
    )
    target = tmp_path / "bench.json"
    assert bench_pricing.main(["--json", str(target)]) == 0
    assert "every judged bar is met" in capsys.readouterr().out
    assert json.loads(target.read_text())["passed"] is True
    passed[0] = False
    assert bench_pricing.main([]) == 1
    assert "MISSED  row (numpy default): 1 ns, bar ≤ 1 ns" in capsys.readouterr().out
