"""The rows of the settlement benchmark that say what settling costs matching: nothing but what two processes
on one machine share.

The engine works in a process bound to one core, settlement builds batches without a pause in another, bound
to a second one. Runs with and without settlement take turns and the best of each are compared: a neighbour
that comes and goes is no part of either.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from exchange.domain.limits import FIRST_USER_ACCOUNT
from loadtest.engine_runs import make_engine
from loadtest.packed import command_batches
from loadtest.settlement_compression import LARGE
from loadtest.settlement_rows import Row, Scale, measure
from loadtest.settlement_venue import ATTESTED, TIME_MS, SettledVenue
from loadtest.streams import options_v1
from loadtest.streams.generator import generate
from loadtest.workload import generate as make_workload
from settlement.rollup.codec_5 import Codec5
from settlement.rollup.store import RollupStore

SLOWER_PERCENT_MOST: Final = 5.0
LATER_PERCENT_MOST: Final = 20.0
COMMANDS: Final = 200_000
PER_COMMIT: Final = 100
COMMITS: Final = 1_000
"""Of these the time from command to disk is taken."""
TURNS: Final = 3
CHILD_S_MAX: Final = 300


class Matched(NamedTuple):
    """What the engine did."""

    commands_per_s: float
    ack_p99_ms: float
    """From handing a commit batch to the engine until its events are on disk."""


def match() -> Matched:
    """The engine over the matching benchmark's commands, in this process."""
    batches = command_batches(make_workload(COMMANDS), PER_COMMIT)
    engine = make_engine(null_ledger=False)
    cut = len(batches) - COMMITS
    started_s = time.perf_counter()
    for batch in batches[:cut]:
        engine.apply(batch)
    took_s = time.perf_counter() - started_s
    waits: list[float] = []
    with tempfile.TemporaryFile() as file:
        for batch in batches[cut:]:
            started = time.perf_counter()
            os.write(file.fileno(), engine.apply(batch))
            os.fdatasync(file.fileno())
            waits.append(time.perf_counter() - started)
    return Matched(cut * PER_COMMIT / took_s, 1e3 * sorted(waits)[99 * len(waits) // 100])


def settle() -> None:
    """Build and store batches until the process is ended; says "settling" once it does."""
    venue = SettledVenue(generate(options_v1.LAWS, 40 * LARGE))
    builder = venue.builder(Codec5())
    builder.add(venue.opening(), 0)
    with tempfile.TemporaryDirectory() as folder:
        store = RollupStore(Path(folder, "rollup.sqlite"))
        for number in count():
            batch = builder.close(ATTESTED, TIME_MS)
            store.commit(batch, builder.commitment, builder.ledger_state, FIRST_USER_ACCOUNT)
            builder.begin()
            if number == 0:
                print("settling", flush=True)
            for frame in venue.frames(LARGE):
                builder.add(frame, 0)


def _command(what: str, core: int) -> list[str]:
    return [sys.executable, "-m", "loadtest.settlement_beside", what, "--core", str(core)]


def _matched(core: int) -> Matched:
    done = subprocess.run(
        _command("match", core), capture_output=True, text=True, timeout=CHILD_S_MAX, check=True
    )
    return Matched(*json.loads(done.stdout))


@contextlib.contextmanager
def _settling(core: int) -> Iterator[None]:
    process = subprocess.Popen(_command("settle", core), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


@measure("beside")
def beside_rows(_: Scale) -> Iterator[Row]:
    """Judged where there is a core for each of the two."""
    cores = sorted(os.sched_getaffinity(0))
    without: list[Matched] = []
    beside: list[Matched] = []
    for _turn in range(TURNS):
        without.append(_matched(cores[0]))
        with _settling(cores[-1]):
            beside.append(_matched(cores[0]))
    alone, both = (_best(runs) for runs in (without, beside))
    slower = 100 * (1 - both.commands_per_s / alone.commands_per_s)
    later = 100 * (both.ack_p99_ms / alone.ack_p99_ms - 1)
    free, name = len(cores) > 1, "matching beside settlement"
    yield Row(name, "commands, without", alone.commands_per_s, "1/s")
    yield Row(name, "commands, with", both.commands_per_s, "1/s")
    yield Row(name, "slower", slower, "%", SLOWER_PERCENT_MOST if free else None)
    yield Row(name, "ack p99, without", alone.ack_p99_ms, "ms")
    yield Row(name, "ack p99, with", both.ack_p99_ms, "ms")
    yield Row(name, "later", later, "%", LATER_PERCENT_MOST if free else None)


def _best(runs: list[Matched]) -> Matched:
    return Matched(max(run.commands_per_s for run in runs), min(run.ack_p99_ms for run in runs))


def main() -> None:
    """Command line of the children."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.settlement_beside", description=__doc__)
    parser.add_argument("what", choices=("match", "settle"))
    parser.add_argument("--core", type=int, required=True)
    options = parser.parse_args()
    os.sched_setaffinity(0, {options.core})
    if options.what == "match":
        print(json.dumps(match()))
    else:
        settle()


if __name__ == "__main__":
    main()
