"""The engine of ``strikebook[fast]``: machine code made by numba, loaded from its cache on disk."""

from __future__ import annotations

import numpy as np

from pricing.engines import Engine, chain_numba, scenarios_numba
from pricing.engines.black76_numba import black76, second_order
from pricing.engines.implied_numba import implied


def load() -> Engine:
    """The table of kernels, every one compiled (or loaded) by its import and run once here."""
    one = np.ones(1)
    black76(one, one, one, one, np.ones(1, dtype=np.bool_), np.empty((6, 1)))
    second_order(one, one, one, one, np.empty((3, 1)))
    implied(one, one, one, one, np.ones(1, dtype=np.bool_), np.empty(1))
    chain_numba.warm()
    scenarios_numba.warm()
    return Engine(
        name="numba",
        black76=black76,
        second_order=second_order,
        implied=implied,
        chain=chain_numba.refresh,
        quantise=chain_numba.quantise,
        scenarios=scenarios_numba.scenario_values,
    )
