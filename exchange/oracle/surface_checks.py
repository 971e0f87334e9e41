"""What no surface may be, however it came about: checked by the venue before a surface prices anything.

The worker promises surfaces free of arbitrage; a worker is another process, and a surface that is negative or
crossed would misprice every option and every margin at once. So each is looked at again, with room for
rounding, at log-moneyness up to ±2 (strikes from an eighth to seven times the forward): on a grid, as the
exact checks of :mod:`pricing.surface` take milliseconds that the order path does not have.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from exchange.oracle.refit_job import RefitReply
from pricing.european import Floats
from pricing.surface import SurfaceError, SviSurface

NEGATIVE: Final = "negative_surface"
"""Total variance below zero somewhere, or parameters that are no slice."""
CROSSED: Final = "crossed_surface"
"""Total variance falls from one expiry to the next: the slices cross."""
BUTTERFLY: Final = "butterfly_surface"
"""A density below zero: a butterfly with a negative price."""

_K: Final[Floats] = 2.0 * np.sinh(np.linspace(-4.0, 4.0, 81)) / np.sinh(4.0)
"""Dense at the money, where near expiries have their whole smile."""
_CALENDAR_TOLERANCE: Final = 1e-7
"""Of total variance: a hundredth of a basis point of volatility at a day and 60 %."""
_BUTTERFLY_TOLERANCE: Final = 1e-3
"""Of the density factor, which is about 1 for a smile nobody complains of."""


class RefusedSurface(ValueError):
    """A surface that may not be used; `code` is one of the above, stable."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


def checked(reply: RefitReply, now_ms: int) -> SviSurface | None:
    """The surface of `reply` as of `now_ms`; None if none of its slices is left. Raises RefusedSurface."""
    try:
        surface = reply.surface(now_ms)
    except SurfaceError as error:
        raise RefusedSurface(NEGATIVE, str(error)) from None
    if surface is not None:
        must_be_free(surface)
    return surface


def must_be_free(surface: SviSurface) -> None:
    """Raises RefusedSurface for slices that cross or have a negative butterfly."""
    variance = np.stack([piece.total_variance(_K) for piece in surface.slices])
    fall = variance[:-1] - variance[1:]
    if fall.size and float(fall.max()) > _CALENDAR_TOLERANCE:
        at, k = np.unravel_index(int(fall.argmax()), fall.shape)
        raise RefusedSurface(CROSSED, f"slices {at} and {at + 1} by {fall.max():.2g} at k = {_K[k]:.2f}")
    density = np.stack([piece.density_factor(_K) for piece in surface.slices])
    if float(density.min()) < -_BUTTERFLY_TOLERANCE:
        at, k = np.unravel_index(int(density.argmin()), density.shape)
        raise RefusedSurface(BUTTERFLY, f"slice {at} by {-density.min():.2g} at k = {_K[k]:.2f}")
