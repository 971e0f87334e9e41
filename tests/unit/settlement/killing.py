"""Starts the settlement process again and again and kills each life at a random moment (SIGKILL).

`python -m tests.unit.settlement.killing DIR KILLS`: its own single-threaded process, so that forking is
safe and a life costs milliseconds. Ends with a life that is let finish.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from settlement import process
from settlement.status import read_status


def live(directory: Path, last_seq: int) -> int:
    """One life: settle until everything is confirmed."""
    options = process.parse(
        ["--data", str(directory), "--batch-fills=5", "--batch-seconds=0.01", "--block-ms=3", "--nice=0"]
    )
    deadline = time.monotonic() + 30

    def wait(seconds: float) -> bool:
        told = read_status(options.status)
        if told is not None and told.confirmed_seq == last_seq:
            return True
        if seconds:
            time.sleep(0.001)
        return time.monotonic() > deadline

    ports = process.Ports(lambda: time.time_ns() // 1_000_000, wait, lambda text: print(text, flush=True))
    return process.run(options, ports)


def main(directory: Path, kills: int, last_seq: int) -> int:
    """Returns how many lives were cut short; -1 if the last one did not end well."""
    rng = random.Random(7)
    cut = 0
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            os._exit(live(directory, last_seq))
        time.sleep(rng.uniform(0.001, 0.03))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        cut += os.WIFSIGNALED(status)
    return cut if live(directory, last_seq) == 0 else -1


if __name__ == "__main__":
    print("cut", main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
