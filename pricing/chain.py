"""The live table of all options of one underlying, repriced in place on every index move.

Everything lies in contiguous arrays, one entry per option in the order given at construction. A refresh
allocates next to nothing and makes one pass of vector operations: forwards by expiry, total variance from
the surface, then price and Greeks. The pass uses the plain form of Black-76, whose absolute error (about
1e-15 of the forward) lies far below the micro-unit marks are quantised to; :func:`pricing.black76`
is the accurate twin it is tested against.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from pricing.european import DAYS_PER_YEAR, Floats, black76, years_between
from pricing.forward import ForwardCurve
from pricing.surface import VolSurface

_INV_SQRT_2PI: Final = 1.0 / math.sqrt(2.0 * math.pi)

# Rows of the per-expiry table that a refresh spreads over the options.
_FORWARD, _INV_SQRT_YEARS, _VEGA_SCALE, _THETA_SCALE, _RHO_SCALE = range(5)


class Chain:
    """Options of one underlying with their marks and Greeks as of the last :meth:`refresh`.

    Public arrays, all float64 and NaN before the first refresh; views that refresh overwrites, so copy what
    must outlive it. Per option: `mark`, `delta`, `vega` (rows of `table`, in this order, for quantisation),
    `gamma`, `theta`, `rho`, `iv`, `forward`; per expiry: `expiry_years`, `expiry_forward`. Conventions of
    :func:`pricing.black76`, save that theta is shown as the field shows it: the decay over one
    day or over the option's remaining life, whichever is less. An option past its expiry has its intrinsic
    value, and 0 for `iv`.
    """

    def __init__(
        self,
        strike: ArrayLike,
        expiry_ms: ArrayLike,
        is_call: ArrayLike,
        surface: VolSurface,
        curve: ForwardCurve,
    ) -> None:
        """`strike` in the unit of the index, `expiry_ms` and `is_call` per option; ValueError on bad ones."""
        self.strike = np.array(strike, dtype=np.float64)
        self.is_call = np.array(is_call, dtype=np.bool_)
        moments = np.array(expiry_ms, dtype=np.int64)
        if not self.strike.shape == self.is_call.shape == moments.shape or self.strike.ndim != 1:
            raise ValueError("strike, expiry_ms and is_call must be one-dimensional and of one length")
        if not bool(np.all(np.isfinite(self.strike) & (self.strike > 0.0))):
            raise ValueError("every strike must be positive and finite")
        self.expiry_ms, inverse = np.unique(moments, return_inverse=True)
        self.expiry_of_option: NDArray[np.intp] = inverse.astype(np.intp)
        self.surface = surface
        self.curve = curve
        count = self.strike.size
        self.table = np.full((3, count), np.nan)
        self.mark, self.delta, self.vega = self.table
        self._others = np.full((4, count), np.nan)
        self.gamma, self.theta, self.rho, self.iv = self._others
        self._spread = np.full((5, count), np.nan)
        self.forward = self._spread[_FORWARD]
        self._by_expiry = np.full((5, self.expiry_ms.size), np.nan)
        self.expiry_years = np.full(self.expiry_ms.size, np.nan)
        self.expiry_forward = self._by_expiry[_FORWARD]
        self._sign = np.where(self.is_call, 1.0, -1.0)
        self._d = np.empty((2, count))
        self._work = np.empty(count)
        self._bound = surface.bind(self.expiry_of_option, np.ones(self.expiry_ms.size))

    def __len__(self) -> int:
        return int(self.strike.size)

    def set_surface(self, surface: VolSurface) -> None:
        """Use another surface from the next refresh on (a refit)."""
        self.surface = surface
        self._bound = surface.bind(self.expiry_of_option, np.ones(self.expiry_ms.size))

    def refresh(self, index: float, now_ms: int) -> None:
        """Reprice all at `index` and `now_ms`, in place. ValueError unless `index` is positive and finite."""
        if not (math.isfinite(index) and index > 0.0):
            raise ValueError(f"the index must be positive and finite, not {index}")
        years = years_between(now_ms, self.expiry_ms)
        self.expiry_years[:] = years
        living = years > 0.0
        np.maximum(years, 0.0, out=years)
        self.expiry_forward[:] = self.curve.forwards(index, years)
        if living.all():
            self._refresh_living(years)
        else:
            self._refresh_any(years)

    def _refresh_living(self, years: Floats) -> None:
        """Every option has time left: the fast path."""
        root = np.sqrt(years)
        by_expiry = self._by_expiry
        np.divide(1.0, root, out=by_expiry[_INV_SQRT_YEARS])
        np.multiply(root, 0.01 * _INV_SQRT_2PI, out=by_expiry[_VEGA_SCALE])
        # F phi(d1) stdev / (2 T) a year, over one day or the T that is left: / max(365 T, 1).
        np.divide(
            -0.5 * _INV_SQRT_2PI, np.maximum(years * DAYS_PER_YEAR, 1.0), out=by_expiry[_THETA_SCALE]
        )
        np.multiply(years, 0.01, out=by_expiry[_RHO_SCALE])
        spread = self._spread
        by_expiry.take(self.expiry_of_option, axis=1, out=spread, mode="clip")

        forward, strike, sign, work = self.forward, self.strike, self._sign, self._work
        x = np.subtract(forward, strike)
        x /= strike
        np.log1p(x, out=x)
        stdev = np.sqrt(self._bound.total_variance(np.negative(x, out=work), years))
        np.multiply(stdev, spread[_INV_SQRT_YEARS], out=self.iv)

        d1, d2 = self._d
        np.divide(x, stdev, out=d1)
        np.multiply(stdev, 0.5, out=work)
        np.subtract(d1, work, out=d2)
        d1 += work
        density = np.multiply(d1, d1, out=work)
        density *= -0.5
        np.exp(density, out=density)
        self._d *= sign
        ndtr(self._d, out=self._d)
        self._d *= sign
        n1, n2 = self._d  # with the option's sign: +N(d1), +N(d2) of a call, -N(-d1), -N(-d2) of a put
        np.copyto(self.delta, n1)
        n1 *= forward
        n2 *= strike
        np.subtract(n1, n2, out=self.mark)
        np.maximum(self.mark, 0.0, out=self.mark)
        np.multiply(n2, spread[_RHO_SCALE], out=self.rho)
        np.multiply(forward, stdev, out=x)
        np.divide(density, x, out=self.gamma)
        self.gamma *= _INV_SQRT_2PI
        density *= forward
        np.multiply(density, spread[_VEGA_SCALE], out=self.vega)
        density *= stdev
        np.multiply(density, spread[_THETA_SCALE], out=self.theta)

    def _refresh_any(self, years: Floats) -> None:
        """Some option has reached its expiry and awaits delivery: the careful path."""
        np.take(self._by_expiry[:1], self.expiry_of_option, axis=1, out=self._spread[:1], mode="clip")
        option_years = years[self.expiry_of_option]
        k = np.log(self.strike / self.forward)
        w = self._bound.total_variance(k, years)
        living = option_years > 0.0
        self.iv[:] = np.where(living, np.sqrt(w / np.where(living, option_years, 1.0)), 0.0)
        greeks = black76(self.forward, self.strike, option_years, self.iv, self.is_call)
        self.mark[:], self.delta[:], self.gamma[:], self.vega[:], self.theta[:], self.rho[:] = greeks
        self.theta *= np.minimum(option_years * DAYS_PER_YEAR, 1.0)
