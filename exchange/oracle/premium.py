"""The simulated perpetual's premium over its index: small, mean-reverting, bounded."""

from __future__ import annotations

import math
from typing import Final

from numpy.random import PCG64, Generator

_STEP_MS: Final = 1_000
_STEPS_MAX: Final = 3_600


class PerpetualPremium:
    """An Ornstein-Uhlenbeck premium on a grid of one second; the path depends on seed and time alone.

    `stdev` and `bound` are fractions of the index, `half_life_ms` the time in which half a deviation is gone.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        stdev: float = 2e-4,
        bound: float = 1e-3,
        half_life_ms: int = 600_000,
    ) -> None:
        if not (0.0 <= stdev <= bound < 1.0 and half_life_ms >= 1):
            raise ValueError("a premium needs 0 <= stdev <= bound < 1 and half_life_ms >= 1")
        self._random = Generator(PCG64(seed))
        self._at_ms = start_ms
        self._bound = bound
        self._keep = 0.5 ** (_STEP_MS / half_life_ms)
        self._step_stdev = stdev * math.sqrt(1.0 - self._keep**2)
        self._value = 0.0

    def at(self, now_ms: int) -> float:
        """The premium at `now_ms` as a fraction of the index, within ± bound."""
        steps = max(now_ms - self._at_ms, 0) // _STEP_MS
        if not steps:
            return self._value
        self._at_ms += steps * _STEP_MS
        # After an hour's absence the past is forgotten anyway.
        for shock in self._random.standard_normal(min(steps, _STEPS_MAX)).tolist():
            moved = self._value * self._keep + self._step_stdev * shock
            self._value = min(max(moved, -self._bound), self._bound)
        return self._value
