from __future__ import annotations

import numpy as np

from loadtest.naive_pricing import naive_black76
from loadtest.pricing_workload import chain
from pricing import black76


def test_the_naive_twin_computes_what_black76_computes() -> None:
    options = chain(2_000)
    found = naive_black76(*options[:4], options.sign)
    for name, column, exact in zip(
        ("price", "delta", "gamma", "vega", "theta", "rho"), found, black76(*options[:5]), strict=True
    ):
        np.testing.assert_allclose(column, exact, rtol=1e-9, err_msg=name)
