"""A model-free implied volatility of the next 30 days, from the marks of a chain.

The variance that all options of one expiry are worth together, whatever path the underlying takes to it, is
(Carr and Madan, *Towards a Theory of Volatility Trading*, 1998; Demeterfi, Derman, Kamal, Zou, *More Than
You Ever Wanted To Know About Volatility Swaps*, 1999)

    σ²·T = 2 · ∫ Q(K) / K² dK

with Q(K) the undiscounted price of the out-of-the-money option of strike K: a put below the forward F, a
call above. Listed strikes are few and end early; summed as they are, they tell some percent too much or
too little. So, as Jiang and Tian (*The Model-Free Implied Volatility and Its Information Content*, Review of
Financial Studies 18, 2005), prices between strikes are those of a volatility interpolated between their
volatilities (here linearly in ln K), beyond the last strikes of the volatility there; then the integral is
taken over ln(K/F) by the trapezoidal rule.

The total variance σ²·T is taken linearly in time between the two expiries around 30 days; where only one
side has any, the volatility of the nearest expiry counts as that of 30 days. The index is that, annualised
over 365 days, in percent.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

HORIZON_MS: Final = 30 * 86_400_000
YEAR_MS: Final = 365 * 86_400_000
NEAREST_MS: Final = 3_600_000
"""An expiry that is nearer than this tells nothing any more."""
STRIKES_MIN: Final = 3
_WIDTHS: Final = 8.0  # the integral goes this many standard deviations either way
_NODES: Final = 200  # to each side
_TOTAL_VOL_MAX: Final = 8.0
_HALVINGS: Final = 50
_ROOT_HALF: Final = math.sqrt(0.5)


class Quote(NamedTuple):
    """One option's mark, in any unit that strike and forward have too."""

    strike: int
    is_call: bool
    mark: int
    forward: int


def _price(x: float, total_vol: float) -> float:
    """The out-of-the-money option of log-moneyness x = ln(K/F) in units of F; total_vol is σ·√T."""
    below = -abs(x) / total_vol
    half = total_vol / 2
    # N(d1) − e^x·N(d2) of a call; of a put mirrored, which is the same with F and K changed about.
    first = 0.5 * math.erfc(-(below + half) * _ROOT_HALF)
    second = 0.5 * math.erfc(-(below - half) * _ROOT_HALF)
    return first - math.exp(x) * second if x >= 0 else math.exp(x) * first - second


def _total_vol(x: float, price: float) -> float | None:
    """The σ·√T at which an out-of-the-money option has this price; None if there is none."""
    low, high = 0.0, _TOTAL_VOL_MAX
    if not 0.0 < price < _price(x, high):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _price(x, middle) < price:
            low = middle
        else:
            high = middle
    return high


def _smile(quotes: Iterable[Quote]) -> tuple[list[float], list[float]]:
    """Log-moneyness and σ·√T of each strike whose out-of-the-money option has a price, by strike."""
    found: dict[float, float] = {}
    for quote in quotes:
        if quote.forward <= 0 or quote.is_call != (quote.strike >= quote.forward):
            continue
        x = math.log(quote.strike / quote.forward)
        total_vol = _total_vol(x, quote.mark / quote.forward)
        if total_vol is not None:
            found[x] = total_vol
    return sorted(found), [found[x] for x in sorted(found)]


def _interpolated(xs: Sequence[float], vols: Sequence[float], x: float) -> float:
    at = bisect.bisect_left(xs, x)
    if at == 0:
        return vols[0]
    if at == len(xs):
        return vols[-1]
    share = (x - xs[at - 1]) / (xs[at] - xs[at - 1])
    return vols[at - 1] + share * (vols[at] - vols[at - 1])


def total_variance(quotes: Iterable[Quote]) -> float | None:
    """σ²·T of one expiry; None where fewer than three strikes have a price, or all on one side of the
    forward."""
    xs, vols = _smile(quotes)
    if len(xs) < STRIKES_MIN or xs[0] >= 0.0 or xs[-1] < 0.0:
        return None
    step = _WIDTHS * max(vols) / _NODES
    # Both halves end where nothing is left to add; the kink at the forward is on a node.
    total = 0.0
    for node in range(-_NODES, _NODES + 1):
        x = node * step
        total += _price(x, _interpolated(xs, vols, x)) * math.exp(-x)
    return 2.0 * total * step


def index_percent(expiries: Mapping[int, Sequence[Quote]], now_ms: int) -> float | None:
    """The index at a time from the quotes of each expiry (ms); None where no expiry tells anything."""
    left = sorted(expiry_ms - now_ms for expiry_ms in expiries if expiry_ms - now_ms >= NEAREST_MS)
    near = _first(expiries, now_ms, [each for each in reversed(left) if each <= HORIZON_MS])
    later = _first(expiries, now_ms, [each for each in left if each > HORIZON_MS])
    if near is not None and later is not None:
        (t1, v1), (t2, v2) = near, later
        variance = v1 + (v2 - v1) * (HORIZON_MS - t1) / (t2 - t1)
    else:
        known = near or later
        if known is None:
            return None
        variance = known[1] * HORIZON_MS / known[0]
    return 100.0 * math.sqrt(variance * YEAR_MS / HORIZON_MS)


def _first(
    expiries: Mapping[int, Sequence[Quote]], now_ms: int, left: Iterable[int]
) -> tuple[int, float] | None:
    """The first of some times to expiry that tells a variance, and that."""
    for left_ms in left:
        variance = total_variance(expiries[now_ms + left_ms])
        if variance is not None:
            return left_ms, variance
    return None
