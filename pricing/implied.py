"""Implied volatility of Black-76 prices, whole arrays at once, without exceptions or warnings.

By symmetry every option becomes an out-of-the-money call: with x = |ln(F/K)| and c = time value /
min(F, K), c(s) = N(-x/s + s/2) - exp(x) N(-x/s - s/2) grows from 0 to 1 in s = vol * sqrt(years). An engine
(:mod:`pricing.engines`) solves it in one pass: a guess good to 6e-4 and one fifth-order step, with the
difference of Mills ratios that is c / c' computed as a product in which nothing cancels
(:mod:`pricing.engines.implied_fit`). What an engine turns away is looked at here: either there is no
volatility, and the reason is named, or the option is extreme and :mod:`pricing.implied_extreme` solves it.

**Accuracy.** A price is a double: its last half bit already stands for a relative change of the volatility by
2**-53 times the condition number kappa = max(1, price / (vol * dprice/dvol)). kappa is 1 or less out of the
money below the bound (there a volatility is better determined than its price), and grows in the money, where
only the time value carries information, and toward the bound. The answer is within 2e-15 * kappa of the truth
wherever there is one; of prices too small for normal doubles (below 2.3e-308) only what is left of them.

The order-of-convergence idea (Householder steps on ln c and ln(1 - c)) follows Jaeckel, "Let's Be Rational"
(2015); guesses, the product form and the fifth-order recursion are our own.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pricing import engines
from pricing.engines import Bools, Floats
from pricing.implied_extreme import total_deviation

Reasons = NDArray[np.int8]

_FEW: Final = 8
"""Up to so many prices without a volatility are looked at one by one."""


class Reason(IntEnum):
    """Why there is, or is not, an implied volatility. Codes are stable; the first that applies is given."""

    OK = 0
    BAD_INPUT = 1
    """An argument is NaN or infinite, or forward, strike or discount is not positive: at strike 0 or
    infinity the price is the same for every volatility."""
    EXPIRED = 2
    """No time is left: the price no longer depends on the volatility."""
    BELOW_INTRINSIC = 3
    AT_INTRINSIC = 4
    """No time value at all: zero volatility, and every one too small to show in the price."""
    AT_OR_ABOVE_BOUND = 5
    """At or above the forward (call) or the strike (put), discounted: more than any volatility gives."""
    NO_CONVERGENCE = 6
    """A volatility exists, but no double holds it: it under- or overflows."""


class ImpliedVol(NamedTuple):
    """Arrays of the broadcast shape of the arguments."""

    vol: Floats
    """Annualised volatility, NaN wherever `reason` is not OK."""
    reason: Reasons
    """:class:`Reason` codes."""


class _Quotes(NamedTuple):
    """Flat, contiguous arguments; `value` is the undiscounted price."""

    value: Floats
    forward: Floats
    strike: Floats
    years: Floats
    is_call: Bools


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike = 1.0,
) -> ImpliedVol:
    """The volatility at which Black-76 gives `price`; NaN with a reason where none exists.

    Units as in :func:`pricing.black76`. The arguments broadcast; float64 arrays of one shape are used as
    they are. Nothing raises or warns, save arguments whose shapes do not broadcast (ValueError).
    """
    shape, quotes = _flatten(price, forward, strike, years, is_call, discount)
    vol = np.empty(quotes.value.size)
    reason = np.zeros(vol.size, dtype=np.int8)
    if not engines.active().implied(*quotes, vol):
        _finish(quotes, vol, reason)
    return ImpliedVol(vol.reshape(shape), reason.reshape(shape))


def _flatten(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, is_call: ArrayLike,
    discount: ArrayLike,
) -> tuple[tuple[int, ...], _Quotes]:
    """Broadcast shape and flat arguments, the discount taken out of the price."""
    p = np.asarray(price, dtype=np.float64)
    f = np.asarray(forward, dtype=np.float64)
    k = np.asarray(strike, dtype=np.float64)
    y = np.asarray(years, dtype=np.float64)
    call = np.asarray(is_call, dtype=np.bool_)
    d = np.asarray(discount, dtype=np.float64)
    if d.ndim or d != 1.0:
        with np.errstate(all="ignore"):
            # Under a discount that is none, nothing is a price.
            p = np.asarray(np.where((d > 0.0) & (d < math.inf), p / d, math.nan), dtype=np.float64)
    shape = np.broadcast(p, f, k, y, call).shape
    flat = _Quotes(_flat(p, shape), _flat(f, shape), _flat(k, shape), _flat(y, shape), _flat(call, shape))
    return shape, flat


def _flat(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Contiguous and writable, as kernels take them; the array's own memory if it is that already."""
    flat = array.ravel() if array.shape == shape else np.broadcast_to(array, shape).ravel()
    return flat if flat.flags.writeable else flat.copy()


