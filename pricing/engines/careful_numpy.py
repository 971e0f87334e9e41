"""Black-76 to a few units in the last place over the whole range of doubles, in numpy without haste.

The same steps as :mod:`pricing.engines.black76_numba`, which says why: ln(F/K), s, z and the square in the
exponent as pairs (hi, lo) of doubles, the difference of Mills ratios by divided differences. Dekker's
products stand in for the fused multiply-add numpy does not have. No product of two arguments is formed that
could leave the range of doubles where the result does not.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from pricing.engines import Bools, Floats
from pricing.normal import MILLS_ORIGIN, mills_pair

SMALL: Final = 1e-100
LARGE: Final = 1e100
"""Arguments of ordinary size: engines compute these themselves, whatever else is handed to them."""

_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)
_FAR: Final = 1e3
_HUGE: Final = 1e300
"""Far beyond every effect of a standard deviation, and finite."""
_LN2_HI: Final = 0.6931471805592082
"""40 bits: its multiples by whole numbers below 2**13 are exact."""
_LN2_LO: Final = 7.371002565167799e-13
_SPLIT: Final = 134217729.0
_DAYS_PER_YEAR: Final = 365.0

# Twice the odd powers' coefficients of atanh beyond the first: the quotient is at most 0.172.
_ATANH: Final = tuple(2.0 / (2 * n + 1) for n in range(1, 12))


def ordinary(forward: Floats, strike: Floats, years: Floats, vol: Floats) -> Bools:
    """Where all four lie in [SMALL, LARGE]."""
    least = np.minimum(np.minimum(forward, strike), np.minimum(years, vol))
    most = np.maximum(np.maximum(forward, strike), np.maximum(years, vol))
    return np.asarray((least >= SMALL) & (most <= LARGE))


class _Standard(NamedTuple):
    """Arguments in standard deviations; a field ending in _lo belongs to the one before."""

    root: Floats
    stdev: Floats
    low: Bools
    """Whether F <= K."""
    near: Floats
    """z - h"""
    far: Floats
    """z + h"""
    span: Floats
    """2 h, more exactly than far - near."""
    density: Floats
    """phi(z - h)"""


def black76(forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools) -> Floats:
    """Price, delta, gamma, vega, theta and rho as rows. Positive, finite arguments."""
    at = _standardise(forward, strike, years, vol)
    low = at.low
    smaller, larger = np.minimum(forward, strike), np.maximum(forward, strike)
    inside = at.near >= -MILLS_ORIGIN
    near_ratio, far_ratio, difference = mills_pair(np.where(inside, at.near, -at.near), at.far, at.span)
    worth = smaller * at.density
    far_density = at.density * (smaller / larger)
    value = np.where(inside, worth * difference, smaller - worth * (near_ratio + far_ratio))
    tail = at.density * near_ratio
    far = far_density * far_ratio
    near, not_near = np.where(inside, tail, 1.0 - tail), np.where(inside, 1.0 - tail, tail)
    out_of_money = is_call == low
    of_near, of_far = np.where(out_of_money, near, not_near), np.where(out_of_money, far, 1.0 - far)
    sign = np.where(is_call, 1.0, -1.0)
    return np.stack(
        [
            value + np.where(out_of_money, 0.0, larger - smaller),
            sign * np.where(low, of_near, of_far),
            np.where(low, at.density, far_density) / at.stdev / forward,
            0.01 * worth * at.root,
            worth * vol / at.root * (-0.5 / _DAYS_PER_YEAR),
            sign * np.where(low, of_far, of_near) * strike * (0.01 * years),
        ]
    )


def second_order(forward: Floats, strike: Floats, years: Floats, vol: Floats) -> Floats:
    """Vanna, volga and charm as rows. Positive, finite arguments."""
    at = _standardise(forward, strike, years, vol)
    # d1 = h - z, d2 = -h - z where F <= K; d1 = h + z, d2 = z - h elsewhere.
    d2 = np.where(at.low, -at.far, at.near)
    worth = np.minimum(forward, strike) * at.density
    slope = np.where(at.low, at.density, at.density * (strike / forward))  # phi(d1)
    return np.stack(
        [
            -0.01 * slope * d2 / vol,
            1e-4 * worth * at.far * at.root * at.near / vol,
            (0.5 / _DAYS_PER_YEAR) * slope * d2 / years,
        ]
    )


def _standardise(f: Floats, k: Floats, t: Floats, v: Floats) -> _Standard:
    root = np.sqrt(t)
    root_lo = _off(root, root, t) * (0.5 / root)
    s = np.minimum(v * root, _HUGE)
    s_lo = np.where(s < _FAR, v * root_lo - _off(v, root, s), 0.0)
    x, x_lo = log_ratio(f, k)
    low = x <= 0.0
    size, size_lo = np.abs(x), np.where(low, -x_lo, x_lo)
    z = size / s
    z_lo = (_off(z, s, size) + (size_lo - z * s_lo)) / s
    beyond = ~(z < _FAR)
    z, z_lo = np.where(beyond, _FAR, z), np.where(beyond, 0.0, z_lo)
    h, h_lo = np.minimum(0.5 * s, _FAR), 0.5 * s_lo
    near = z - h
    back = z - near
    near_lo = ((z - (near + back)) + (back - h)) + (z_lo - h_lo)
    square = near * near
    square_lo = 2.0 * near * near_lo - _off(near, near, square)
    density = _INV_SQRT_2PI * np.exp(-0.5 * square)
    density -= density * (0.5 * square_lo)
    return _Standard(root, s, low, near + near_lo, (z + h) + (z_lo + h_lo), 2.0 * h, density)


def _off(a: Floats, b: Floats, product: Floats) -> Floats:
    """`product` - a b, near 0, to about 2**-100 of it (Dekker); 0 where splitting overflows."""
    a_hi = _SPLIT * a
    a_hi = a_hi - (a_hi - a)
    b_hi = _SPLIT * b
    b_hi = b_hi - (b_hi - b)
    a_lo, b_lo = a - a_hi, b - b_hi
    error = (((product - a_hi * b_hi) - a_lo * b_hi) - a_hi * b_lo) - a_lo * b_lo
    return np.where(np.isfinite(error), error, 0.0)


def log_ratio(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """ln(a / b) as a pair, relative error below 2**-57; any positive doubles."""
    a_part, a_exponent = np.frexp(a)
    b_part, b_exponent = np.frexp(b)
    # Halve or double so that the parts are within sqrt(2) of each other.
    n = (a_exponent - b_exponent).astype(np.float64)
    up, down = a_part > math.sqrt(2.0) * b_part, b_part > math.sqrt(2.0) * a_part
    b_part = np.where(up, 2.0 * b_part, np.where(down, 0.5 * b_part, b_part))
    n = np.where(up, n + 1.0, np.where(down, n - 1.0, n))
    difference = a_part - b_part
    total = a_part + b_part
    rest = total - a_part
    total_lo = (a_part - (total - rest)) + (b_part - rest)
    q = difference / total
    q_lo = (_off(q, total, difference) - q * total_lo) / total
    whole, lead = n * _LN2_HI, 2.0 * q
    hi = whole + lead
    lo = lead - (hi - whole)
    q2 = q * q
    series = np.full_like(q, _ATANH[-1])
    for coefficient in _ATANH[-2::-1]:
        series = series * q2 + coefficient
    lo = lo + (n * _LN2_LO + (q2 * q * series + 2.0 * q_lo))
    top = hi + lo
    return top, lo - (top - hi)
