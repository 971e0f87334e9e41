"""What a fill chunk's prices lean on: every instrument's last fill before the batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from settlement.coding.fills import FILL, Fills


class Anchors(NamedTuple):
    """By instrument id: the price and the aggressor's side (1: it sold) of its last fill; 0 without one.

    Instruments beyond the columns have had no fill.
    """

    price_ticks: NDArray[np.int64]
    taker_sells: NDArray[np.int64]

    @staticmethod
    def of(known: Iterable[tuple[int, int, int]]) -> Anchors:
        """From (instrument, price, side) of those that had a fill."""
        rows = list(known)
        bound = max((row[0] for row in rows), default=-1) + 1
        anchors = Anchors(np.zeros(bound, np.int64), np.zeros(bound, np.int64))
        for instrument, price_ticks, sells in rows:
            anchors.price_ticks[instrument] = price_ticks
            anchors.taker_sells[instrument] = sells
        return anchors

    def one(self, instrument: int) -> tuple[int, int]:
        """(price, side) of one instrument."""
        if instrument >= len(self.price_ticks):
            return 0, 0
        return int(self.price_ticks[instrument]), int(self.taker_sells[instrument])

    def all(self, instruments: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(prices, sides) of many."""
        if not len(self.price_ticks):
            return np.zeros_like(instruments), np.zeros_like(instruments)
        known = instruments < len(self.price_ticks)
        place = np.where(known, instruments, 0)
        return np.where(known, self.price_ticks[place], 0), np.where(known, self.taker_sells[place], 0)

    def after(self, fills: Fills) -> Anchors:
        """The anchors behind these fills."""
        if not fills.total:
            return self
        bound = max(len(self.price_ticks), int(fills.instrument.max()) + 1)
        more = bound - len(self.price_ticks)
        found = Anchors(*(np.concatenate((column, np.zeros(more, np.int64))) for column in self))
        at = np.flatnonzero(fills.kind == FILL)
        found.price_ticks[fills.instrument[at]] = fills.price_ticks[at]  # the last of equal places stays
        found.taker_sells[fills.instrument[at]] = fills.taker_sells[at]
        return found
