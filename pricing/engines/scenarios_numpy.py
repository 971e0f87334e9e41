"""The scenario kernel of the numpy engine: scenarios in blocks small enough for the cache."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pricing.engines.chain_arrays import Floats, Indices

_BLOCK_DOUBLES: Final = 12_288
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
    if not forward.size:
        return
    sign = np.where(is_call, 1.0, -1.0)
    if out.shape[1] == forward.size:
        _values(forward, strike, sign, moves, rule_of, stdev, out)
        return
    first = np.empty((moves.size, forward.size))
    _values(forward, strike, sign, moves, rule_of, stdev, first)
    out[:, ::2] = first
    first -= np.multiply.outer(1.0 + moves, sign * forward)
    first += sign * strike
    np.maximum(first, 0.0, out=out[:, 1::2])


def _values(
    forward: Floats, strike: Floats, sign: Floats, moves: Floats, rule_of: Indices, stdev: Floats, out: Floats
) -> None:
    """One option at a time, `sign` 1 for a call and -1 for a put."""
    count = forward.size
    x = np.log1p((forward - strike) / strike) * sign
    signed_forward, signed_strike = sign * forward, sign * strike
    with np.errstate(all="ignore"):
        signed_stdev = stdev * sign
        half = 0.5 * signed_stdev
        inverse = 1.0 / np.maximum(stdev, _STDEV_MIN)
        centre = x * inverse + half
        per_block = max(1, _BLOCK_DOUBLES // count)
        work = np.empty((2, per_block, count))
        # d1 = x / s + s / 2 + ln(1 + m) / s, all with the option's sign: the last is what a scenario adds.
        inverse *= sign
        for start in range(0, moves.size, per_block):
            rows = rule_of[start : start + per_block]
            factor = 1.0 + moves[start : start + per_block, None]
            normal = work[:, : rows.size]
            d1, d2 = normal
            np.multiply(inverse[rows], np.log(factor), out=d1)
            d1 += centre[rows]
            np.subtract(d1, signed_stdev[rows], out=d2)
            ndtr(normal, out=normal)
            d1 *= signed_forward
            d1 *= factor
            d2 *= signed_strike
            value = out[start : start + per_block]
            np.subtract(d1, d2, out=value)
            np.maximum(value, 0.0, out=value)
