"""The benchmark of risk: ``python -m loadtest.bench_risk``.

Every figure of margin, sweeps and liquidation in the README comes from here. Throughput runs side by side
with the core benchmark's baseline: each does the whole workload, one after the other, and the median of the
runs counts. The target fails when a bar is missed, when events differ, or when anything is lost.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from exchange.core import is_compiled
from exchange.domain.records import LIQUIDATION_NAMES
from loadtest import bench_core, engine_runs, risk_journal, risk_market, risk_runs, timing
from loadtest.bench_core import Report, Row, Timed, millions, progress
from loadtest.command_line import positive, run_and_finish
from loadtest.packed import command_batches
from loadtest.risk_crash import MOVE_PERCENT, Crash, CrashFigures
from loadtest.workload import DEFAULT_OPERATIONS_COUNT, DEFAULT_SEED, Workload, generate

STANDARD_RATIO_MIN: Final = 5.0
PORTFOLIO_COMMANDS_PER_SECOND_MIN: Final = 600_000
SWEEP_SUM_MS_MAX: Final = 15.0
SWEEP_SLICE_MS_MAX: Final = 1.0
SWEEP_ELAPSED_MS_MAX: Final = 250.0
STEP_MS_MAX: Final = 2.0
HANDLED_SECONDS_MAX: Final = 2.0
NOT_COMPILED: Final = "the core is not compiled here"
PARTS: Final = ("throughput", "sweep", "fall", "journal")
_UNDISTURBED: Final = 200

HELP: Final = """\
Measures the engine under rules 2 with the venue's own risk parameters, products and oracle.

Rows:
  baseline         matching with events on sortedcontainers, no accounts; the denominator
  standard         the core benchmark's workload and venue, everybody under standard margin
  portfolio        the same operations by 1,000 accounts under portfolio margin, each with positions in the
                   20 instruments it trades; 35 scenarios
  sweep            a snapshot moves all marks and tables, then every account is re-margined by slices of
                   128 accounts with a batch of 100 of the workload behind each; the sum and the longest of
                   the slices, the time from the snapshot to the end, what a batch then takes
  fall             the index falls by 5 % over 1,000 instruments: snapshot, sweep, liquidation steps,
                   takeovers and shared losses until every victim has come to an end
  journal          bytes an hour of marks and risk snapshots, from some simulated minutes of the oracle

Throughput rows produce all events, and their checksum must equal the baseline's.
"""

EPILOGUE: Final = """\
examples:
  python -m loadtest.bench_risk                            the whole table, some minutes
  python -m loadtest.bench_risk --ops 100000 --runs 3      a quick look (bars are checked all the same)
  python -m loadtest.bench_risk --only sweep               one part
  python -m loadtest.bench_risk --json bench-risk.json     keep the figures

exit code: 0 every bar is met, 1 a bar is missed, events differ or something is lost, 2 wrong arguments
"""


def throughput_rows(workload: Workload, runs_count: int) -> list[Row]:
    """Baseline, standard margin and portfolio margin on the same operations in batches of 100."""
    count = engine_runs.SLICES_COUNT
    rows = timing.slices(workload.rows(), count)
    hundreds = timing.slices(command_batches(workload, 100), count)
    grouped = risk_market.grouped(workload, risk_runs.ORDERS_BEFORE)
    by_groups = timing.slices(command_batches(grouped, 100), count)
    run, before = risk_runs.MarginRun, (risk_runs.ORDERS_BEFORE, risk_runs.TRADES_BEFORE)
    baseline = Timed("baseline: sortedcontainers", 1.0, lambda: engine_runs.BaselineRun(rows))
    standard = Timed(
        "standard margin, batches of 100",
        STANDARD_RATIO_MIN,
        lambda: run(hundreds, risk_runs.standard_engine()),
    )
    portfolio = Timed(
        "portfolio margin, 20 positions",
        0.0,
        lambda: run(by_groups, risk_runs.portfolio_engine(), *before),
    )
    bench_core.race((baseline, standard, portfolio), runs_count)
    return [
        bench_core.baseline_row(baseline, len(workload)),
        bench_core.ratio_row(standard, baseline, len(workload)),
        portfolio_row(portfolio, baseline, len(workload)),
    ]


def portfolio_row(each: Timed, baseline: Timed, operations_count: int) -> Row:
    """Portfolio margin against its bar in commands per second; events must be the baseline's."""
    speed = operations_count / each.median_seconds
    note = "35 scenarios, 1,000 accounts"
    good = speed >= PORTFOLIO_COMMANDS_PER_SECOND_MIN and is_compiled()
    if each.checksums != baseline.checksums:
        good, note = False, bench_core.EVENTS_DIFFER
    elif not is_compiled():
        note = NOT_COMPILED
    ratio = baseline.median_seconds / each.median_seconds
    return Row(each.name, millions(speed), ratio, millions(PORTFOLIO_COMMANDS_PER_SECOND_MIN), good, note)


