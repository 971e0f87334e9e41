"""Black-76 price and Greeks of both orders as vectorised loops, each result to some units in the last place.

With z = |ln(F/K)| / s, h = s / 2 and R the Mills ratio, the out-of-the-money option is worth
min(F, K) phi(z - h) (R(z - h) - R(z + h)), the four normal probabilities are phi R or its complement, and all
densities follow from the one exponential: K phi(d2) = F phi(d1). What is left are errors of the arguments,
which phi magnifies by z**2, a thousandfold in the wings: ln(F/K), s, z and the square in the exponent are
therefore carried as pairs of doubles.
"""

from __future__ import annotations

import math

from pricing.engines import Bools, Floats
from pricing.engines.numba_jit import inlined, kernel
from pricing.engines.numba_math import (
    INV_SQRT_2PI,
    MILLS_ORIGIN,
    exp_pair,
    fma,
    load,
    log_ratio,
    mills_pair,
    select,
    store,
)

SMALL = 1e-150
LARGE = 1e150
_FAR = 1e3
"""Beyond so many standard deviations nothing is left in a double; larger ones are taken for this."""

_Standard = tuple[float, float, float, float, float, float, float, float]


@inlined
def _standardise(f: float, k: float, t: float, v: float) -> _Standard:
    """sqrt(t), its inverse, 1 / s, ln(F/K), then z and h as pairs."""
    root = math.sqrt(t)
    s = v * root
    inverse = 1.0 / (s * root)
    inv_root = inverse * s
    inv_s = inverse * root
    root_lo = fma(-root, root, t) * (0.5 * inv_root)
    s_lo = fma(v, root_lo, fma(v, root, -s))
    x, x_lo = log_ratio(f, k)
    x_lo = select(x <= 0.0, -x_lo, x_lo)
    size = abs(x)
    z = size * inv_s
    z_lo = (fma(-z, s, size) + fma(-z, s_lo, x_lo)) * inv_s
    h = 0.5 * s
    return (
        root,
        inv_root,
        inv_s,
        x,
        select(z > _FAR, _FAR, z),
        select(z > _FAR, 0.0, z_lo),
        select(h > _FAR, _FAR, h),
        0.5 * s_lo,
    )


@inlined
def _is_strange(f: float, k: float, t: float, v: float) -> int:
    """1 unless all four lie in [SMALL, LARGE]: the sum is NaN or too large, or the least too small."""
    low_pair, high_pair = select(f < k, f, k), select(t < v, t, v)
    least = select(low_pair < high_pair, low_pair, high_pair)
    ordinary = (least >= SMALL) & ((f + k) + (t + v) <= LARGE)
    return 1 - ordinary


@inlined
def _density_near(z: float, z_lo: float, h: float, h_lo: float) -> tuple[float, float]:
    """z - h and phi(z - h), the difference and its square kept as pairs."""
    a = z - h
    back = z - a
    a_lo = ((z - (a + back)) + (back - h)) + (z_lo - h_lo)
    square = a * a
    square_lo = fma(2.0 * a, a_lo, fma(a, a, -square))
    return a + a_lo, INV_SQRT_2PI * exp_pair(-0.5 * square, -0.5 * square_lo)


@kernel("boolean(float64[::1], float64[::1], float64[::1], float64[::1], boolean[::1], float64[:, ::1])")
def black76(forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools, out: Floats) -> bool:
    """Rows of `out`: price, delta, gamma, vega, theta, rho, undiscounted."""
    price, delta, gamma, vega, theta, rho = out[0], out[1], out[2], out[3], out[4], out[5]
    strange = 0
    for i in range(forward.size):
        f, k, t, v = load(forward, i), load(strike, i), load(years, i), load(vol, i)
        call = load(is_call, i)
        strange |= _is_strange(f, k, t, v)
        root, inv_root, inv_s, x, z, z_lo, h, h_lo = _standardise(f, k, t, v)
        low = x <= 0.0
        smaller, larger = select(low, f, k), select(low, k, f)
        a, near_density = _density_near(z, z_lo, h, h_lo)
        e = smaller * near_density
        inv_fk = 1.0 / (f * k)
        far_density = e * (smaller * inv_fk)
        # The rational form serves z - h down to -1/4; below, N(h - z) is one less its tail.
        inside = a >= -MILLS_ORIGIN
        near_ratio, far_ratio, difference = mills_pair(select(inside, a, -a), z + h, 2.0 * h)
        value = select(inside, e * difference, smaller - e * (near_ratio + far_ratio))
        tail = near_density * near_ratio
        far = far_density * far_ratio
        near, not_near = select(inside, tail, 1.0 - tail), select(inside, 1.0 - tail, tail)
        # Of the two probabilities N(+-d1), N(+-d2) one belongs to z - h and one to z + h.
        out_of_money = call == low
        of_near, of_far = select(out_of_money, near, not_near), select(out_of_money, far, 1.0 - far)
        n1, n2 = select(low, of_near, of_far), select(low, of_far, of_near)
        sign = select(call, 1.0, -1.0)
        store(price, i, value + select(out_of_money, 0.0, larger - smaller), 0)
        store(delta, i, sign * n1, 1)
        store(gamma, i, select(low, near_density, far_density) * inv_s * (k * inv_fk), 2)
        store(vega, i, 0.01 * e * root, 3)
        store(theta, i, (-0.5 / 365.0) * e * v * inv_root, 4)
        store(rho, i, sign * n2 * (0.01 * k * t), 5)
    return strange == 0


@kernel("boolean(float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1])")
def second_order(forward: Floats, strike: Floats, years: Floats, vol: Floats, out: Floats) -> bool:
    """Rows of `out`: vanna, volga, charm, undiscounted."""
    vanna, volga, charm = out[0], out[1], out[2]
    strange = 0
    for i in range(forward.size):
        f, k, t, v = load(forward, i), load(strike, i), load(years, i), load(vol, i)
        strange |= _is_strange(f, k, t, v)
        root, _inv_root, _inv_s, x, z, z_lo, h, h_lo = _standardise(f, k, t, v)
        low = x <= 0.0
        a, near_density = _density_near(z, z_lo, h, h_lo)
        b = (z + h) + (z_lo + h_lo)
        # d1 = h - z, d2 = -h - z where F <= K; d1 = h + z, d2 = z - h elsewhere.
        d2 = select(low, -b, a)
        e = select(low, f, k) * near_density
        slope = e / (f * v)
        store(vanna, i, -0.01 * slope * d2, 0)
        store(volga, i, 1e-4 * slope * f * root * (a * b), 1)
        store(charm, i, (0.5 / 365.0) * e * d2 / (f * t), 2)
    return strange == 0
