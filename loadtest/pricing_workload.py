"""What the pricing benchmark prices: a large seeded chain.

It is what a venue lists: expiries from a day to two years, volatilities of 30 to 120 %, strikes
spread evenly over two and a half standard deviations either side of the forward (deltas of 0.6 to 99.4 %),
calls and puts alike.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]

SEED: Final = 20_240_108
EXPIRIES_COUNT: Final = 10
FORWARD: Final = 64_123.5
CARRY: Final = 0.05
STDEVS_MAX: Final = 2.5


class Options(NamedTuple):
    """Arrays of one length, C-contiguous; `expiry` numbers the expiry of each option."""

    forward: Floats
    strike: Floats
    years: Floats
    vol: Floats
    is_call: Bools
    expiry: Indices

    @property
    def sign(self) -> Floats:
        """+1.0 for calls, -1.0 for puts."""
        return np.where(self.is_call, 1.0, -1.0)

    def at(self, chosen: Indices) -> Options:
        """Some of them."""
        return Options(
            self.forward[chosen],
            self.strike[chosen],
            self.years[chosen],
            self.vol[chosen],
            self.is_call[chosen],
            self.expiry[chosen],
        )


def chain(options_count: int, seed: int = SEED) -> Options:
    """A seeded chain of `options_count` options in expiries of equal size."""
    random = np.random.default_rng(seed)
    expiry = np.arange(options_count) * EXPIRIES_COUNT // options_count
    years = np.geomspace(1.0 / 365.0, 2.0, EXPIRIES_COUNT)[expiry]
    vol = random.uniform(0.3, 1.2, options_count)
    k = random.uniform(-STDEVS_MAX, STDEVS_MAX, options_count) * vol * np.sqrt(years)
    forward = FORWARD * np.exp(CARRY * years)
    is_call = random.random(options_count) < 0.5
    return Options(forward, forward * np.exp(k), years, vol, is_call, expiry.astype(np.intp))
