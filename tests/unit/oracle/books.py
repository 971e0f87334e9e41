"""Books of options quoted on a surface, as the worker receives them."""

from __future__ import annotations

import numpy as np

from exchange.oracle.refit_job import COLUMNS, RefitRequest
from pricing.european import MS_PER_YEAR, Floats, black76
from pricing.surface import SviSurface

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
DAYS = (2, 9, 40)
NODES = (-1.5, -0.75, 0.0, 0.75, 1.5)
INDEX = 98_000.0


def book(surface: SviSurface, at_ms: int = NOW_MS, half_spread: float = 0.01, shift: float = 0.0) -> Floats:
    """Columns of calls and puts quoted `half_spread` either side of the surface's volatility plus `shift`."""
    rows = []
    for days in DAYS:
        expiry_ms = NOW_MS + days * DAY_MS
        years = (expiry_ms - at_ms) / MS_PER_YEAR
        for node in NODES:
            strike = round(INDEX * float(np.exp(node * 0.5 * (days / 365.0) ** 0.5)))
            vol = float(surface.vol(np.log(strike / INDEX), years)) + shift
            for is_call in (True, False):
                bid, ask = (
                    float(black76(INDEX, strike, years, vol + side * half_spread, is_call).price)
                    for side in (-1.0, 1.0)
                )
                rows.append((expiry_ms, strike, is_call, INDEX, bid, ask, np.nan, 1.0, 1.0, at_ms))
    return np.array(rows, dtype=np.float64).T.copy()


def request(columns: Floats, at_ms: int = NOW_MS, listing: int = 1) -> bytes:
    """The encoded request."""
    assert columns.shape[0] == len(COLUMNS)
    return RefitRequest("BTC", 0, listing, at_ms, columns).encode()
