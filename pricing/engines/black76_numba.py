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
from numba import types

from pricing.engines import Bools, Floats
from pricing.engines.numba_jit import BOOLS_IN, FLOATS_IN, TABLE_OUT, inlined, kernel
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
def _standardise(
    forward: Floats, strike: Floats, years: Floats, vol: Floats, start: int, stop: int, scratch: Floats
) -> int:
    """Fills the rows of `scratch` but for the density; 0 if all arguments are of ordinary size."""
    strange = 0
    xs, xs_lo, roots, inv_roots, inv_stdevs = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    nears, fars, spans, squares, squares_lo = scratch[5], scratch[6], scratch[7], scratch[8], scratch[9]
    for i in range(stop - start):
        x, x_lo = log_ratio(load(forward, start + i), load(strike, start + i))
        store(xs, i, x, 6)
        store(xs_lo, i, select(x <= 0.0, -x_lo, x_lo), 7)
    for i in range(stop - start):
        t, v = load(years, start + i), load(vol, start + i)
        strange |= _is_strange(load(forward, start + i), load(strike, start + i), t, v)
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
    forward: Floats,
    strike: Floats,
    years: Floats,
    vol: Floats,
    is_call: Bools,
    start: int,
    stop: int,
    scratch: Floats,
    out: Floats,
) -> None:
    """The rows of `out` from those of `scratch`."""
    price, delta, gamma, vega, theta, rho = out[0], out[1], out[2], out[3], out[4], out[5]
    roots, inv_roots, inv_stdevs = scratch[2], scratch[3], scratch[4]
    nears, fars, spans, densities = scratch[5], scratch[6], scratch[7], scratch[8]
    for i in range(start, stop):
        j = i - start
        f, k, call = load(forward, i), load(strike, i), load(is_call, i)
        near, near_density = reload(nears, j, 11), reload(densities, j, 14)
        low = f <= k
        smaller, larger = select(low, f, k), select(low, k, f)
        # The rational form serves z - h down to -1/4; below, N(h - z) is one less its tail.
        inside = near >= -MILLS_ORIGIN
        near_ratio, far_ratio, difference, below = mills_cross(
            select(inside, near, -near), reload(fars, j, 12), reload(spans, j, 13)
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
        slope = select(low, near_density, far_density) * reload(inv_stdevs, j, 10)
        store(gamma, i, slope * (k * inv_product), 2)
        store(vega, i, 0.01 * worth * reload(roots, j, 8), 3)
        store(theta, i, (-0.5 / 365.0) * worth * load(vol, i) * reload(inv_roots, j, 9), 4)
        store(rho, i, sign * select(low, of_far, of_near) * (0.01 * k * load(years, i)), 5)


@kernel(types.boolean(FLOATS_IN, FLOATS_IN, FLOATS_IN, FLOATS_IN, BOOLS_IN, TABLE_OUT))
def black76(forward: Floats, strike: Floats, years: Floats, vol: Floats, is_call: Bools, out: Floats) -> bool:
    """Rows of `out`: price, delta, gamma, vega, theta, rho, undiscounted."""
    scratch = np.empty((_ROWS, _BLOCK))
    strange = 0
    for start in range(0, forward.size, _BLOCK):
        stop = min(start + _BLOCK, forward.size)
        strange |= _standardise(forward, strike, years, vol, start, stop, scratch)
        _density(scratch, stop - start)
        _value(forward, strike, years, vol, is_call, start, stop, scratch, out)
    return strange == 0


@kernel(types.boolean(FLOATS_IN, FLOATS_IN, FLOATS_IN, FLOATS_IN, TABLE_OUT))
def second_order(forward: Floats, strike: Floats, years: Floats, vol: Floats, out: Floats) -> bool:
    """Rows of `out`: vanna, volga, charm, undiscounted."""
    vanna, volga, charm = out[0], out[1], out[2]
    scratch = np.empty((_ROWS, _BLOCK))
    roots, nears, fars, densities = scratch[2], scratch[5], scratch[6], scratch[8]
    strange = 0
    for start in range(0, forward.size, _BLOCK):
        stop = min(start + _BLOCK, forward.size)
        strange |= _standardise(forward, strike, years, vol, start, stop, scratch)
        _density(scratch, stop - start)
        for i in range(start, stop):
            j = i - start
            f, k, t, v = load(forward, i), load(strike, i), load(years, i), load(vol, i)
            low = f <= k
            near, far = reload(nears, j, 11), reload(fars, j, 12)
            worth = select(low, f, k) * reload(densities, j, 14)
            slope = worth / (f * v)
            # d1 = h - z, d2 = -h - z where F <= K; d1 = h + z, d2 = z - h elsewhere.
            d2 = select(low, -far, near)
            store(vanna, i, -0.01 * slope * d2, 0)
            store(volga, i, 1e-4 * slope * f * reload(roots, j, 8) * (near * far), 1)
            store(charm, i, (0.5 / 365.0) * slope * d2 * (v / t), 2)
    return strange == 0
