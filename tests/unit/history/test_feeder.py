"""The feeder follows the journal, resumes where its store says, and publishes a cursor behind it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.history.__main__ import run
from exchange.history.feeder import CONSUMER, Feeder
from exchange.history.store import HistoryReader, HistoryWriter, StoreInUse
from exchange.journal import Cursor, DiskStorage, MemoryStorage
from tests.unit.history.journal import MAKER, TAKER, Market


def fills_of(path: Path, account: int) -> int:
    return len(HistoryReader(path).user_trades(account, None, before_trade_id=1 << 63, limit=1000))


def test_it_follows_across_segments_and_restarts_without_doubling(tmp_path: Path) -> None:
    storage = MemoryStorage()
    market = Market(storage, segment_bytes=4096)
    path = tmp_path / "history.db"
    for rounds in range(1, 6):
        for _ in range(rounds):
            market.trade()
        writer = HistoryWriter(path)  # every round is a new process
        feeder = Feeder(storage, writer)
        while feeder.step():
            pass
        assert writer.next_seq == market.engine.next_seq
        assert Cursor(storage, CONSUMER).read() == writer.next_seq
        writer.close()
        assert fills_of(path, MAKER) == fills_of(path, TAKER) == sum(range(rounds + 1))
    assert len([name for name in storage.names() if name.startswith("events-")]) > 2


def test_a_published_cursor_that_lags_is_caught_up(tmp_path: Path) -> None:
    storage = MemoryStorage()
    market = Market(storage)
    market.trade()
    writer = HistoryWriter(tmp_path / "history.db")
    Feeder(storage, writer).step()
    Cursor(storage, CONSUMER).remove()  # killed between the transaction and the publication
    Feeder(storage, writer).step()
    assert Cursor(storage, CONSUMER).read() == writer.next_seq


def test_labels_of_deleted_command_segments_are_skipped(tmp_path: Path) -> None:
    storage = MemoryStorage()
    market = Market(storage, segment_bytes=4096)
    for _ in range(40):
        market.trade()
    segments = sorted(name for name in storage.names() if name.startswith("commands-"))
    assert len(segments) > 2
    for name in segments[:2]:
        storage.delete(name)
    writer = HistoryWriter(tmp_path / "history.db")
    feeder = Feeder(storage, writer)
    while feeder.step():
        pass
    fills = HistoryReader(tmp_path / "history.db").user_trades(
        MAKER, None, before_trade_id=1 << 63, limit=100
    )
    assert len(fills) == 40
    assert fills[1].label == "ask 39"
    assert fills[-1].label == ""


def test_run_stops_when_told(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with DiskStorage(tmp_path / "data", writer=True) as storage:
        Market(storage).trade()
        waits: list[float] = []

        def wait(seconds: float) -> bool:
            waits.append(seconds)
            return seconds > 0

        run(tmp_path / "data", tmp_path / "h.db", wait)
    assert waits[-1] > 0
    assert fills_of(tmp_path / "h.db", MAKER) == 1


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    first = HistoryWriter(tmp_path / "h.db")
    with pytest.raises(StoreInUse):
        HistoryWriter(tmp_path / "h.db")
    waits = 0

    def wait(seconds: float) -> bool:
        nonlocal waits
        waits += 1
        if waits == 2:
            first.close()
        return waits == 4

    run(tmp_path / "data", tmp_path / "h.db", wait)
    assert waits == 4
    HistoryWriter(tmp_path / "h.db").close()


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    arguments = ["--data", str(tmp_path / "data"), "--store", str(tmp_path / "h.db"), "--parent"]
    parent = (
        "import os, subprocess, sys\n"
        f"child = [sys.executable, '-m', 'exchange.history', *{arguments!r}, str(os.getpid())]\n"
        "subprocess.Popen(child)"
    )
    # The pipe closes when the last holder of it, the orphan, has ended.
    subprocess.run([sys.executable, "-c", parent], stdout=subprocess.PIPE, timeout=30, check=True)


def test_the_process_follows_and_ends_on_sigterm(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    store = tmp_path / "h.db"
    with DiskStorage(tmp_path / "data", writer=True) as storage:
        market = Market(storage)
        arguments = ["-m", "exchange.history", "--data", str(tmp_path / "data"), "--store", str(store)]
        with subprocess.Popen([sys.executable, *arguments]) as process:
            try:
                market.trade()
                reader = HistoryReader(store)
                for _ in range(1_000):
                    if reader.user_trades(MAKER, None, before_trade_id=1 << 63, limit=10):
                        break
                    with pytest.raises(subprocess.TimeoutExpired):
                        process.wait(timeout=0.02)  # it lives, and has not come that far
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=20) == 0
                assert fills_of(store, TAKER) == 1
            finally:
                process.kill()
