"""Elementary functions as straight-line code that LLVM turns into vector instructions inside a loop.

numba without Intel's SVML calls the C library for every single exp and log. The functions here have no calls,
no branches and no tables, so that a loop over them runs four (AVX2) or eight (AVX-512) options at a time.
Write such a loop with `load` and `store`, with every choice a `select`, in a
:func:`pricing.engines.numba_jit.kernel`.

Domains are stated per function; nothing is checked. NaN in gives garbage out, not always NaN: kernels are
handed good data only. Errors are in units of u = 2**-53. A "pair" (hi, lo) is an unevaluated sum of two
doubles, lo below half a unit in the last place of hi.
"""

from __future__ import annotations

import math
from typing import Final

from pricing.engines.numba_jit import inlined
from pricing.engines.numba_machine import bits_of, fma, from_bits, load, reload, select, shift_right, store
from pricing.normal import MILLS_ORIGIN, MILLS_P, MILLS_Q

__all__ = [
    "INV_SQRT_2PI", "MILLS_ORIGIN", "bits_of", "exp", "exp_pair", "fma", "from_bits", "load", "log",
    "log_ratio", "mills_cross", "mills_denominator", "mills_numerator", "reload", "select", "shift_right",
    "store",
]  # fmt: skip

# --- Exponential and logarithm -----------------------------------------------------------------------

_LOG2_E: Final = 1.0 / math.log(2.0)
_LN2_HI: Final = 0.6931471805592082
"""40 bits: its multiples by whole numbers below 2**13 are exact."""
_LN2_LO: Final = 7.371002565167799e-13
_LN2: Final = math.log(2.0)
_LN2_REST: Final = 2.3190468138462996e-17
_ROUND: Final = 6755399441055744.0
"""1.5 * 2**52: adding it leaves the nearest whole number in the low bits."""
_ROUND_BITS: Final = 0x4338000000000000
_EXPONENT_ONE: Final = 1023


@inlined
def _exp_reduced(r: float, r_lo: float) -> float:
    """exp(r + r_lo) for |r| <= ln(2)/2, |r_lo| <= 1e-9: degree 11, 1 u."""
    p = fma(2.510038549551032e-08, r, 2.7620088445409746e-07)
    p = fma(p, r, 2.7557268459997064e-06)
    p = fma(p, r, 2.4801521295954376e-05)
    p = fma(p, r, 0.00019841269863053618)
    p = fma(p, r, 0.0013888888917213717)
    p = fma(p, r, 0.008333333333330062)
    p = fma(p, r, 0.04166666666662413)
    p = fma(p, r, 0.16666666666666669)
    p = fma(p, r, 0.5)
    e = 1.0 + fma(p, r * r, r)
    return fma(e, r_lo, e)


@inlined
def exp_pair(x: float, x_lo: float) -> float:
    """exp(x + x_lo) to 2 u for x <= 600, |x_lo| <= 1e-9; underflows gradually to 0, also for -inf."""
    x = select(x < -797.0, -797.0, x)
    shifted = fma(x, _LOG2_E, _ROUND)
    count = shifted - _ROUND
    r = fma(-count, _LN2, x)
    r_lo = fma(-count, _LN2_REST, x_lo)
    # The power of two is made 2**128 too large and taken back at the end, for results below 2**-1022.
    exponent = bits_of(shifted) - _ROUND_BITS + (_EXPONENT_ONE + 128)
    return _exp_reduced(r, r_lo) * from_bits(exponent << 52) * 2.0**-128


@inlined
def exp(x: float) -> float:
    """exp(x) to 2 u for x <= 600; underflows gradually to 0, also for -inf."""
    return exp_pair(x, 0.0)


@inlined
def _log_series(q2: float) -> float:
    """(2 atanh(q) - 2 q) / q**3 for |q| <= 0.2, q2 = q**2."""
    p = fma(0.12423114056078084, q2, 0.11617515331503465)
    p = fma(p, q2, 0.13339393783338313)
    p = fma(p, q2, 0.1538447089657833)
    p = fma(p, q2, 0.18181820198587603)
    p = fma(p, q2, 0.22222222206441009)
    p = fma(p, q2, 0.2857142857149035)
    p = fma(p, q2, 0.3999999999999991)
    return fma(p, q2, 0.6666666666666666)


_HALF_EXPONENT: Final = (1023 << 52) + (1 << 51)
_EXPONENT_FIELD: Final = 0x7FF << 52
_WHOLE: Final = 4503599627370496.0 + 1023.0
_WHOLE_BITS: Final = 0x4330000000000000


