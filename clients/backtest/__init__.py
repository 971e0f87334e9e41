"""Delta-hedging backtests over thousands of paths at once.

A `Paths` says how prices went, a `Structure` what is sold or bought, a strategy when and how far to hedge;
`backtest` plays all paths side by side.
"""

from clients.backtest.paths import Paths, gbm, heston, merton
from clients.backtest.strategies import DeltaBand, FixedInterval, Leland, Strategy, Unhedged, WhalleyWilmott
from clients.backtest.structures import Leg, Structure
from clients.backtest.vectorised import Costs, Outcome, backtest

__all__ = [
    "Costs",
    "DeltaBand",
    "FixedInterval",
    "Leg",
    "Leland",
    "Outcome",
    "Paths",
    "Strategy",
    "Structure",
    "Unhedged",
    "WhalleyWilmott",
    "backtest",
    "gbm",
    "heston",
    "merton",
]
