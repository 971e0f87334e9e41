"""The live table of all options of one underlying, repriced in place on every index move.

Everything lies in contiguous arrays, one entry per option in the order given at construction. A refresh
makes forwards by expiry, blends those about to be delivered, then has the engine's kernel fill the table:
total variance from the surface, price and Greeks. Call and put of one strike and expiry are priced together.

:func:`pricing.black76` is the accurate twin the table is tested against. The two engines' tables agree to
1e-13 of the forward in the marks and 1e-13 in the deltas; what is rounded to integers from them may differ
by one unit where a value lies that close to a tie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pricing import engines
from pricing.engines.chain_arrays import (
    GAMMA,
    IV,
    QUANTISED,
    RHO,
    THETA,
    Variance,
    arrays_for,
)
from pricing.engines.chain_numpy import apply_pull
from pricing.european import DAYS_PER_YEAR, MS_PER_YEAR, Floats, black76
from pricing.forward import ForwardCurve
from pricing.mark import AVERAGE_MS, blended_forward, delivery_share
from pricing.surface import BandRules, SviSurface, VolSurface


@dataclass(frozen=True, slots=True)
class ChainInputs:
    """What a chain was last priced from, besides its options and its curve."""

    index: float
    now_ms: int
    average: float | None
    surface: VolSurface
    pull: Floats
    """Per option; never written to again."""
    band: tuple[SviSurface, BandRules] | None


class Chain:
    """Options of one underlying with their marks and Greeks as of the last :meth:`refresh`.

    Public arrays, all float64 and NaN before the first refresh; views that refresh overwrites, so copy what
    must outlive it. Per option: `delta`, `mark`, `vega`, `forward` (rows of `quantised`, in this order),
    `gamma`, `theta`, `rho`, `iv`; per expiry: `expiry_years` (0 once over), `expiry_forward`. Conventions of
    :func:`pricing.black76`, save that

    - theta is shown as the field shows it: the decay over one day or over the option's remaining life,
      whichever is less;
    - in the half hour before delivery (:mod:`pricing.mark`) `forward` is the blended one, `iv` the volatility
      that prices the mark on it, `delta` and `gamma` those on the forward that still moves;
    - `mark` contains the book's pull, see :meth:`set_pull`; the Greeks do not.

    An option past its expiry has its intrinsic value against the average, and 0 for `iv` and Greeks.
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
        keys = np.stack([self.expiry_of_option.astype(np.float64), self.strike])
        pairs, pair_of_option = np.unique(keys, axis=1, return_inverse=True)
        self._arrays = arrays_for(
            pairs[0].astype(np.intp),
            np.ascontiguousarray(pairs[1]),
            pair_of_option.reshape(-1).astype(np.intp),
            ~self.is_call,
            self.expiry_ms.size,
        )
        table = self._arrays.table
        self.quantised = table[QUANTISED]
        rows: list[Floats] = list(table)
        self.delta, self.mark, self.vega, self.forward = rows[QUANTISED]
        self.gamma, self.theta, self.rho = rows[GAMMA], rows[THETA], rows[RHO]
        self.iv = rows[IV]
        self.pull = self._arrays.pull
        self.expiry_years = self._arrays.years
        self.expiry_forward = self._arrays.forward
        self._expiry_float_ms = self.expiry_ms.astype(np.float64)
        self._expiry_list: list[int] = self.expiry_ms.tolist()
        self.curve = curve
        self._band: tuple[SviSurface, BandRules] | None = None
        self._told_pull = np.zeros_like(self.pull)
        self.inputs: ChainInputs | None = None
        """Of the last refresh; None before the first."""
        self.set_surface(surface)

    def __len__(self) -> int:
        return int(self.strike.size)

    def set_surface(self, surface: VolSurface) -> None:
        """Use another surface from the next refresh on (a refit)."""
        self.surface = surface
        self._bound: Variance = surface.bind(self._arrays.expiry_of_pair, np.ones(self.expiry_ms.size))

    def set_pull(self, pull: ArrayLike) -> None:
        """Add `pull` per option to the model price from the next refresh on; 0 for none.

        See :func:`pricing.mark.book_pull`. The mark stays at or above intrinsic value and within its bound
        (forward of a call, strike of a put). ValueError unless finite and of the chain's length.
        """
        values = np.asarray(pull, dtype=np.float64)
        if values.shape != self.pull.shape or not bool(np.isfinite(values).all()):
            raise ValueError(f"a chain of {len(self)} options needs as many finite pulls")
        self.pull[:] = values
        self._told_pull = values.copy()
        self._arrays.is_pulled = bool(values.any())

    def set_band(self, outside: SviSurface, rules: BandRules) -> None:
        """From the next refresh on a pulled mark stands for a volatility in the band around `outside`."""
        self._band = (outside, rules)

    def refresh(self, index: float, now_ms: int, average: float | None = None) -> None:
        """Reprice all at `index` and `now_ms`, in place.

        `average` is the mean index so far of the averaging window under way (:mod:`pricing.mark`); None: no
        sample yet, the index stands for it. ValueError unless `index` is positive and finite, and `average`
        likewise.
        """
        if not (math.isfinite(index) and index > 0.0):
            raise ValueError(f"the index must be positive and finite, not {index}")
        self.inputs = ChainInputs(index, now_ms, average, self.surface, self._told_pull, self._band)
        arrays, expiries = self._arrays, self._expiry_list
        years = np.subtract(self._expiry_float_ms, float(now_ms), out=arrays.years)
        np.divide(years, float(MS_PER_YEAR), out=years)
        is_over = bool(expiries) and expiries[0] <= now_ms
        if is_over:
            np.maximum(years, 0.0, out=years)
        arrays.forward[:] = self.curve.forwards(index, years)
        was_blended = arrays.is_blended
        arrays.is_blended = bool(expiries) and expiries[0] - now_ms < AVERAGE_MS
        if arrays.is_blended:
            self._blend(now_ms, index if average is None else average)
        elif was_blended:
            arrays.share.fill(1.0)
            arrays.moving.fill(1.0)
        if is_over:
            self._refresh_careful()
        else:
            engines.active().chain(arrays, self._bound)
        if arrays.is_pulled and self._band is not None:
            self._keep_in_band(*self._band)

    def _keep_in_band(self, outside: SviSurface, rules: BandRules) -> None:
        """Bring the pulled marks back between the prices at the edges of the band."""
        arrays = self._arrays
        at = self.expiry_of_option
        pulled = np.flatnonzero((self.pull != 0.0) & (arrays.years[at] > 0.0))
        if not pulled.size:
            return
        at, is_call = at[pulled], self.is_call[pulled]
        strike, forward = self.strike[pulled], self.forward[pulled]
        years, moving = arrays.years[at], arrays.moving[at]
        vol = outside.vol(np.log(strike / forward), years)
        width = rules.width(vol)
        least, most = (
            black76(forward, strike, years, edge * moving, is_call).price
            for edge in (np.maximum(vol - width, 0.0), vol + width)
        )
        self.mark[pulled] = np.minimum(np.maximum(self.mark[pulled], least), most)

    def _blend(self, now_ms: int, average: float) -> None:
        """Blend the forwards of the expiries whose averaging window has begun."""
        if not (math.isfinite(average) and average > 0.0):
            raise ValueError(f"the average must be positive and finite, not {average}")
        arrays = self._arrays
        arrays.share[:] = delivery_share(now_ms, self.expiry_ms)
        arrays.forward[:], arrays.moving[:] = blended_forward(arrays.forward, arrays.share, average)

    def _refresh_careful(self) -> None:
        """Some option has reached its expiry and awaits delivery: zero time left is priced by `black76`."""
        arrays, at = self._arrays, self.expiry_of_option
        self.forward[:] = arrays.forward[at]
        years, share = arrays.years[at], arrays.share[at]
        k = np.log(arrays.strike / arrays.forward[arrays.expiry_of_pair])
        w = self._bound.total_variance(k, arrays.years)[arrays.pair_of_option]
        living = years > 0.0
        self.iv[:] = np.where(living, np.sqrt(w / np.where(living, years, 1.0)) * arrays.moving[at], 0.0)
        greeks = black76(self.forward, self.strike, years, self.iv, self.is_call)
        self.mark[:], self.delta[:], self.gamma[:], self.vega[:], self.theta[:], self.rho[:] = greeks
        self.theta *= np.minimum(years * DAYS_PER_YEAR, 1.0)
        self.delta *= share
        self.gamma *= share * share
        if arrays.is_pulled:
            apply_pull(arrays, arrays.pull * living)
