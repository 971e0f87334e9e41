"""The perpetual's mark: the index, an anchor known from outside, and what the book says of it.

    premium = anchor + pull,  within ± bound

The pull is what brings the anchored mark inside the best bid and ask, averaged over time exponentially: a
lone quote moves the mark slowly and never beyond the bound, a book that insists is followed. Where the book
has nothing to say the pull fades with the same time constant. The market makers of this venue quote around
its own mark, so the book alone would wander; the anchor is what it comes back to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol


class Premium(Protocol):
    """The perpetual's mark over the index."""

    def at(self, now_ms: int) -> float:
        """As a fraction of the index."""


@dataclass(frozen=True, slots=True)
class PerpetualRules:
    """Fractions of the index. ValueError for senseless ones."""

    bound: float = 0.005
    """The mark stays within this of the index."""
    constant_ms: int = 30_000
    """Time constant of the average."""

    def __post_init__(self) -> None:
        if not (0.0 < self.bound < 1.0 and self.constant_ms >= 1):
            raise ValueError("a perpetual's mark needs 0 < bound < 1 and a positive time constant")


class PerpetualMark:
    """A :class:`Premium` that follows the book around an anchor."""

    def __init__(self, anchor: Premium, rules: PerpetualRules | None = None) -> None:
        self._anchor = anchor
        self.rules = rules or PerpetualRules()
        self._pull = 0.0
        self._told_ms: int | None = None

    def tell(self, bid: float | None, ask: float | None, index: float, now_ms: int) -> None:
        """The best prices of the book as of now; None where a side is empty. A crossed pair says nothing."""
        anchored = self._anchor.at(now_ms)
        low = bid / index - 1.0 if bid is not None else -math.inf
        high = ask / index - 1.0 if ask is not None else math.inf
        wanted = min(max(anchored, low), high) - anchored if low <= high else 0.0
        elapsed_ms = 0 if self._told_ms is None else max(0, now_ms - self._told_ms)
        self._told_ms = now_ms
        self._pull += -math.expm1(-elapsed_ms / self.rules.constant_ms) * (wanted - self._pull)

    def at(self, now_ms: int) -> float:
        """See :class:`Premium`."""
        bound = self.rules.bound
        return min(max(self._anchor.at(now_ms) + self._pull, -bound), bound)
