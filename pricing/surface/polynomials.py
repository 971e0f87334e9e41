"""The polynomials behind the arbitrage checks, and their roots as log-moneyness.

With k = m + sigma sinh(t) and y = exp(t), cosh(t) = (y + 1/y)/2 and sinh(t) = (y - 1/y)/2, so that
w = a + b sigma (rho sinh t + cosh t) and, with P = b (rho cosh t + sinh t), w' = P / cosh t and
w'' = b / (sigma cosh^3 t). Hence for the density factor g

    16 w^2 cosh^3 g = 4 c (2 w c - k P)^2 - c w (4 + w) P^2 + 8 (b / sigma) w^2,   c = cosh t,

a Laurent polynomial of degree five. A second slice is crossed where
(w - a2 - b2 rho2 (k - m2))^2 = b2^2 ((k - m2)^2 + sigma2^2), of degree two (some of its roots belong to the
other branch of the square root). Multiplied by y^5 and y^2 they are polynomials of degree ten and four.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.european import Floats

_REAL: Final = 1e-6
"""Roots whose imaginary part is relatively smaller count as real: a double root splits by rounding."""

_LEAST_LEAD: Final = 1e-30
"""A leading coefficient this small beside the largest only makes a root far beyond every strike."""


def density_roots(table: Floats) -> list[Floats]:
    """Per slice, all k at which g may change its sign, rising. `table` is a, b, rho, m, sigma by slice."""
    a, b, rho, m, sigma = table
    w, k = _wave(a, b * sigma * rho, b * sigma), _wave(m, sigma, np.zeros_like(m))
    p = _wave(np.zeros_like(b), b, b * rho)
    c = _wave(np.zeros_like(b), np.zeros_like(b), np.ones_like(b))
    first = _add(2.0 * _times(w, c), -_times(k, p))
    four = np.zeros_like(w)
    four[1] = 4.0
    square = _times(c, _times(first, first))
    return _log_moneyness(
        _add(
            4.0 * square,
            -_times(_times(c, _times(w, four + w)), _times(p, p)),
            (8.0 * b / sigma) * _times(w, w),
        ),
        m,
        sigma,
    )


def calendar_roots(table: Floats) -> list[Floats]:
    """Per pair of neighbouring slices, all k at which they may cross, rising."""
    a, b, rho, m, sigma = table[:, :-1]
    a2, b2, rho2, m2, sigma2 = table[:, 1:]
    zero = np.zeros_like(a)
    apart = _wave(m - m2, sigma, zero)
    line = _wave(a - a2, b * sigma * rho, b * sigma) - b2 * rho2 * apart
    return _log_moneyness(
        _add(_times(line, line), -(b2 * b2) * _times(apart, apart), _wave(-((b2 * sigma2) ** 2), zero, zero)),
        m,
        sigma,
    )


def _wave(constant: Floats, sinh: Floats, cosh: Floats) -> Floats:
    """constant + sinh * sinh(t) + cosh * cosh(t), by rising powers of y from -1: shape (3, n)."""
    return np.array([0.5 * (cosh - sinh), constant, 0.5 * (cosh + sinh)])


def _times(x: Floats, y: Floats) -> Floats:
    out = np.zeros((x.shape[0] + y.shape[0] - 1, x.shape[1]))
    for i, row in enumerate(x):
        out[i : i + y.shape[0]] += row * y
    return out


def _add(*terms: Floats) -> Floats:
    """The sum of Laurent polynomials, each centred on the power zero."""
    size = max(term.shape[0] for term in terms)
    out = np.zeros((size, terms[0].shape[1]))
    for term in terms:
        skip = (size - term.shape[0]) // 2
        out[skip : size - skip] += term
    return out


def _log_moneyness(coefficients: Floats, m: Floats, sigma: Floats) -> list[Floats]:
    """The positive roots of each column (rising powers), as k."""
    degree, count = coefficients.shape[0] - 1, coefficients.shape[1]
    largest = np.abs(coefficients).max(axis=0, initial=0.0)
    # Of coefficients near the smallest numbers the floor itself would vanish.
    floor = np.where(largest > 0.0, np.maximum(largest * _LEAST_LEAD, np.finfo(np.float64).tiny), 1.0)
    lead = coefficients[-1]
    lead = np.where(np.abs(lead) < floor, np.copysign(floor, lead), lead)
    companion = np.zeros((count, degree, degree))
    companion[:, np.arange(1, degree), np.arange(degree - 1)] = 1.0
    companion[:, :, -1] = (-coefficients[:-1] / lead).T
    roots: NDArray[np.complex128] = np.linalg.eigvals(companion).astype(np.complex128)
    found = []
    for i in range(count):
        real = roots[i].real
        y = real[(np.abs(roots[i].imag) <= _REAL * np.abs(roots[i])) & (real > 1e-150) & (real < 1e150)]
        found.append(np.sort(m[i] + 0.5 * sigma[i] * (y - 1.0 / y)))
    return found
