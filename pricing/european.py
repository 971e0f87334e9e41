"""Black-76: European options on a forward, priced with all Greeks over whole arrays.

With x = ln(F/K), s = vol * sqrt(T), d1 = x/s + s/2 and d2 = d1 - s the price of a call is
D * (F * N(d1) - K * N(d2)). Three steps lose accuracy in that textbook form; each has its cure here:

- ln(F/K) of a rounded quotient: ``log1p((F - K) / K)`` instead.
- In the wings F * N(d1) and K * N(d2) nearly cancel. With the Mills ratio R(z) = N(-z) / phi(z),
  z = |x|/s and t = s/2 the out-of-the-money price is F * phi(d1) * (R(z - t) - R(z + t)), and for
  small t the difference is expanded in t. Used only where the price is under 2 % of its leading term,
  so that an ordinary chain pays for it only in its wings.
- In the money is out of the money plus intrinsic value, never the other way round.

K * phi(d2) = F * phi(d1) saves an exponential throughout.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, ndtr

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MS_PER_YEAR: Final = 365 * 24 * 3600 * 1000
"""The field's year: 365 days of milliseconds."""

DAYS_PER_YEAR: Final = 365.0

_SQRT_HALF: Final = math.sqrt(0.5)
_SQRT_HALF_PI: Final = math.sqrt(math.pi / 2.0)
_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)

_WING_SHARE: Final = 0.02
"""Below this share of its leading term the plain difference has lost too many digits."""

_SMALL_T: Final = 0.05
"""Below this half-width the difference of Mills ratios is expanded instead of subtracted."""


class Black76(NamedTuple):
    """Price and Greeks, float64 arrays of the broadcast shape of the arguments."""

    price: Floats
    """In the quote currency, per one unit of the underlying."""
    delta: Floats
    """Change of the price per unit change of the forward: D * N(d1) for a call."""
    gamma: Floats
    """Change of the delta per unit change of the forward."""
    vega: Floats
    """Change of the price per volatility point (one hundredth of ``vol``)."""
    theta: Floats
    """Change of the price over one day at a held forward (a rate, not capped at the option's life)."""
    rho: Floats
    """Change of the price per 1 % of interest at a held spot, the forward moving with the rate."""


def years_between(now_ms: ArrayLike, expiry_ms: ArrayLike) -> Floats:
    """Time from `now_ms` to `expiry_ms` in years of 365 days; negative once the expiry has passed."""
    span_ms = np.asarray(expiry_ms, dtype=np.int64) - np.asarray(now_ms, dtype=np.int64)
    return np.asarray(span_ms / float(MS_PER_YEAR), dtype=np.float64)


