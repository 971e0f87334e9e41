"""The inversion of Black-76 by numba: one vectorised loop for c <= 1/2, the few others one by one.

Formulas and numbers: :mod:`pricing.engines.implied_fit`; the step is explained in
:mod:`pricing.engines.implied_numpy`.
"""

from __future__ import annotations

import math
from typing import Final

from pricing.engines import Bools, Floats
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
from pricing.engines.numba_jit import inlined, kernel
from pricing.engines.numba_math import (
    bits_of,
    fma,
    from_bits,
    load,
    log,
    log_ratio,
    select,
    shift_right,
    store,
)

_P = MILLS_TERMS
_N0, _N1, _N2 = LOW_NUMERATOR
_D0, _D1 = LOW_DENOMINATOR
_TOP0, _TOP1, _TOP2 = HIGH_NUMERATOR
_BELOW0, _BELOW1 = HIGH_DENOMINATOR
_SPAN: Final = MILLS_SHIFT + MILLS_CENTRE
_TINY: Final = 1e-290
_HALF_LN_2PI: Final = 0.5 * math.log(2.0 * math.pi)
_SMALL: Final = 1e-4


@inlined
def _rough_log(x: float) -> float:
    """ln(x) to 1e-7 for x >= 1."""
    bits = bits_of(x) + (0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
    exponent = from_bits(shift_right(bits, 52) | 0x4330000000000000) - (4503599627370496.0 + 1023.0)
    mantissa = from_bits((bits & 0x000FFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD)
    q = (mantissa - 1.0) / (mantissa + 1.0)
    q2 = q * q
    p = fma(fma(fma(2.0 / 7.0, q2, 0.4), q2, 2.0 / 3.0), q2, 2.0)
    return fma(exponent, 0.6931471805599453, q * p)


@inlined
def _guess_low(x: float, beta: float) -> float:
    """s, good to 6e-4 where c <= 1/2."""
    q = x + _TINY
    straddle = fma(2.0, beta, q)
    r = q / beta
    ln = select(r < _SMALL, fma(-0.5 * r, r, r), _rough_log(1.0 + r))
    y = math.sqrt((q + q) / (straddle * ln))
    base = straddle * y
    m = base * base
    top = fma(fma(fma(_N0[3], y, _N0[2]), y, _N0[1]), y, _N0[0])
    top_1 = fma(fma(_N1[2], y, _N1[1]), y, _N1[0])
    top = fma(fma(fma(_N2[1], y, _N2[0]), m, top_1), m, top)
    below = fma(fma(fma(_D0[3], y, _D0[2]), y, _D0[1]), y, _D0[0])
    below = fma(fma(fma(_D1[2], y, _D1[1]), y, _D1[0]), m, below)
    return base * top / below


@inlined
def _difference(near: float, far: float) -> float:
    """(R(near) - R(far)) / (far - near), which has a limit where the two meet."""
    a, b = near + MILLS_SHIFT, far + MILLS_SHIFT
    both = 1.0 / (a * b)
    u = (near - MILLS_CENTRE) * (b * both)
    v = (far - MILLS_CENTRE) * (a * both)
    one_less_v = _SPAN * (a * both)
    divided = _P[25]
    value = fma(_P[25], u, _P[24])
    for index in range(23, -1, -1):
        divided = fma(divided, v, value)
        value = fma(value, u, _P[index])
    return fma(-one_less_v, divided, value) * both


@inlined
def _mills(a: float) -> float:
    inverse = 1.0 / (a + MILLS_SHIFT)
    u = (a - MILLS_CENTRE) * inverse
    value = _P[25]
    for index in range(24, -1, -1):
        value = fma(value, u, _P[index])
    return value * inverse


@inlined
def _factor(z: float, t: float, n: float, slope: float) -> float:
    """The fifth-order step as a factor of s; `n` is the Newton step in ln s."""
    zz, tt = z * z, t * t
    h = zz - tt
    a = 1.0 + h - slope
    square = a * a
    g = fma(-2.0, zz + tt, fma(-slope, a, square))
    a2 = fma(4.0, h, -slope * g)
    b3 = fma(a, fma(7.0, g, -13.0 * square), -a2) * (1.0 / 24.0)
    b2 = fma(3.0, square, -g) * (1.0 / 6.0)
    d = n * fma(n, fma(n, fma(n, b3, b2), -0.5 * a), 1.0)
    return fma(d, fma(d, fma(d, fma(d, 1.0 / 24.0, 1.0 / 6.0), 0.5), 1.0), 1.0)


@inlined
def _reduce(value: float, f: float, k: float, call: bool) -> tuple[float, float, float, float]:
    """Smaller and larger of forward and strike, |ln(F/K)| and the time value."""
    below = f < k
    smaller, larger = select(below, f, k), select(below, k, f)
    in_money = (f > k) == call
    return smaller, larger, abs(log_ratio(f, k)[0]), value - select(in_money, larger - smaller, 0.0)


@inlined
def _high(value: float, f: float, k: float, years: float, call: bool) -> float:
    """As the kernel, for 1/2 < c < 1."""
    smaller, larger, x, time_value = _reduce(value, f, k, call)
    c = time_value / smaller
    # Rounding can leave a price at its bound a time value below its own.
    if value >= select(call, f, k):
        return math.nan
    if not (smaller >= SIZE_MIN and larger <= SIZE_MAX and x <= X_MAX and 0.5 < c < 1.0):
        return math.nan
    h = -log(1.0 - c)
    w = math.sqrt(h)
    top = fma(fma(fma(_TOP0[3], w, _TOP0[2]), w, _TOP0[1]), w, _TOP0[0])
    top_1 = fma(fma(_TOP1[2], w, _TOP1[1]), w, _TOP1[0])
    top = fma(fma(fma(_TOP2[1], w, _TOP2[0]), x, top_1), x, top)
    below = fma(fma(fma(_BELOW0[3], w, _BELOW0[2]), w, _BELOW0[1]), w, _BELOW0[0])
    below = fma(fma(fma(_BELOW1[2], w, _BELOW1[1]), w, _BELOW1[0]), x, below)
    s = math.sqrt(h + x) * top / below
    z, t = x / s, 0.5 * s
    ratio = (_mills(t - z) + _mills(t + z)) / s
    newton = (log(ratio * s) + (h - 0.5 * (z - t) ** 2 - _HALF_LN_2PI)) * ratio
    vol = s * _factor(z, t, newton, -1.0 / ratio) / math.sqrt(years)
    return vol if abs(newton) <= NEWTON_MAX and 0.0 < vol < math.inf else math.nan


@kernel("boolean(float64[::1], float64[::1], float64[::1], float64[::1], boolean[::1], float64[::1])")
def implied(
    value: Floats, forward: Floats, strike: Floats, years: Floats, is_call: Bools, vol: Floats
) -> bool:
    """Fills `vol`, NaN where this road does not lead to an answer; whether there is none such."""
    for i in range(value.size):
        smaller, larger, x, time_value = _reduce(
            load(value, i), load(forward, i), load(strike, i), load(is_call, i)
        )
        c = time_value / smaller
        s = _guess_low(x, time_value / math.sqrt(smaller * larger))
        z, t = x / s, 0.5 * s
        a = z - t
        ratio = _difference(a, z + t)
        error = log(ratio * s / c) - fma(0.5 * a, a, _HALF_LN_2PI)
        newton = -error * ratio
        found = s * _factor(z, t, newton, 1.0 / ratio) / math.sqrt(load(years, i))
        sound = (smaller >= SIZE_MIN) & (larger <= SIZE_MAX) & (x <= X_MAX) & (c >= C_MIN) & (c <= 0.5)
        sound = sound & (abs(newton) <= NEWTON_MAX) & (found > 0.0) & (found < math.inf)
        store(vol, i, select(sound, found, math.nan), 0)
    solved = True
    for i in range(value.size):
        if math.isnan(vol[i]):
            vol[i] = _high(value[i], forward[i], strike[i], years[i], is_call[i])
            solved = solved and not math.isnan(vol[i])
    return solved
