"""The primitives of the numba kernels against 60 digits, over the domains they state."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from pricing import engines
from pricing.normal import mills_pair

if not engines.numba_installed():
    pytest.skip("the extra `fast` is not installed", allow_module_level=True)

import numba

from pricing.engines import numba_math
from pricing.engines.numba_jit import FLOATS_IN, TABLE_OUT

U = 2.0**-53


def _loop(values: Any, more: Any, out: Any) -> None:
    for i in range(values.size):
        a, b = values[i], more[i]
        out[0, i] = numba_math.exp_pair(a, b)
        out[1, i] = numba_math.exp(a)


def _ratios(values: Any, more: Any, out: Any) -> None:
    for i in range(values.size):
        out[0, i], out[1, i] = numba_math.log_ratio(values[i], more[i])
        out[2, i] = numba_math.log(values[i])


def _mills(values: Any, more: Any, out: Any) -> None:
    for i in range(values.size):
        near, far, difference, below = numba_math.mills_cross(values[i], values[i] + more[i], more[i])
        out[0, i], out[1, i], out[2, i] = near / below, far / below, difference / below


def run(function: Any, rows: int, values: np.ndarray, more: np.ndarray) -> np.ndarray:
    signature = numba.types.void(FLOATS_IN, FLOATS_IN, TABLE_OUT)
    out = np.empty((rows, values.size))
    numba.njit(signature, error_model="numpy")(function)(values, more, out)
    return out


def test_exponentials() -> None:
    random = np.random.default_rng(1)
    near, far = random.uniform(-1, 1, 100), random.uniform(-700, 600, 300)
    values = np.concatenate([far, near, [0.0, -0.0, -1e-300]])
    more = values * random.uniform(-1, 1, values.size) * 1e-16
    pair, plain = run(_loop, 2, values, more)
    with mp.workdps(60):
        for a, b, with_rest, without in zip(values, more, pair, plain, strict=True):
            assert abs(mp.mpf(float(with_rest)) / mp.exp(mp.mpf(float(a)) + float(b)) - 1) < 2 * U
            assert abs(mp.mpf(float(without)) / mp.exp(mp.mpf(float(a))) - 1) < 2 * U


def test_exponentials_end_gradually() -> None:
    values = np.array([-708.0, -710.0, -740.0, -745.1, -746.0, -800.0, -1e300, -math.inf])
    got = run(_loop, 2, values, np.zeros_like(values))[1]
    assert got == pytest.approx(np.exp(values), rel=1e-15, abs=5e-324)
    assert got[-3:].tolist() == [0.0, 0.0, 0.0]


def test_logarithms_of_quotients_are_pairs() -> None:
    random = np.random.default_rng(2)
    a = 10.0 ** random.uniform(-100, 100, 400)
    b = np.concatenate([a[:200] * np.exp(random.uniform(-1, 1, 200) * 10 ** random.uniform(-16, 0, 200)),
                        10.0 ** random.uniform(-100, 100, 200)])  # fmt: skip
    b[0] = a[0]
    hi, lo, single = run(_ratios, 3, a, b)
    assert hi[0] == lo[0] == 0.0
    with mp.workdps(60):
        for p, q, top, rest, alone in zip(a[1:], b[1:], hi[1:], lo[1:], single[1:], strict=True):
            want = mp.log(mp.mpf(float(p)) / mp.mpf(float(q)))
            assert abs((mp.mpf(float(top)) + float(rest)) / want - 1) < 2.0**-57
            assert abs(rest) <= U * abs(top)
            assert abs(mp.mpf(float(alone)) / mp.log(mp.mpf(float(p))) - 1) < U


def test_mills_ratios_are_those_of_numpy() -> None:
    random = np.random.default_rng(3)
    near = np.concatenate([random.uniform(-0.25, 3.0, 300), 10 ** random.uniform(0, 3, 100)])
    span = 10.0 ** random.uniform(-12, 1.4, near.size)
    for got, want in zip(run(_mills, 3, near, span), mills_pair(near, near + span, span), strict=True):
        assert np.max(np.abs(got / want - 1.0)) < 2e-14
