"""The inversion of Black-76 in numpy: blocks that stay in the cache, one guess and one step for each option.

Formulas and numbers: :mod:`pricing.engines.implied_fit`. The step works on the logarithm of c (of 1 - c for
c > 1/2) as a function of ln s. With P the slope and H = z**2 - t**2 (so that s c''/c' = H) all higher
derivatives follow by recursion; the inverse series is summed to the fourth power of the Newton step.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.special import erfcx

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
from pricing.engines.implied_scalar import implied_one

_BLOCK: Final = 10_240
"""Options at a time, at most. Long blocks win: 250 calls of numpy cost more than the second-level cache."""

_SMALL: Final = 16
"""Up to so many options are quicker one by one in plain Python than through two hundred calls of numpy."""

_ROWS: Final = 10
_TINY: Final = 1e-290
"""Added to x, so that at the money 0 / 0 becomes the limit."""
_HALF_LN_2PI: Final = 0.5 * math.log(2.0 * math.pi)
_SQRT_HALF: Final = math.sqrt(0.5)
_SQRT_HALF_PI: Final = math.sqrt(math.pi / 2.0)


def implied(
    value: Floats, forward: Floats, strike: Floats, years: Floats, is_call: Bools, vol: Floats
) -> bool:
    """Fills `vol`, NaN where this road does not lead to an answer; whether there is none such."""
    count = value.size
    if count <= _SMALL:
        columns = [column.tolist() for column in (value, forward, strike, years, is_call)]
        found = [implied_one(*row) for row in zip(*columns, strict=True)]
        vol[:] = found
        return not any(map(math.isnan, found))
    step = -(-count // -(-count // _BLOCK))  # blocks as even as can be
    work = np.empty((_ROWS, step))
    solved = True
    with np.errstate(all="ignore"):
        for start in range(0, count, step):
            part = slice(start, min(start + step, count))
            rows = work[:, : part.stop - start]
            block = (value[part], forward[part], strike[part], years[part], is_call[part])
            solved &= _invert(*block, vol[part], rows)
    return solved


def _invert(
    value: Floats, forward: Floats, strike: Floats, years: Floats, is_call: Bools, vol: Floats, work: Floats
) -> bool:
    """One block; `work` are the rows to work in."""
    x, c, beta, s, newton, *spare = work
    sound = _reduce(value, forward, strike, is_call, x, c, beta, spare[0])
    high = np.flatnonzero(c > 0.5)
    _guess_low(x, beta, s, newton, spare)
    slope = beta  # no longer needed as such
    _residual_low(x, c, s, newton, slope, spare)
    if high.size:
        s[high], newton[high], slope[high] = _high(x[high], c[high])
        # Rounding can leave a price at its bound a time value below its own.
        sound[high] &= value[high] < np.where(is_call[high], forward[high], strike[high])
    _step(x, s, newton, slope, spare)
    np.sqrt(years, out=c)
    np.divide(s, c, out=vol)
    np.abs(newton, out=newton)
    sound &= newton <= NEWTON_MAX
    sound &= vol > 0.0
    sound &= vol < math.inf
    if sound.all():
        return True
    vol[~sound] = math.nan
    return False


def _reduce(
    value: Floats, forward: Floats, strike: Floats, is_call: Bools, x: Floats, c: Floats, beta: Floats,
    spare: Floats,
) -> Bools:
    """x = |ln(F/K)|, c and beta of the out-of-the-money option; whether all of it is of ordinary size."""
    np.subtract(forward, strike, out=spare)
    in_money = (spare > 0.0) == is_call
    np.abs(spare, out=spare)
    np.minimum(forward, strike, out=c)
    np.maximum(forward, strike, out=beta)
    sound: Bools = c >= SIZE_MIN
    sound &= beta <= SIZE_MAX
    np.divide(spare, c, out=x)
    np.log1p(x, out=x)
    sound &= x <= X_MAX
    beta *= c
    np.sqrt(beta, out=beta)
    if in_money.any():
        spare *= in_money
        np.subtract(value, spare, out=spare)
    else:
        np.copyto(spare, value)
    np.divide(spare, beta, out=beta)
    np.divide(spare, c, out=c)
    sound &= c >= C_MIN
    sound &= c < 1.0
    return sound


def _polynomial(terms: tuple[float, ...], at: Floats, out: Floats) -> None:
    """Horner's scheme in place."""
    np.multiply(at, terms[-1], out=out)
    for term in terms[-2:0:-1]:
        out += term
        out *= at
    out += terms[0]


def _guess_low(x: Floats, beta: Floats, s: Floats, q: Floats, spare: list[Floats]) -> None:
    """s, good to 6e-4 where c <= 1/2."""
    straddle, y, m, part, _ = spare
    np.add(x, _TINY, out=q)
    np.add(beta, beta, out=straddle)
    straddle += q
    np.divide(q, beta, out=y)
    np.log1p(y, out=y)  # 2 atanh(q / straddle)
    q /= straddle
    q += q
    np.divide(q, y, out=y)
    np.sqrt(y, out=y)
    straddle *= y
    np.multiply(straddle, straddle, out=m)
    _polynomial(LOW_NUMERATOR[2], y, s)
    s *= m
    _polynomial(LOW_NUMERATOR[1], y, part)
    s += part
    s *= m
    _polynomial(LOW_NUMERATOR[0], y, part)
    s += part
    s *= straddle
    _polynomial(LOW_DENOMINATOR[1], y, q)
    q *= m
    _polynomial(LOW_DENOMINATOR[0], y, part)
    q += part
    s /= q


