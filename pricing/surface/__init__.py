"""Volatility surfaces: SVI slices, what lies between them, arbitrage checks, fits and refits.

k = ln(K/F) is log-moneyness on the forward of the expiry, w(k) = vol^2 * years the total variance.
"""

from pricing.surface.svi import SurfaceError, SviSlice, density_factor
from pricing.surface.term import BoundSurface, BoundSvi, SviSurface, VolSurface

__all__ = [
    "BoundSurface",
    "BoundSvi",
    "SurfaceError",
    "SviSlice",
    "SviSurface",
    "VolSurface",
    "density_factor",
]
