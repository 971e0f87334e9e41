"""The engine of ``strikebook[fast]``: machine code made by numba, loaded from its cache on disk."""

from __future__ import annotations

from pricing.engines import Engine
from pricing.engines.black76_numpy import black76, second_order
from pricing.engines.chain_numpy import refresh


def load() -> Engine:
    """The table of kernels, every one compiled (or loaded) and run once."""
    return Engine(name="numba", black76=black76, second_order=second_order, chain=refresh)
