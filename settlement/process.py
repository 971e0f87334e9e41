"""The settlement process: `python -m settlement.process --data DIR`.

Reads the event segments in DIR/journal, keeps its database in DIR/settlement.sqlite, posts to the mock
L1 in DIR/l1.sqlite and tells its status in DIR/settlement-status.json. One process a directory.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from exchange.journal import DiskStorage
from settlement.batch import Limits
from settlement.l1.mock import MockL1
from settlement.service import Service
from settlement.source import JournalSource
from settlement.status import Status, read_status, write_status
from settlement.store import Store, StoreError

IDLE_WAIT_S = 0.05


class Ports(NamedTuple):
    """What the process takes from outside. `wait` sleeps and says whether to stop; units in names."""

    now_ms: Callable[[], int]
    wait: Callable[[float], bool]
    report: Callable[[str], None]


class Options(NamedTuple):
    """The command line, read. Paths are absolute or relative to the working directory."""

    journal: Path
    database: Path
    l1: Path
    status: Path
    limits: Limits
    block_ms: int
    confirmations: int
    shard: int
    nice: int
    parent: int


def parse(argv: Sequence[str]) -> Options:
    """Read the command line; SystemExit with a message for a wrong one."""
    parser = argparse.ArgumentParser(
        prog="python -m settlement.process", description="Net fills into batches and post them to the L1."
    )
    parser.add_argument("--data", type=Path, required=True, help="the venue's data directory")
    parser.add_argument("--journal", type=Path, help="the shard's journal directory (DATA/journal)")
    parser.add_argument("--l1", type=Path, help="the mock L1's file (DATA/l1.sqlite)")
    parser.add_argument("--batch-fills", type=int, default=1_000, help="close a batch at this many fills")
    parser.add_argument("--batch-seconds", type=float, default=2.0, help="or this long after its first one")
    parser.add_argument("--block-ms", type=int, default=1_000, help="block interval of the mock L1")
    parser.add_argument("--confirmations", type=int, default=3, help="blocks until a batch is confirmed")
    parser.add_argument("--shard", type=int, default=0)
    parser.add_argument("--nice", type=int, default=5, help="lower this process's priority by so much")
    parser.add_argument("--parent", type=int, default=0, help="stop when this is not the parent any more")
    found = parser.parse_args(argv)
    if found.batch_fills < 1 or found.batch_seconds <= 0 or found.block_ms < 1 or found.confirmations < 1:
        parser.error("batch size, batch time, block time and confirmations must be positive")
    data: Path = found.data
    return Options(
        journal=found.journal or data / "journal",
        database=data / "settlement.sqlite",
        l1=found.l1 or data / "l1.sqlite",
        status=data / "settlement-status.json",
        limits=Limits(found.batch_fills, round(found.batch_seconds * 1000)),
        block_ms=found.block_ms,
        confirmations=found.confirmations,
        shard=found.shard,
        nice=found.nice,
        parent=found.parent,
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the directory's settlement lock; it dies with the process. Raises BlockingIOError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def run(options: Options, ports: Ports) -> int:
    """Settle until `ports.wait` says stop; returns the exit status."""
    try:
        with _locked(options.database.with_suffix(".lock")):
            return _run_locked(options, ports)
    except BlockingIOError:
        ports.report(f"another process settles {options.database.parent}")
        return 1
    except (StoreError, sqlite3.Error, OSError) as error:
        ports.report(f"settlement can not start: {error}")
        return 1


def _run_locked(options: Options, ports: Ports) -> int:
    store = Store(options.database)
    l1 = MockL1(
        options.l1, ports.now_ms, block_ms=options.block_ms, confirmations=options.confirmations
    )
    storage = DiskStorage(options.journal)
    try:
        loaded = store.load()
        source = JournalSource(storage, options.shard, loaded.next_seq)

        def tell(status: Status) -> None:
            # A full disk must not stop settlement; a status that stands still tells of it.
            with contextlib.suppress(OSError):
                write_status(options.status, status)

        before = _last_status(options.status)
        service = Service(
            store, loaded, source, l1, ports.now_ms, tell, options.limits, options.shard, before
        )
        _loop(service, ports)
    finally:
        storage.close()
        l1.close()
        store.close()
    return 0


def _last_status(path: Path) -> Status | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return read_status(path)
    return None


def _loop(service: Service, ports: Ports) -> None:
    reported = ""
    stop = False
    while not stop:
        worked = service.step()
        code, text = service.alarm
        if code != reported:
            ports.report(f"ALARM {code}: {text}; posting is halted")
            reported = code
        stop = ports.wait(0.0 if worked else IDLE_WAIT_S)


def main(argv: Sequence[str] | None = None) -> int:
    """The process with the system's clock, signals and standard error."""
    options = parse(sys.argv[1:] if argv is None else argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.suppress(OSError):
        os.nice(options.nice)

    def wait(seconds: float) -> bool:
        # Told, not asked for: whoever started this may be gone before the first line of it runs.
        return stop.wait(seconds) or (options.parent != 0 and os.getppid() != options.parent)

    def report(text: str) -> None:
        print(f"settlement: {text}", file=sys.stderr, flush=True)

    return run(options, Ports(lambda: time.time_ns() // 1_000_000, wait, report))


if __name__ == "__main__":
    raise SystemExit(main())
