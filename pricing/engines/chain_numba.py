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
from pricing.engines.chain_arrays import (
    DELTA,
    FORWARD,
    GAMMA,
    IV,
    MARK,
    QUANTISED,
    RHO,
    THETA,
    VEGA,
    ChainArrays,
    Floats,
    Indices,
    Variance,
    arrays_for,
)
from pricing.engines.numba_jit import inlined, kernel
from pricing.engines.numba_machine import bits_of, load, select, store
from pricing.engines.numba_math import INV_SQRT_2PI, exp, mills_denominator, mills_numerator
from pricing.engines.quantise_numpy import TO_WHOLE, TO_WHOLE_BITS
from pricing.surface import BoundSvi, SviSlice, SviSurface

_DAYS_PER_YEAR: Final = 365.0
_ORIGIN: Final = 0.25
_Z_MAX: Final = 1e6
LOWER_HALF: Final = (1 << 32) - 1


def refresh(chain: ChainArrays, variance: Variance) -> None:
    """Fill `chain.table`; every option must have time left."""
    if not isinstance(variance, BoundSvi):
        chain_numpy.refresh(chain, variance)
        return
    variance.follow(chain.years)
    inputs = (
        chain.reference, chain.starts, chain.log_strike, chain.strike, chain.inverse_strike, chain.by_expiry,
        variance.base, variance.slope, variance.by_expiry,
    )  # fmt: skip
    if chain.is_alternating:
        _alternating(*inputs, chain.table)
    else:
        _planes(*inputs, chain.planes)
        chain.planes.take(chain.slot_of_option, axis=1, out=chain.table, mode="clip")
    if chain.is_pulled:
        chain_numpy.apply_pull(chain, chain.pull)


_Terms = tuple[
    float, float, float, float, float, float, float, float, float, float,
    float, float, float, float, float, float, float, float, float,
]  # fmt: skip
_Outputs = tuple[float, float, float, float, float, float, float, float, float, float]


@inlined
def _terms(
    reference: float, by_expiry: Floats, base: Floats, slope: Floats, slices: Floats, e: int
) -> _Terms:
    """What all pairs of expiry `e` share: forward, scales of the outputs, both SVI slices weighted."""
    years, forward, share, moving = by_expiry[0, e], by_expiry[1, e], by_expiry[2, e], by_expiry[3, e]
    root = math.sqrt(years)
    w0, w1 = base[0, e] + slope[0, e] * years, base[1, e] + slope[1, e] * years
    return (
        forward,
        1.0 / forward,
        math.log1p((forward - reference) / reference),
        share,
        moving,
        0.01 * years,
        0.01 * root,
        share * share / (forward * forward),
        # F phi(d1) stdev / (2 T) a year, over one day or the T that is left: / max(365 T, 1).
        -0.5 / max(years * _DAYS_PER_YEAR, 1.0),
        1.0 / root,
        w0 * slices[0, 0, e] + w1 * slices[0, 1, e],
        w0 * slices[1, 0, e],
        slices[2, 0, e],
        slices[3, 0, e],
        slices[4, 0, e],
        w1 * slices[1, 1, e],
        slices[2, 1, e],
        slices[3, 1, e],
        slices[4, 1, e],
    )


@inlined
def _pair(log_strike: float, strike: float, inverse_strike: float, terms: _Terms) -> _Outputs:
    """Of call and put: rho, mark and delta, each of the call and then of the put; vega, gamma, theta, iv."""
    forward, inverse_forward, log_forward, share, moving, rho_scale, vega_scale = terms[:7]
    gamma_scale, theta_scale, iv_scale, level, b0, r0, m0, q0, b1, r1, m1, q1 = terms[7:]
    k = log_strike - log_forward
    u0, u1 = k - m0, k - m1
    w = level + b0 * (r0 * u0 + math.sqrt(u0 * u0 + q0)) + b1 * (r1 * u1 + math.sqrt(u1 * u1 + q1))
    s = math.sqrt(w) * moving
    inv_s = 1.0 / s
    low = k >= 0.0  # the call is out of the money
    z = abs(k) * inv_s
    z = select(z > _Z_MAX, _Z_MAX, z)
    h = 0.5 * s
    a, b = z - h, z + h
    smaller = select(low, forward, strike)
    density = INV_SQRT_2PI * exp(-0.5 * (a * a))
    inside = a >= 0.0
    ya, yb = select(inside, a, -a) + _ORIGIN, b + _ORIGIN
    pa, qa = mills_numerator(ya), mills_denominator(ya)
    pb, qb = mills_numerator(yb), mills_denominator(yb)
    inverse = 1.0 / (qa * qb)
    ratio_near, ratio_far = pa * qb * inverse, pb * qa * inverse
    leading = smaller * density  # F phi(d1)
    tail = density * ratio_near
    near = select(inside, tail, 1.0 - tail)
    far = leading * ratio_far * select(low, inverse_strike, inverse_forward)
    value = select(inside, leading * ratio_near, smaller - leading * ratio_near) - leading * ratio_far
    value = select(value > 0.0, value, 0.0)
    n1, n2 = select(low, near, 1.0 - far), select(low, far, 1.0 - near)
    intrinsic, scaled = forward - strike, rho_scale * strike
    return (
        scaled * n2,
        scaled * (n2 - 1.0),
        value + select(low, 0.0, intrinsic),
        value + select(low, -intrinsic, 0.0),
        share * n1,
        share * (n1 - 1.0),
        vega_scale * leading,
        gamma_scale * (leading * inv_s),
        theta_scale * (leading * s),
        iv_scale * s,
    )


