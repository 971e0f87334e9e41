"""A model-free implied volatility of the next 30 days, from the marks of a chain.

The variance that the options of one expiry are worth together, however the underlying moves, is
(Demeterfi, Derman, Kamal, Zou, *More Than You Ever Wanted To Know About Volatility Swaps*, 1999; in the
discrete form of the Cboe Volatility Index methodology)

    σ²·T = 2 · Σ ΔKᵢ / Kᵢ² · Q(Kᵢ) − (F / K₀ − 1)²

over the strikes Kᵢ with a price, ΔKᵢ half the distance between a strike's neighbours (at the ends the
distance to the only one), Q the mark of the out-of-the-money option of the strike, K₀ the highest strike
not above the forward F, where Q is the mean of call and put. Marks are not discounted, hence no e^{rT}.
The total variance σ²·T is taken linearly in time between the two expiries around 30 days; where only one
side has any, the volatility of the nearest expiry counts as that of 30 days. The index is that, annualised
over 365 days, in percent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

HORIZON_MS: Final = 30 * 86_400_000
YEAR_MS: Final = 365 * 86_400_000
NEAREST_MS: Final = 3_600_000
"""An expiry that is nearer than this tells nothing any more."""
STRIKES_MIN: Final = 3


class Quote(NamedTuple):
    """One option's mark, in any unit that strike and forward have too."""

    strike: int
    is_call: bool
    mark: int
    forward: int


def total_variance(quotes: Iterable[Quote]) -> float | None:
    """σ²·T of one expiry; None where fewer than three strikes have a price, or none is below the forward."""
    calls: dict[int, int] = {}
    puts: dict[int, int] = {}
    forward = 0
    for quote in quotes:
        (calls if quote.is_call else puts)[quote.strike] = quote.mark
        forward = forward or quote.forward
    strikes = sorted(calls.keys() & puts.keys())
    below = [strike for strike in strikes if strike <= forward]
    if not below or forward <= 0:
        return None
    middle = below[-1]
    prices: list[tuple[int, float]] = []
    for strike in strikes:
        price = float(calls[strike] if strike > middle else puts[strike])
        if strike == middle:
            price = (calls[strike] + puts[strike]) / 2
        if price > 0:
            prices.append((strike, price))
    if len(prices) < STRIKES_MIN:
        return None
    total = 0.0
    for place, (strike, price) in enumerate(prices):
        low = prices[max(0, place - 1)][0]
        high = prices[min(len(prices) - 1, place + 1)][0]
        width = (high - low) / (2 if 0 < place < len(prices) - 1 else 1)
        total += width / strike**2 * price
    found = 2.0 * total - (forward / middle - 1.0) ** 2
    return found if found > 0.0 else None


def index_percent(expiries: dict[int, list[Quote]], now_ms: int) -> float | None:
    """The index at a time from the quotes of each expiry (ms); None where no expiry tells anything."""
    known: list[tuple[int, float]] = []
    for expiry_ms in sorted(expiries):
        left_ms = expiry_ms - now_ms
        if left_ms < NEAREST_MS:
            continue
        variance = total_variance(expiries[expiry_ms])
        if variance is not None:
            known.append((left_ms, variance))
        if left_ms >= HORIZON_MS and variance is not None:
            break
    if not known:
        return None
    near = [each for each in known if each[0] <= HORIZON_MS]
    later = [each for each in known if each[0] > HORIZON_MS]
    if near and later:
        (t1, v1), (t2, v2) = near[-1], later[0]
        variance = v1 + (v2 - v1) * (HORIZON_MS - t1) / (t2 - t1)
    else:
        left_ms, found = near[-1] if near else later[0]
        variance = found * HORIZON_MS / left_ms
    return 100.0 * math.sqrt(variance * YEAR_MS / HORIZON_MS)
