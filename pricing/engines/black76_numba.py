"""Black-76 price and Greeks of both orders as vectorised loops, each result to some units in the last place.

With z = |ln(F/K)| / s, h = s / 2 and R the Mills ratio, the out-of-the-money option is worth
min(F, K) phi(z - h) (R(z - h) - R(z + h)), the four normal probabilities are phi R or its complement, and all
densities follow from the one exponential: K phi(d2) = F phi(d1). What is left are errors of the arguments,
which phi magnifies by z**2, a thousandfold in the wings: ln(F/K), s, z and the square in the exponent are
therefore carried as pairs of doubles.

Each step is a loop of its own over a block that stays in the first cache: one long loop body would be a
single chain of dependent operations, too long for the processor to overlap with the next.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from pricing.engines import Bools, Floats
from pricing.engines.numba_jit import inlined, kernel
from pricing.engines.numba_math import (
    INV_SQRT_2PI,
    MILLS_ORIGIN,
    exp_pair,
    fma,
    load,
    log_ratio,
    mills_cross,
    reload,
    select,
    store,
)

SMALL: Final = 1e-100
LARGE: Final = 1e100
"""Arguments of ordinary size: as :mod:`pricing.engines.careful_numpy` has them."""

_FAR: Final = 1e3
"""Beyond so many standard deviations nothing is left in a double; larger ones are taken for this."""
_BLOCK: Final = 128

# Rows of the scratch table: ln(F/K) as a pair, sqrt(T), its inverse, 1 / s, z - h, z + h, 2 h, (z - h)**2 as
# a pair. As outputs of a kernel they are numbers 6 to 15.
_ROWS: Final = 10


@inlined
def _is_strange(f: float, k: float, t: float, v: float) -> int:
    """1 unless all four lie in [SMALL, LARGE]: the sum is NaN or too large, or the least too small."""
    low_pair, high_pair = select(f < k, f, k), select(t < v, t, v)
    least = select(low_pair < high_pair, low_pair, high_pair)
    ordinary = (least >= SMALL) & ((f + k) + (t + v) <= LARGE)
    return 1 - ordinary


@inlined
def _standardise(forward: Floats, strike: Floats, years: Floats, vol: Floats, scratch: Floats) -> int:
    """Fills the rows of `scratch` but for the density; 0 if all arguments are of ordinary size."""
    strange = 0
    xs, xs_lo, roots, inv_roots, inv_stdevs = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    nears, fars, spans, squares, squares_lo = scratch[5], scratch[6], scratch[7], scratch[8], scratch[9]
    for i in range(forward.size):
        x, x_lo = log_ratio(load(forward, i), load(strike, i))
        store(xs, i, x, 6)
        store(xs_lo, i, select(x <= 0.0, -x_lo, x_lo), 7)
    for i in range(forward.size):
        t, v = load(years, i), load(vol, i)
        strange |= _is_strange(load(forward, i), load(strike, i), t, v)
        root = math.sqrt(t)
        s = v * root
        inverse = 1.0 / (s * root)
        inv_root = inverse * s
        inv_s = inverse * root
        root_lo = fma(-root, root, t) * (0.5 * inv_root)
        s_lo = fma(v, root_lo, fma(v, root, -s))
        size = abs(reload(xs, i, 6))
        z = size * inv_s
        z_lo = (fma(-z, s, size) + fma(-z, s_lo, reload(xs_lo, i, 7))) * inv_s
        beyond = z > _FAR
        z, z_lo = select(beyond, _FAR, z), select(beyond, 0.0, z_lo)
        h = 0.5 * s
        h = select(h > _FAR, _FAR, h)
        near = z - h
        back = z - near
        near_lo = ((z - (near + back)) + (back - h)) + (z_lo - 0.5 * s_lo)
        square = near * near
        store(roots, i, root, 8)
        store(inv_roots, i, inv_root, 9)
        store(inv_stdevs, i, inv_s, 10)
        store(nears, i, near + near_lo, 11)
        store(fars, i, z + h, 12)
        store(spans, i, 2.0 * h, 13)
        store(squares, i, square, 14)
        store(squares_lo, i, fma(2.0 * near, near_lo, fma(near, near, -square)), 15)
    return strange


@inlined
def _density(scratch: Floats, count: int) -> None:
    """phi(z - h) in place of its square."""
    squares, squares_lo = scratch[8], scratch[9]
    for i in range(count):
        square, square_lo = reload(squares, i, 14), reload(squares_lo, i, 15)
        store(squares, i, INV_SQRT_2PI * exp_pair(-0.5 * square, -0.5 * square_lo), 14)


@inlined
def _value(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools, scratch: Floats, out: Floats
) -> None:
    """The rows of `out` from those of `scratch`."""
    price, delta, gamma, vega, theta, rho = out[0], out[1], out[2], out[3], out[4], out[5]
    roots, inv_roots, inv_stdevs = scratch[2], scratch[3], scratch[4]
    nears, fars, spans, densities = scratch[5], scratch[6], scratch[7], scratch[8]
    for i in range(forward.size):
        f, k, call = load(forward, i), load(strike, i), load(is_call, i)
        near, near_density = reload(nears, i, 11), reload(densities, i, 14)
        low = f <= k
        smaller, larger = select(low, f, k), select(low, k, f)
        # The rational form serves z - h down to -1/4; below, N(h - z) is one less its tail.
        inside = near >= -MILLS_ORIGIN
        near_ratio, far_ratio, difference, below = mills_cross(
            select(inside, near, -near), reload(fars, i, 12), reload(spans, i, 13)
        )
        product = f * k
        inverse = 1.0 / (product * below)
        inv_below, inv_product = inverse * product, inverse * below
        worth = smaller * near_density
        far_density = worth * (smaller * inv_product)
        tail = near_density * (near_ratio * inv_below)
        far_tail = far_density * (far_ratio * inv_below)
        near_worth = worth * (select(inside, difference, near_ratio + far_ratio) * inv_below)
        value = select(inside, near_worth, smaller - near_worth)
        near_n, not_near = select(inside, tail, 1.0 - tail), select(inside, 1.0 - tail, tail)
        # Of the two probabilities N(+-d1), N(+-d2) one belongs to z - h and one to z + h.
        out_of_money = call == low
        of_near = select(out_of_money, near_n, not_near)
        of_far = select(out_of_money, far_tail, 1.0 - far_tail)
        sign = select(call, 1.0, -1.0)
        store(price, i, value + select(out_of_money, 0.0, larger - smaller), 0)
        store(delta, i, sign * select(low, of_near, of_far), 1)
        slope = select(low, near_density, far_density) * reload(inv_stdevs, i, 10)
        store(gamma, i, slope * (k * inv_product), 2)
        store(vega, i, 0.01 * worth * reload(roots, i, 8), 3)
        store(theta, i, (-0.5 / 365.0) * worth * load(vol, i) * reload(inv_roots, i, 9), 4)
        store(rho, i, sign * select(low, of_far, of_near) * (0.01 * k * load(years, i)), 5)


@kernel("boolean(float64[::1], float64[::1], float64[::1], float64[::1], boolean[::1], float64[:, ::1])")
def black76(forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools, out: Floats) -> bool:
    """Rows of `out`: price, delta, gamma, vega, theta, rho, undiscounted."""
    scratch = np.empty((_ROWS, _BLOCK))
    strange = 0
    for start in range(0, forward.size, _BLOCK):
        stop = min(start + _BLOCK, forward.size)
        f, k, t, v = forward[start:stop], strike[start:stop], years[start:stop], vol[start:stop]
        strange |= _standardise(f, k, t, v, scratch)
        _density(scratch, f.size)
        _value(f, k, t, v, is_call[start:stop], scratch, out[:, start:stop])
    return strange == 0


@kernel("boolean(float64[::1], float64[::1], float64[::1], float64[::1], float64[:, ::1])")
def second_order(forward: Floats, strike: Floats, years: Floats, vol: Floats, out: Floats) -> bool:
    """Rows of `out`: vanna, volga, charm, undiscounted."""
    scratch = np.empty((_ROWS, _BLOCK))
    strange = 0
    for start in range(0, forward.size, _BLOCK):
        stop = min(start + _BLOCK, forward.size)
        f, k, t, v = forward[start:stop], strike[start:stop], years[start:stop], vol[start:stop]
        strange |= _standardise(f, k, t, v, scratch)
        _density(scratch, f.size)
        vanna, volga, charm = out[0, start:stop], out[1, start:stop], out[2, start:stop]
        roots, nears, fars, densities = scratch[2], scratch[5], scratch[6], scratch[8]
        for i in range(f.size):
            low = load(f, i) <= load(k, i)
            near, far = reload(nears, i, 11), reload(fars, i, 12)
            worth = select(low, load(f, i), load(k, i)) * reload(densities, i, 14)
            slope = worth / (load(f, i) * load(v, i))
            # d1 = h - z, d2 = -h - z where F <= K; d1 = h + z, d2 = z - h elsewhere.
            d2 = select(low, -far, near)
            store(vanna, i, -0.01 * slope * d2, 0)
            store(volga, i, 1e-4 * slope * load(f, i) * reload(roots, i, 8) * (near * far), 1)
            store(charm, i, (0.5 / 365.0) * slope * d2 * (load(v, i) / load(t, i)), 2)
    return strange == 0
