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
from pricing.engines.numba_jit import inlined, kernel
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
    kernel_of = _singles if out.shape[1] == forward.size else _pairs
    kernel_of(forward, strike, is_call, x, 1.0 + moves, rule_of, stdev, inverse, out)


@inlined
def _time_value(f: float, k: float, moved: float, s: float, inverse: float) -> float:
    """What forward `f` and strike `k`, moved = ln(f / k), are worth above intrinsic value."""
    z = abs(moved) * inverse
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
    value = select(moved <= 0.0, f, k) * (select(inside, near, 1.0 - near) - far)
    return select(value < 0.0, 0.0, value)


_SIGNATURE: Final = (
    "void(float64[::1], float64[::1], boolean[::1], float64[::1], float64[::1], intp[::1], float64[:, ::1],"
    " float64[:, ::1], float64[:, ::1])"
)


@kernel(_SIGNATURE)
def _singles(
    forward: Floats, strike: Floats, is_call: NDArray[np.bool_], x: Floats, factor: Floats, rule_of: Indices,
    stdev: Floats, inverse: Floats, out: Floats,
) -> None:
    for i in range(factor.size):
        row, s_row, inverse_row = out[i], stdev[rule_of[i]], inverse[rule_of[i]]
        up, shift = factor[i], math.log(factor[i])
        for j in range(forward.size):
            f, k = load(forward, j) * up, load(strike, j)
            value = _time_value(f, k, load(x, j) + shift, load(s_row, j), load(inverse_row, j))
            gap = select(load(is_call, j), f - k, k - f)
            store(row, j, value + select(gap > 0.0, gap, 0.0), 0)


@kernel(_SIGNATURE)
def _pairs(
    forward: Floats, strike: Floats, is_call: NDArray[np.bool_], x: Floats, factor: Floats, rule_of: Indices,
    stdev: Floats, inverse: Floats, out: Floats,
) -> None:
    """`is_call` tells of the first of each pair."""
    for i in range(factor.size):
        row, s_row, inverse_row = out[i], stdev[rule_of[i]], inverse[rule_of[i]]
        up, shift = factor[i], math.log(factor[i])
        for j in range(forward.size):
            f, k = load(forward, j) * up, load(strike, j)
            value = _time_value(f, k, load(x, j) + shift, load(s_row, j), load(inverse_row, j))
            gap = select(load(is_call, j), f - k, k - f)
            store(row, 2 * j, value + select(gap > 0.0, gap, 0.0), 0)
            store(row, 2 * j + 1, value + select(gap > 0.0, 0.0, -gap), 0)


def warm() -> None:
    """Run both kernels once."""
    one, call, rule = np.ones(1), np.ones(1, np.bool_), np.zeros(1, np.intp)
    for options in (1, 2):
        scenario_values(one, one, call, np.zeros(1), rule, np.ones((1, 1)), np.ones((1, options)))
