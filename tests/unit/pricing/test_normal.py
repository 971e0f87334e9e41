"""The Mills ratio and its differences against 60 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from pricing.normal import MILLS_ORIGIN, MILLS_P, MILLS_Q, mills_pair

POINTS = (-0.25, -0.1, 0.0, 1e-9, 0.03, 0.5, 1.0, 2.2, 4.0, 7.5, 12.0, 20.0, 36.5, 200.0, 1000.0)
SPANS = (1e-14, 1e-9, 1e-5, 1e-3, 0.05, 0.2, 0.25, 1.0, 3.0, 10.0, 25.0)


def ratio(z: mp.mpf) -> mp.mpf:
    """The definition; far out, where exp(z**2 / 2) would be absurd, Laplace's continued fraction."""
    if z < 50:
        return mp.sqrt(mp.pi / 2) * mp.exp(z * z / 2) * mp.erfc(z / mp.sqrt(2))
    value = z
    for k in range(400, 0, -1):
        value = z + k / value
    return 1 / value


@pytest.mark.parametrize("near", POINTS)
def test_ratios_and_their_difference_keep_every_digit(near: float) -> None:
    with mp.workdps(60):
        far = [float(mp.mpf(near) + mp.mpf(span)) for span in SPANS]
        span = np.array([float(mp.mpf(b) - mp.mpf(near)) for b in far])
        far_array, span = np.array(far)[span > 0.0], span[span > 0.0]
        got = mills_pair(np.full_like(span, near), far_array, span)
        at_near = ratio(mp.mpf(near))
        for index, b in enumerate(far_array):
            at_far = ratio(mp.mpf(float(b)))
            for value, want, error_max in (
                (got[0][index], at_near, 2e-15),
                (got[1][index], at_far, 2e-15),
                (got[2][index], at_near - at_far, 1e-14),
            ):
                assert abs(mp.mpf(float(value)) / want - 1) < error_max, (near, b)


def test_all_coefficients_are_positive_so_that_nothing_cancels() -> None:
    assert min(*MILLS_P, *MILLS_Q) > 0.0
    assert len(MILLS_Q) == len(MILLS_P) + 1
    assert MILLS_ORIGIN == 0.25
