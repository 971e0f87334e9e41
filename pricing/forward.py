"""Forward prices of an underlying by expiry."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from pricing.european import Floats


class ForwardCurve(Protocol):
    """Where the forwards come from: a carry rate, futures, or an average under way before delivery."""

    def forwards(self, index: float, years: Floats) -> Floats:
        """Forward per expiry at `years` (>= 0) from now, given the index; same unit as `index`."""
        ...


class FlatCarry:
    """``F = index * exp(rate * years)``, one continuously compounded rate for all expiries."""

    def __init__(self, rate: float) -> None:
        if not math.isfinite(rate):
            raise ValueError(f"the carry rate must be finite, not {rate}")
        self.rate = rate

    def forwards(self, index: float, years: Floats) -> Floats:
        """See :class:`ForwardCurve`."""
        return np.asarray(np.exp(years * self.rate) * index)
