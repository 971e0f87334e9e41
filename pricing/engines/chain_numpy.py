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
# What all pairs of an expiry share, spread over them at once.
_F, _LOG_F, _RHO_SCALE, _VEGA_SCALE, _INV_SQRT_YEARS, _THETA_SCALE, _GAMMA_SCALE, _SHARE, _SQUEEZE = range(9)
_ALWAYS: Final = 7
"""Rows that count when nothing is blended."""
_FACTORS: Final = np.array([[0.01], [0.01 * _INV_SQRT_2PI]])
"""Rho by the years, vega by their root."""
_NUMERATORS: Final = np.array([[1.0], [-0.5 * _INV_SQRT_2PI], [_INV_SQRT_2PI]])
"""Of the inverse root of the years; of theta, F phi(d1) stdev / (2 T) a year, over one day or the T that is
left: / max(365 T, 1); of gamma, by the square of the forward."""


def refresh(chain: ChainArrays, variance: Variance) -> None:
    """Fill `chain.table`; every option must have time left."""
    terms = _terms(chain).take(chain.expiry_of_pair, axis=1, mode="clip")
    forward, log_forward, rho_scale, vega_scale, inv_root, theta_scale, gamma_scale = terms[:_ALWAYS]
    strike, pairs = chain.strike, chain.strike.size
    k, d1, d2, density, intrinsic = chain.work
    vega, forward_out, gamma, theta, iv = shared = chain.shared
    planes = chain.planes[:VEGA]
    rho, delta, mark = planes
    np.subtract(chain.log_strike, log_forward, out=k)
    stdev = np.sqrt(variance.total_variance(k, chain.years))
    if chain.is_blended:
        stdev *= terms[_SQUEEZE]
    np.multiply(stdev, inv_root, out=iv)

    # d1 = s / 2 - k / s, d2 = d1 - s
    np.divide(k, stdev, out=d2)
    np.multiply(stdev, 0.5, out=d1)
    d1 -= d2
    np.subtract(d1, stdev, out=d2)
    np.multiply(d1, -0.5, out=density)
    density *= d1
    np.exp(density, out=density)
    delta_call = ndtr(d1, out=delta[:pairs])
    n2 = ndtr(d2, out=d2)
    n2 *= strike
    call = np.multiply(delta_call, forward, out=mark[:pairs])
    call -= n2
    np.subtract(forward, strike, out=intrinsic)
    np.subtract(call, intrinsic, out=mark[pairs:])
    np.maximum(mark, 0.0, out=mark)
    np.subtract(delta_call, 1.0, out=delta[pairs:])
    np.multiply(n2, rho_scale, out=rho[:pairs])
    n2 -= strike
    np.multiply(n2, rho_scale, out=rho[pairs:])

    density *= forward
    np.multiply(density, vega_scale, out=vega)
    np.divide(density, stdev, out=gamma)
    gamma *= gamma_scale
    density *= stdev
    np.multiply(density, theta_scale, out=theta)
    if chain.is_blended:
        halves = delta.reshape(2, pairs)
        halves *= terms[_SHARE]
    np.copyto(forward_out, forward)
    _to_options(chain, planes, shared)
    if chain.is_pulled:
        apply_pull(chain, chain.pull)


def _to_options(chain: ChainArrays, planes: Floats, shared: Floats) -> None:
    """Each option takes its own from its pair: `planes` by call and put, `shared` alike for both."""
    common = chain.table[VEGA:]
    planes.take(chain.slot_of_option, axis=1, out=chain.table[:VEGA], mode="clip")
    if chain.is_alternating:
        common[:, ::2] = common[:, 1::2] = shared
    else:
        shared.take(chain.pair_of_option, axis=1, out=common, mode="clip")


def _terms(chain: ChainArrays) -> Floats:
    """What is the same for all pairs of an expiry."""
    years, forward = chain.years, chain.forward
    terms = np.empty((9 if chain.is_blended else _ALWAYS, years.size))
    terms[_F] = forward
    ratio = terms[_LOG_F]
    np.subtract(forward, chain.reference, out=ratio)
    ratio /= chain.reference
    np.log1p(ratio, out=ratio)
    basis = np.empty((4, years.size))
    time, root, shown_days, square = basis
    time[:] = years
    np.sqrt(years, out=root)
    np.multiply(years, _DAYS_PER_YEAR, out=shown_days)
    np.maximum(shown_days, 1.0, out=shown_days)
    np.multiply(forward, forward, out=square)
    np.multiply(basis[:2], _FACTORS, out=terms[_RHO_SCALE : _VEGA_SCALE + 1])
    np.divide(_NUMERATORS, basis[1:], out=terms[_INV_SQRT_YEARS : _GAMMA_SCALE + 1])
    if chain.is_blended:
        terms[_SHARE], terms[_SQUEEZE] = chain.share, chain.moving
        scale = terms[_GAMMA_SCALE]
        scale *= chain.share
        scale *= chain.share
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
