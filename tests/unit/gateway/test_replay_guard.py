"""Signed requests and the commands they brought reach the disk in this order."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.gateway.replay_guard import ReplayGuard
from exchange.keys.replays import ReplayLog
from tests.unit.gateway.loopback import ManualClock


def test_the_log_is_on_disk_before_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    log = ReplayLog(tmp_path, ManualClock())
    monkeypatch.setattr(os, "fdatasync", lambda _fd: steps.append("log"))

    class Inner:
        def commit(self, work: Callable[[], object], done: Callable[[BaseException | None], None]) -> None:
            work()
            done(None)

        def close(self) -> None:
            steps.append("closed")

    guard = ReplayGuard(Inner(), log)
    guard.commit(lambda: steps.append("journal"), lambda _error: None)
    log.take("key", b"text")
    guard.commit(lambda: steps.append("journal"), lambda _error: None)
    guard.commit(lambda: steps.append("journal"), lambda _error: None)
    guard.close()
    assert steps == ["journal", "log", "journal", "journal", "closed"]
