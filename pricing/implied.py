"""Implied volatility of Black-76 prices, whole arrays at once, without loops, exceptions or warnings.

By symmetry every option becomes an out-of-the-money call: with x = |ln(F/K)| and c = time value /
min(F, K), c(s) = N(-x/s + s/2) - exp(x) N(-x/s - s/2) grows from 0 to 1 in s = vol * sqrt(T). Then

- a guess from Polya's approximation of N, inverted in closed form (Stefanica and Radoicic, "An explicit
  implied volatility formula", 2017), here written so that no term cancels; small problems (x and c both
  tiny) are first enlarged by a common factor, which the near-normal regime leaves invariant;
- Householder steps of third order on 1/ln c (c <= 1/2) or ln(1 - c) (c > 1/2), as in Jaeckel, "Let's Be
  Rational", with z = x/s, t = s/2 and R the Mills ratio: c / c' = R(z - t) - R(z + t),
  c''/c' = x^2/s^3 - s/4, c'''/c' = (c''/c')^2 - 3 x^2/s^4 - 1/4.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pricing.european import Floats, mills, mills_difference

Reasons = NDArray[np.int8]

_STEPS: Final = 2
_HALF_LN_2PI: Final = 0.5 * math.log(2.0 * math.pi)
_SMALL: Final = 1e-3
"""Where x and c are both below this, the guess is made on the problem enlarged to this size."""

_CONVERGED: Final = 1e-4
"""A last relative step above this (the order is four: the error left is its fourth power) is no answer."""


class Reason(IntEnum):
    """Why there is, or is not, an implied volatility. Codes are stable."""

    OK = 0
    BAD_INPUT = 1
    """An argument is NaN or infinite, or forward, strike or discount is not positive."""
    EXPIRED = 2
    """No time is left: the price no longer depends on the volatility."""
    BELOW_INTRINSIC = 3
    AT_INTRINSIC = 4
    """No time value at all: zero volatility, and every one too small to show in the price."""
    AT_OR_ABOVE_BOUND = 5
    """At or above the forward (call) or the strike (put), discounted: more than any volatility gives."""
    NO_CONVERGENCE = 6
    """The price lies too close to a bound for a double to hold its volatility."""


class ImpliedVol(NamedTuple):
    """Arrays of the broadcast shape of the arguments."""

    vol: Floats
    """Annualised volatility, NaN wherever `reason` is not OK."""
    reason: Reasons
    """:class:`Reason` codes."""


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> ImpliedVol:
    """The volatility at which Black-76 gives `price`; NaN with a reason where none exists.

    Units as in :func:`pricing.black76`. The arguments broadcast. In the money the answer can be no
    better than what is left of the price's digits once the intrinsic value is taken off.
    """
    p, f, k, y, d, call = np.broadcast_arrays(
        np.asarray(price, dtype=np.float64),
        np.asarray(forward, dtype=np.float64),
        np.asarray(strike, dtype=np.float64),
        np.asarray(years, dtype=np.float64),
        np.asarray(discount, dtype=np.float64),
        np.asarray(is_call, dtype=np.bool_),
    )
    with np.errstate(all="ignore"):
        value = p / d
        moneyness = np.where(call, f - k, k - f)
        time_value = value - np.maximum(moneyness, 0.0)
        smaller = np.minimum(f, k)
        reason = _reasons(p, f, k, y, d, time_value, smaller)
        vol = np.full(p.shape, np.nan)
        solvable = reason == Reason.OK
        if solvable.any():
            f, k = f[solvable], k[solvable]
            x = np.abs(np.log1p((f - k) / k))
            stdev, last_step = _solve(x, time_value[solvable], smaller[solvable])
            found = (stdev > 0.0) & np.isfinite(stdev) & (np.abs(last_step) <= _CONVERGED * stdev)
            vol[solvable] = np.where(found, stdev / np.sqrt(y[solvable]), np.nan)
            reason[solvable] = np.where(found, Reason.OK, Reason.NO_CONVERGENCE)
    return ImpliedVol(vol, reason)


def _reasons(
    price: Floats, forward: Floats, strike: Floats, years: Floats, discount: Floats, time_value: Floats,
    smaller: Floats,
) -> Reasons:
    """What stands against a solution before any is sought; the gravest objection is written last."""
    reason = np.zeros(price.shape, dtype=np.int8)
    reason[time_value >= smaller] = Reason.AT_OR_ABOVE_BOUND
    reason[time_value == 0.0] = Reason.AT_INTRINSIC
    reason[time_value < 0.0] = Reason.BELOW_INTRINSIC
    reason[years <= 0.0] = Reason.EXPIRED
    good = (forward > 0.0) & (strike > 0.0) & (discount > 0.0)
    good &= np.isfinite(price) & np.isfinite(forward) & np.isfinite(strike)
    good &= np.isfinite(years) & np.isfinite(discount)
    reason[~good] = Reason.BAD_INPUT
    return reason


def _solve(x: Floats, time_value: Floats, smaller: Floats) -> tuple[Floats, Floats]:
    """Total standard deviation s with c(s) = time_value / smaller, and the last step taken."""
    c = time_value / smaller
    low = c <= 0.5
    ln_c = np.log(time_value) - np.log(smaller)
    ln_rest = np.log1p(-c)
    s = _guess(x, c)
    step = s
    for _ in range(_STEPS):
        step = _householder(x, s, low, ln_c, ln_rest)
        # Never through zero, and never further than tenfold: the guess is much better than that.
        step = np.clip(step, -0.9 * s, 9.0 * s)
        s = s + step
    return s, step


def _guess(x: Floats, c: Floats) -> Floats:
    scale = np.maximum(1.0, _SMALL / np.maximum(x, c))
    x, c = x * scale, c * scale
    bulge = 1.0 - 2.0 / math.pi
    # u = 4 c (c e^-x + 1 - e^-x) stands for (R^2 - (e^y - 1)^2) e^-y of the paper, y = -x.
    shrink = np.exp(-x)
    u = 4.0 * c * (c * shrink - np.expm1(-x))
    a = 4.0 * np.sinh(bulge * x) ** 2
    b = 16.0 * np.sinh(0.5 * x) * np.sinh((2.0 / math.pi - 0.5) * x) + 4.0 * np.cosh(bulge * x) * u
    product = 4.0 * u * (1.0 - c) * (1.0 + c * shrink)
    beta = 2.0 * product / (b + np.sqrt(b * b + 4.0 * a * product))
    gamma = -0.5 * math.pi * np.log(beta)
    upper = np.sqrt(gamma + x)
    lower = np.sqrt(np.maximum(gamma - x, 0.0))
    # Price at which the root changes branch: s = sqrt(2x), where d1 = 0 and d2 = -sqrt(2x).
    c_turn = 0.5 - np.exp(x) * 0.5 * (1.0 - np.sqrt(-np.expm1(-4.0 / math.pi * x)))
    s = np.where(c <= c_turn, 2.0 * x / (upper + lower), upper + lower)
    return np.asarray(s / scale, dtype=np.float64)


def _householder(x: Floats, s: Floats, low: NDArray[np.bool_], ln_c: Floats, ln_rest: Floats) -> Floats:
    """One third-order step from s toward the root of 1/ln c (where `low`) or ln(1 - c)."""
    z, t = x / s, 0.5 * s
    q = z * z
    r2 = q / s - 0.25 * s
    r3 = r2 * r2 - 3.0 * q / (s * s) - 0.25
    ln_density = -0.5 * (z - t) ** 2 - _HALF_LN_2PI
    newton, h2, h3 = np.empty_like(s), np.empty_like(s), np.empty_like(s)
    if low.any():
        ratio = mills_difference(z[low], t[low])  # c / c'
        m = 1.0 / (ln_density[low] + np.log(ratio))  # 1 / ln c(s)
        g2 = -(1.0 + 2.0 * m) / ratio
        newton[low] = ratio * (ln_c[low] - 1.0 / m) / (m * ln_c[low])
        h2[low] = g2 + r2[low]
        h3[low] = (2.0 + 6.0 * m + 6.0 * m * m) / (ratio * ratio) + 3.0 * g2 * r2[low] + r3[low]
    high = ~low
    if high.any():
        ratio = mills(t[high] - z[high]) + mills(z[high] + t[high])  # (1 - c) / c'
        newton[high] = ratio * (ln_density[high] + np.log(ratio) - ln_rest[high])
        g2 = 1.0 / ratio
        h2[high] = g2 + r2[high]
        h3[high] = 2.0 * g2 * g2 + 3.0 * g2 * r2[high] + r3[high]
    return np.asarray(
        newton * (1.0 + 0.5 * newton * h2) / (1.0 + newton * (h2 + newton * h3 / 6.0)), dtype=np.float64
    )
