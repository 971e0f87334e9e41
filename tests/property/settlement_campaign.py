"""Mutated blobs, headers, step proofs and exit requests: `python -m tests.property.settlement_campaign`.

Every trial has its own seed, which is printed where one is accepted, crashes or takes too long. What trials
are is in `settlement_mutants`.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.property.settlement_mutants import TRIALS

TRIAL_S_MOST: Final = 2.0
"""Of processor time."""
GROWTH_MOST_BYTES: Final = 256 << 20
"""Of the process, over all trials."""
SHOWN_EVERY: Final = 100


class Failed(AssertionError):
    """A trial was accepted, crashed, or took more than it may."""


class Told(NamedTuple):
    """What a kind of trial came to."""

    name: str
    trials: int
    longest_s: float


def most_bytes() -> int:
    """The most memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def prepare(name: str) -> None:
    """Make what all trials of a kind lean on, which takes longer than a trial may."""
    TRIALS[name](random.Random(0))


def trial(name: str, seed: int) -> float:
    """One trial; its processor seconds. Raises Failed."""
    started_s = time.process_time()
    try:
        TRIALS[name](random.Random(f"{name} {seed}"))
    except Exception as error:
        raise Failed(f"{name}, seed {seed}: {type(error).__name__}: {error}") from error
    took_s = time.process_time() - started_s
    if took_s > TRIAL_S_MOST:
        raise Failed(f"{name}, seed {seed}: {took_s:.2f} s of processor time")
    return took_s


def campaign(first_seed: int, trials: int) -> Iterator[Told]:
    """So many trials in all, of every kind as many. Raises Failed."""
    each = -(-trials // len(TRIALS))
    for name in TRIALS:
        prepare(name)
    before = most_bytes()
    for name in TRIALS:
        longest_s = 0.0
        for number in range(each):
            longest_s = max(longest_s, trial(name, first_seed + number))
            if number % SHOWN_EVERY == 0:
                sys.stderr.write(f"\r{name}: {number:,}/{each:,} ")
                sys.stderr.flush()
        yield Told(name, each, longest_s)
    if most_bytes() - before > GROWTH_MOST_BYTES:
        raise Failed(f"the process grew by {most_bytes() - before:,} bytes")


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; 0 if nothing was accepted, crashed or took too much."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=10_000, help="in all (default %(default)s)")
    parser.add_argument("--first-seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    try:
        for told in campaign(chosen.first_seed, chosen.trials):
            print(
                f"\r{told.trials:>8,} {told.name}: none accepted, none crashed, "
                f"the longest {told.longest_s:.2f} s"
            )
    except Failed as error:
        print(f"\n{error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
