"""Realised volatility of an index from its hourly closes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

from exchange.history.bars import HOUR_S, Bar

WINDOW_HOURS: Final = 15 * 24
RETURNS_MIN: Final = 24
_HOURS_A_YEAR: Final = 365 * 24


def realized_percent(hours: Sequence[Bar], from_s: int) -> list[tuple[int, float]]:
    """(end of the hour in seconds, volatility in percent) of each full hour from `from_s` on.

    The volatility of an hour is the standard deviation (around zero) of the logarithmic returns from close
    to close of the last 15 days up to and with it, annualised over 365 days; it takes at least 24 returns.
    An hour without an index has no return: the next one's is taken over both.
    """
    sums = [0.0]
    spans = [0]
    for before, bar in itertools.pairwise(hours):
        sums.append(sums[-1] + math.log(bar.close / before.close) ** 2)
        spans.append(spans[-1] + (bar.start_s - before.start_s) // HOUR_S)
    found: list[tuple[int, float]] = []
    first = 0
    for at, bar in enumerate(hours):
        while spans[at] - spans[first] > WINDOW_HOURS:
            first += 1
        if bar.start_s + HOUR_S >= from_s and at - first >= RETURNS_MIN:
            variance = (sums[at] - sums[first]) / (spans[at] - spans[first])
            found.append((bar.start_s + HOUR_S, 100.0 * math.sqrt(max(0.0, variance) * _HOURS_A_YEAR)))
    return found
