"""The denominator of the pricing benchmark: Black-76 as anyone writes it with numpy and scipy.

The textbook formulas, one line each, over whole arrays; no check, no edge, no broadcasting, no care for
cancellation, so its prices are wrong in the wings. What it costs is what whole-array Python costs on the
machine at hand, and every speed of :mod:`loadtest.bench_pricing` is judged as a multiple of it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]

_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)


def naive_black76(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, sign: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Price, delta, gamma, vega (per point), theta (per day), rho (per 1 %), undiscounted.

    One-dimensional arrays of one length; `sign` is +1.0 for a call, -1.0 for a put.
    """
    root = np.sqrt(years)
    stdev = vol * root
    d1 = np.log(forward / strike) / stdev + 0.5 * stdev
    d2 = d1 - stdev
    n1 = ndtr(sign * d1)
    n2 = ndtr(sign * d2)
    density = _INV_SQRT_2PI * np.exp(-0.5 * d1 * d1)
    price = sign * (forward * n1 - strike * n2)
    delta = sign * n1
    gamma = density / (forward * stdev)
    vega = 0.01 * forward * density * root
    theta = -forward * density * vol / (2.0 * 365.0 * root)
    rho = 0.01 * sign * strike * years * n2
    return price, delta, gamma, vega, theta, rho
