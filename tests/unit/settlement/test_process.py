"""The process: options, one at a time, and killed without mercy."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.journal import DiskStorage, read_cursors
from settlement.l1.mock import MockL1
from settlement.process import main, parse, run
from settlement.running import Ports
from settlement.status import read_status
from settlement.verify import verify
from tests.unit.settlement.journals import JournalBuilder
from tests.unit.settlement.rig import Clock, is_settled
from tests.unit.settlement.streams import Venue
from tests.unit.settlement.test_service import posted_ids_at

ROOT = Path(__file__).parents[3]


def prepared(path: Path, seed: int = 1, commands: int = 150) -> Venue:
    """A data directory with a journal and a funded L1."""
    venue = Venue(seed)
    storage = DiskStorage(path / "journal")
    journal = JournalBuilder(storage)
    for frame in venue.frames(commands):
        journal.append(frame)
    storage.close()
    l1 = MockL1(path / "l1.sqlite", Clock(1), block_ms=1)
    for _, account, amount in venue.deposits:
        l1.faucet(account, amount)
    l1.tick()
    l1.close()
    return venue


def ports(clock: Clock, reports: list[str], steps: int) -> Ports:
    left = [steps]

    def wait(seconds: float) -> bool:
        clock.advance(60)
        left[0] -= 1
        return left[0] <= 0

    return Ports(clock, wait, reports.append)


def test_defaults_and_paths() -> None:
    options = parse(["--data", "d"])
    assert options.journal == Path("d/journal")
    assert options.l1 == Path("d/l1.sqlite")
    assert options.status == Path("d/settlement-status.json")
    assert tuple(options.limits) == (1_000, 2_000)
    assert parse(["--data", "d", "--l1", "x", "--journal", "y"]).l1 == Path("x")


@pytest.mark.parametrize("wrong", [["--batch-fills=0"], ["--block-ms=x"], ["--batch-seconds=-1"]])
def test_wrong_options_end_with_a_message(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--data", "d", *wrong])
    assert "usage: python -m settlement.process" in capsys.readouterr().err


def test_a_journal_is_settled_and_the_rest_follows_after_a_restart(tmp_path: Path) -> None:
    venue = prepared(tmp_path)
    options, clock, reports = parse(["--data", str(tmp_path), "--batch-fills=20"]), Clock(), list[str]()
    for _ in range(4):
        assert run(options, ports(clock, reports, 60)) == 0
    told = read_status(options.status)
    assert reports == []
    assert told is not None
    assert is_settled(told, venue.seq)
    assert verify(options.l1).problems == []
    storage = DiskStorage(options.journal)
    assert read_cursors(storage, 0) == {"settlement": told.built_seq + 1}
    storage.close()


def test_an_alarm_is_reported_once_and_does_not_end_the_process(tmp_path: Path) -> None:
    prepared(tmp_path)
    (tmp_path / "l1.sqlite").unlink()
    other = tmp_path / "other"
    prepared(other, seed=3)
    options, clock, reports = parse(["--data", str(other), "--batch-fills=20"]), Clock(), list[str]()
    run(options, ports(clock, reports, 80))
    assert run(parse(["--data", str(tmp_path), "--l1", str(options.l1)]), ports(clock, reports, 50)) == 0
    assert len(reports) == 1
    assert reports[0].startswith("ALARM posting_halted")


def test_a_second_process_on_the_same_data_gives_up(tmp_path: Path) -> None:
    reports: list[str] = []
    with (tmp_path / "settlement.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(parse(["--data", str(tmp_path)]), ports(Clock(), reports, 1)) == 1
    assert reports == [f"another process settles {tmp_path}"]


def test_a_broken_database_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "settlement.sqlite").write_text("this is not a database, whatever its name says" * 50)
    reports: list[str] = []
    assert run(parse(["--data", str(tmp_path)]), ports(Clock(), reports, 1)) == 1
    assert "can not start" in reports[0]


def test_a_status_that_is_none_is_replaced(tmp_path: Path) -> None:
    prepared(tmp_path, commands=5)
    (tmp_path / "settlement-status.json").write_text("{")
    options = parse(["--data", str(tmp_path)])
    assert run(options, ports(Clock(), [], 3)) == 0
    assert read_status(options.status) is not None


@pytest.mark.parametrize("kills", [25, pytest.param(1_000, marks=pytest.mark.slow)])
def test_sigkill_at_random_moments_posts_every_batch_once(tmp_path: Path, kills: int) -> None:
    venue = prepared(tmp_path, commands=10 * kills)
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.settlement.killing", str(tmp_path), str(kills), str(venue.seq)],
        cwd=ROOT, capture_output=True, text=True, timeout=5 * kills, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name, cut, states = done.stdout.split()
    assert name == "cut"
    assert int(cut) >= 5
    assert int(states) >= 2
    ids = posted_ids_at(tmp_path / "l1.sqlite")
    assert ids == list(range(1, len(ids) + 1))
    assert len(ids) > 10
    report = verify(tmp_path / "l1.sqlite")
    assert report.problems == []
    assert {account.account: account.cash_micro for account in report.accounts} == {
        number: cash for number, (cash, _) in venue.books().items()
    }


def test_the_module_runs_and_ends_on_sigterm(tmp_path: Path) -> None:
    venue = prepared(tmp_path, commands=20)
    started = subprocess.Popen(
        [sys.executable, "-m", "settlement.process", "--data", str(tmp_path), "--batch-seconds=0.05",
         "--block-ms=20", f"--parent={os.getpid()}"],
        cwd=ROOT,
    )  # fmt: skip
    try:
        for _ in range(600):
            told = read_status(tmp_path / "settlement-status.json")
            if told is not None and is_settled(told, venue.seq):
                break
            with pytest.raises(subprocess.TimeoutExpired):
                started.wait(0.02)
        else:
            raise AssertionError(f"not settled: {told}")
        started.terminate()
        assert started.wait(10) == 0
    finally:
        started.kill()
        started.wait()


def test_main_reads_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "--data" in capsys.readouterr().err
