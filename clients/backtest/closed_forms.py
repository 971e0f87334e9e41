"""What theory says a hedge comes to: what the backtester is held against, and what a report shows beside."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad

__all__ = ["hedging_error"]


def hedging_error(strike: float, spot: float, vol: float, years: float, hedges: int) -> float:
    """Standard deviation of the profit of one short option, hedged `hedges` times at the true volatility,
    at interest 0: K σ √(T/N) √(I/4π), I = ∫₀^{π/2} exp(−D²/(1 + sin u)) du with D = d2 at the start.

    At the money it is about √(π/4) · vega · σ/√N (Derman and Kamal, 1999).
    """
    deviation = vol * np.sqrt(years)
    d2 = np.log(spot / strike) / deviation - 0.5 * deviation
    integral, _ = quad(lambda u: np.exp(-d2 * d2 / (1 + np.sin(u))), 0, np.pi / 2)
    return float(strike * vol * np.sqrt(years / hedges) * np.sqrt(integral / (4 * np.pi)))
