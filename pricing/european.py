"""Black-76: European options on a forward, priced with all Greeks over whole arrays.

With x = ln(F/K), s = vol * sqrt(T), d1 = x/s + s/2 and d2 = d1 - s the price of a call is
D * (F * N(d1) - K * N(d2)) (Black, "The pricing of commodity contracts", 1976). The arithmetic that keeps
every digit lives in the engines (:mod:`pricing.engines`); this module holds what is the same for all of them:
conventions, broadcasting, discounting, and what happens at the edges.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pricing import engines
from pricing.engines import Bools, Floats
from pricing.normal import mills, mills_difference

__all__ = [
    "DAYS_PER_YEAR",
    "MS_PER_YEAR",
    "Black76",
    "Bools",
    "Floats",
    "SecondOrder",
    "black76",
    "black76_second_order",
    "mills",
    "mills_difference",
    "years_between",
]

MS_PER_YEAR: Final = 365 * 24 * 3600 * 1000
"""The field's year: 365 days of milliseconds."""

DAYS_PER_YEAR: Final = 365.0

_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)


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


class SecondOrder(NamedTuple):
    """Second-order Greeks, float64 arrays of the broadcast shape of the arguments."""

    vanna: Floats
    """Change of the delta per volatility point."""
    volga: Floats
    """Change of the vega (per point) per volatility point."""
    charm: Floats
    """Change of the delta over one day at a held forward (a rate)."""


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
    shape, f, k, y, v, d, call = _arguments(forward, strike, years, vol, is_call, discount)
    out = np.empty((6, f.size))
    with np.errstate(all="ignore"):
        y = np.maximum(y, 0.0)
        good = (f > 0.0) & (k > 0.0) & (d > 0.0) & (v >= 0.0) & np.isfinite(f + k + y + v + d)
        live = good & (v * np.sqrt(y) > 0.0)
        kernel = engines.active().black76
        if live.all():
            kernel(f, k, y, v, call, out)
        else:
            out.fill(np.nan)
            part = np.empty((6, int(np.count_nonzero(live))))
            kernel(f[live], k[live], y[live], v[live], call[live], part)
            out[:, live] = part
            dead = good & ~live
            sign = np.where(call[dead], 1.0, -1.0)
            out[:, dead] = _price_dead(f[dead], k[dead], y[dead], sign)
        _discount(out, y, d)
    return Black76(*out.reshape(6, *shape))


def black76_second_order(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> SecondOrder:
    """Vanna, volga and charm; arguments as of :func:`black76`."""
    shape, f, k, y, v, d, call = _arguments(forward, strike, years, vol, is_call, discount)
    out = np.full((3, f.size), np.nan)
    with np.errstate(all="ignore"):
        y = np.maximum(y, 0.0)
        good = (f > 0.0) & (k > 0.0) & (d > 0.0) & (v >= 0.0) & np.isfinite(f + k + y + v + d)
        live = good & (v * np.sqrt(y) > 0.0)
        out[:, good] = 0.0
        part = np.empty((3, int(np.count_nonzero(live))))
        engines.active().second_order(f[live], k[live], y[live], v[live], part)
        out[:, live] = part
        out *= d
    return SecondOrder(*out.reshape(3, *shape))


def _arguments(
    *arguments: ArrayLike,
) -> tuple[tuple[int, ...], Floats, Floats, Floats, Floats, Floats, Bools]:
    """Broadcast shape, then forward, strike, years, vol, discount and is_call, flat and contiguous."""
    forward, strike, years, vol, is_call, discount = arguments
    f, k, y, v, d, call = np.broadcast_arrays(
        np.asarray(forward, dtype=np.float64),
        np.asarray(strike, dtype=np.float64),
        np.asarray(years, dtype=np.float64),
        np.asarray(vol, dtype=np.float64),
        np.asarray(discount, dtype=np.float64),
        np.asarray(is_call, dtype=np.bool_),
    )
    return f.shape, f.ravel(), k.ravel(), y.ravel(), v.ravel(), d.ravel(), call.ravel()


def _discount(out: Floats, years: Floats, discount: Floats) -> None:
    """Discounts all rows in place; theta gains the carry of the price."""
    rate = np.where(years > 0.0, -np.log(discount) / np.where(years > 0.0, years, 1.0), 0.0)
    out[4] += rate * out[0] / DAYS_PER_YEAR
    out *= discount


def _price_dead(forward: Floats, strike: Floats, years: Floats, sign: Floats) -> tuple[Floats, ...]:
    """Limits where nothing is left to chance, undiscounted: expiry reached or zero volatility."""
    moneyness = sign * (forward - strike)
    # N(d1) = N(d2) in {0, 1/2, 1}
    exercised = 0.5 * (np.sign(moneyness) + 1.0)
    price = np.maximum(moneyness, 0.0)
    at_the_money = np.where(moneyness == 0.0, _INV_SQRT_2PI, 0.0)
    vega = 0.01 * forward * at_the_money * np.sqrt(years)
    rho = 0.01 * sign * strike * years * exercised
    return price, sign * exercised, np.zeros_like(price), vega, np.zeros_like(price), rho
