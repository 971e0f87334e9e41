"""Rounding of a whole chain in vector operations: the numpy engine's kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pricing.engines.chain_arrays import Floats, Indices


def quantise(
    table: Floats,
    forward: Floats,
    limits: Floats,
    expiry_of_option: Indices,
    mark_out: NDArray[np.int64],
    delta_out: NDArray[np.int32],
    vega_out: NDArray[np.int64],
    forward_out: NDArray[np.int64],
) -> bool:
    """See :class:`pricing.engines.QuantiseKernel`."""
    whole = table * limits[:3, :1]
    np.rint(whole, out=whole)
    ahead = np.rint(forward * limits[3, 0])
    if whole.size and not _fit(whole, ahead, limits):
        return False
    mark_out[:], delta_out[:], vega_out[:] = whole
    forward_out[:] = ahead.astype(np.int64).take(expiry_of_option)
    return True


def _fit(whole: Floats, ahead: Floats, limits: Floats) -> bool:
    # NaN goes through min and max and fails every comparison. A dozen numbers are compared faster as such.
    low = [*np.minimum.reduce(whole, axis=1).tolist(), np.minimum.reduce(ahead)]
    high = [*np.maximum.reduce(whole, axis=1).tolist(), np.maximum.reduce(ahead)]
    return all(
        least <= below and above <= most
        for below, above, (_, least, most) in zip(low, high, limits.tolist(), strict=True)
    )
