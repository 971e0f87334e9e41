"""What processes that settle share: a lock a directory, the status they tell, clock, signals, their end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from settlement.status import Status, read_status, write_status

IDLE_WAIT_S: Final = 0.05


class Ports(NamedTuple):
    """What the process takes from outside. `wait` sleeps and says whether to stop; units in names."""

    now_ms: Callable[[], int]
    wait: Callable[[float], bool]
    report: Callable[[str], None]


def system_ports(nice: int, parent: int) -> Ports:
    """The system's clock, signals and standard error, with the priority lowered; `parent` is who must live,
    0: nobody."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.suppress(OSError):
        os.nice(nice)

    def wait(seconds: float) -> bool:
        # Told, not asked for: whoever started this may be gone before the first line of it runs.
        return stop.wait(seconds) or (parent != 0 and os.getppid() != parent)

    def report(text: str) -> None:
        print(f"settlement: {text}", file=sys.stderr, flush=True)

    return Ports(lambda: time.time_ns() // 1_000_000, wait, report)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the directory's settlement lock; it dies with the process. Raises BlockingIOError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def teller(path: Path) -> Callable[[Status], None]:
    """What writes the status file."""

    def tell(status: Status) -> None:
        # A full disk must not stop settlement; a status that stands still tells of it.
        with contextlib.suppress(OSError):
            write_status(path, status)

    return tell


def last_status(path: Path) -> Status | None:
    """What the last life told, if it can be read."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return read_status(path)
    return None
