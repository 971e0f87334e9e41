"""Rounding of a whole chain in vector operations: the numpy engine's kernel."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pricing.engines.chain_arrays import Floats

TO_WHOLE: Final = float(3 << 51)
"""Added to a double x, |x| < 2**51, it rounds x to an integer, ties to even: no smaller bit is left room. The
bits of the sum are then those of this number plus that integer."""
TO_WHOLE_BITS: Final = int(np.float64(TO_WHOLE).view(np.int64))


def quantise(table: Floats, limits: Floats, block: NDArray[np.int64]) -> bool:
    """See :class:`pricing.engines.QuantiseKernel`."""
    shifted = table * limits[:, :1]
    np.add(shifted, TO_WHOLE, out=shifted)
    if not _fit(shifted, limits):
        return False
    bits = shifted.view(np.int64)
    np.subtract(bits, TO_WHOLE_BITS, out=bits)
    block.view(np.int32)[:, 1], block[:, 1], block[:, 2], block[:, 3] = bits
    return True


def _fit(shifted: Floats, limits: Floats) -> bool:
    if not shifted.size:
        return True
    # NaN goes through min and max and fails every comparison. Eight numbers are compared faster as such.
    low = np.minimum.reduce(shifted, axis=1).tolist()
    high = np.maximum.reduce(shifted, axis=1).tolist()
    for row, (_, least, most) in enumerate(limits.tolist()):
        if not (least <= low[row] and high[row] <= most):
            return False
    return True
