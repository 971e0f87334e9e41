"""The history process: `python -m exchange.history --data DIR --store FILE`.

Follows the journal in DIR until SIGTERM or SIGINT. It runs at lower priority than the venue and may be
killed at any moment: it resumes where its store says.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from exchange.history.feeder import Feeder
from exchange.history.store import UNFILLED_KEPT_MS, HistoryWriter, StoreInUse
from exchange.journal import DiskStorage, JournalError

POLL_S = 0.1


def run(
    data: Path,
    store: Path,
    wait: Callable[[float], bool],
    *,
    shard: int = 0,
    unfilled_kept_ms: int = UNFILLED_KEPT_MS,
) -> None:
    """Feed the store until `wait(seconds)` says to stop. Waits first for another writer to end.

    Raises:
        JournalError, sqlite3.Error: the journal cannot be read on, or the store written.
    """
    while True:
        try:
            writer = HistoryWriter(store, unfilled_kept_ms=unfilled_kept_ms)
            break
        except StoreInUse:
            if wait(POLL_S):
                return
    try:
        with DiskStorage(data) as storage:
            feeder = Feeder(storage, writer, shard)
            while True:
                busy = feeder.step()
                if wait(0.0 if busy else POLL_S):
                    return
    finally:
        writer.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Exit status 1 if the journal is damaged."""
    parser = argparse.ArgumentParser(prog="python -m exchange.history", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the journal's directory")
    parser.add_argument("--store", type=Path, required=True, help="the SQLite file")
    parser.add_argument("--shard", type=int, default=0)
    parser.add_argument(
        "--unfilled-minutes",
        type=int,
        default=UNFILLED_KEPT_MS // 60_000,
        help="how long orders without fills stay",
    )
    parser.add_argument("--parent", type=int, default=0, help="stop when this is not the parent any more")
    options = parser.parse_args(arguments)

    def wait(seconds: float) -> bool:
        return stopping.wait(seconds) or (options.parent != 0 and os.getppid() != options.parent)

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    os.nice(10)
    try:
        kept_ms = options.unfilled_minutes * 60_000
        run(options.data, options.store, wait, shard=options.shard, unfilled_kept_ms=kept_ms)
    except JournalError as error:
        logging.getLogger(__name__).critical("%s: %s", error.code, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
