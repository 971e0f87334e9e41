"""The scenario kernel of the numba engine: out of the money by Mills ratios, in the money by parity.

With z = |x| / s, h = s / 2, a = z - h and b = z + h the time value is, on the smaller of forward and strike,
phi(a) (R(a) - R(b)) for a >= 0, else 1 - phi(a) (R(-a) + R(b)).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.engines.chain_arrays import Floats, Indices
from pricing.engines.numba_jit import kernel
from pricing.engines.numba_machine import load, select, store
from pricing.engines.numba_math import INV_SQRT_2PI, exp, mills_denominator, mills_numerator

_ORIGIN: Final = 0.25
_Z_MAX: Final = 1e6
_STDEV_MIN: Final = 1e-200


def scenario_values(
    forward: Floats,
    strike: Floats,
    is_call: NDArray[np.bool_],
    moves: Floats,
    rule_of: Indices,
    stdev: Floats,
    out: Floats,
) -> None:
    """See :class:`pricing.engines.ScenarioKernel`."""
    x = np.log1p((forward - strike) / strike)
    inverse = 1.0 / np.maximum(stdev, _STDEV_MIN)
    _values(forward, strike, is_call, x, 1.0 + moves, rule_of, stdev, inverse, out)


@kernel(
    "void(float64[::1], float64[::1], boolean[::1], float64[::1], float64[::1], intp[::1], float64[:, ::1],"
    " float64[:, ::1], float64[:, ::1])"
)
def _values(
    forward: Floats, strike: Floats, is_call: NDArray[np.bool_], x: Floats, factor: Floats, rule_of: Indices,
    stdev: Floats, inverse: Floats, out: Floats,
) -> None:
    for i in range(factor.size):
        row = out[i]
        s_row, inverse_row = stdev[rule_of[i]], inverse[rule_of[i]]
        up = factor[i]
        shift = math.log(up)
        for j in range(forward.size):
            f, k = load(forward, j) * up, load(strike, j)
            moved = load(x, j) + shift
            s = load(s_row, j)
            z = abs(moved) * load(inverse_row, j)
            z = select(z > _Z_MAX, _Z_MAX, z)
            h = 0.5 * s
            a, b = z - h, z + h
            density = INV_SQRT_2PI * exp(-0.5 * (a * a))
            inside = a >= 0.0
            ya, yb = select(inside, a, -a) + _ORIGIN, b + _ORIGIN
            pa, qa = mills_numerator(ya), mills_denominator(ya)
            pb, qb = mills_numerator(yb), mills_denominator(yb)
            weighed = density / (qa * qb)
            near, far = weighed * (pa * qb), weighed * (pb * qa)
            gap = f - k
            low = moved <= 0.0
            smaller = select(low, f, k)
            time_value = smaller * (select(inside, near, 1.0 - near) - far)
            time_value = select(time_value < 0.0, 0.0, time_value)
            intrinsic = select(load(is_call, j), gap, -gap)
            store(row, j, time_value + select(intrinsic > 0.0, intrinsic, 0.0), 0)


def warm() -> None:
    """Run the kernel once."""
    one, zero = np.ones(1), np.zeros(1, np.intp)
    scenario_values(one, one, np.ones(1, np.bool_), 0.0 * one, zero, np.ones((1, 1)), np.ones((1, 1)))
