"""The processes beside the venue's: settlement, history, snapshots. Its L1, if it has one, is not among them:
`exchange.app.rollup.devnet`."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import Final, NamedTuple

from exchange.app.config import Config

_REVIVED: Final = {"exchange.history": "history", "settlement.node": "settlement"}
_STOP_S: Final = 10.0
_log = logging.getLogger(__name__)


def _spawned(command: list[str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is for the venue, which stops its children in order.
    return subprocess.Popen([sys.executable, "-m", *command], start_new_session=True)


def ended(child: subprocess.Popen[bytes]) -> None:
    """Wait for a child that was asked to end, and end by force one that does not."""
    try:
        child.wait(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class Settles(NamedTuple):
    """The module that settles, and what only it is told."""

    module: str = "settlement.process"
    arguments: tuple[str, ...] = ()


def rollup_settles(config: Config, confirmations: int) -> Settles:
    """Settlement of format 2. Batches wait for fuller blobs only where gas costs money. On the development
    chain the proofs of a blob are what it costs, so that blobs are taken for large batches alone."""
    told = config.batch_latency_seconds
    latency_s = told if told is not None else 60.0 if config.l1_url else config.batch_seconds
    arguments = ("--latency-seconds", str(latency_s), "--layers", config.data_layers)
    least = "0" if config.l1_url else "75"
    told_too = ["--confirmations", str(confirmations), "--least-fill", least]
    if config.netted:
        told_too.append("--netted")
    return Settles("settlement.node", (*arguments, *told_too))


class Children:
    """Started with the venue, ended with it; each watches its parent and ends if that is gone."""

    def __init__(self, config: Config, settles: Settles) -> None:
        parent = ("--parent", str(os.getpid()))
        journal = str(config.journal)
        settlement = [settles.module, "--data", str(config.data), *parent, *settles.arguments]
        settlement += ["--batch-fills", str(config.batch_fills), "--batch-seconds", str(config.batch_seconds)]
        history = ["exchange.history", "--data", journal, "--store", str(config.history), *parent]
        history += ["--unfilled-minutes", str(config.unfilled_minutes)]
        snapshots = ["exchange.app.snapshotter", "--journal", journal, *parent]
        self._commands = [settlement, history, snapshots]
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start them all."""
        self._running = [_spawned(command) for command in self._commands]

    def revive(self) -> None:
        """Start again who has ended and must not be missed for long: history, whose gaps memory covers only
        for a while, and settlement of format 2."""
        for at, child in enumerate(self._running):
            name = _REVIVED.get(self._commands[at][0])
            if name and child.poll() is not None:
                _log.error("the %s process has ended with status %s", name, child.returncode)
                self._running[at] = _spawned(self._commands[at])

    def stop(self) -> None:
        """Ask all to end, wait, and end by force who does not."""
        for child in self._running:
            child.terminate()
        for child in self._running:
            ended(child)
