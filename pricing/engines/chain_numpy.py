"""The chain kernel of the numpy engine: one pass of vector operations over the pairs, little allocated.

The plain form of Black-76: its absolute error, about 1e-16 of the forward, lies far below the micro-unit
marks are rounded to.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.special import ndtr

from pricing.engines.chain_arrays import FORWARD, MARK, VEGA, ChainArrays, Floats, Variance

_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)
_DAYS_PER_YEAR: Final = 365.0
_F, _LOG_F, _SHARE, _INV_SQRT_YEARS, _VEGA_SCALE, _THETA_SCALE, _RHO_SCALE, _SQUEEZE = range(8)


def refresh(chain: ChainArrays, variance: Variance) -> None:
    """Fill `chain.table`; every option must have time left."""
    terms = _terms(chain).take(chain.expiry_of_pair, axis=1, mode="clip")
    forward, strike = terms[_F], chain.strike
    x, d1, d2, density, time_value = chain.work[:5]
    vega, gamma, theta, iv, forward_out = shared = chain.work[5:10]
    np.subtract(terms[_LOG_F], chain.log_strike, out=x)
    stdev = np.sqrt(variance.total_variance(np.negative(x, out=d1), chain.years))
    if chain.is_blended:
        stdev *= terms[_SQUEEZE]
    np.multiply(stdev, terms[_INV_SQRT_YEARS], out=iv)

    np.divide(x, stdev, out=d1)
    np.multiply(stdev, 0.5, out=d2)
    d1 += d2
    np.subtract(d1, stdev, out=d2)
    np.multiply(d1, d1, out=density)
    density *= -0.5
    np.exp(density, out=density)
    normal = chain.work[1:3]
    ndtr(normal, out=normal)
    n1, n2 = normal

    pairs = strike.size
    planes = chain.planes[:VEGA]
    rho, mark, delta = planes
    np.copyto(delta[:pairs], n1)
    n1 *= forward
    n2 *= strike
    call = np.subtract(n1, n2, out=mark[:pairs])
    intrinsic = np.subtract(forward, strike, out=time_value)
    np.subtract(call, intrinsic, out=mark[pairs:])
    np.maximum(mark, 0.0, out=mark)
    np.subtract(delta[:pairs], 1.0, out=delta[pairs:])
    np.subtract(n2, strike, out=rho[pairs:])
    np.copyto(rho[:pairs], n2)
    halves = rho.reshape(2, pairs)
    halves *= terms[_RHO_SCALE]

    np.multiply(forward, stdev, out=x)
    np.divide(density, x, out=gamma)
    gamma *= _INV_SQRT_2PI
    density *= forward
    np.multiply(density, terms[_VEGA_SCALE], out=vega)
    density *= stdev
    np.multiply(density, terms[_THETA_SCALE], out=theta)
    if chain.is_blended:
        halves = delta.reshape(2, pairs)
        halves *= terms[_SHARE]
        gamma *= terms[_SHARE]
        gamma *= terms[_SHARE]
    np.copyto(forward_out, forward)
    planes.take(chain.slot_of_option, axis=1, out=chain.table[:VEGA], mode="clip")
    shared.take(chain.pair_of_option, axis=1, out=chain.table[VEGA:], mode="clip")
    if chain.is_pulled:
        apply_pull(chain, chain.pull)


def _terms(chain: ChainArrays) -> Floats:
    """What is the same for all pairs of an expiry."""
    years = chain.years
    terms = np.empty((8, years.size))
    terms[_F], terms[_SHARE], terms[_SQUEEZE] = chain.forward, chain.share, chain.moving
    np.log1p((chain.forward - chain.reference) / chain.reference, out=terms[_LOG_F])
    root = np.sqrt(years)
    np.divide(1.0, root, out=terms[_INV_SQRT_YEARS])
    np.multiply(root, 0.01 * _INV_SQRT_2PI, out=terms[_VEGA_SCALE])
    # F phi(d1) stdev / (2 T) a year, over one day or the T that is left: / max(365 T, 1).
    np.divide(-0.5 * _INV_SQRT_2PI, np.maximum(years * _DAYS_PER_YEAR, 1.0), out=terms[_THETA_SCALE])
    np.multiply(years, 0.01, out=terms[_RHO_SCALE])
    return terms


def apply_pull(chain: ChainArrays, pull: Floats) -> None:
    """Add the book's `pull` per option; a mark stays between its intrinsic value and its bound."""
    mark, forward = chain.table[MARK], chain.table[FORWARD]
    intrinsic = np.subtract(forward, chain.strike_of_option)
    intrinsic *= chain.sign
    np.maximum(intrinsic, 0.0, out=intrinsic)
    mark += pull
    np.maximum(mark, intrinsic, out=mark)
    np.minimum(mark, np.where(chain.sign > 0.0, forward, chain.strike_of_option), out=mark)