def _finish(quotes: _Quotes, vol: Floats, reason: Reasons) -> None:
    """What the engine left NaN: solved here, or the reason why there is nothing to solve."""
    index = np.flatnonzero(np.isnan(vol))
    left = _take(quotes, index)
    if index.size <= _FEW:
        p, f, k, y, call = (left.value.tolist(), left.forward.tolist(), left.strike.tolist(),
                            left.years.tolist(), left.is_call.tolist())  # fmt: skip
        reason[index] = [_reason(*row) for row in zip(p, f, k, y, call, strict=True)]
    else:
        with np.errstate(all="ignore"):
            reason[index] = _reasons(*left)
    index = index[reason[index] == Reason.OK]
    if index.size:
        left = _take(quotes, index)
        with np.errstate(all="ignore"):
            answer = total_deviation(left.forward, left.strike, _time_value(*left)) / np.sqrt(left.years)
            good = (answer > 0.0) & (answer < math.inf)
        vol[index] = np.where(good, answer, math.nan)
        reason[index] = np.where(good, Reason.OK, Reason.NO_CONVERGENCE)


def _take(quotes: _Quotes, index: NDArray[np.intp]) -> _Quotes:
    value, forward, strike, years, is_call = quotes
    return _Quotes(value[index], forward[index], strike[index], years[index], is_call[index])


def _time_value(value: Floats, forward: Floats, strike: Floats, _years: Floats, is_call: Bools) -> Floats:
    gain = np.where(is_call, forward - strike, strike - forward)
    return np.asarray(value - np.maximum(gain, 0.0), dtype=np.float64)


def _reason(value: float, forward: float, strike: float, years: float, is_call: bool) -> int:
    """What stands against a solution before any is sought."""
    sound = 0.0 < forward < math.inf and 0.0 < strike < math.inf
    if not (sound and math.isfinite(value) and math.isfinite(years)):
        return Reason.BAD_INPUT
    if years <= 0.0:
        return Reason.EXPIRED
    time_value = value - max(forward - strike if is_call else strike - forward, 0.0)
    if time_value < 0.0:
        return Reason.BELOW_INTRINSIC
    if time_value == 0.0:
        return Reason.AT_INTRINSIC
    # Both: rounding can leave a price at its bound a time value below its own, and the other way round.
    at_bound = value >= (forward if is_call else strike) or time_value >= min(forward, strike)
    return Reason.AT_OR_ABOVE_BOUND if at_bound else Reason.OK


def _reasons(value: Floats, forward: Floats, strike: Floats, years: Floats, is_call: Bools) -> Reasons:
    """As :func:`_reason`, for arrays: the gravest objection is written last."""
    time_value = _time_value(value, forward, strike, years, is_call)
    reason = np.zeros(value.shape, dtype=np.int8)
    at_bound = (value >= np.where(is_call, forward, strike)) | (time_value >= np.minimum(forward, strike))
    reason[at_bound] = Reason.AT_OR_ABOVE_BOUND
    reason[time_value == 0.0] = Reason.AT_INTRINSIC
    reason[time_value < 0.0] = Reason.BELOW_INTRINSIC
    reason[years <= 0.0] = Reason.EXPIRED
    good = (forward > 0.0) & (forward < math.inf) & (strike > 0.0) & (strike < math.inf)
    good &= np.isfinite(value) & np.isfinite(years)
    reason[~good] = Reason.BAD_INPUT
    return reason
