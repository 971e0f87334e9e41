"""The benchmark of the core: ``python -m loadtest.bench_core``.

Every figure of the README's core table comes from here. In each run baseline and engine do the whole
workload, one after the other, each on caches of its own making; the median of the runs counts. The target
fails when a bar is missed, when the baseline is too slow to be a denominator, or when events differ.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from exchange.core import is_compiled
from loadtest import engine_runs, peers, timing
from loadtest.command_line import positive, run_and_finish
from loadtest.packed import command_batches
from loadtest.workload import DEFAULT_OPERATIONS_COUNT, DEFAULT_SEED, Workload, generate

BASELINE_OPERATIONS_PER_SECOND_MIN: Final = 350_000
MATCHING_RATIO_MIN: Final = 17.0
SINGLES_RATIO_MIN: Final = 6.0
INTERPRETED_RATIO_MIN: Final = 0.7
ACCOUNTS_RATIO_MIN: Final = 8.0
LONGEST_APPLY_MS_MAX: Final = 2.0
BYTES_PER_ORDER_MAX: Final = 200.0
PYTHON_BLOCKS_PER_ORDER_MAX: Final = 0.01

EVENTS_DIFFER: Final = "EVENTS DIFFER from the baseline's"

HELP: Final = """\
Compares the production engine, called through apply(), with a tuned order book on sortedcontainers, on
the same seeded workload: 45 % passive new, 40 % cancel, 10 % amend, 5 % crossing orders on 200
instruments of up to 200 levels a side. The workload is generated first and is in no timing.

Rows:
  baseline         matching with events on sortedcontainers; the denominator of every ratio
  matching         the engine without accounts (null ledger), packed batches of 100, then of 1
  accounts         the engine as the venue runs it: accounts, funds rule, self-trade prevention, fees
  interpreted      the engine's Python source uncompiled, on fewer operations, against the baseline
                   on the same ones, in a process of its own
  longest apply    the longest single batch of 100 with accounts, alone and while another process
                   writes snapshots; the best of the runs
  memory           growth of a process by one million resting orders, per order
  peers            lightmatchingengine, limit-order-book, order-matching from PyPI

All events are produced in every row, and their checksum must equal the baseline's.
"""

EPILOGUE: Final = """\
examples:
  python -m loadtest.bench_core                            the whole table, some minutes
  python -m loadtest.bench_core --ops 100000 --runs 3      a quick look (bars are checked all the same)
  python -m loadtest.bench_core --json bench-core.json     keep the figures

exit code: 0 every bar is met, 1 a bar is missed or events differ, 2 wrong arguments
"""


@dataclass(frozen=True)
class Row:
    """One line of the table. ``passed`` is None for a figure without a bar."""

    name: str
    figure: str
    ratio: float | None = None
    bar: str = ""
    passed: bool | None = None
    note: str = ""


@dataclass
class Report:
    """The table and what is needed to read it later."""

    environment: dict[str, Any]
    rows: list[Row] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether no bar was missed."""
        return all(row.passed is not False for row in self.rows)

    def text(self) -> str:
        """The table, one row a line."""
        lines = [f"{'what':<34}{'figure':>22}{'ratio':>9}  {'at least':<22}{'':<6}note"]
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f} ×"
            verdict = {True: "pass", False: "MISS", None: ""}[row.passed]
            figures = f"{row.name:<34}{row.figure:>22}{ratio:>9}"
            lines.append(f"{figures}  {row.bar:<22}{verdict:<6}{row.note}".rstrip())
        return "\n".join(lines)

    def json(self) -> str:
        """The same as JSON."""
        rows = [asdict(row) for row in self.rows]
        return json.dumps({"environment": self.environment, "passed": self.passed, "rows": rows}, indent=2)


def millions(operations_per_second: float) -> str:
    """An absolute throughput for the table."""
    return f"{operations_per_second / 1e6:.3f} M ops/s"


@dataclass
class Timed:
    """Seconds and event checksums of one row over the runs."""

    name: str
    ratio_min: float
    start: Callable[[], timing.Contestant]
    seconds: list[float] = field(default_factory=list)
    checksums: set[int] = field(default_factory=set)

    @property
    def median_seconds(self) -> float:
        """The figure that counts."""
        return statistics.median(self.seconds)


def progress(text: str) -> None:
    """What is going on, away from the table on standard output."""
    print(text, file=sys.stderr, flush=True)


