"""The chain kernels of the numba engine: one vectorised pass over the pairs of each expiry, then the options.

Out of the money first, in the money by adding intrinsic value, with the Mills ratio throughout: with
z = |x| / s, h = s / 2, a = z - h, b = z + h the two probabilities are N(-a) and N(-b), and both prices
follow from them.
A surface that is not made of SVI slices takes numpy's pass.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.engines import chain_numpy
from pricing.engines.chain_arrays import QUANTISED, ChainArrays, Floats, Indices, Variance, arrays_for
from pricing.engines.numba_jit import kernel
from pricing.engines.numba_machine import load, select, store
from pricing.engines.numba_math import INV_SQRT_2PI, exp, mills_denominator, mills_numerator
from pricing.surface import BoundSvi, SviSlice, SviSurface

_DAYS_PER_YEAR: Final = 365.0
_ORIGIN: Final = 0.25
_Z_MAX: Final = 1e6


def refresh(chain: ChainArrays, variance: Variance) -> None:
    """Fill `chain.table`; every option must have time left."""
    if not isinstance(variance, BoundSvi):
        chain_numpy.refresh(chain, variance)
        return
    variance.follow(chain.years)
    _refresh(
        chain.reference, chain.starts, chain.log_strike, chain.strike, chain.inverse_strike, chain.by_expiry,
        variance.base, variance.slope, variance.by_expiry, chain.planes, chain.work, chain.slot_of_option,
        chain.pair_of_option, chain.expiry_of_option, chain.pull, chain.is_pulled, chain.table,
    )


@kernel(
    "void(float64, intp[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1],"
    " float64[:, ::1], float64[:, :, ::1], float64[:, ::1], float64[:, ::1], intp[::1], intp[::1], intp[::1],"
    " float64[::1], boolean, float64[:, ::1])"
)
def _refresh(
    reference: float, starts: Indices, log_strike: Floats, strike: Floats, inverse_strike: Floats,
    by_expiry: Floats, base: Floats, slope: Floats, slices: Floats, planes: Floats, work: Floats,
    slot: Indices, pair: Indices, expiry: Indices, pull: Floats, is_pulled: bool, table: Floats,
) -> None:
    """Price every pair into `planes` and rows 0-3 of `work` (vega, gamma, theta, iv), then every option."""
    pairs = strike.size
    rho_call, rho_put = planes[0, :pairs], planes[0, pairs:]
    mark_call, mark_put = planes[1, :pairs], planes[1, pairs:]
    delta_call, delta_put = planes[2, :pairs], planes[2, pairs:]
    vega, gamma, theta, iv = work[0], work[1], work[2], work[3]
    for e in range(by_expiry.shape[1]):
        years, forward, share, moving = by_expiry[0, e], by_expiry[1, e], by_expiry[2, e], by_expiry[3, e]
        log_forward = math.log1p((forward - reference) / reference)
        root = math.sqrt(years)
        inv_root, inverse_forward = 1.0 / root, 1.0 / forward
        w0, w1 = base[0, e] + slope[0, e] * years, base[1, e] + slope[1, e] * years
        level = w0 * slices[0, 0, e] + w1 * slices[0, 1, e]
        b0, r0, m0, q0 = w0 * slices[1, 0, e], slices[2, 0, e], slices[3, 0, e], slices[4, 0, e]
        b1, r1, m1, q1 = w1 * slices[1, 1, e], slices[2, 1, e], slices[3, 1, e], slices[4, 1, e]
        vega_scale = 0.01 * root
        # F phi(d1) stdev / (2 T) a year, over one day or the T that is left: / max(365 T, 1).
        theta_scale = -0.5 / max(years * _DAYS_PER_YEAR, 1.0)
        gamma_scale = share * share / (forward * forward)
        rho_scale = 0.01 * years
        for j in range(starts[e], starts[e + 1]):
            k_price = load(strike, j)
            k = load(log_strike, j) - log_forward
            u0, u1 = k - m0, k - m1
            w = level + b0 * (r0 * u0 + math.sqrt(u0 * u0 + q0)) + b1 * (r1 * u1 + math.sqrt(u1 * u1 + q1))
            s = math.sqrt(w) * moving
            inv_s = 1.0 / s
            low = k >= 0.0  # the call is out of the money
            z = abs(k) * inv_s
            z = select(z > _Z_MAX, _Z_MAX, z)
            h = 0.5 * s
            a, b = z - h, z + h
            smaller = select(low, forward, k_price)
            inverse_larger = select(low, load(inverse_strike, j), inverse_forward)
            density = INV_SQRT_2PI * exp(-0.5 * (a * a))
            inside = a >= 0.0
            ya, yb = select(inside, a, -a) + _ORIGIN, b + _ORIGIN
            pa, qa = mills_numerator(ya), mills_denominator(ya)
            pb, qb = mills_numerator(yb), mills_denominator(yb)
            inverse = 1.0 / (qa * qb)
            ratio_near, ratio_far = pa * qb * inverse, pb * qa * inverse
            leading = smaller * density
            tail = density * ratio_near
            near = select(inside, tail, 1.0 - tail)
            far = leading * ratio_far * inverse_larger
            value = select(inside, leading * ratio_near, smaller - leading * ratio_near) - leading * ratio_far
            value = select(value > 0.0, value, 0.0)
            n1, n2 = select(low, near, 1.0 - far), select(low, far, 1.0 - near)
            intrinsic = forward - k_price
            store(mark_call, j, value + select(low, 0.0, intrinsic), 0)
            store(mark_put, j, value + select(low, -intrinsic, 0.0), 1)
            store(delta_call, j, share * n1, 2)
            store(delta_put, j, share * (n1 - 1.0), 3)
            scaled = rho_scale * k_price
            store(rho_call, j, scaled * n2, 4)
            store(rho_put, j, scaled * (n2 - 1.0), 5)
            store(vega, j, vega_scale * leading, 6)
            store(gamma, j, gamma_scale * (leading * inv_s), 7)
            store(theta, j, theta_scale * (leading * s), 8)
            store(iv, j, s * inv_root, 9)
    # Each option takes its own; marks are pulled where the book asks for it.
    for i in range(slot.size):
        own, p = slot[i], pair[i]
        forward = by_expiry[1, expiry[i]]
        mark = planes[1, own]
        if is_pulled:
            k_price = strike[p]
            intrinsic, bound = (forward - k_price, forward) if own < pairs else (k_price - forward, k_price)
            mark = min(max(mark + pull[i], intrinsic, 0.0), bound)
        table[0, i] = planes[0, own]
        table[1, i] = mark
        table[2, i] = planes[2, own]
        table[3, i] = work[0, p]
        table[4, i] = work[1, p]
        table[5, i] = work[2, p]
        table[6, i] = work[3, p]
        table[7, i] = forward


@kernel(
    "boolean(float64[:, ::1], float64[::1], float64[:, ::1], intp[::1],"
    " int64[:], int32[:], int64[:], int64[:])"
)
def quantise(
    table: Floats, forward: Floats, limits: Floats, expiry: Indices,
    mark_out: NDArray[np.int64], delta_out: NDArray[np.int32], vega_out: NDArray[np.int64],
    forward_out: NDArray[np.int64],
) -> bool:
    """See :class:`pricing.engines.QuantiseKernel`."""
    ahead = np.empty(forward.size, np.int64)
    fits = True
    for e in range(forward.size):
        whole = np.rint(forward[e] * limits[3, 0])
        fits &= (limits[3, 1] <= whole) & (whole <= limits[3, 2])
        ahead[e] = int(whole) if fits else 0
    for i in range(table.shape[1]):
        mark = np.rint(table[0, i] * limits[0, 0])
        delta = np.rint(table[1, i] * limits[1, 0])
        vega = np.rint(table[2, i] * limits[2, 0])
        fits &= (limits[0, 1] <= mark) & (mark <= limits[0, 2])
        fits &= (limits[1, 1] <= delta) & (delta <= limits[1, 2])
        fits &= (limits[2, 1] <= vega) & (vega <= limits[2, 2])
        if not fits:
            break
        mark_out[i] = int(mark)
        delta_out[i] = int(delta)
        vega_out[i] = int(vega)
        forward_out[i] = ahead[expiry[i]]
    return fits


def warm() -> None:
    """Run every kernel once."""
    chain = arrays_for(np.zeros(1, np.intp), np.ones(1), np.zeros(1, np.intp), np.zeros(1, np.bool_), 1)
    chain.by_expiry[:] = 1.0
    surface = SviSurface([SviSlice(1.0, 0.04, 0.1, 0.0, 0.0, 0.1)])
    refresh(chain, surface.bind(chain.expiry_of_pair, chain.years))
    whole, delta = np.zeros(1, np.int64), np.zeros(1, np.int32)
    at = chain.expiry_of_option
    quantise(chain.table[QUANTISED], chain.forward, np.ones((4, 3)), at, whole, delta, whole, whole)
