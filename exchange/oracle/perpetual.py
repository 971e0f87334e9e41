"""The perpetual's mark: the index, an anchor known from outside, and what the book says of it.

    premium = anchor + pull,  within ± bound

The book speaks with the prices at which a given size could be traded on either side, and only as far as both
stood: of all looks of at least a second the lowest bid and the highest offer over the index count. The pull
is what brings the anchored mark inside that pair, averaged over time exponentially: a lone quote moves
nothing, size that comes and goes moves nothing, a book that insists is followed, never beyond the bound.
Where the book says nothing (a side without the size, a crossed pair, looks too far apart) the pull fades by
itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Premium(Protocol):
    """The perpetual's mark over the index."""

    def at(self, now_ms: int) -> float:
        """As a fraction of the index."""


@dataclass(frozen=True, slots=True)
class PerpetualRules:
    """How far, how fast and by which size a book moves the mark. ValueError for senseless ones."""

    bound: float = 0.005
    """The mark stays within this fraction of the index."""
    constant_ms: int = 30_000
    """Time constant with which a book that speaks is followed."""
    half_life_ms: int = 20_000
    """Half of the pull is gone after so much silence of the book."""
    impact_notional: float = 50_000.0
    """Size a side must have to speak, in USDC at the index price."""
    levels: int = 50
    """So many levels of a side are read at most; size behind them does not count."""
    age_ms_min: int = 1_000
    """A pair must have stood so long."""
    gap_ms_max: int = 5_000
    """Two looks further apart than this prove nothing of the time between."""

    def __post_init__(self) -> None:
        if not (0.0 < self.bound < 1.0 and self.constant_ms >= 1 and self.half_life_ms >= 1):
            raise ValueError("a perpetual's mark needs 0 < bound < 1, a positive time constant and half-life")
        if not (self.impact_notional > 0.0 and self.levels > 0 and 0 < self.age_ms_min <= self.gap_ms_max):
            raise ValueError("a perpetual's mark needs a positive impact notional, levels and age")


class Pair(NamedTuple):
    """Both sides of a book as fractions over the index."""

    low: float
    high: float


class PerpetualMark:
    """A :class:`Premium` that follows the book around an anchor."""

    def __init__(self, anchor: Premium, rules: PerpetualRules | None = None) -> None:
        self._anchor = anchor
        self.rules = rules or PerpetualRules()
        self._pull = 0.0
        self._since_ms: int | None = None
        self._looked_ms = 0
        self._stood: Pair | None = None

    def tell(self, bid: float | None, ask: float | None, index: float, now_ms: int) -> None:
        """The impact prices of the book as of now; None for a side that has not the size.

        The pull moves once the looks span the least age, and then for the whole of that time.
        """
        look = None if bid is None or ask is None else Pair(bid / index - 1.0, ask / index - 1.0)
        if self._since_ms is None or now_ms < self._looked_ms:
            self._begin(look, now_ms)
            return
        is_seen = now_ms - self._looked_ms <= self.rules.gap_ms_max
        self._stood = _more_cautious(self._stood, look) if is_seen else None
        self._looked_ms = now_ms
        elapsed_ms = now_ms - self._since_ms
        if elapsed_ms >= self.rules.age_ms_min:
            self._follow(self._stood, elapsed_ms, now_ms)
            self._begin(look, now_ms)

    def at(self, now_ms: int) -> float:
        """See :class:`Premium`."""
        return self._bounded(self._anchor.at(now_ms) + self._pull)

    def _begin(self, look: Pair | None, now_ms: int) -> None:
        self._since_ms = self._looked_ms = now_ms
        self._stood = look

    def _follow(self, stood: Pair | None, elapsed_ms: int, now_ms: int) -> None:
        if stood is None or stood.low > stood.high:
            self._pull *= 0.5 ** (elapsed_ms / self.rules.half_life_ms)
            return
        anchored = self._anchor.at(now_ms)
        # What the bound forbids is not wound up either: it would come sooner and take longer to fade.
        wanted = self._bounded(min(max(anchored, stood.low), stood.high)) - anchored
        self._pull += -math.expm1(-elapsed_ms / self.rules.constant_ms) * (wanted - self._pull)

    def _bounded(self, premium: float) -> float:
        return min(max(premium, -self.rules.bound), self.rules.bound)


def _more_cautious(before: Pair | None, now: Pair | None) -> Pair | None:
    """The lower bid and the higher offer; None where one of the two says nothing."""
    if before is None or now is None:
        return None
    return Pair(min(before.low, now.low), max(before.high, now.high))
