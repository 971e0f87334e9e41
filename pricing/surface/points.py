"""What a fit is made to: observed volatilities by log-moneyness, with weights and bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pricing.european import Bools, Floats, black76
from pricing.implied import implied_vol
from pricing.surface.svi import SurfaceError


@dataclass(frozen=True, slots=True)
class VolPoints:
    """Observations of one underlying. SurfaceError on shapes or values that do not fit together.

    Arrays per observation, save `years` and `importance` per expiry. An observation pulls toward `vol` with
    `weight`, and pushes back below `low` and above `high` with `edge_weight`. Weights count within an expiry
    only: each expiry's are scaled to sum to its importance.
    """

    years: Floats
    """Time to each expiry, rising and positive."""
    expiry: NDArray[np.intp]
    """Index into `years`."""
    k: Floats
    """ln(strike / forward)."""
    vol: Floats
    """Target, annualised; NaN where there is only a bound."""
    weight: Floats
    low: Floats
    """Volatility of the bid, -inf where there is none."""
    high: Floats
    """Volatility of the ask, +inf where there is none."""
    edge_weight: Floats
    importance: Floats | None = None
    """What the weights of each expiry sum to: one by default. The lesser gives way where expiries clash."""

    def __post_init__(self) -> None:
        columns = (self.k, self.vol, self.weight, self.low, self.high, self.edge_weight)
        if any(c.shape != self.expiry.shape for c in columns) or self.expiry.ndim != 1:
            raise SurfaceError("observations need one-dimensional arrays of one length")
        years = self.years
        if years.ndim != 1 or not (np.isfinite(years).all() and (np.diff(years, prepend=0.0) > 0.0).all()):
            raise SurfaceError(f"expiries must rise from above zero: {years}")
        if self.expiry.size and not (self.expiry.min() >= 0 and self.expiry.max() < years.size):
            raise SurfaceError("an observation names an expiry that is not there")
        if not (np.isfinite(self.k).all() and (self.weight >= 0.0).all() and (self.edge_weight >= 0.0).all()):
            raise SurfaceError("k must be finite and weights finite and not negative")
        if self.importance is not None and not (
            self.importance.shape == years.shape and (self.importance > 0.0).all()
        ):
            raise SurfaceError("importance must be positive, one for each expiry")
        if not (np.isfinite(self.vol) | (self.weight == 0.0)).all():
            raise SurfaceError("an observation with weight needs a volatility")

    @classmethod
    def from_vols(
        cls,
        years: ArrayLike,
        expiry: ArrayLike,
        k: ArrayLike,
        vol: ArrayLike,
        weight: ArrayLike | None = None,
    ) -> VolPoints:
        """Targets alone; observations that are not finite get no weight. Default weight: vega."""
        times, index = np.asarray(years, dtype=np.float64), np.asarray(expiry, dtype=np.intp)
        x, v = np.asarray(k, dtype=np.float64), np.asarray(vol, dtype=np.float64)
        good = np.isfinite(v) & (v > 0.0)
        if index.size and not (index.min() >= 0 and index.max() < times.size):
            raise SurfaceError("an observation names an expiry that is not there")
        if not index.shape == x.shape == v.shape:
            raise SurfaceError("observations need one-dimensional arrays of one length")
        if weight is None:
            weight = vega_weight(x, times[index], np.where(good, v, 1.0))
        strong = np.where(good, np.asarray(weight, dtype=np.float64), 0.0)
        none = np.zeros(x.shape)
        return cls(times, index, x, np.where(good, v, np.nan), strong, none - np.inf, none + np.inf, none)

    @classmethod
    def from_prices(
        cls,
        price: ArrayLike,
        forward: ArrayLike,
        strike: ArrayLike,
        years: ArrayLike,
        is_call: ArrayLike,
    ) -> VolPoints:
        """One price per option, undiscounted, in the unit of the forward; vega weights.

        Options whose price has no implied volatility stay in, without weight.
        """
        p, f, strikes, y = np.broadcast_arrays(
            *(np.asarray(x, dtype=np.float64) for x in (price, forward, strike, years))
        )
        call: Bools = np.broadcast_to(np.asarray(is_call, dtype=np.bool_), p.shape)
        times, index = np.unique(y, return_inverse=True)
        vol = implied_vol(p, f, strikes, y, call).vol
        return cls.from_vols(times, index, np.log(strikes / f), vol)


def vega_weight(k: Floats, years: Floats, vol: Floats) -> Floats:
    """Vega per unit of forward at log-moneyness `k`: the same for a call and a put."""
    return black76(1.0, np.exp(k), years, vol, True).vega
