"""The Mills ratio R(z) = N(-z) / phi(z) of the normal law and its differences, to full relative accuracy.

With it N keeps every digit in its tails, and Black-76 is a difference of two ratios in which the exponential,
common to both, has gone: everything in :mod:`pricing` that must not cancel is built on the table below.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pricing.engines import Floats

MILLS_P: Final = (
    1181281.6985893745, 2003889.7265885612, 1702528.2042068103, 934506.9208941975, 363200.2730893377,
    103922.48923654846, 22143.115789243155, 3475.9918496992627, 386.76172535063995, 27.814603424511866, 1.0,
)  # fmt: skip
MILLS_Q: Final = (
    762918.2292106391, 1977643.0672003455, 2404319.6280302126, 1813872.6452158443, 946125.921005716,
    359450.3784862241, 101904.0174459598, 21665.895702285914, 3407.3660217934944, 380.8080744944737,
    27.564603424511944, 1.0,
)  # fmt: skip
"""R(z) = P(y) / Q(y), y = z + MILLS_ORIGIN >= 0, lowest power first.

The minimax rational of degrees 10 and 11 on the whole half-line, good to 2.5e-17 (Remez in 80 digits,
relative error). All coefficients are positive, so nothing cancels: neither in P and Q nor in their divided
differences.
"""

MILLS_ORIGIN: Final = 0.25
"""The rational form serves arguments from -0.25 upward."""


def mills_pair(near: Floats, far: Floats, span: Floats) -> tuple[Floats, Floats, Floats]:
    """R(near), R(far) and R(near) - R(far) to a few units in the last place, however close the two are.

    -0.25 <= near <= far <= 1e12, and `span` = far - near, more exactly than the two say it. With R = P / Q
    the difference is span * (P(far) Q[near, far] - P[near, far] Q(far)) / (Q(near) Q(far)), f[a, b] the
    divided difference, which Horner's scheme gives without subtracting; where the two lie well apart the
    plain difference is the better one.
    """
    ya, yb = near + MILLS_ORIGIN, far + MILLS_ORIGIN
    pa, pb, p_slope = _divided(MILLS_P, ya, yb)
    qa, qb, q_slope = _divided(MILLS_Q, ya, yb)
    r_near, r_far = pa / qa, pb / qb
    slope = span * (pb * q_slope - p_slope * qb) / (qa * qb)
    return r_near, r_far, np.where(span > 0.2 * (near + 1.0), r_near - r_far, slope)


def _divided(coefficients: tuple[float, ...], ya: Floats, yb: Floats) -> tuple[Floats, Floats, Floats]:
    """p(ya), p(yb) and (p(yb) - p(ya)) / (yb - ya)."""
    at_a, at_b = np.full_like(ya, coefficients[-1]), np.full_like(yb, coefficients[-1])
    slope = np.zeros_like(ya)
    for coefficient in coefficients[-2::-1]:
        slope = slope * ya + at_b
        at_a = at_a * ya + coefficient
        at_b = at_b * yb + coefficient
    return at_a, at_b, slope
