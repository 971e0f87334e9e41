"""The benchmark of the pricing library: ``python -m loadtest.bench_pricing``.

Every figure of docs/pricing.md comes from here: both engines, the naive twin and the packages from PyPI in
one run, on one core, in short interleaved turns; errors against mpmath in 65 digits.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from loadtest import timing
from loadtest.command_line import positive

_POOLS: Final = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")
ONE_THREAD: Final = {f"{pool}_NUM_THREADS": "1" for pool in _POOLS}
_PACKAGES: Final = ("numpy", "scipy", "numba", "mpmath")

HELP: Final = """\
Prices, Greeks, implied volatilities, the live chain, scenarios and the surface fit: speed and accuracy of
both engines (numpy, numba) against their bars, beside a naive numpy + scipy twin and packages from PyPI.

  speed        10,000 options of a chain; every contestant has short turns in every round, the fastest of
               three calls is its turn, the median over the rounds its figure. Processor time, so that
               neighbours do not count. Ratios are taken round by round and are judged where there are any;
               an absolute figure above its bar is then only marked "over"
  accuracy     largest relative error against mpmath (65 digits): on the chain, and on a hard grid of
               ln(K/F) 0 … ±5 (±1e-12 too), 1 minute … 5 years, volatility 0.1 % … 1000 %, prices down to
               1e-290. Volatilities are judged per condition: what a relative error of the price becomes
  packages     those that are installed (requirements-pricing-peers.lock); each is called the way that is
               fastest for it
"""

EPILOGUE: Final = """\
examples:
  python -m loadtest.bench_pricing                          the whole table, a minute or two
  python -m loadtest.bench_pricing --rounds 5 --grid 10     a quick look (bars are checked all the same)
  python -m loadtest.bench_pricing --json bench-pricing.json

exit code: 0 every judged bar is met, 1 one is missed, 2 wrong arguments
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m loadtest.bench_pricing",
        description=HELP,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = found.add_argument
    add("--rounds", type=positive, default=31, help="rounds; the median counts (default %(default)s)")
    add("--options", type=positive, default=10_000, help="options of the chain (default %(default)s)")
    add("--grid", type=positive, default=1, metavar="N", help="only every N-th point of the hard grid")
    add("--pin", type=int, default=timing.last_core(), help="core to run on (default: the last, %(default)s)")
    add("--no-peers", action="store_true", help="leave the packages from PyPI out")
    add("--json", type=Path, metavar="PATH", help="also write the figures here")
    return found


def environment(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": model,
        "core": options.pin,
        "rounds": options.rounds,
        "options": options.options,
        "packages": packages,
    }


class ProgressLine:
    """One line on standard error that says what is going on; silent where nobody watches."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of `stage` are through."""
        if self._live:
            bar = "█" * (20 * done // max(total, 1))
            print(f"\r\x1b[K{stage:<24}{bar:<20} {done}/{total}", end="", file=sys.stderr, flush=True)
        elif stage != self._stage:
            print(f"{stage} …", file=sys.stderr, flush=True)
        self._stage = stage

    def close(self) -> None:
        """Leave a clean line."""
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def on_one_thread(arguments: Sequence[str]) -> None:
    """Start over with every thread pool held to one thread: they are sized when libraries are imported."""
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        os.environ.update(ONE_THREAD)
        os.execv(sys.executable, [sys.executable, "-m", "loadtest.bench_pricing", *arguments])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; see ``--help``."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command_line = parser()
    options = command_line.parse_args(given)
    on_one_thread(given)
    # Late: libraries take their thread counts from the environment when they are first imported.
    from loadtest.pricing_report import run

    progress = ProgressLine()
    try:
        timing.pin(options.pin)
        timing.keep_heap()
        report = run(options, environment(options), progress)
    except ValueError as error:
        progress.close()
        command_line.error(str(error))
    except KeyboardInterrupt:
        progress.close()
        print("stopped", file=sys.stderr)
        return 130
    progress.close()
    print(report.text())
    if options.json:
        options.json.write_text(report.json() + "\n", encoding="utf-8")
    for line in report.missed:
        print(f"MISSED  {line}")
    print("every judged bar is met" if report.passed else "a bar is missed")
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
