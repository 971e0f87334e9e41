"""One expiry of a volatility surface: raw SVI, total variance by log-moneyness.

k = ln(K/F) is log-moneyness on the forward of the expiry, w(k) = vol^2 * years the total variance.
Raw SVI: w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)) (Gatheral). The other parameterisations of
the field are in :mod:`pricing.surface.conversions` and :mod:`pricing.surface.essvi`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pricing.european import Floats


class SurfaceError(ValueError):
    """Parameters that describe no surface; `code` is stable."""

    code = "bad_surface"


@dataclass(frozen=True, slots=True)
class SviSlice:
    """Raw SVI parameters of one expiry, `years` away. Raises :class:`SurfaceError` where w(k) >= 0 fails."""

    years: float
    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def __post_init__(self) -> None:
        numbers = (self.years, self.a, self.b, self.rho, self.m, self.sigma)
        if not all(map(math.isfinite, numbers)):
            raise SurfaceError(f"a slice needs finite parameters: {numbers}")
        if not (self.years > 0.0 and self.b >= 0.0 and abs(self.rho) < 1.0 and self.sigma > 0.0):
            raise SurfaceError(f"a slice needs years > 0, b >= 0, |rho| < 1, sigma > 0: {numbers}")
        if self.least_variance < 0.0:
            raise SurfaceError(f"total variance is negative at its minimum: {numbers}")

    @classmethod
    def from_ssvi(cls, years: float, theta: float, rho: float, phi: float) -> SviSlice:
        """The slice w = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)).

        `theta` is the total variance at the money, `rho` the slant, `phi` the curvature. Free of
        butterfly arbitrage if theta phi (1 + |rho|) < 4 and theta phi^2 (1 + |rho|) <= 4.
        """
        if not (theta > 0.0 and phi > 0.0 and abs(rho) < 1.0):
            raise SurfaceError(f"SSVI needs theta > 0, phi > 0, |rho| < 1: {(theta, rho, phi)}")
        rest = 1.0 - rho * rho
        return cls(
            years, a=0.5 * theta * rest, b=0.5 * theta * phi, rho=rho, m=-rho / phi, sigma=rest**0.5 / phi
        )

    @property
    def least_variance(self) -> float:
        """The minimum of w over all k: a + b sigma sqrt(1 - rho^2)."""
        return self.a + self.b * self.sigma * math.sqrt((1.0 - self.rho) * (1.0 + self.rho))

    @property
    def lee_slope(self) -> float:
        """b (1 + |rho|), the steeper of the two wings; above 2 no price is finite (Lee's moment formula)."""
        return self.b * (1.0 + abs(self.rho))

    def aged(self, years: float) -> SviSlice:
        """The same smile of volatilities with `years` left, less than now.

        Total variance shrinks in proportion, which keeps a slice free of butterflies free of them (see
        :mod:`pricing.surface.term`), and, all slices of a surface aged by the same time, their order too:
        the nearer one shrinks more.
        """
        share = years / self.years
        if not 0.0 < share <= 1.0:
            raise SurfaceError(f"{years} years are not left of {self.years}")
        return SviSlice(years, self.a * share, self.b * share, self.rho, self.m, self.sigma)

    def total_variance(self, k: ArrayLike) -> Floats:
        """w(k), same shape as `k`."""
        u = np.asarray(k, dtype=np.float64) - self.m
        return np.asarray(self.a + self.b * (self.rho * u + np.sqrt(u * u + self.sigma**2)))

    def vol(self, k: ArrayLike) -> Floats:
        """Annualised volatility at log-moneyness `k`."""
        return np.asarray(np.sqrt(self.total_variance(k) / self.years))

    def derivatives(self, k: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """w(k), w'(k), w''(k)."""
        u = np.asarray(k, dtype=np.float64) - self.m
        root = np.sqrt(u * u + self.sigma**2)
        first = self.b * (self.rho + u / root)
        second = self.b * self.sigma**2 / root**3
        return self.total_variance(k), np.asarray(first), np.asarray(second)

    def density_factor(self, k: ArrayLike) -> Floats:
        """g(k), the sign of the risk-neutral density: see :func:`density_factor`."""
        return density_factor(k, *self.derivatives(k))

    def is_butterfly_free(self, k: ArrayLike) -> bool:
        """Whether g >= 0 at every point of the grid `k`; :mod:`pricing.surface.arbitrage` needs no grid."""
        return bool(np.all(self.density_factor(k) >= 0.0))


def density_factor(k: ArrayLike, w: Floats, w_first: Floats, w_second: Floats) -> Floats:
    """g(k) = (1 - k w'/2w)^2 - w'^2/4 (1/w + 1/4) + w''/2; negative where a butterfly's price is."""
    x = np.asarray(k, dtype=np.float64)
    g = (1.0 - x * w_first / (2.0 * w)) ** 2 - 0.25 * w_first**2 * (1.0 / w + 0.25) + 0.5 * w_second
    return np.asarray(g)


def density_gradient(k: Floats, w: Floats, w_first: Floats) -> tuple[Floats, Floats, float]:
    """The derivatives of :func:`density_factor` by w, w' and w''."""
    x = 1.0 - k * w_first / (2.0 * w)
    by_w = (x * k * w_first + 0.25 * w_first * w_first) / (w * w)
    by_first = -x * k / w - 0.5 * w_first * (1.0 / w + 0.25)
    return by_w, by_first, 0.5
