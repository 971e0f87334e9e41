"""Timing of array calls side by side: short turns, many rounds, medians.

What is counted is the processor time of this process, all its threads together. The calls compute and never
wait, so on a quiet machine that is the time on the clock; on a shared one it leaves out the slices in which
somebody else had the core.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loadtest.timing import quiet_heap

CALLS_PER_TURN = 3


def nothing() -> None:
    """No preparation."""


@dataclass
class Timed:
    """A call over `count` things (options, chains, …), and the seconds its turns took.

    In a turn the call runs once unmeasured, to have its data near, then a few times; the fastest counts,
    because a cache that a neighbour has just emptied is not the call's. Turns of all contestants
    interleave, so that slow spells meet all of them.
    """

    name: str
    call: Callable[[], object]
    count: int
    prepare: Callable[[], object] = nothing
    """Run before each turn, not timed: chooses the engine."""
    seconds: list[float] = field(default_factory=list)

    @property
    def ns_each(self) -> float:
        """Median nanoseconds per thing."""
        return statistics.median(self.seconds) / self.count * 1e9

    def ratio_to(self, other: Timed) -> float:
        """Median over the rounds of this one's time to the other's in the same round."""
        mine, theirs = 1.0 / self.count, 1.0 / other.count
        pairs = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(ours * mine / (yours * theirs) for ours, yours in pairs)

    def turn(self) -> None:
        """One turn."""
        self.prepare()
        self.call()
        best = float("inf")
        for _ in range(CALLS_PER_TURN):
            start = time.process_time()
            self.call()
            best = min(best, time.process_time() - start)
        self.seconds.append(best)


def take_turns(contestants: Sequence[Timed], rounds: int, progress: Callable[[int, int], None]) -> None:
    """Let every contestant have `rounds` turns, one after the other in each round.

    `progress` is told how many rounds are through, and of how many.
    """
    with quiet_heap():
        for number in range(rounds):
            progress(number, rounds)
            for contestant in contestants:
                contestant.turn()
    progress(rounds, rounds)
