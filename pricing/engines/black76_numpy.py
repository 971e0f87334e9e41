"""Black-76 price and Greeks in numpy and scipy."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.special import ndtr

from pricing.engines import Bools, Floats
from pricing.normal import mills_difference

DAYS_PER_YEAR: Final = 365.0
_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)

_WING_SHARE: Final = 0.02
"""Below this share of its leading term the plain difference has lost too many digits."""


def black76(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools, out: Floats
) -> None:
    """Rows of `out`: price, delta, gamma, vega, theta, rho, undiscounted."""
    sign = np.where(is_call, 1.0, -1.0)
    root = np.sqrt(years)
    stdev = vol * root
    x = np.log1p((forward - strike) / strike)
    d1 = x / stdev + 0.5 * stdev
    # side is +1 where the call is the out-of-the-money option, -1 where the put is.
    side = np.where(x < 0.0, 1.0, -1.0)
    n1 = ndtr(side * d1)
    n2 = ndtr(side * (d1 - stdev))
    density = np.exp(-0.5 * d1 * d1)
    density *= _INV_SQRT_2PI
    f_density = forward * density
    f_n1 = forward * n1
    k_n2 = strike * n2
    time_value = side * (f_n1 - k_n2)
    wing = np.flatnonzero(time_value < _WING_SHARE * np.maximum(f_n1, k_n2))
    if wing.size:
        s_wing = stdev[wing]
        time_value[wing] = f_density[wing] * mills_difference(np.abs(x[wing]) / s_wing, 0.5 * s_wing)
    otm = sign == side
    price, delta, gamma, vega, theta, rho = out
    np.maximum(sign * (forward - strike), 0.0, out=price)
    price += time_value
    np.multiply(np.where(otm, n1, 1.0 - n1), sign, out=delta)
    np.divide(density, forward * stdev, out=gamma)
    np.multiply(f_density, root, out=vega)
    vega *= 0.01
    # dPrice/dT = F phi(d1) vol / (2 sqrt T) = F phi(d1) * stdev / (2 T)
    np.divide(f_density * stdev, (-2.0 * DAYS_PER_YEAR) * years, out=theta)
    np.multiply(sign * strike * years, np.where(otm, n2, 1.0 - n2), out=rho)
    rho *= 0.01


def second_order(forward: Floats, strike: Floats, years: Floats, vol: Floats, out: Floats) -> None:
    """Rows of `out`: vanna, volga, charm, undiscounted."""
    root = np.sqrt(years)
    stdev = vol * root
    x = np.log1p((forward - strike) / strike)
    ratio = x / stdev
    d1 = ratio + 0.5 * stdev
    d2 = ratio - 0.5 * stdev
    density = _INV_SQRT_2PI * np.exp(-0.5 * d1 * d1)
    vanna, volga, charm = out
    np.divide(-0.01 * density * d2, vol, out=vanna)
    np.divide(1e-4 * forward * density * root * d1 * d2, vol, out=volga)
    np.divide(density * d2, (2.0 * DAYS_PER_YEAR) * years, out=charm)