def race(timed: Sequence[Timed], runs_count: int) -> None:
    """Let all rows run the workload, ``runs_count`` times, after one run that is not timed but digested.

    A timed run must produce as much as the digested one did: the same inputs to a deterministic machine.
    """
    progress("checksums of all events")
    produced = []
    for each in timed:
        contestant = each.start()
        timing.race((contestant,), engine_runs.SLICES_COUNT)
        each.checksums.add(contestant.checksum())
        produced.append(contestant.produced)
    for run_number in range(runs_count):
        progress(f"throughput, run {run_number + 1} of {runs_count}")
        contestants = [each.start() for each in timed]
        for contestant in contestants:
            contestant.digests = False
        for each, seconds in zip(timed, timing.race(contestants, engine_runs.SLICES_COUNT), strict=True):
            each.seconds.append(seconds)
        for each, contestant, expected in zip(timed, contestants, produced, strict=True):
            if contestant.produced != expected:
                each.checksums.add(-1)


def baseline_row(baseline: Timed, operations_count: int) -> Row:
    """The denominator. Its floor is held against the median, like every figure; the best run is shown."""
    speed = operations_count / baseline.median_seconds
    best = operations_count / min(baseline.seconds)
    good = speed >= BASELINE_OPERATIONS_PER_SECOND_MIN and len(baseline.checksums) == 1
    note = f"best run {millions(best)}" if len(baseline.checksums) == 1 else "events differ between runs"
    return Row(baseline.name, millions(speed), 1.0, millions(BASELINE_OPERATIONS_PER_SECOND_MIN), good, note)


def ratio_row(each: Timed, baseline: Timed, operations_count: int) -> Row:
    """One row of the engine against the baseline's median; events must be equal."""
    ratio = baseline.median_seconds / each.median_seconds
    note = ""
    if not is_compiled():
        note = "the core is not compiled here"
    elif each.checksums != baseline.checksums:
        note = EVENTS_DIFFER
    figure = millions(operations_count / each.median_seconds)
    passed = ratio >= each.ratio_min and not note
    return Row(each.name, figure, ratio, f"{each.ratio_min:g} ×", passed, note)


def throughput_rows(workload: Workload, runs_count: int) -> tuple[list[Row], float]:
    """Baseline, matching in hundreds and in ones, accounts; and operations/s of the ones, for the peers."""
    count = engine_runs.SLICES_COUNT
    rows = timing.slices(workload.rows(), count)
    hundreds = timing.slices(command_batches(workload, 100), count)
    ones = timing.slices(command_batches(workload, 1), count)
    run, timed = engine_runs.EngineRun.on_a_fresh_venue, Timed
    baseline = timed("baseline: sortedcontainers", 1.0, lambda: engine_runs.BaselineRun(rows))
    others = (
        timed("matching, batches of 100", MATCHING_RATIO_MIN, lambda: run(hundreds, null_ledger=True)),
        timed("matching, batches of 1", SINGLES_RATIO_MIN, lambda: run(ones, null_ledger=True)),
        timed("with accounts, batches of 100", ACCOUNTS_RATIO_MIN, lambda: run(hundreds, null_ledger=False)),
    )
    race((baseline, *others), runs_count)
    table = [baseline_row(baseline, len(workload))]
    table += [ratio_row(each, baseline, len(workload)) for each in others]
    return table, len(workload) / others[1].median_seconds


def interpreted_row(operations_count: int, runs_count: int) -> Row:
    """The engine's Python source against the baseline, in a child process."""
    progress(f"interpreted, {operations_count} operations")
    arguments = ("--ops", str(operations_count), "--runs", str(runs_count))
    found = engine_runs.child("interpreted", *arguments, interpreted_core=True)
    ratio = found["baseline_seconds"] / found["engine_seconds"]
    good = found["checksums_equal"] and not found["compiled"]
    baseline = millions(operations_count / found["baseline_seconds"])
    note = f"first {operations_count} operations, baseline there {baseline}"
    if found["compiled"]:
        note = "the core was compiled"
    elif not found["checksums_equal"]:
        note = EVENTS_DIFFER
    return Row(
        "matching, interpreted",
        millions(operations_count / found["engine_seconds"]),
        ratio,
        f"{INTERPRETED_RATIO_MIN:g} ×",
        ratio >= INTERPRETED_RATIO_MIN and good,
        note,
    )


