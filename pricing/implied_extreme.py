"""The slow and sure road to an implied volatility, for options that the engines' fast road turns away.

Those are prices below 1e-290 of the option's bound, strikes five hundred times the forward and further, and
sizes near the limits of doubles. The method needs no good guess: steps on ln c (on ln(1 - c) for c > 1/2) as
a function of ln s, kept inside a bracket that every evaluation narrows; where a step leaves the bracket it is
halved (in ln s) instead. Formulas: :mod:`pricing.engines.implied_fit`.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.engines import Floats
from pricing.engines.implied_scalar import mills_slope, mills_value, step_exponent

_STEPS_MAX: Final = 80
"""Halving alone narrows any bracket to nothing in so many; a handful is usual."""

_SERIES_MAX: Final = 1e-2
"""Above this Newton step the series beyond it is of no use."""

_CONVERGED: Final = 1e-4
"""Below it the fifth-order step just taken left less than rounding."""

_RATIO_PLAIN: Final = 1e15
_SHARE_PLAIN: Final = 1e-300
"""Shares (c or 1 - c) down to here are divided by; smaller ones are known by their logarithm only."""

_HALF_LN_2PI: Final = 0.5 * math.log(2.0 * math.pi)
_SQRT_2PI: Final = math.sqrt(2.0 * math.pi)


def total_deviation(forward: Floats, strike: Floats, time_value: Floats) -> Floats:
    """s = vol * sqrt(years) at which the option has this time value; NaN if it was not found.

    Forward and strike positive and finite, the time value above 0 and below both. Call under
    ``np.errstate(all="ignore")``.
    """
    smaller, larger = np.minimum(forward, strike), np.maximum(forward, strike)
    ratio = (larger - smaller) / smaller
    x = np.where(ratio < _RATIO_PLAIN, np.log1p(ratio), np.log(larger) - np.log(smaller))
    c = time_value / smaller
    low = c <= 0.5
    share = np.where(low, c, 1.0 - c)
    goal = np.where(share < _SHARE_PLAIN, np.log(time_value) - np.log(smaller), np.log(share))
    # ln c = -q**2 / 2 (ln(1 - c) likewise) is met at z - t = +-q but for a factor that matters little.
    q = np.sqrt(-2.0 * goal)
    reach = np.sqrt(q * q + 2.0 * x)
    # c <= s / sqrt(2 pi), and no tail of the normal law in doubles goes beyond 60; c = 1/2 lies between
    # z = t and z - t = -0.72, so the Mills ratios are asked for arguments above -0.72 only.
    least = np.where(low, np.maximum(x / 60.0, (1.0 - 1e-9) * _SQRT_2PI * np.exp(goal)), np.sqrt(2.0 * x))
    most = np.where(low, 0.72 + np.sqrt(0.72**2 + 2.0 * x), 9.0 + np.sqrt(81.0 + 2.0 * x))
    s = np.clip(np.where(low, 2.0 * x / (q + reach), q + reach), least, most)
    done = np.zeros(s.shape, dtype=np.bool_)
    for _ in range(_STEPS_MAX):
        error, slope, newton = _newton(x, s, low, share, goal)
        rising = error * slope > 0.0  # c(s) is too large
        most, least = np.where(rising, s, most), np.where(rising, least, s)
        exponent = step_exponent(x / s, 0.5 * s, newton, slope)
        moved = s * np.exp(np.where(np.abs(newton) < _SERIES_MAX, exponent, newton))
        close = np.abs(newton) <= _CONVERGED
        inside = (moved > least) & (moved < most)
        moved = np.where(close | inside, moved, np.sqrt(least) * np.sqrt(most))
        s = np.where(done, s, moved)
        done |= close
        if done.all():
            break
    return np.where(done, s, np.nan)


def _newton(
    x: Floats, s: Floats, low: NDArray[np.bool_], share: Floats, goal: Floats
) -> tuple[Floats, Floats, Floats]:
    """ln c(s) (or ln(1 - c(s))) less that of the share sought, its slope against ln s, Newton's step."""
    z, t = x / s, 0.5 * s
    near = z - t
    ratio = np.where(low, mills_slope(near, z + t), (mills_value(-near) + mills_value(z + t)) / s)
    scaled = ratio * s  # share / phi(z - t)
    log = np.where(share < _SHARE_PLAIN, np.log(scaled) - goal, np.log(scaled / share))
    error = log - 0.5 * near * near - _HALF_LN_2PI
    slope = np.where(low, 1.0, -1.0) / ratio
    return error, slope, np.asarray(-error / slope, dtype=np.float64)
