"""Volatility surfaces: SVI slices, what lies between them, arbitrage checks, fits and refits.

k = ln(K/F) is log-moneyness on the forward of the expiry, w(k) = vol^2 * years the total variance.
"""

from pricing.surface.arbitrage import (
    ArbitrageReport,
    Violation,
    check_between,
    check_butterfly,
    check_calendar,
)
from pricing.surface.band import BandRules, go_toward, vols
from pricing.surface.conversions import JumpWings, NaturalSvi, UndeterminedError
from pricing.surface.essvi import EssviSlice
from pricing.surface.fitting import SurfaceFit, check_all, fit, fit_independent
from pricing.surface.points import VolPoints
from pricing.surface.quotes import BookQuotes, QuoteRules, Use
from pricing.surface.refit import Refit, RefitRules, Refitted, Status
from pricing.surface.repair import repair
from pricing.surface.summaries import BookSummaries, read_summaries
from pricing.surface.svi import SurfaceError, SviSlice, density_factor
from pricing.surface.term import BoundSurface, BoundSvi, SviSurface, VolSurface

__all__ = [
    "ArbitrageReport",
    "BandRules",
    "BookQuotes",
    "BookSummaries",
    "BoundSurface",
    "BoundSvi",
    "EssviSlice",
    "JumpWings",
    "NaturalSvi",
    "QuoteRules",
    "Refit",
    "RefitRules",
    "Refitted",
    "Status",
    "SurfaceError",
    "SurfaceFit",
    "SviSlice",
    "SviSurface",
    "UndeterminedError",
    "Use",
    "Violation",
    "VolPoints",
    "VolSurface",
    "check_all",
    "check_between",
    "check_butterfly",
    "check_calendar",
    "density_factor",
    "fit",
    "fit_independent",
    "go_toward",
    "read_summaries",
    "repair",
    "vols",
]
