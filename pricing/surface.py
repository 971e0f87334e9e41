"""Volatility surface: one raw-SVI slice per expiry, linear in total variance between them.

k = ln(K/F) is log-moneyness on the forward of the expiry, w(k) = vol^2 * years the total variance.
Raw SVI: w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)) (Gatheral). SSVI and its relatives
(Gatheral and Jacquier 2014) are raw SVI with particular parameters: :meth:`SviSlice.from_ssvi`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
        if not all(np.isfinite(numbers)):
            raise SurfaceError(f"a slice needs finite parameters: {numbers}")
        if not (self.years > 0.0 and self.b >= 0.0 and abs(self.rho) < 1.0 and self.sigma > 0.0):
            raise SurfaceError(f"a slice needs years > 0, b >= 0, |rho| < 1, sigma > 0: {numbers}")
        if self.a + self.b * self.sigma * (1.0 - self.rho**2) ** 0.5 < 0.0:
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
        """Whether g >= 0 at every point of the grid `k`."""
        return bool(np.all(self.density_factor(k) >= 0.0))


def density_factor(k: ArrayLike, w: Floats, w_first: Floats, w_second: Floats) -> Floats:
    """g(k) = (1 - k w'/2w)^2 - w'^2/4 (1/w + 1/4) + w''/2; negative where a butterfly's price is."""
    x = np.asarray(k, dtype=np.float64)
    g = (1.0 - x * w_first / (2.0 * w)) ** 2 - 0.25 * w_first**2 * (1.0 / w + 0.25) + 0.5 * w_second
    return np.asarray(g)


class BoundSurface(Protocol):
    """A surface prepared for fixed options: only log-moneyness and time move."""

    def total_variance(self, k: Floats, expiry_years: Floats) -> Floats:
        """w per option at log-moneyness `k` (per option) and `expiry_years` (per expiry).

        The array is the surface's own and holds until the next call.
        """
        ...


class VolSurface(Protocol):
    """What a chain needs of any surface, however parameterised."""

    def bind(self, expiry_of_option: NDArray[np.intp], expiry_years: Floats) -> BoundSurface:
        """Prepare for options whose expiry is ``expiry_of_option``, an index into `expiry_years`."""
        ...


class SviSurface:
    """Slices in rising order of expiry.

    Between two slices total variance is linear in time at fixed k; before the first it falls in proportion
    to the time left (its smile of volatilities stays), after the last it grows likewise.
    """

    def __init__(self, slices: Sequence[SviSlice]) -> None:
        if not slices:
            raise SurfaceError("a surface needs at least one slice")
        years = [piece.years for piece in slices]
        if any(later <= earlier for earlier, later in itertools.pairwise(years)):
            raise SurfaceError(f"slices must come in rising order of expiry: {years}")
        self.slices: tuple[SviSlice, ...] = tuple(slices)
        self.years = np.array(years)
        self._table = np.array([[p.a, p.b, p.rho, p.m, p.sigma**2] for p in slices]).T.copy()

    def bracket(self, years: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
        """The slices on either side of each time, and their weights as lines in time.

        Returns ``pair, base, slope``, each with a leading axis of two: near any of `years`
        w(k, y) = sum over i of (base[i] + slope[i] * y) * w_{pair[i]}(k). Outside all slices the outermost
        one stands alone, in proportion to the time.
        """
        above = np.searchsorted(self.years, years)
        lower = np.maximum(above - 1, 0)
        upper = np.minimum(above, len(self.slices) - 1)
        start, end = self.years[lower], self.years[upper]
        alone = lower == upper
        span = np.where(alone, 1.0, end - start)
        base = np.where(alone, 0.0, [end / span, -start / span])
        slope = np.where(alone, [np.zeros_like(end), 1.0 / end], [-1.0 / span, 1.0 / span])
        return np.stack([lower, upper]), base, slope

    def total_variance(self, k: ArrayLike, years: ArrayLike) -> Floats:
        """w(k, years); the arguments broadcast, ``years >= 0``."""
        x, y = np.broadcast_arrays(np.asarray(k, dtype=np.float64), np.asarray(years, dtype=np.float64))
        pair, base, slope = self.bracket(y)
        a, b, rho, m, sigma_sq = self.spread(pair)
        u = x - m
        return np.asarray(((base + slope * y) * (a + b * (rho * u + np.sqrt(u * u + sigma_sq)))).sum(axis=0))

    def vol(self, k: ArrayLike, years: ArrayLike) -> Floats:
        """Annualised volatility; ``years > 0``."""
        y = np.asarray(years, dtype=np.float64)
        return np.asarray(np.sqrt(self.total_variance(k, y) / y))

    def is_calendar_free(self, k: ArrayLike) -> bool:
        """Whether total variance never falls from one slice to the next on the grid `k`."""
        w = np.array([piece.total_variance(k) for piece in self.slices])
        return bool(np.all(np.diff(w, axis=0) >= 0.0))

    def bind(self, expiry_of_option: NDArray[np.intp], expiry_years: Floats) -> BoundSurface:
        """See :class:`VolSurface`."""
        return _BoundSvi(self, expiry_of_option, expiry_years)

    def spread(self, slice_of_option: NDArray[np.intp]) -> Floats:
        """a, b, rho, m, sigma^2 along the first axis, then the axes of `slice_of_option`."""
        return np.ascontiguousarray(self._table[:, slice_of_option])


class _BoundSvi:
    """Both bracketing slices of every option side by side, spread again only when a bracket changes."""

    def __init__(self, surface: SviSurface, expiry_of_option: NDArray[np.intp], years: Floats) -> None:
        self._surface = surface
        self._expiry_of_option = expiry_of_option
        self._spread(years)

    def _spread(self, years: Floats) -> None:
        self._key = self._surface.years.searchsorted(years).tobytes()
        pair, self._base, self._slope = self._surface.bracket(years)
        spread = self._surface.spread(pair[:, self._expiry_of_option])
        self._a, self._b, self._rho, self._m, self._sigma_sq = spread
        self._work = np.empty((3, *self._m.shape))

    def total_variance(self, k: Floats, expiry_years: Floats) -> Floats:
        """See :class:`BoundSurface`."""
        if self._surface.years.searchsorted(expiry_years).tobytes() != self._key:
            self._spread(expiry_years)
        weight = self._slope * expiry_years
        weight += self._base
        u, w, spread_weight = self._work
        np.subtract(k, self._m, out=u)
        np.multiply(u, u, out=w)
        w += self._sigma_sq
        np.sqrt(w, out=w)
        u *= self._rho
        w += u
        w *= self._b
        w += self._a
        w *= weight.take(self._expiry_of_option, axis=1, out=spread_weight, mode="clip")
        near: Floats = w[0]
        near += w[1]
        return near
