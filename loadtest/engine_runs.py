"""The production engine under the benchmark's workload: throughput, longest batch, memory.

What must not share a process with the rest (the interpreted engine, memory, the writer of snapshots) runs
as ``python -m loadtest.engine_runs NAME`` and prints JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exchange.core import is_compiled
from exchange.core.engine import Engine
from loadtest import timing
from loadtest.baseline_sorted import SortedExchange
from loadtest.canonical import EventDigest
from loadtest.packed import canonical_events, command_batches, setup_commands
from loadtest.workload import (
    ACCOUNT_FIRST,
    ACCOUNTS_COUNT,
    INSTRUMENTS_COUNT,
    OP_NEW_GTC,
    Row,
    Workload,
    anchor_price_ticks,
    generate,
)

CHILD_SECONDS_MAX: Final = 600
SLICES_COUNT: Final = 100
_BATCH: Final = 100
_RESTING_OFFSETS_TICKS: Final = 175


RESERVE_ORDERS: Final = 1 << 17  # as exchange.app.config.Config


class SetupRejected(RuntimeError):
    """The engine refused a command that only prepares the venue: the benchmark would measure nothing."""


def make_engine(*, null_ledger: bool) -> Engine:
    """An engine as the venue makes it, with the workload's instruments, accounts and marks.

    Raises SetupRejected when it rejects any of them.
    """
    engine = Engine(null_ledger=null_ledger, reserve_orders=RESERVE_ORDERS)
    for number, command in enumerate(setup_commands()):
        events = engine.apply(command)
        if len(canonical_events([events])):
            raise SetupRejected(f"set-up command {number} (type {command[0]}): {events[:64].hex()}")
    return engine


class BaselineRun:
    """The frozen baseline on fresh books."""

    def __init__(self, slices: Sequence[Sequence[Row]]) -> None:
        self._slices = slices
        self._exchange = SortedExchange(INSTRUMENTS_COUNT)
        self._digest = EventDigest()
        self.digests = True
        self.produced = 0

    def advance(self, slice_index: int) -> None:
        """Run one slice of operations."""
        self._exchange.apply(self._slices[slice_index])

    def collect(self) -> None:
        """Count, digest if asked to, and let go of the events of the slice."""
        self.produced += len(self._exchange.events)
        if self.digests:
            self._digest.add(self._exchange.events)
        self._exchange.events.clear()

    def checksum(self) -> int:
        """Of all events collected."""
        return self._digest.value


class EngineRun:
    """The production engine; a slice's events are all kept until it ends."""

    def __init__(self, slices: Sequence[Sequence[bytes]], engine: Engine) -> None:
        self._slices = slices
        self._engine = engine
        self._events: list[bytes] = []
        self._digest = EventDigest()
        self.digests = True
        self.produced = 0

    @classmethod
    def on_a_fresh_venue(cls, slices: Sequence[Sequence[bytes]], *, null_ledger: bool) -> EngineRun:
        """The matching benchmark's: nothing listed but its instruments, with or without accounts."""
        return cls(slices, make_engine(null_ledger=null_ledger))

    def advance(self, slice_index: int) -> None:
        """Apply one slice of batches."""
        apply = self._engine.apply
        keep = self._events.append
        for batch in self._slices[slice_index]:
            keep(apply(batch))

    def collect(self) -> None:
        """Count, digest if asked to, and let go of the events of the slice."""
        self.produced += sum(map(len, self._events))
        if self.digests:
            self._digest.add(self._rows())
        self._events.clear()

    def _rows(self) -> NDArray[np.int64]:
        return canonical_events(self._events)

    def checksum(self) -> int:
        """Of all events collected."""
        return self._digest.value


def longest_apply_seconds(batches: Sequence[bytes]) -> float:
    """The longest single ``apply`` of a run, accounts and all."""
    engine = make_engine(null_ledger=False)
    apply = engine.apply
    clock = time.perf_counter_ns
    longest = 0
    with timing.quiet_heap():
        for batch in batches:
            start = clock()
            apply(batch)
            longest = max(longest, clock() - start)
    return longest / 1e9


def interpreted(operations_count: int, runs_count: int) -> dict[str, Any]:
    """Baseline and engine in this process, whichever form of the engine it has; medians."""
    workload = generate(operations_count)
    rows = timing.slices(workload.rows(), SLICES_COUNT)
    batches = timing.slices(command_batches(workload, _BATCH), SLICES_COUNT)
    seconds, checksums = [], set()
    for _ in range(runs_count):
        contestants = (BaselineRun(rows), EngineRun.on_a_fresh_venue(batches, null_ledger=True))
        seconds.append(timing.race(contestants, SLICES_COUNT))
        checksums |= {contestant.checksum() for contestant in contestants}
    return {
        "compiled": is_compiled(),
        "operations_count": operations_count,
        "baseline_seconds": statistics.median(baseline for baseline, _ in seconds),
        "engine_seconds": statistics.median(engine for _, engine in seconds),
        "checksums_equal": len(checksums) == 1,
    }


