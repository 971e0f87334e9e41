"""Bars: open, high, low, close, volume and value of a period, of whatever has a price.

One table holds them all, by series: trades of an instrument, the index of an underlying, its volatility
index, the mark of an option, and what was traded in each category of an underlying. A bar is stored for
every step of its series; a later one of the same period is merged into it, so a period may come in parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400

TRADES: Final = 1
"""By instrument: prices in ticks, volume in lots, value in micro-USDC."""
INDEX: Final = 2
"""By underlying: micro-USDC."""
VOLATILITY: Final = 3
"""The volatility index by underlying, in millionths of a percent."""
MARK: Final = 4
"""By option: mark in micro-USDC; open, high, low as the close."""
VOLUME: Final = 5
"""By category: only volume (1e-8 of the underlying) and value (micro-USDC)."""

CANDLE_STEPS_S: Final = tuple(60 * minutes for minutes in (1, 3, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440))
INDEX_STEPS_S: Final = (MINUTE_S, HOUR_S, DAY_S)
VOLATILITY_STEPS_S: Final = (1, MINUTE_S, HOUR_S, 12 * HOUR_S, DAY_S)
MARK_STEPS_S: Final = (5 * MINUTE_S,)
VOLUME_STEPS_S: Final = (HOUR_S,)

SECONDS_KEPT_S: Final = 2 * DAY_S
"""How long the bars of one second stay."""

Key = tuple[int, int, int, int]  # series, member, step_s, start_s


class Bar(NamedTuple):
    """One period of one member of a series."""

    start_s: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    value: int = 0

    def merged(self, later: Bar) -> Bar:
        """This period with what came later in it."""
        return Bar(
            self.start_s,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.value + later.value,
        )


class Bars:
    """Bars gathered until they are stored: those of the shortest step, which make up the others."""

    def __init__(self) -> None:
        self._shortest: dict[Key, list[int]] = {}
        self._steps_s: dict[int, Sequence[int]] = {}

    def add(
        self,
        series: int,
        member: int,
        steps_s: Sequence[int],
        time_ms: int,
        price: int,
        volume: int = 0,
        value: int = 0,
    ) -> None:
        """One price at one time, into the bar of each step. Every step is a multiple of the first; those of
        a series are always the same."""
        second = time_ms // 1_000
        key = (series, member, steps_s[0], second - second % steps_s[0])
        known = self._shortest.get(key)
        if known is None:
            self._shortest[key] = [price, price, price, price, volume, value]
            self._steps_s[series] = steps_s
            return
        if price > known[1]:
            known[1] = price
        elif price < known[2]:
            known[2] = price
        known[3] = price
        known[4] += volume
        known[5] += value

    @property
    def found(self) -> dict[Key, Bar]:
        """The bars of every step."""
        found: dict[Key, Bar] = {}
        for (series, member, _, start_s), fields in self._shortest.items():
            for step_s in self._steps_s[series]:
                start = start_s - start_s % step_s
                bar = Bar(start, *fields)
                key = (series, member, step_s, start)
                known = found.get(key)
                found[key] = bar if known is None else known.merged(bar)
        return found

    def __bool__(self) -> bool:
        return bool(self._shortest)

    def rows(self) -> Iterable[tuple[int, ...]]:
        """As rows of the store's table."""
        return ((*key, *bar[1:]) for key, bar in self.found.items())


UPSERT: Final = """
INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    high = max(high, excluded.high), low = min(low, excluded.low), close = excluded.close,
    volume = volume + excluded.volume, value = value + excluded.value
"""


def merge(stored: Iterable[Bar], later: Iterable[Bar]) -> list[Bar]:
    """Two runs of bars of the same step, each ordered by start, as one; the second came later."""
    found = {bar.start_s: bar for bar in stored}
    for bar in later:
        known = found.get(bar.start_s)
        found[bar.start_s] = bar if known is None else known.merged(bar)
    return [found[start] for start in sorted(found)]


def filled(bars: Sequence[Bar], step_s: int, from_s: int, until_s: int) -> Iterator[Bar]:
    """The bars that start in from_s … until_s, one for every period from the first known bar on.

    A period without any carries the close before it. `bars` may begin before `from_s`: only the last of
    those counts, for its close.
    """
    by_start = {bar.start_s: bar for bar in bars if bar.start_s >= from_s}
    before = [bar for bar in bars if bar.start_s < from_s]
    start = -(-from_s // step_s) * step_s
    if before:
        last = before[-1].close
    elif by_start:
        start = max(start, min(by_start))
        last = by_start[min(by_start)].open
    else:
        return
    while start <= until_s:
        bar = by_start.get(start) or Bar(start, last, last, last, last)
        last = bar.close
        yield bar
        start += step_s
