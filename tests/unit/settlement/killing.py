"""Starts the settlement process again and again and kills each life at a random moment (SIGKILL).

`python -m tests.unit.settlement.killing DIR KILLS`: its own single-threaded process, so that forking is
safe and a life costs milliseconds. Ends with a life that is let finish.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import sys
import time
from pathlib import Path

from settlement import process
from settlement.running import Ports
from settlement.status import read_status
from tests.unit.settlement.rig import is_settled


def live(directory: Path, last_seq: int) -> int:
    """One life: settle until everything is confirmed."""
    options = process.parse(
        ["--data", str(directory), "--batch-fills=5", "--batch-seconds=0.01", "--block-ms=3", "--nice=0"]
    )
    deadline = time.monotonic() + 120

    def wait(seconds: float) -> bool:
        told = read_status(options.status)
        if told is not None and is_settled(told, last_seq):
            return True
        if seconds:
            time.sleep(0.001)
        return time.monotonic() > deadline

    ports = Ports(lambda: time.time_ns() // 1_000_000, wait, lambda text: print(text, flush=True))
    return process.run(options, ports)


def standing(directory: Path) -> tuple[int, int]:
    """(batches built, batches on the L1 or on their way) as a kill left them."""
    found = []
    for name, query in (
        ("settlement.sqlite", "SELECT COUNT(*) FROM batch"),
        ("l1.sqlite", "SELECT COUNT(*) FROM tx WHERE kind = 2"),
    ):
        database = sqlite3.connect(directory / name)
        with contextlib.suppress(sqlite3.OperationalError):  # killed before the tables were made
            found.append(int(database.execute(query).fetchone()[0]))
        database.close()
    return (found[0], found[1]) if len(found) == 2 else (0, 0)


def main(directory: Path, kills: int, last_seq: int) -> tuple[int, int]:
    """(lives cut short, different states they were cut in). Raises if the last life did not end well."""
    rng = random.Random(7)
    cut, states = 0, set[tuple[int, int]]()
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            os._exit(live(directory, last_seq))
        time.sleep(rng.uniform(0.001, 0.1))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        cut += os.WIFSIGNALED(status)
        states.add(standing(directory))
    if live(directory, last_seq) != 0:
        raise SystemExit("the last life did not start")
    return cut, len(states)


if __name__ == "__main__":
    print("cut", *main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