def resting_orders(count: int) -> Workload:
    """``count`` passive orders, spread evenly over instruments, sides, prices and accounts."""
    number = np.arange(count, dtype=np.int64)
    instrument = number % INSTRUMENTS_COUNT
    side = number // INSTRUMENTS_COUNT % 2
    offset = 1 + number // (2 * INSTRUMENTS_COUNT) % _RESTING_OFFSETS_TICKS
    anchor = anchor_price_ticks(0) + instrument * (anchor_price_ticks(1) - anchor_price_ticks(0))
    pair = number // (2 * INSTRUMENTS_COUNT) % (ACCOUNTS_COUNT // 2)
    return Workload(
        seed=0,
        op=np.full(count, OP_NEW_GTC),
        kind=np.zeros(count, dtype=np.int64),
        instrument=instrument,
        side=side,
        price_ticks=anchor + np.where(side == 0, -offset, offset),
        size_lots=np.ones(count, dtype=np.int64),
        order_id=number + 1,
        account=ACCOUNT_FIRST + 2 * pair + side,
    )


def memory(orders_count: int) -> dict[str, Any]:
    """Growth of this process from before the engine existed to ``orders_count`` orders resting in it."""
    batches = command_batches(resting_orders(orders_count), _BATCH)
    gc.collect()
    bytes_before, blocks_before = timing.resident_bytes(), sys.getallocatedblocks()
    engine = make_engine(null_ledger=False)
    resting = 0
    for batch in batches:
        events = canonical_events([engine.apply(batch)])
        resting += int(np.count_nonzero((events[:, 0] == 1) & (events[:, 5] == 1)))
    gc.collect()
    bytes_after, blocks_after = timing.resident_bytes(), sys.getallocatedblocks()
    return {
        "compiled": is_compiled(),
        "resting_orders_count": resting,
        "bytes_per_order": (bytes_after - bytes_before) / max(1, resting),
        "python_blocks_per_order": (blocks_after - blocks_before) / max(1, resting),
    }


def write_snapshots(operations_count: int) -> None:
    """Replay the workload, then write the whole state to disk again and again until standard input ends.

    Runs at low priority on any core but the one it was started on, as the venue's snapshots do.
    """
    others = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
    if others:
        os.sched_setaffinity(0, others)
    os.nice(10)
    engine = make_engine(null_ledger=False)
    for batch in command_batches(generate(operations_count), _BATCH):
        engine.apply(batch)
    with tempfile.TemporaryDirectory(prefix="strikebook-bench-") as folder:
        path = Path(folder) / "snapshot.bin"
        written = 0
        while not select.select([sys.stdin], [], [], 0)[0]:
            with path.open("wb") as file:
                file.write(engine.state_bytes())
                file.flush()
                os.fsync(file.fileno())
            written += 1
            if written == 1:
                print("ready", flush=True)
        print(json.dumps({"snapshots_count": written, "bytes": path.stat().st_size}))


@contextmanager
def snapshots_being_written(operations_count: int) -> Iterator[dict[str, int]]:
    """While the block runs, another process writes snapshots; the dict says how many once it is over.

    Raises RuntimeError when the writer does not get as far as its first snapshot.
    """
    command = [sys.executable, "-m", "loadtest.engine_runs", "snapshots", "--ops", str(operations_count)]
    found: dict[str, int] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        try:
            if not writer.stdout or writer.stdout.readline() != "ready\n":
                raise RuntimeError("the writer of snapshots stopped before its first one")
            yield found
        finally:
            told, _ = writer.communicate(timeout=CHILD_SECONDS_MAX)
        found.update(json.loads(told))


def child(name: str, *arguments: str, interpreted_core: bool = False) -> dict[str, Any]:
    """Run one of this module's measurements in a process of its own.

    Raises RuntimeError with the child's last words when it fails.
    """
    environment = dict(os.environ)
    environment.pop("STRIKEBOOK_INTERPRETED", None)
    if interpreted_core:
        environment["STRIKEBOOK_INTERPRETED"] = "1"
    command = [sys.executable, "-m", "loadtest.engine_runs", name, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=CHILD_SECONDS_MAX, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{name}: exit code {done.returncode}\n{done.stderr.strip()[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the children."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.engine_runs", description=__doc__)
    parser.add_argument("name", choices=("interpreted", "memory", "snapshots"))
    parser.add_argument("--ops", type=int, default=100_000, help="operations, or resting orders")
    parser.add_argument("--runs", type=int, default=1, help="runs of which the median counts")
    options = parser.parse_args(arguments)
    if options.name == "interpreted":
        timing.keep_heap()
        print(json.dumps(interpreted(options.ops, options.runs)))
    elif options.name == "memory":
        print(json.dumps(memory(options.ops)))
    else:
        write_snapshots(options.ops)
    return 0


if __name__ == "__main__":
    sys.exit(main())