_SIGNATURE: Final = (
    "void(float64, intp[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1], float64[:, ::1],"
    " float64[:, ::1], float64[:, :, ::1], float64[:, ::1])"
)


@kernel(_SIGNATURE)
def _alternating(
    reference: float, starts: Indices, log_strike: Floats, strike: Floats, inverse_strike: Floats,
    by_expiry: Floats, base: Floats, slope: Floats, slices: Floats, out: Floats,
) -> None:
    """Rows of `out` as of the table; the call of pair j is option 2 j, its put the next one."""
    rho, delta, mark, vega = out[RHO], out[DELTA], out[MARK], out[VEGA]
    ahead, gamma, theta, iv = out[FORWARD], out[GAMMA], out[THETA], out[IV]
    for e in range(by_expiry.shape[1]):
        terms = _terms(reference, by_expiry, base, slope, slices, e)
        for j in range(starts[e], starts[e + 1]):
            got = _pair(load(log_strike, j), load(strike, j), load(inverse_strike, j), terms)
            call, put = 2 * j, 2 * j + 1
            store(rho, call, got[0], 0)
            store(rho, put, got[1], 0)
            store(mark, call, got[2], 1)
            store(mark, put, got[3], 1)
            store(delta, call, got[4], 2)
            store(delta, put, got[5], 2)
            store(vega, call, got[6], 3)
            store(vega, put, got[6], 3)
            store(gamma, call, got[7], 4)
            store(gamma, put, got[7], 4)
            store(theta, call, got[8], 5)
            store(theta, put, got[8], 5)
            store(iv, call, got[9], 6)
            store(iv, put, got[9], 6)
            store(ahead, call, terms[0], 7)
            store(ahead, put, terms[0], 7)


@kernel(_SIGNATURE)
def _planes(
    reference: float, starts: Indices, log_strike: Floats, strike: Floats, inverse_strike: Floats,
    by_expiry: Floats, base: Floats, slope: Floats, slices: Floats, out: Floats,
) -> None:
    """Rows of `out` as of the table: the calls of all pairs, then their puts."""
    rho, delta, mark, vega = out[RHO], out[DELTA], out[MARK], out[VEGA]
    ahead, gamma, theta, iv = out[FORWARD], out[GAMMA], out[THETA], out[IV]
    pairs = strike.size
    for e in range(by_expiry.shape[1]):
        terms = _terms(reference, by_expiry, base, slope, slices, e)
        for j in range(starts[e], starts[e + 1]):
            got = _pair(load(log_strike, j), load(strike, j), load(inverse_strike, j), terms)
            put = pairs + j
            store(rho, j, got[0], 0)
            store(rho, put, got[1], 0)
            store(mark, j, got[2], 1)
            store(mark, put, got[3], 1)
            store(delta, j, got[4], 2)
            store(delta, put, got[5], 2)
            store(vega, j, got[6], 3)
            store(vega, put, got[6], 3)
            store(gamma, j, got[7], 4)
            store(gamma, put, got[7], 4)
            store(theta, j, got[8], 5)
            store(theta, put, got[8], 5)
            store(iv, j, got[9], 6)
            store(iv, put, got[9], 6)
            store(ahead, j, terms[0], 7)
            store(ahead, put, terms[0], 7)


@kernel("boolean(float64[:, ::1], float64[:, ::1], int64[:, ::1])")
def quantise(table: Floats, limits: Floats, block: NDArray[np.int64]) -> bool:
    """See :class:`pricing.engines.QuantiseKernel`."""
    delta, mark, vega, ahead = table[0], table[1], table[2], table[3]
    delta_unit, delta_low, delta_high = limits[0, 0], limits[0, 1], limits[0, 2]
    mark_unit, mark_low, mark_high = limits[1, 0], limits[1, 1], limits[1, 2]
    vega_unit, vega_low, vega_high = limits[2, 0], limits[2, 1], limits[2, 2]
    ahead_unit, ahead_low, ahead_high = limits[3, 0], limits[3, 1], limits[3, 2]
    words = block.reshape(-1)
    fits = True
    for i in range(delta.size):
        d = load(delta, i) * delta_unit + TO_WHOLE
        m = load(mark, i) * mark_unit + TO_WHOLE
        v = load(vega, i) * vega_unit + TO_WHOLE
        a = load(ahead, i) * ahead_unit + TO_WHOLE
        fits &= (delta_low <= d) & (d <= delta_high) & (mark_low <= m) & (m <= mark_high)
        fits &= (vega_low <= v) & (v <= vega_high) & (ahead_low <= a) & (a <= ahead_high)
        at = 4 * i
        words[at] = (words[at] & LOWER_HALF) | ((bits_of(d) - TO_WHOLE_BITS) << 32)
        words[at + 1] = bits_of(m) - TO_WHOLE_BITS
        words[at + 2] = bits_of(v) - TO_WHOLE_BITS
        words[at + 3] = bits_of(a) - TO_WHOLE_BITS
    return fits


def warm() -> None:
    """Run every kernel once."""
    surface = SviSurface([SviSlice(1.0, 0.04, 0.1, 0.0, 0.0, 0.1)])
    for is_put in (np.array([True]), np.array([False, True])):
        chain = arrays_for(np.zeros(1, np.intp), np.ones(1), np.zeros(is_put.size, np.intp), is_put, 1)
        refresh(chain, surface.bind(chain.expiry_of_pair, chain.years))
    quantise(chain.table[QUANTISED], np.ones((4, 3)), np.zeros((2, 4), np.int64))
