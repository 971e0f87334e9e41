"""The snapshot process: `python -m exchange.app.snapshotter --journal DIR`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from exchange.app.snapshots import SnapshotMismatch, Snapshotter
from exchange.journal import DiskStorage, JournalError

POLL_S: Final = 0.5


def main(argv: Sequence[str] | None = None) -> int:
    """Follow the journal until SIGTERM; 1 if the journal or the live engine's state is not to be trusted."""
    parser = argparse.ArgumentParser(
        prog="python -m exchange.app.snapshotter",
        description="Replay the journal beside the venue and write snapshots of what both agree on.",
    )
    parser.add_argument("--journal", type=Path, required=True, help="the shard's journal directory")
    parser.add_argument("--parent", type=int, default=0, help="stop when this is not the parent any more")
    options = parser.parse_args(argv)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    os.nice(10)
    try:
        with DiskStorage(options.journal) as storage:
            snapshotter = Snapshotter(storage, options.journal)
            while not stopping.wait(POLL_S) and options.parent in (0, os.getppid()):
                snapshotter.step()
    except (JournalError, SnapshotMismatch) as error:
        logging.getLogger(__name__).critical("snapshots stop: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
