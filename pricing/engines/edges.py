"""Black-76 where its formulas say nothing or their arithmetic would leave the doubles: one for all engines.

Undiscounted; :func:`pricing.black76` documents the results. Arguments of any value, NaN and infinities too.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from pricing.engines import Bools, Floats, careful_numpy

_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)


def black76(forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools) -> Floats:
    """Price, delta, gamma, vega, theta and rho as rows."""
    out = np.full((6, forward.size), np.nan)
    valid = _valid(forward, strike, years, vol)
    years = np.maximum(years, 0.0)
    bounded = valid & (strike > 0.0) & (strike < np.inf)
    live = vol * np.sqrt(years) > 0.0
    at = bounded & live
    out[:, at] = careful_numpy.black76(forward[at], strike[at], years[at], vol[at], is_call[at])
    at = bounded & ~live
    out[:, at] = _certain(forward[at], strike[at], years[at], is_call[at])
    out[:, valid & ~bounded] = 0.0
    free = valid & (strike == 0.0) & is_call
    out[0, free], out[1, free] = forward[free], 1.0
    infinite = valid & (strike == np.inf) & ~is_call
    out[0, infinite], out[1, infinite] = np.inf, -1.0
    out[5, infinite & (years > 0.0)] = -np.inf
    return out


def second_order(forward: Floats, strike: Floats, years: Floats, vol: Floats) -> Floats:
    """Vanna, volga and charm as rows."""
    out = np.full((3, forward.size), np.nan)
    valid = _valid(forward, strike, years, vol)
    years = np.maximum(years, 0.0)
    out[:, valid] = 0.0
    live = valid & (strike > 0.0) & (strike < np.inf) & (vol * np.sqrt(years) > 0.0)
    out[:, live] = careful_numpy.second_order(forward[live], strike[live], years[live], vol[live])
    # delta = N(s / 2) at the money: its slope there does not vanish with the volatility.
    flat = valid & ~live & (forward == strike)
    out[0, flat] = 0.01 * _INV_SQRT_2PI * 0.5 * np.sqrt(years[flat])
    return out


def _valid(forward: Floats, strike: Floats, years: Floats, vol: Floats) -> Bools:
    """Where there is an answer; a comparison with NaN is False."""
    valid = (forward > 0.0) & (forward < np.inf) & (strike >= 0.0) & np.isfinite(years)
    return np.asarray(valid & (vol >= 0.0) & (vol < np.inf))


def _certain(forward: Floats, strike: Floats, years: Floats, is_call: Bools) -> Floats:
    """Limits where nothing is left to chance: expiry reached or zero volatility."""
    sign = np.where(is_call, 1.0, -1.0)
    moneyness = sign * (forward - strike)
    exercised = 0.5 * (np.sign(moneyness) + 1.0)  # N(d1) = N(d2)
    at_the_money = np.where(moneyness == 0.0, _INV_SQRT_2PI, 0.0)
    nothing = np.zeros_like(forward)
    return np.stack(
        [
            np.maximum(moneyness, 0.0),
            sign * exercised,
            nothing,
            0.01 * forward * at_the_money * np.sqrt(years),
            nothing,
            0.01 * years * (sign * strike * exercised),
        ]
    )
