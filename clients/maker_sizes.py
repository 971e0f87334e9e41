"""How much a market maker shows of each instrument: the configured multiple, varied, less when funds are
short."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

from clients.instruments import Instrument

SIZE_CUT: Final = 0.6
"""What is left of every quote's size after the venue refused one for lack of funds."""
SIZE_GROWTH: Final = 1.1
VARIATION: Final = 0.2


class Sizes:
    """Quote amounts by instrument. `share` is the part of the configured ones that the account's funds carry,
    as the venue's refusals teach."""

    def __init__(self, multiple: int, pause_s: float, rng: random.Random) -> None:
        """`multiple`: in minimum amounts; `pause_s`: between two cuts."""
        self.share = 1.0
        self._multiple = multiple
        self._pause_s = pause_s
        self._rng = rng
        self._full: dict[str, int] = {}
        self._next_cut_s = 0.0

    def add(self, instruments: Iterable[Instrument]) -> None:
        """Give those that are new their size, varied by a fifth so that books look alive."""
        for instrument in sorted(instruments, key=lambda i: i.name):
            if instrument.name not in self._full:
                multiple = self._multiple * self._rng.uniform(1 - VARIATION, 1 + VARIATION)
                self._full[instrument.name] = instrument.min_amount_micro * max(1, round(multiple))

    def of(self, instruments: Iterable[Instrument]) -> dict[str, int]:
        """By name, in millionths of the underlying; never less than the venue takes."""
        share = self.share
        return {i.name: max(i.min_amount_micro, int(self._full[i.name] * share)) for i in instruments}

    def grow(self) -> None:
        """Try a little more again."""
        self.share = min(1.0, self.share * SIZE_GROWTH)

    def cut(self, now_s: float) -> bool:
        """Show less of everything, at most once a pause: refusals come in bursts. Whether it was cut."""
        if now_s < self._next_cut_s:
            return False
        self._next_cut_s = now_s + self._pause_s
        self.share *= SIZE_CUT
        return True