def _residual_low(
    x: Floats, c: Floats, s: Floats, newton: Floats, slope: Floats, spare: list[Floats]
) -> None:
    """Slope P of ln c against ln s, and the Newton step, relative to s."""
    near, far, inverse, ratio, divided = spare
    np.divide(x, s, out=near)
    np.multiply(s, 0.5, out=divided)
    np.add(near, divided, out=far)
    near -= divided
    np.multiply(near, near, out=newton)  # z - t, squared, for the exponent
    newton *= -0.5
    # R(z - t) - R(z + t) = s / ((a + 5)(b + 5)) * (P(ub) - 8.56 / (a + 5) * P[ua, ub])
    np.add(near, MILLS_SHIFT, out=ratio)
    np.add(far, MILLS_SHIFT, out=divided)
    np.multiply(ratio, divided, out=inverse)
    np.divide(1.0, inverse, out=inverse)
    divided *= inverse  # 1 / (a + 5)
    ratio *= inverse  # 1 / (b + 5)
    near -= MILLS_CENTRE
    near *= divided
    far -= MILLS_CENTRE
    far *= ratio
    # Horner's scheme for P (in `slope`) and its divided difference, two terms ahead of the loop.
    np.multiply(near, MILLS_TERMS[-1], out=slope)
    slope += MILLS_TERMS[-2]
    np.multiply(far, MILLS_TERMS[-1], out=divided)
    divided += slope
    slope *= near
    slope += MILLS_TERMS[-3]
    for term in MILLS_TERMS[-4::-1]:
        divided *= far
        divided += slope
        slope *= near
        slope += term
    # P(ub) - (1 - ua) P[ua, ub] = P(ua) - (1 - ub) P[ua, ub]
    np.subtract(1.0, far, out=ratio)
    ratio *= divided
    np.subtract(slope, ratio, out=ratio)
    ratio *= inverse
    # c / c' = s * ratio, so P = 1 / ratio
    np.multiply(ratio, s, out=divided)
    divided /= c
    np.log(divided, out=divided)
    newton += divided
    newton -= _HALF_LN_2PI
    newton *= ratio
    np.negative(newton, out=newton)
    np.divide(1.0, ratio, out=slope)


def _high(x: Floats, c: Floats) -> tuple[Floats, Floats, Floats]:
    """Guess, Newton step and slope where c > 1/2; plain expressions, for there are few such options."""
    rest = 1.0 - c
    h = -np.log(rest)
    w = np.sqrt(h)
    numerator = np.zeros_like(x)
    for row in HIGH_NUMERATOR[::-1]:
        numerator = numerator * x + np.polynomial.polynomial.polyval(w, row)
    denominator = np.zeros_like(x)
    for row in HIGH_DENOMINATOR[::-1]:
        denominator = denominator * x + np.polynomial.polynomial.polyval(w, row)
    s = np.sqrt(h + x) * numerator / denominator
    a = 0.5 * s - x / s
    b = 0.5 * s + x / s
    ratio = _SQRT_HALF_PI * (erfcx(_SQRT_HALF * a) + erfcx(_SQRT_HALF * b)) / s  # (1 - c) / (s c')
    newton = (np.log(ratio * s) + (h - 0.5 * a * a - _HALF_LN_2PI)) * ratio
    return s, newton, -1.0 / ratio


def _step(x: Floats, s: Floats, n: Floats, slope: Floats, spare: list[Floats]) -> None:
    """Fifth-order step from s in place: s * exp(n (1 + n (b1 + n (b2 + n b3))))."""
    sum_, first, second, third, series = spare
    # H = z**2 - t**2 and the sum of the squares
    np.divide(x, s, out=sum_)
    sum_ *= sum_
    np.multiply(s, s, out=third)
    third *= 0.25
    np.subtract(sum_, third, out=second)
    sum_ += third
    # A = 1 + H - P, d ln(d ln s derivative) / d ln s; G = A**2 + dA; with b1 = -A / 2
    np.subtract(second, slope, out=first)
    first += 1.0
    np.multiply(first, first, out=third)
    sum_ += sum_
    np.multiply(slope, first, out=series)
    sum_ += series
    np.subtract(third, sum_, out=series)  # G
    # A2 = 4 H - P G
    second *= 4.0
    slope *= series
    second -= slope
    # b3 = (A (7 G - 13 A**2) - A2) / 24
    np.multiply(series, 7.0, out=sum_)
    np.multiply(third, 13.0, out=slope)
    sum_ -= slope
    sum_ *= first
    sum_ -= second
    sum_ *= 1.0 / 24.0
    # b2 = (3 A**2 - G) / 6
    third *= 3.0
    third -= series
    third *= 1.0 / 6.0
    np.multiply(sum_, n, out=series)
    series += third
    series *= n
    first *= 0.5
    series -= first
    series *= n
    series += 1.0
    series *= n
    # exp of it, which is below 1e-3
    np.multiply(series, 1.0 / 24.0, out=sum_)
    sum_ += 1.0 / 6.0
    sum_ *= series
    sum_ += 0.5
    sum_ *= series
    sum_ += 1.0
    sum_ *= series
    sum_ *= s
    s += sum_
