"""The inversion of Black-76 for one option in plain Python: a few microseconds, where arrays would take 100.

The same formulas as :mod:`pricing.engines.implied_numpy`, on the numbers of
:mod:`pricing.engines.implied_fit`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeVar

from pricing.engines import Floats
from pricing.engines.implied_fit import (
    C_MIN,
    HIGH_DENOMINATOR,
    HIGH_NUMERATOR,
    LOW_DENOMINATOR,
    LOW_NUMERATOR,
    MILLS_CENTRE,
    MILLS_SHIFT,
    MILLS_TERMS,
    NEWTON_MAX,
    SIZE_MAX,
    SIZE_MIN,
    X_MAX,
)

_HALF_LN_2PI: Final = 0.5 * math.log(2.0 * math.pi)
_DOWNWARD: Final = MILLS_TERMS[::-1]

Value = TypeVar("Value", float, Floats)


def implied_one(value: float, forward: float, strike: float, years: float, is_call: bool) -> float:
    """The volatility of one option, or NaN where this road does not lead to an answer. Never raises."""
    smaller, larger = (forward, strike) if forward < strike else (strike, forward)
    if not (smaller >= SIZE_MIN and larger <= SIZE_MAX and 0.0 < years < math.inf):
        return math.nan
    if value >= (forward if is_call else strike):
        return math.nan
    gap = larger - smaller
    if (forward > strike) == is_call:
        value -= gap
    c = value / smaller
    x = math.log1p(gap / smaller)
    if not (C_MIN <= c < 1.0 and x <= X_MAX):
        return math.nan
    if c <= 0.5:
        s = _guess_low(x, value / math.sqrt(smaller * larger))
        z, t = x / s, 0.5 * s
        ratio = mills_slope(z - t, z + t)
        error = math.log(ratio * s / c) - 0.5 * (z - t) ** 2 - _HALF_LN_2PI
        slope = 1.0 / ratio
    else:
        h = -math.log(1.0 - c)
        s = _guess_high(x, h)
        z, t = x / s, 0.5 * s
        ratio = (mills_value(t - z) + mills_value(t + z)) / s
        error = math.log(ratio * s) + (h - 0.5 * (z - t) ** 2 - _HALF_LN_2PI)
        slope = -1.0 / ratio
    newton = -error / slope
    vol = s * math.exp(step_exponent(z, t, newton, slope)) / math.sqrt(years)
    return vol if abs(newton) <= NEWTON_MAX and 0.0 < vol < math.inf else math.nan


def _horner(terms: Sequence[float], at: float) -> float:
    total = 0.0
    for term in reversed(terms):
        total = total * at + term
    return total


def _guess_low(x: float, beta: float) -> float:
    straddle = beta + beta + x
    # At the money the ratio of x / straddle to its atanh is 1.
    y = math.sqrt(2.0 * x / straddle / math.log1p(x / beta)) if x > C_MIN else 1.0
    base = straddle * y
    m = base * base
    top = _horner([_horner(row, y) for row in LOW_NUMERATOR], m)
    return base * top / _horner([_horner(row, y) for row in LOW_DENOMINATOR], m)


def _guess_high(x: float, h: float) -> float:
    w = math.sqrt(h)
    top = _horner([_horner(row, w) for row in HIGH_NUMERATOR], x)
    return math.sqrt(h + x) * top / _horner([_horner(row, w) for row in HIGH_DENOMINATOR], x)


def mills_value(a: Value) -> Value:
    """The Mills ratio for a >= -0.72, elementwise if `a` is an array."""
    inverse = 1.0 / (a + MILLS_SHIFT)
    u = (a - MILLS_CENTRE) * inverse
    value = MILLS_TERMS[-1] * u
    for term in _DOWNWARD[1:-1]:
        value = (value + term) * u
    return (value + MILLS_TERMS[0]) * inverse


def mills_slope(near: Value, far: Value) -> Value:
    """(R(near) - R(far)) / (far - near) for -0.72 <= near <= far; there is a limit where the two meet."""
    from_near, from_far = 1.0 / (near + MILLS_SHIFT), 1.0 / (far + MILLS_SHIFT)
    u, v = (near - MILLS_CENTRE) * from_near, (far - MILLS_CENTRE) * from_far
    divided = 0.0 * v
    value = divided + MILLS_TERMS[-1]
    for term in _DOWNWARD[1:]:
        divided = divided * v + value
        value = value * u + term
    return (value - (1.0 - v) * divided) * from_near * from_far


def step_exponent(z: Value, t: Value, n: Value, slope: Value) -> Value:
    """By how much ln s moves in the fifth-order step; `n` is the Newton step in ln s."""
    zz, tt = z * z, t * t
    a = 1.0 + (zz - tt) - slope
    square = a * a
    g = square - 2.0 * (zz + tt) - slope * a
    a2 = 4.0 * (zz - tt) - slope * g
    b3 = (a * (7.0 * g - 13.0 * square) - a2) * (1.0 / 24.0)
    return n * (1.0 + n * (-0.5 * a + n * ((3.0 * square - g) * (1.0 / 6.0) + n * b3)))
