"""Default volatility surfaces of the simulated market: realistic levels, skews and term structures."""

from __future__ import annotations

from typing import Final

from pricing.european import DAYS_PER_YEAR
from pricing.surface import SurfaceError, SviSlice, SviSurface

_TENORS_DAYS: Final = (1.0, 2.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0)

# Per underlying, by tenor: volatility at the money, slant rho, and eta = phi * sqrt(theta), the smile's
# curvature on the scale of one standard deviation. Short crypto smiles are steep and slightly put-heavy;
# longer ones are flatter in standard deviations and lean to the calls.
_MARKET: Final[dict[str, tuple[tuple[float, float, float], ...]]] = {
    "BTC": (
        (0.440, -0.10, 0.62),
        (0.445, -0.11, 0.66),
        (0.460, -0.12, 0.74),
        (0.475, -0.11, 0.78),
        (0.495, -0.08, 0.80),
        (0.515, -0.04, 0.80),
        (0.530, -0.01, 0.79),
        (0.555, 0.04, 0.77),
        (0.580, 0.08, 0.74),
    ),
    "ETH": (
        (0.580, -0.12, 0.60),
        (0.585, -0.13, 0.64),
        (0.600, -0.14, 0.72),
        (0.615, -0.13, 0.76),
        (0.635, -0.10, 0.78),
        (0.655, -0.07, 0.78),
        (0.670, -0.04, 0.77),
        (0.690, 0.01, 0.75),
        (0.710, 0.05, 0.72),
    ),
}


def simulated_surface(underlying: str) -> SviSurface:
    """The default surface of the simulated market for ``"BTC"`` or ``"ETH"``; free of static arbitrage."""
    rows = _MARKET.get(underlying)
    if rows is None:
        raise SurfaceError(f"no simulated surface for {underlying!r}; known: {', '.join(sorted(_MARKET))}")
    slices = []
    for days, (vol, rho, eta) in zip(_TENORS_DAYS, rows, strict=True):
        years = days / DAYS_PER_YEAR
        theta = vol * vol * years
        slices.append(SviSlice.from_ssvi(years, theta=theta, rho=rho, phi=eta / theta**0.5))
    return SviSurface(slices)
