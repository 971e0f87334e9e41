"""A small chain with a known surface, in the words of the venue's book summaries."""

from __future__ import annotations

from typing import Any

import numpy as np

from pricing import MS_PER_YEAR, black76
from pricing.surface import SviSlice

NOW_MS = 1_795_346_747_844
DAY_MS = 86_400_000
FORWARD = 98_000.0

# Vogt's smile in Gatheral and Jacquier (2014): a butterfly of negative price.
VOGT = {"years": 1.0, "a": -0.0410, "b": 0.1331, "rho": 0.3060, "m": 0.3586, "sigma": 0.4153}


def slices(days: tuple[int, ...] = (2, 30)) -> list[SviSlice]:
    """Free of arbitrage."""
    return [
        SviSlice.from_ssvi(day / 365, theta=0.25 * day / 365, rho=-0.1, phi=0.7 / (0.5 * (day / 365) ** 0.5))
        for day in days
    ]


def summaries(pieces: list[SviSlice] | None = None) -> list[dict[str, Any]]:
    """Book summaries of calls and puts at nine strikes; bid and ask a point of volatility either side."""
    found = []
    for piece in slices() if pieces is None else pieces:
        days = round(piece.years * 365)
        name = {2: "24NOV26", 30: "22DEC26"}.get(days, f"{days}JAN27")
        for k in np.linspace(-2.0, 2.0, 9) * piece.total_variance(0.0) ** 0.5:
            strike = round(FORWARD * float(np.exp(k)))
            vol = float(piece.vol(np.log(strike / FORWARD)))
            for kind in "CP":
                price = black76(FORWARD, strike, piece.years, vol, kind == "C").price
                found.append(
                    {
                        "instrument_name": f"BTC_USDC-{name}-{strike}-{kind}",
                        "base_currency": "BTC",
                        "quote_currency": "USDC",
                        "underlying_price": FORWARD,
                        "mark_iv": 100 * vol,
                        "bid_iv": 100 * vol - 1,
                        "ask_iv": 100 * vol + 1,
                        "mark_price": float(price),
                        "creation_timestamp": NOW_MS,
                        "expiration_timestamp": NOW_MS + int(piece.years * MS_PER_YEAR),
                    }
                )
    return found