def longest_rows(workload: Workload, runs_count: int) -> list[Row]:
    """The longest batch of 100 of each run, alone and beside a process that writes snapshots.

    The best of the runs counts: what the engine itself costs comes back in every run, a neighbour's
    interruption does not.
    """
    batches = command_batches(workload, 100)
    progress("longest apply")
    alone = [engine_runs.longest_apply_seconds(batches) for _ in range(runs_count)]
    progress("longest apply while snapshots are written")
    with engine_runs.snapshots_being_written(len(workload)) as written:
        beside = [engine_runs.longest_apply_seconds(batches) for _ in range(runs_count)]
    note = f"; {written['snapshots_count']} snapshots of {written['bytes']} bytes meanwhile"
    return [
        longest_row("longest apply of 100", alone, ""),
        longest_row("the same beside snapshots", beside, note),
    ]


def longest_row(name: str, seconds: Sequence[float], note: str) -> Row:
    """One row of longest batches."""
    best_ms = min(seconds) * 1e3
    runs = "runs: " + ", ".join(f"{each * 1e3:.2f}" for each in seconds)
    bar = f"≤ {LONGEST_APPLY_MS_MAX:g} ms"
    return Row(name, f"{best_ms:.3f} ms", None, bar, best_ms <= LONGEST_APPLY_MS_MAX, runs + note)


def memory_row(orders_count: int) -> Row:
    """Memory per resting order, and that no Python object stands for an order."""
    progress(f"memory, {orders_count} resting orders")
    found = engine_runs.child("memory", "--ops", str(orders_count))
    each, blocks = found["bytes_per_order"], found["python_blocks_per_order"]
    rests = found["resting_orders_count"] == orders_count
    passed = rests and each <= BYTES_PER_ORDER_MAX and blocks <= PYTHON_BLOCKS_PER_ORDER_MAX
    note = f"{found['resting_orders_count']} orders, {blocks:.5f} Python objects each"
    bar = f"≤ {BYTES_PER_ORDER_MAX:g} bytes"
    return Row("memory per resting order", f"{each:.0f} bytes", None, bar, passed, note)


def peer_rows(operations_count: int, runs_count: int, ours_per_second: float) -> list[Row]:
    """Order books from PyPI; ours is called once per order here too (batches of 1)."""
    rows = []
    for name in peers.PEERS:
        progress(f"peer {name}")
        found = peers.measure(name, operations_count, runs_count)
        if found.problem:
            rows.append(Row(f"peer: {name}", "none", None, "ours ahead", False, found.problem))
            continue
        speed = found.operations_per_second
        ahead = f"ours in batches of 1 is {ours_per_second / speed:.1f} × as fast"
        note = f"{found.version}, {found.operations_count} operations; {ahead}"
        rows.append(Row(f"peer: {name}", millions(speed), None, "ours ahead", ours_per_second > speed, note))
    return rows


def environment(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": model,
        "core": options.pin,
        "operations": options.ops,
        "runs": options.runs,
        "seed": options.seed,
    }


def run(options: argparse.Namespace) -> Report:
    """The whole benchmark."""
    timing.pin(options.pin)
    timing.keep_heap()
    report = Report(environment(options))
    progress(f"generating {options.ops} operations, seed {options.seed}")
    workload = generate(options.ops, options.seed)
    rows, singles_per_second = throughput_rows(workload, options.runs)
    report.rows += rows
    report.rows.append(interpreted_row(min(options.ops, options.interpreted_ops), options.runs))
    report.rows += longest_rows(workload, options.runs)
    report.rows.append(memory_row(options.resting))
    if not options.no_peers:
        report.rows += peer_rows(options.ops, options.runs, singles_per_second)
    return report


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m loadtest.bench_core",
        description=HELP,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = found.add_argument
    add("--ops", type=positive, default=DEFAULT_OPERATIONS_COUNT, help="operations (default %(default)s)")
    add("--runs", type=positive, default=5, help="runs of each row; the median counts (default 5)")
    add("--pin", type=int, default=timing.last_core(), help="core to run on (default: the last, %(default)s)")
    add("--seed", type=int, default=DEFAULT_SEED, help="seed of the workload (default %(default)s)")
    add("--interpreted-ops", type=positive, default=100_000, metavar="OPS", help="of the interpreted row")
    add("--resting", type=positive, default=1_000_000, metavar="ORDERS", help="of the memory row")
    add("--no-peers", action="store_true", help="leave the books from PyPI out")
    add("--json", type=Path, metavar="PATH", help="also write the figures here")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; see ``--help``."""
    command_line = parser()
    return run_and_finish(command_line, command_line.parse_args(arguments), run)


if __name__ == "__main__":
    sys.exit(main())