# --- sweeps ----------------------------------------------------------------------------------------


def sweep_rows(accounts_count: int, runs_count: int, seed: int) -> list[Row]:
    """Sweeps over accounts of 20 positions between batches of the workload."""
    progress(f"sweeps over {accounts_count} accounts")
    slices_count = -(-accounts_count // risk_runs.SWEEP_ACCOUNTS)
    batches_count = (runs_count + 1) * slices_count + _UNDISTURBED
    sweeps = risk_runs.Sweeps(generate(batches_count * risk_runs.BATCH, seed), accounts_count)
    sweeps.run()  # not counted: it touches everything for the first time
    calm = sweeps.undisturbed(_UNDISTURBED)
    runs = [sweeps.run() for _ in range(runs_count)]
    return sweep_table(runs, calm)


def sweep_table(runs: Sequence[risk_runs.SweepFigures], calm: Sequence[float]) -> list[Row]:
    """The rows of some sweeps.

    The median sum counts; of the longest slice its best run: the same work comes back in every run, and with
    it what the engine itself costs; a neighbour's interruption does not.
    """
    cpu = [run.cpu_slices for run in runs]
    each = (
        f"{runs[0].accounts_count} accounts × 20 positions × 35 scenarios; "
        f"processor time {statistics.median(map(sum, cpu)) * 1e3:.2f} ms"
    )
    total = statistics.median(run.sum_seconds for run in runs)
    longest = max(least_of([run.slices for run in runs]))
    worst = [max(run.slices) for run in runs]
    elapsed = statistics.median(run.elapsed_seconds for run in runs)
    snapshot = statistics.median(run.snapshot_seconds for run in runs)
    among = percentile([seconds for run in runs for seconds in run.batches], 99)
    note = f"undisturbed {percentile(calm, 99) * 1e3:.3f} ms; the slice in front of each batch included"
    return [
        limit_row("sweep, sum of slices", total, SWEEP_SUM_MS_MAX, each),
        limit_row("sweep, longest slice", longest, SWEEP_SLICE_MS_MAX, told(worst, cpu)),
        limit_row(
            "sweep from snapshot to end",
            elapsed,
            SWEEP_ELAPSED_MS_MAX,
            f"{len(runs[0].slices)} batches of 100 in between; snapshot {snapshot * 1e3:.2f} ms",
        ),
        Row("matching p99 during the sweep", f"{among * 1e3:.3f} ms", note=note),
    ]


def limit_row(name: str, seconds: float, ms_max: float, note: str) -> Row:
    """A time that may not be longer than its bar; nothing passes interpreted."""
    good = seconds * 1e3 <= ms_max and is_compiled()
    bar = f"≤ {ms_max:g} ms"
    return Row(name, f"{seconds * 1e3:.3f} ms", None, bar, good, note if is_compiled() else NOT_COMPILED)


def least_of(runs: Sequence[Sequence[float]]) -> list[float]:
    """The best time of each step over runs that did the same steps. Raises ValueError when they did not."""
    return [min(times) for times in zip(*runs, strict=True)]


def told(seconds: Sequence[float], cpu: Sequence[Sequence[float]]) -> str:
    """The worst of every run as it was met, and in processor time, for the note."""
    met = ", ".join(f"{each * 1e3:.2f}" for each in seconds)
    return f"as met in each run: {met}; processor time {max(least_of(cpu)) * 1e3:.2f} ms"


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that so many per cent of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


# --- the fall --------------------------------------------------------------------------------------


def crash_rows(instruments_count: int, victims_count: int, runs_count: int) -> list[Row]:
    """The fall, each run on a venue of its own."""
    runs = []
    for number in range(runs_count):
        progress(f"the fall, run {number + 1} of {runs_count}")
        crash = Crash(instruments_count, victims_count)
        with timing.quiet_heap():
            runs.append(crash.run())
    return crash_table(runs)


def crash_table(runs: Sequence[CrashFigures]) -> list[Row]:
    """The rows of some falls: of the longest step its best run (see :func:`sweep_table`), the median time."""
    longest = max(least_of([run.steps for run in runs]))
    worst = [run.longest_seconds for run in runs]
    cpu = [run.cpu_steps for run in runs]
    elapsed = statistics.median(run.elapsed_seconds for run in runs)
    first = runs[0]
    name = f"index {MOVE_PERCENT:+d} %"
    handled = min(run.handled_count for run in runs)
    ends = ", ".join(f"{count} {end}" for end, count in sorted(first.outcomes.items()))
    kinds = ", ".join(f"{count} {LIQUIDATION_NAMES[kind]}" for kind, count in sorted(first.kinds.items()))
    lost = "; ".join(sorted({run.lost for run in runs} - {""}))
    steps = f"{len(first.steps)} steps ({kinds})"
    return [
        limit_row(f"{name}: longest step", longest, STEP_MS_MAX, told(worst, cpu)),
        limit_row(f"{name}: until all are handled", elapsed, HANDLED_SECONDS_MAX * 1e3, steps),
        Row(
            f"{name}: accounts handled",
            f"{handled}",
            None,
            f"{first.victims_count}",
            handled == first.victims_count,
            ends,
        ),
        Row(f"{name}: lost", lost or "nothing", None, "nothing", not lost, "invariants of the core checked"),
    ]


def journal_row(found: risk_journal.JournalFigures) -> Row:
    """Bytes an hour; no bar."""
    blocks = found.marks_count + found.snapshots_count
    apply_ms = percentile(found.apply_seconds, 99) * 1e3
    note = (
        f"{found.instruments_count} instruments, {blocks / found.seconds:.1f} blocks/s, of them "
        f"{found.snapshots_count / found.seconds:.1f} with tables ({found.stream_bytes} bytes in "
        f"{found.seconds} s); apply p99 {apply_ms:.2f} ms"
    )
    return Row("journal of risk snapshots", f"{found.bytes_per_hour / 1e9:.2f} GB/h", note=note)


# --- all of it -------------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> Report:
    """The whole benchmark."""
    timing.pin(options.pin)
    timing.keep_heap()
    report = Report(bench_core.environment(options))
    parts = options.only or PARTS
    if "throughput" in parts:
        progress(f"generating {options.ops} operations, seed {options.seed}")
        report.rows += throughput_rows(generate(options.ops, options.seed), options.runs)
    if "sweep" in parts:
        report.rows += sweep_rows(options.accounts, options.runs, options.seed)
    if "fall" in parts:
        report.rows += crash_rows(options.instruments, options.victims, options.runs)
    if "journal" in parts:
        progress(f"{options.journal_seconds} s of the oracle")
        report.rows.append(journal_row(risk_journal.measure(options.journal_seconds, options.instruments)))
    return report


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m loadtest.bench_risk",
        description=HELP,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = found.add_argument
    add("--ops", type=positive, default=DEFAULT_OPERATIONS_COUNT, help="operations (default %(default)s)")
    add("--runs", type=positive, default=5, help="runs of each row; the median counts (default 5)")
    add("--pin", type=int, default=timing.last_core(), help="core to run on (default: the last, %(default)s)")
    add("--seed", type=int, default=DEFAULT_SEED, help="seed of the workload (default %(default)s)")
    add("--accounts", type=positive, default=10_000, help="of the sweep (default %(default)s)")
    add("--instruments", type=positive, default=1_000, help="of fall and journal (default %(default)s)")
    add("--victims", type=positive, default=1_000, help="of the fall (default %(default)s)")
    add("--journal-seconds", type=positive, default=60, metavar="S", help="simulated (default %(default)s)")
    add("--only", nargs="+", choices=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    add("--json", type=Path, metavar="PATH", help="also write the figures here")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; see ``--help``."""
    command_line = parser()
    return run_and_finish(command_line, command_line.parse_args(arguments), run)


if __name__ == "__main__":
    sys.exit(main())
