"""The whole surface: SVI slices in order of expiry, what lies between and beyond them, and the bound form.

In the time to expiry, at fixed log-moneyness k:

- **between two slices** total variance is linear, so that no calendar spread costs less than nothing if the
  slices themselves are in order. A density between two slices is not implied by theory;
  :func:`pricing.surface.arbitrage.check_between` measures it, and :func:`pricing.surface.fit` asks it;
- **before the first** it falls in proportion to the time left: the smile of volatilities stays. With
  w -> t w, 0 < t < 1, the density factor is g_t = (1 - k w'/2w)^2 - t (w'^2/4w - w''/2) - t^2 w'^2/16:
  concave in t, a square at t = 0, g at t = 1, hence never negative if the first slice's is not;
- **after the last** it grows by the same amount at every k, at the last slice's own rate at the money: the
  volatility at the money stays, and the smile flattens. Growing in proportion would steepen the wings past
  Lee's bound; growth alike everywhere leaves the slopes, and cannot cross in time. Where w rises away from
  the money, 0 <= kw'/2w <= 1, g only grows with the level; for the rest of k tests look for exceptions and
  found none, in eSSVI or in raw SVI of any kind.

In the wings raw SVI is linear in k and needs no rule of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pricing.european import Floats
from pricing.surface.svi import SurfaceError, SviSlice


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
    """Slices in rising order of expiry; see the module for what lies between and beyond them."""

    def __init__(self, slices: Sequence[SviSlice]) -> None:
        if not slices:
            raise SurfaceError("a surface needs at least one slice")
        years = [piece.years for piece in slices]
        if any(later <= earlier for earlier, later in itertools.pairwise(years)):
            raise SurfaceError(f"slices must come in rising order of expiry: {years}")
        self.slices: tuple[SviSlice, ...] = tuple(slices)
        self.years = np.array(years)
        # After the slices comes a flat one, w = 1: what is added beyond the last expiry is a multiple of it.
        rows = [(p.a, p.b, p.rho, p.m, p.sigma**2) for p in slices]
        self._table = np.array([*rows, (1.0, 0.0, 0.0, 0.0, 1.0)]).T.copy()
        self._rate_beyond = float(slices[-1].total_variance(0.0)) / years[-1]

    def bracket(self, years: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
        """The slices on either side of each time, and their weights as lines in time.

        Returns ``pair, base, slope``, each with a leading axis of two: near any of `years`
        w(k, y) = sum over i of (base[i] + slope[i] * y) * w_{pair[i]}(k). Index ``len(slices)`` means the
        flat slice w = 1, which carries the growth beyond the last expiry; see :meth:`spread`.
        """
        count = len(self.slices)
        above = np.searchsorted(self.years, years)
        lower = np.maximum(above - 1, 0)
        upper = np.minimum(above, count - 1)
        start, end = self.years[lower], self.years[upper]
        before, beyond = above == 0, above == count
        span = np.where(before | beyond, 1.0, end - start)
        base = np.array([end / span, -start / span])
        slope = np.array([-1.0 / span, 1.0 / span])
        base[:, before], slope[0, before], slope[1, before] = 0.0, 0.0, 1.0 / end[before]
        rate = self._rate_beyond
        base[0, beyond], base[1, beyond] = 1.0, -rate * self.years[-1]
        slope[0, beyond], slope[1, beyond] = 0.0, rate
        return np.stack([lower, np.where(beyond, count, upper)]), base, slope

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
        """Whether total variance never falls from one slice to the next on the grid `k`.

        :func:`pricing.surface.arbitrage.check_calendar` needs no grid and says where and by how much.
        """
        w = np.array([piece.total_variance(k) for piece in self.slices])
        return bool(np.all(np.diff(w, axis=0) >= 0.0))

    def bind(self, expiry_of_option: NDArray[np.intp], expiry_years: Floats) -> BoundSvi:
        """See :class:`VolSurface`."""
        return BoundSvi(self, expiry_of_option, expiry_years)

    def spread(self, slice_of_option: NDArray[np.intp]) -> Floats:
        """a, b, rho, m, sigma^2 along the first axis, then the axes of `slice_of_option`."""
        return np.ascontiguousarray(self._table[:, slice_of_option])


class BoundSvi:
    """A surface of SVI slices bound to options, in flat arrays a compiled kernel may read directly.

    At expiry e, `y` years away, and log-moneyness k::

        w = sum for i in 0, 1 of (base[i, e] + slope[i, e] * y)
            * (a + b * (rho * (k - m) + sqrt((k - m)**2 + sigma_sq)))   with
        a, b, rho, m, sigma_sq = by_expiry[:, i, e]      (or by_option[:, i, j] for option j)

    All arrays are float64 and C-contiguous, and made anew by :meth:`follow` when an expiry has crossed a
    slice: call ``follow(expiry_years)`` before each use, then read the attributes.
    """

    base: Floats
    """Constant part of the weights in time: shape (2, expiries)."""
    slope: Floats
    """The weights' part per year: shape (2, expiries)."""
    by_expiry: Floats
    """a, b, rho, m, sigma^2 of the two bracketing slices: shape (5, 2, expiries)."""

    def __init__(self, surface: SviSurface, expiry_of_option: NDArray[np.intp], years: Floats) -> None:
        self.surface = surface
        self.expiry_of_option = expiry_of_option
        self._edges = surface.years
        self._work = np.empty((3, 2, expiry_of_option.size))
        self._place(years)

    def follow(self, expiry_years: Floats) -> bool:
        """Choose the bracketing slices for `expiry_years`; whether any array is new since the last call."""
        if self._edges.searchsorted(expiry_years).tobytes() == self._key:
            return False
        self._place(expiry_years)
        return True

    def _place(self, years: Floats) -> None:
        self._key = self._edges.searchsorted(years).tobytes()
        pair, self.base, self.slope = self.surface.bracket(years)
        self.by_expiry = self.surface.spread(pair)
        self._by_option: Floats | None = None

    @property
    def by_option(self) -> Floats:
        """`by_expiry` spread over the options: shape (5, 2, options); made when first asked for."""
        if self._by_option is None:
            self._by_option = np.ascontiguousarray(self.by_expiry[:, :, self.expiry_of_option])
        return self._by_option

    def total_variance(self, k: Floats, expiry_years: Floats) -> Floats:
        """See :class:`BoundSurface`."""
        self.follow(expiry_years)
        a, b, rho, m, sigma_sq = self.by_option
        weight = self.slope * expiry_years
        weight += self.base
        u, w, spread_weight = self._work
        np.subtract(k, m, out=u)
        np.multiply(u, u, out=w)
        w += sigma_sq
        np.sqrt(w, out=w)
        u *= rho
        w += u
        w *= b
        w += a
        w *= weight.take(self.expiry_of_option, axis=1, out=spread_weight, mode="clip")
        near: Floats = w[0]
        near += w[1]
        return near
