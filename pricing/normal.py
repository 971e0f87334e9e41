"""The normal law where its tails are needed to full relative accuracy: Mills ratios and their differences."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.special import erfcx

from pricing.engines import Floats

_SQRT_HALF: Final = math.sqrt(0.5)
_SQRT_HALF_PI: Final = math.sqrt(math.pi / 2.0)

_SMALL_T: Final = 0.05
"""Below this half-width the difference of Mills ratios is expanded instead of subtracted."""


def mills(z: Floats) -> Floats:
    """The Mills ratio R(z) = N(-z) / phi(z) of the standard normal law."""
    return np.asarray(_SQRT_HALF_PI * erfcx(_SQRT_HALF * z), dtype=np.float64)


def mills_difference(z: Floats, t: Floats) -> Floats:
    """R(z - t) - R(z + t) for z, t >= 0, without the cancellation a small t brings.

    For t < 0.05 the Taylor series -2 (t R' + t^3 R'''/3! + t^5 R^(5)/5! + t^7 R^(7)/7!) about z, whose
    derivatives follow from R' = z R - 1 and R^(n+1) = z R^(n) + n R^(n-1).
    """
    small = t < _SMALL_T
    if small.all():
        return _mills_series(z, t)
    difference = mills(z - t) - mills(z + t)
    if small.any():
        index = np.flatnonzero(small)
        difference[index] = _mills_series(z[index], t[index])
    return difference


def _mills_series(z: Floats, t: Floats) -> Floats:
    r0 = mills(z)
    r1 = z * r0 - 1.0
    r2 = z * r1 + r0
    r3 = z * r2 + 2.0 * r1
    r4 = z * r3 + 3.0 * r2
    r5 = z * r4 + 4.0 * r3
    r6 = z * r5 + 5.0 * r4
    r7 = z * r6 + 6.0 * r5
    tt = t * t
    return -2.0 * t * (r1 + tt / 6.0 * (r3 + tt / 20.0 * (r5 + tt / 42.0 * r7)))
