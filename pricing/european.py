"""Black-76: European options on a forward, priced with all Greeks over whole arrays.

With x = ln(F/K), s = vol * sqrt(T), d1 = x/s + s/2 and d2 = d1 - s the price of a call is
D * (F * N(d1) - K * N(d2)) (Black, "The pricing of commodity contracts", 1976). The arithmetic that keeps
every digit lives in the engines (:mod:`pricing.engines`); this module holds what is the same for all of them:
conventions, broadcasting, discounting, and what happens at the edges.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pricing import engines
from pricing.engines import Bools, Floats, careful_numpy, edges

__all__ = [
    "DAYS_PER_YEAR",
    "MS_PER_YEAR",
    "Black76",
    "Bools",
    "Floats",
    "SecondOrder",
    "black76",
    "black76_second_order",
    "years_between",
]

MS_PER_YEAR: Final = 365 * 24 * 3600 * 1000
"""The field's year: 365 days of milliseconds."""

DAYS_PER_YEAR: Final = 365.0

_SCALARS: Final = (float, int, np.float64)


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

    Every result has a relative error below 1e-12 down to 1e-290, with the numba engine below 1e-14, as long
    as vol * sqrt(years) is a normal double; a theta that discounting brings near zero has it relative to its
    two parts. What leaves the doubles is infinite, or 0. Arrays of float64 and bool in C order and of one
    shape are taken as they are; anything else is converted first.

    Edges, none of which raises or warns:

    - expiry reached (``years <= 0``) or ``vol == 0``: the discounted intrinsic value; delta D, 0 or, at
      the money, D/2 (with the sign of the option); gamma 0; vega 0 save at the money before expiry,
      where it keeps its limit; theta only the discounting; rho with N(d2) in {0, 1/2, 1}.
    - ``strike == 0``: a call is the forward (price D F, delta D), a put nothing; other Greeks 0, save theta.
    - ``strike == inf``: a call is nothing, a put is worth infinity with delta -D and, before expiry, rho
      -infinity; gamma and vega 0.
    - any other argument that is NaN or infinite, a forward or discount that is not positive, a negative
      strike or volatility: every field NaN.
    """
    shape, f, k, y, v, call = _arguments(forward, strike, years, vol, is_call, discount)
    out = np.empty((6, f.size))
    if not engines.active().black76(f, k, y, v, call, out):
        with np.errstate(all="ignore"):
            rest = np.flatnonzero(~careful_numpy.ordinary(f, k, y, v))
            out[:, rest] = edges.black76(f[rest], k[rest], y[rest], v[rest], call[rest])
    if not _is_one(discount):
        with np.errstate(all="ignore"):
            rate, d = _rate(discount, shape, y)
            out[4] += np.where(rate == 0.0, 0.0, rate * out[0])
            out *= d
    return Black76(*out) if len(shape) == 1 else Black76(*(row.reshape(shape) for row in out))


def black76_second_order(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> SecondOrder:
    """Vanna, volga and charm; arguments as of :func:`black76`, and calls and puts differ in charm alone.

    Vanna and charm change sign where d2 = 0, volga where d1 = 0 or d2 = 0. The error, below 1e-14, is
    relative to the size they would have there with |d| = |ln(F/K)|/s + s/2; a discounted charm has it
    relative to its two parts. Where nothing is left to chance (see :func:`black76`), and at a zero or
    infinite strike, all are 0 but for the vanna at the money before expiry, which keeps its limit, and the
    discounting in charm.
    """
    shape, f, k, y, v, call = _arguments(forward, strike, years, vol, is_call, discount)
    out = np.empty((3, f.size))
    if not engines.active().second_order(f, k, y, v, out):
        with np.errstate(all="ignore"):
            rest = np.flatnonzero(~careful_numpy.ordinary(f, k, y, v))
            out[:, rest] = edges.second_order(f[rest], k[rest], y[rest], v[rest])
    if not _is_one(discount):
        with np.errstate(all="ignore"):
            rate, d = _rate(discount, shape, y)
            out[2] += rate * black76(f, k, y, v, call).delta
            out *= d
    return SecondOrder(*(row.reshape(shape) for row in out))


def _arguments(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike,
) -> tuple[tuple[int, ...], Floats, Floats, Floats, Floats, Bools]:
    """The broadcast shape, then the arguments but the discount, flat and contiguous."""
    f, k = np.asarray(forward, dtype=np.float64), np.asarray(strike, dtype=np.float64)
    y, v = np.asarray(years, dtype=np.float64), np.asarray(vol, dtype=np.float64)
    call = np.asarray(is_call, dtype=np.bool_)
    shape = f.shape
    if not shape == k.shape == y.shape == v.shape == call.shape or type(discount) not in _SCALARS:
        shape = np.broadcast_shapes(shape, k.shape, y.shape, v.shape, call.shape, np.shape(discount))
        f, k, y, v = (np.broadcast_to(argument, shape) for argument in (f, k, y, v))
        call = np.broadcast_to(call, shape)
    return shape, f.ravel(), k.ravel(), y.ravel(), v.ravel(), call.ravel()


def _is_one(discount: object) -> bool:
    return type(discount) in _SCALARS and discount == 1.0


def _rate(discount: ArrayLike, shape: tuple[int, ...], years: Floats) -> tuple[Floats, Floats]:
    """Interest a day, 0 from expiry on, and the factor, NaN where it is none. Flat."""
    d = np.broadcast_to(np.asarray(discount, dtype=np.float64), shape).ravel()
    d = np.where((d > 0.0) & (d < np.inf), d, np.nan)
    days = DAYS_PER_YEAR * years
    return np.where(days > 0.0, -np.log(d) / np.where(days > 0.0, days, 1.0), 0.0), d