@inlined
def log_ratio(a: float, b: float) -> tuple[float, float]:
    """ln(a / b) as a pair, relative error below 2**-57, and the less the nearer a is to b.

    a, b > 0 and normal (>= 2.3e-308), their ratio within 2**-1000 and 2**1000.
    """
    # b is scaled by 2**n to lie beside a: the difference of the bits is about 2**52 log2(a / b).
    scale = (bits_of(a) - bits_of(b) + _HALF_EXPONENT) & _EXPONENT_FIELD
    n = from_bits(shift_right(scale, 52) | _WHOLE_BITS) - _WHOLE
    beside = from_bits(bits_of(b) + scale - (_EXPONENT_ONE << 52))
    # ln = n ln 2 + 2 atanh(q), q = difference / total: the difference is exact, the total a pair.
    difference = a - beside
    total = a + beside
    rest = total - a
    total_lo = (a - (total - rest)) + (beside - rest)
    inverse = 1.0 / total
    q = difference * inverse
    q_lo = fma(-q, total_lo, fma(-q, total, difference)) * inverse
    whole = n * _LN2_HI
    lead = 2.0 * q
    hi = whole + lead
    lo = lead - (hi - whole)
    q2 = q * q
    lo += fma(n, _LN2_LO, fma(q2 * q, _log_series(q2), 2.0 * q_lo))
    top = hi + lo
    return top, lo - (top - hi)


@inlined
def log(x: float) -> float:
    """ln(x) to 1 u for x > 0 and normal, near 1 too."""
    return log_ratio(x, 1.0)[0]


# --- The normal law ----------------------------------------------------------------------------------

INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)
_P: Final = MILLS_P
_Q: Final = MILLS_Q


@inlined
def mills_numerator(y: float) -> float:
    """P in R(z) = P(y) / Q(y), y = z + 0.25 >= 0."""
    p = fma(y + _P[9], y, _P[8])
    p = fma(p, y, _P[7])
    p = fma(p, y, _P[6])
    p = fma(p, y, _P[5])
    p = fma(p, y, _P[4])
    p = fma(p, y, _P[3])
    p = fma(p, y, _P[2])
    p = fma(p, y, _P[1])
    return fma(p, y, _P[0])


@inlined
def mills_denominator(y: float) -> float:
    """Q in R(z) = P(y) / Q(y), y = z + 0.25 >= 0."""
    q = fma(y + _Q[10], y, _Q[9])
    q = fma(q, y, _Q[8])
    q = fma(q, y, _Q[7])
    q = fma(q, y, _Q[6])
    q = fma(q, y, _Q[5])
    q = fma(q, y, _Q[4])
    q = fma(q, y, _Q[3])
    q = fma(q, y, _Q[2])
    q = fma(q, y, _Q[1])
    return fma(q, y, _Q[0])


@inlined
def _numerator_slope(ya: float, yb: float) -> tuple[float, float]:
    """P(yb) and the divided difference (P(yb) - P(ya)) / (yb - ya), by Horner's scheme: nothing cancels."""
    p = yb + _P[9]
    d = ya + p
    p = fma(p, yb, _P[8])
    d = fma(d, ya, p)
    p = fma(p, yb, _P[7])
    d = fma(d, ya, p)
    p = fma(p, yb, _P[6])
    d = fma(d, ya, p)
    p = fma(p, yb, _P[5])
    d = fma(d, ya, p)
    p = fma(p, yb, _P[4])
    d = fma(d, ya, p)
    p = fma(p, yb, _P[3])
    d = fma(d, ya, p)
    p = fma(p, yb, _P[2])
    d = fma(d, ya, p)
    p = fma(p, yb, _P[1])
    d = fma(d, ya, p)
    return fma(p, yb, _P[0]), d


@inlined
def _denominator_slope(ya: float, yb: float) -> tuple[float, float]:
    """Q(yb) and the divided difference (Q(yb) - Q(ya)) / (yb - ya)."""
    q = yb + _Q[10]
    d = ya + q
    q = fma(q, yb, _Q[9])
    d = fma(d, ya, q)
    q = fma(q, yb, _Q[8])
    d = fma(d, ya, q)
    q = fma(q, yb, _Q[7])
    d = fma(d, ya, q)
    q = fma(q, yb, _Q[6])
    d = fma(d, ya, q)
    q = fma(q, yb, _Q[5])
    d = fma(d, ya, q)
    q = fma(q, yb, _Q[4])
    d = fma(d, ya, q)
    q = fma(q, yb, _Q[3])
    d = fma(d, ya, q)
    q = fma(q, yb, _Q[2])
    d = fma(d, ya, q)
    q = fma(q, yb, _Q[1])
    d = fma(d, ya, q)
    return fma(q, yb, _Q[0]), d


@inlined
def mills_cross(near: float, far: float, span: float) -> tuple[float, float, float, float]:
    """R(near), R(far) and R(near) - R(far) as numerators, and their common denominator, 1e11 to 1e66.

    -0.25 <= near <= far <= 3e3, and `span` = far - near, more exactly than the two say it. With R = P / Q the
    difference is span * (P(far) Q[near, far] - P[near, far] Q(far)) / (Q(near) Q(far)), f[a, b] the divided
    difference, which Horner's scheme gives without subtracting; where the two lie well apart the plain
    difference is the better one. Each is good to a few u, the difference too however close the two are.
    """
    ya = near + MILLS_ORIGIN
    yb = far + MILLS_ORIGIN
    pa, qa = mills_numerator(ya), mills_denominator(ya)
    pb, p_slope = _numerator_slope(ya, yb)
    qb, q_slope = _denominator_slope(ya, yb)
    r_near, r_far = pa * qb, pb * qa
    slope = span * fma(pb, q_slope, -(p_slope * qb))
    return r_near, r_far, select(span > 0.2 * (near + 1.0), r_near - r_far, slope), qa * qb
