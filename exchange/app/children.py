"""The processes beside the venue's: settlement, history, snapshots."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import Final

from exchange.app.config import Config

_HISTORY: Final = "exchange.history"
_STOP_S: Final = 10.0
_log = logging.getLogger(__name__)


def _spawned(command: list[str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is for the venue, which stops its children in order.
    return subprocess.Popen([sys.executable, "-m", *command], start_new_session=True)


class Children:
    """Started with the venue, ended with it; each watches its parent and ends if that is gone."""

    def __init__(self, config: Config) -> None:
        parent = ("--parent", str(os.getpid()))
        journal = str(config.journal)
        settlement = ["settlement.process", "--data", str(config.data), *parent]
        settlement += ["--batch-fills", str(config.batch_fills), "--batch-seconds", str(config.batch_seconds)]
        history = [_HISTORY, "--data", journal, "--store", str(config.history), *parent]
        history += ["--unfilled-minutes", str(config.unfilled_minutes)]
        snapshots = ["exchange.app.snapshotter", "--journal", journal, *parent]
        self._commands = [settlement, history, snapshots]
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start them all."""
        self._running = [_spawned(command) for command in self._commands]

    def revive_history(self) -> None:
        """Start the history process again if it has ended: memory covers what it missed, but not for long."""
        for at, child in enumerate(self._running):
            if self._commands[at][0] == _HISTORY and child.poll() is not None:
                _log.error("the history process has ended with status %s", child.returncode)
                self._running[at] = _spawned(self._commands[at])

    def stop(self) -> None:
        """Ask all to end, wait, and end by force who does not."""
        for child in self._running:
            child.terminate()
        for child in self._running:
            try:
                child.wait(timeout=_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
