"""More seeds than the test suite runs: `python -m tests.simulation --seeds 500 --first 1000`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.simulation.run import simulate


def main(argv: Sequence[str] | None = None) -> int:
    """Run seeds until they are used up, time is over, or one fails; 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many (%(default)s)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (%(default)s)")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after this long; 0: never")
    options = parser.parse_args(argv)
    began = time.monotonic()
    total: Counter[str] = Counter()
    done = 0
    for seed in range(options.first, options.first + options.seeds):
        try:
            outcome = simulate(seed)
        except BaseException:
            print(f"\nseed {seed} failed; again with: python -m tests.simulation --seeds 1 --first {seed}")
            raise
        done += 1
        total.update(outcome.faults)
        total.update(
            commands=outcome.commands,
            acknowledged=outcome.acknowledged,
            lost=outcome.lost,
            trades=outcome.trades,
        )
        took_s = time.monotonic() - began
        end = "\n" if done % 25 == 0 else "\r"
        print(f"{done} seeds to {seed}, {took_s:.0f} s: {outcome.digest[:12]}", end=end, flush=True)
        if options.minutes and took_s > options.minutes * 60:
            break
    counts = ", ".join(f"{name} {count}" for name, count in sorted(total.items()))
    print(f"\n{done} seeds, none failed, {time.monotonic() - began:.0f} s: {counts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
