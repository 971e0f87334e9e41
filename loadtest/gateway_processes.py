"""The servers of the gateway's benchmark as processes: started, looked at, ended."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from loadtest.gateway_flow import Market

_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PATIENCE_S: Final = 10.0


class NotStarted(Exception):
    """A server did not come up; what it said stands above."""


class Process:
    """One server, listening."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    def cpu_s(self) -> float:
        """Processor seconds it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    def children_cpu_s(self) -> float:
        """Processor seconds that the processes it has started, and theirs, have used so far."""
        found = 0.0
        for child in _children(self.pid):
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                found += Process(child, 0).cpu_s() + Process(child, 0).children_cpu_s()
        return found


def _children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return []


@contextlib.contextmanager
def _started(command: Sequence[str]) -> Iterator[tuple[int, str]]:
    """A process of ours (its id) and the first line it prints; ended on leaving."""
    process = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise NotStarted(command[0])
        yield process.pid, line
    finally:
        process.terminate()
        try:
            process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def echo(kind: str, core: int) -> Iterator[Process]:
    """An echo server of `gateway_peers`. Raises NotStarted."""
    with _started(["loadtest.gateway_peers", kind, "--core", str(core)]) as (pid, line):
        yield Process(pid, int(line))


@contextlib.contextmanager
def venue(core: int, more: Sequence[str] = ()) -> Iterator[tuple[Process, Market]]:
    """A venue in a directory of its own. Raises NotStarted."""
    # Its children end a moment after it: what they still write is no failure.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = ["loadtest.gateway_venue", "--data", folder, "--core", str(core), *more]
        with _started(command) as (pid, line):
            known = json.loads(line)
            yield Process(pid, known["port"]), Market(known["tokens"], known["names"])