def black76(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> Black76:
    """Price and Greeks of European options on a forward; the arguments broadcast.

    `years` counts 365-day years, `vol` is annualised (0.5 = 50 %), `discount` is the factor D = exp(-rT)
    (1 where the premium is not discounted, as for options margined in the quote currency).

    Edges, none of which raises or warns:

    - expiry reached (``years <= 0``) or ``vol == 0``: the discounted intrinsic value; delta D, 0 or, at
      the money, D/2 (with the sign of the option); gamma 0; vega 0 save at the money before expiry,
      where it keeps its limit; theta only the discounting; rho with N(d2) in {0, 1/2, 1}.
    - an argument that is NaN or infinite, a forward, strike or discount that is not positive, or a
      negative volatility: every field NaN.
    """
    f, k, y, v, d, call = np.broadcast_arrays(
        np.asarray(forward, dtype=np.float64),
        np.asarray(strike, dtype=np.float64),
        np.asarray(years, dtype=np.float64),
        np.asarray(vol, dtype=np.float64),
        np.asarray(discount, dtype=np.float64),
        np.asarray(is_call, dtype=np.bool_),
    )
    shape = f.shape
    f, k, y, v, d = f.ravel(), k.ravel(), y.ravel(), v.ravel(), d.ravel()
    sign = np.where(call.ravel(), 1.0, -1.0)
    with np.errstate(all="ignore"):
        y = np.maximum(y, 0.0)
        s = v * np.sqrt(y)
        good = (f > 0.0) & (k > 0.0) & (d > 0.0) & (v >= 0.0) & np.isfinite(f + k + y + v + d)
        live = good & (s > 0.0)
        if live.all():
            out = price_live(f, k, y, s, sign, d)
        else:
            columns = [np.full(f.shape, np.nan) for _ in Black76._fields]
            dead = good & ~live
            for column, part in zip(
                columns, price_live(f[live], k[live], y[live], s[live], sign[live], d[live]), strict=True
            ):
                column[live] = part
            for column, part in zip(
                columns, _price_dead(f[dead], k[dead], y[dead], sign[dead], d[dead]), strict=True
            ):
                column[dead] = part
            out = Black76(*columns)
    return Black76(*(column.reshape(shape) for column in out))


def price_live(
    forward: Floats, strike: Floats, years: Floats, stdev: Floats, sign: Floats, discount: Floats | float
) -> Black76:
    """Price and Greeks where all is known to be in order: one-dimensional arrays, nothing checked.

    `stdev` = vol * sqrt(years) > 0 and `sign` is +1.0 for a call, -1.0 for a put. This is the part a live
    chain calls again on every index move; :func:`black76` puts the checks and edges around it.
    """
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
    price = time_value + np.maximum(sign * (forward - strike), 0.0)
    delta = np.where(otm, n1, 1.0 - n1)
    delta *= sign
    n2_own = np.where(otm, n2, 1.0 - n2)
    gamma = density / (forward * stdev)
    vega = f_density * np.sqrt(years)
    # dPrice/dT = F phi(d1) vol / (2 sqrt T) = F phi(d1) * stdev / (2 T)
    theta = f_density * stdev / (-2.0 * DAYS_PER_YEAR * years)
    rho = sign * strike * years * n2_own
    vega *= 0.01
    rho *= 0.01
    if isinstance(discount, float) and discount == 1.0:
        return Black76(price, delta, gamma, vega, theta, rho)
    theta += price * (-np.log(discount)) / (DAYS_PER_YEAR * years)
    return Black76(*(column * discount for column in (price, delta, gamma, vega, theta, rho)))


def _price_dead(forward: Floats, strike: Floats, years: Floats, sign: Floats, discount: Floats) -> Black76:
    """Limits where nothing is left to chance: expiry reached or zero volatility."""
    moneyness = sign * (forward - strike)
    # N(d1) = N(d2) in {0, 1/2, 1}
    exercised = 0.5 * (np.sign(moneyness) + 1.0)
    price = discount * np.maximum(moneyness, 0.0)
    delta = discount * sign * exercised
    at_the_money = np.where(moneyness == 0.0, _INV_SQRT_2PI, 0.0)
    vega = 0.01 * discount * forward * at_the_money * np.sqrt(years)
    rate = np.where(years > 0.0, -np.log(discount) / np.where(years > 0.0, years, 1.0), 0.0)
    theta = rate * price / DAYS_PER_YEAR
    rho = 0.01 * sign * strike * years * discount * exercised
    return Black76(price, delta, np.zeros_like(price), vega, theta, rho)


def mills(z: Floats) -> Floats:
    """The Mills ratio R(z) = N(-z) / phi(z) of the standard normal law."""
    return np.asarray(_SQRT_HALF_PI * erfcx(_SQRT_HALF * z), dtype=np.float64)


def mills_difference(z: Floats, t: Floats) -> Floats:
    """R(z - t) - R(z + t) for z, t >= 0, without the cancellation a small t brings.

    For t < 0.05 the Taylor series -2 (t R' + t^3 R'''/3! + t^5 R^(5)/5! + t^7 R^(7)/7!) about z, whose
    derivatives follow from R' = z R - 1 and R^(n+1) = z R^(n) + n R^(n-1).
    """
    small = t < _SMALL_T
    if small.all():
        return _mills_series(z, t)
    difference = mills(z - t) - mills(z + t)
    if small.any():
        index = np.flatnonzero(small)
        difference[index] = _mills_series(z[index], t[index])
    return difference


def _mills_series(z: Floats, t: Floats) -> Floats:
    r0 = mills(z)
    r1 = z * r0 - 1.0
    r2 = z * r1 + r0
    r3 = z * r2 + 2.0 * r1
    r4 = z * r3 + 3.0 * r2
    r5 = z * r4 + 4.0 * r3
    r6 = z * r5 + 5.0 * r4
    r7 = z * r6 + 6.0 * r5
    tt = t * t
    return -2.0 * t * (r1 + tt / 6.0 * (r3 + tt / 20.0 * (r5 + tt / 42.0 * r7)))
