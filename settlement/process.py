"""The settlement process: `python -m settlement.process --data DIR`.

Reads the event segments in DIR/journal, keeps its database in DIR/settlement.sqlite, posts to the mock
L1 in DIR/l1.sqlite and tells its status in DIR/settlement-status.json. One process a directory.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from exchange.journal import DiskStorage
from settlement.batch import Limits
from settlement.l1.mock import MockL1
from settlement.running import IDLE_WAIT_S, Ports, last_status, locked, system_ports, teller
from settlement.service import Service
from settlement.source import JournalSource
from settlement.store import Store, StoreError


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


def run(options: Options, ports: Ports) -> int:
    """Settle until `ports.wait` says stop; returns the exit status."""
    try:
        with locked(options.database.with_suffix(".lock")):
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
        tell, before = teller(options.status), last_status(options.status)
        service = Service(
            store, loaded, source, l1, ports.now_ms, tell, options.limits, options.shard, before
        )
        _loop(service, ports)
    finally:
        storage.close()
        l1.close()
        store.close()
    return 0


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
    return run(options, system_ports(options.nice, options.parent))


if __name__ == "__main__":
    raise SystemExit(main())
