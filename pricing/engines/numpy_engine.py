"""The engine that is always there: numpy and scipy."""

from __future__ import annotations

from pricing.engines import Engine
from pricing.engines.black76_numpy import black76, second_order
from pricing.engines.chain_numpy import refresh
from pricing.engines.implied_numpy import implied
from pricing.engines.quantise_numpy import quantise
from pricing.engines.scenarios_numpy import scenario_values


def load() -> Engine:
    """The table of kernels; numpy needs no warming."""
    return Engine(
        name="numpy",
        black76=black76,
        second_order=second_order,
        implied=implied,
        chain=refresh,
        quantise=quantise,
        scenarios=scenario_values,
    )
