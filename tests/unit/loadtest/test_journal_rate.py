"""The journal's hourly bytes are those of the commands, and the table says so."""

import pytest

from exchange.oracle.table_feed import SnapshotRules
from loadtest.journal_rate import line, main, measure


def test_an_hour_is_what_the_commands_come_to() -> None:
    rates = measure(2.0, 60, 100, SnapshotRules(), 7)
    assert [rate.symbol for rate in rates] == ["BTC", "ETH"]
    for rate in rates:
        assert rate.marks_bytes == rate.marks_blocks * (2 + rate.instruments) * 32
        assert rate.marks_blocks + rate.snapshots + 1_800 == pytest.approx(36_000, rel=0.06)
        assert rate.first_stream_bytes > rate.instruments * 39
        assert rate.stream_bytes < rate.snapshots * rate.first_stream_bytes
        assert rate.symbol in line(rate)


def test_the_command_prints_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "2", "--instruments", "60"]) == 0
    printed = capsys.readouterr().out
    assert "together" in printed
    assert "BTC" in printed
