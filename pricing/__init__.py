"""Pure numeric functions: Black-76 and Greeks, implied volatility, surfaces, live chains, quantisation.

Floats in, floats out, over whole arrays; no clock, no randomness, no input or output. `pricing.quantize`
is the only door from floats to the integers of the core.
"""

from pricing.european import (
    DAYS_PER_YEAR,
    MS_PER_YEAR,
    Black76,
    SecondOrder,
    black76,
    black76_second_order,
    years_between,
)
from pricing.implied import ImpliedVol, Reason, implied_vol

__all__ = [
    "DAYS_PER_YEAR",
    "MS_PER_YEAR",
    "Black76",
    "ImpliedVol",
    "Reason",
    "SecondOrder",
    "black76",
    "black76_second_order",
    "implied_vol",
    "years_between",
]
