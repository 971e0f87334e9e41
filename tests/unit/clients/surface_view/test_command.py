from __future__ import annotations

import json
from pathlib import Path

import pytest

from clients.surface_view import command
from tests.unit.clients.surface_view.chains import VOGT, summaries
from tests.unit.clients.surface_view.test_venue import answers, venue


@pytest.fixture
def vogt(tmp_path: Path) -> str:
    path = tmp_path / "vogt.json"
    path.write_text(json.dumps({"slices": [VOGT]}))
    return str(path)


def test_a_running_exchange_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    with venue(answers(summaries())) as (url, _):
        assert command.main(["--url", url, "--width", "80"]) == 0
    printed = capsys.readouterr()
    assert "BTC volatility surface" in printed.out
    assert "term structure" in printed.out
    assert printed.err == ""


def test_a_file_is_drawn_into_a_picture(
    vogt: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "vogt.png"
    assert command.main([vogt, "--png", str(target), "--quiet"]) == 0
    assert target.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("butterfly: ")
    assert printed[1:] == [f"picture: {target}"]


def test_errors_are_one_line_and_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(tmp_path / "none.csv")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("strikebook surface: cannot read")


@pytest.mark.parametrize("arguments", [["--width", "20"], ["--fit", "cubic"], ["a", "b"]])
def test_wrong_arguments_are_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert "usage: strikebook surface" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    for word in ("examples:", "exit status:", "bid_iv", "--png", '"slices"'):
        assert word in printed


def test_an_interrupt_ends_quietly(
    vogt: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("clients.surface_view.terminal.text", interrupted)
    assert command.main([vogt]) == 130
    assert capsys.readouterr().err == ""
