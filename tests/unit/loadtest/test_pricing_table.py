from __future__ import annotations

import json

from loadtest.pricing_table import NUMBA, NUMPY, Cell, PeerList, PeerRow, Report, Row


def cell(passed: bool | None, *, judged: bool = True) -> Cell:
    return Cell(1.5, "1.5 ns", "≤ 1 ns", passed, judged)


def words(line: str) -> str:
    """The line with single spaces."""
    return " ".join(line.split())


def test_only_judged_cells_decide() -> None:
    fine = [Row("a", {NUMPY: cell(True)}), Row("b", {NUMPY: cell(None)})]
    assert Report({}, [*fine, Row("c", {NUMPY: cell(False, judged=False)})]).passed
    missed = Report({}, [*fine, Row("  c", {NUMPY: cell(True), NUMBA: cell(False)})])
    assert not missed.passed
    assert missed.missed == ["c (with [fast]): 1.5 ns, bar ≤ 1 ns"]


def test_the_table_says_met_missed_over_and_leaves_a_dash() -> None:
    rows = [
        Row("speed", {NUMPY: cell(True), NUMBA: cell(False)}, "a note"),
        Row("absolute", {NUMPY: cell(False, judged=False)}),
    ]
    printed = Report({"core": 1}, rows).text().splitlines()
    assert printed[0].startswith("unknown processor, core 1")
    speed, absolute = printed[-2:]
    assert words(speed) == "speed 1.5 ns ≤ 1 ns met 1.5 ns ≤ 1 ns MISSED a note"
    assert words(absolute) == "absolute 1.5 ns ≤ 1 ns over –"
    assert words(printed[3]) == "what numpy default with [fast]"


def test_packages_are_listed_with_what_they_are_worth() -> None:
    ours = PeerRow("strikebook", NUMPY, 50.0, {NUMPY: 1.0}, {"price, chain": 1e-15})
    slow = PeerRow("slow", "1.0", 9_000.0, {NUMPY: 180.0, NUMBA: 600.0}, {"price, chain": 2e-6}, 7, "a note")
    absent = PeerRow("absent", "", None, note="not measured: ImportError: no")
    peers = PeerList("prices", ["price, chain"], [ours, slow, absent], ["ahead"])
    report = Report({}, [], [peers])
    title, head, first, second, third, remark = report.text().splitlines()[-6:]
    assert title == "prices"
    assert words(head) == "package ns/option ÷ numpy ÷ [fast] price, chain"
    assert words(first) == "strikebook numpy 50.0 1.00 × 1.0e-15"
    assert second.endswith("2.0e-06  a note  7 without an answer")
    assert "180 ×" in second
    assert words(third) == "absent not measured: ImportError: no"
    assert remark == "  ahead"
    found = json.loads(report.json())
    assert found["passed"] is True
    assert found["peers"][0]["rows"][1]["unanswered"] == 7
