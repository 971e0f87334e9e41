"""The maker's own idea of value: a Black-76 surface drawn through the venue's mark volatilities.

Per expiry the surface is the total variance at log-moneyness ln(K/F), linear between the listed strikes
and flat beyond them. Between two looks at the venue's marks the smile stands still in moneyness while
the forward moves with the index, so values are new on every index move without asking anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from clients.instruments import Instrument
from pricing.european import Black76, black76, years_between

Floats = NDArray[np.float64]

MAX_IV: Final = 10.0
"""A mark volatility beyond 1,000 % is taken for an error and left out."""
PERPETUAL_MARK_SHARE: Final = 0.5
"""How much of the perpetual's premium over its index the maker believes: its fair is the mean of the two.

A maker around the mark alone would hold every mark where somebody pushed it."""


@dataclass(frozen=True, slots=True)
class Smile:
    """One expiry: total variance at ascending log-moneyness, and the forward as a multiple of the index."""

    log_moneyness: Floats
    vol: Floats
    forward_ratio: float

    def vol_at(self, log_moneyness: Floats) -> Floats:
        """Annualised volatility, from linear total variance; the expiry's time cancels."""
        variance = np.interp(log_moneyness, self.log_moneyness, self.vol * self.vol)
        return np.asarray(np.sqrt(variance), dtype=np.float64)


def fit_smile(strikes: Sequence[float], vols: Sequence[float], forward: float, index: float) -> Smile | None:
    """A smile through (strike, vol) pairs; None without a usable one. Equal strikes are averaged."""
    if not (forward > 0.0 and index > 0.0 and np.isfinite(forward + index)):
        return None
    points: dict[float, list[float]] = {}
    for strike, vol in zip(strikes, vols, strict=True):
        if strike > 0.0 and 0.0 < vol <= MAX_IV:
            points.setdefault(strike, []).append(vol)
    if not points:
        return None
    ordered = sorted(points)
    return Smile(
        log_moneyness=np.log(np.array(ordered) / forward),
        vol=np.array([sum(points[k]) / len(points[k]) for k in ordered]),
        forward_ratio=forward / index,
    )


@dataclass(frozen=True, slots=True)
class Valuation:
    """Values and Greeks of `instruments`, one entry each; NaN where the surface says nothing.

    Prices in USDC per 1 underlying; `vega` per volatility point; `forward` of each instrument's expiry.
    """

    instruments: list[Instrument]
    value: Floats
    delta: Floats
    vega: Floats
    forward: Floats


class Surface:
    """Smiles of one underlying by expiry, plus the perpetual's fair as a multiple of the index."""

    def __init__(self) -> None:
        self.smiles: dict[int, Smile] = {}
        self.perpetual_ratio = 1.0

    def learn(
        self, instruments: dict[str, Instrument], summaries: list[dict[str, Any]], index: float
    ) -> None:
        """Redraw from ``get_book_summary`` entries seen while the index stood at `index`.

        Expiries without one usable mark lose their smile: nothing is quoted on a guess.
        """
        rows: dict[int, list[tuple[float, float, float]]] = {}
        for summary in summaries:
            instrument = instruments.get(summary.get("instrument_name", ""))
            if instrument is None:
                continue
            if not instrument.is_option:
                mark = _number(summary.get("mark_price"))
                if mark > 0.0 and index > 0.0:
                    self.perpetual_ratio = 1.0 + PERPETUAL_MARK_SHARE * (mark / index - 1.0)
                continue
            iv = _number(summary.get("mark_iv")) / 100.0
            forward = _number(summary.get("underlying_price"))
            rows.setdefault(instrument.expiry_ms, []).append((instrument.strike, iv, forward))
        self.smiles = {}
        for expiry_ms, entries in rows.items():
            forward = float(np.median([entry[2] for entry in entries]))
            smile = fit_smile([e[0] for e in entries], [e[1] for e in entries], forward, index)
            if smile is not None:
                self.smiles[expiry_ms] = smile

    def value(self, instruments: Sequence[Instrument], index: float, now_ms: int) -> Valuation:
        """Value `instruments` (all of this underlying) with the index at `index`, at venue time `now_ms`."""
        listed = list(instruments)
        count = len(listed)
        forward = np.full(count, np.nan)
        vol = np.full(count, np.nan)
        strike = np.array([i.strike for i in listed], dtype=np.float64)
        expiry_ms = np.array([i.expiry_ms for i in listed], dtype=np.int64)
        for expiry, smile in self.smiles.items():
            rows = np.flatnonzero(expiry_ms == expiry)
            forward[rows] = index * smile.forward_ratio
            vol[rows] = smile.vol_at(np.log(strike[rows] / forward[rows]))
        perpetual = np.array([not i.is_option for i in listed], dtype=np.bool_)
        priced = self._price(listed, strike, expiry_ms, forward, vol, now_ms)
        fair = index * self.perpetual_ratio
        return Valuation(
            listed,
            np.where(perpetual, fair, priced.price),
            np.where(perpetual, 1.0, priced.delta),
            np.where(perpetual, 0.0, priced.vega),
            np.where(perpetual, fair, forward),
        )

    @staticmethod
    def _price(
        listed: list[Instrument], strike: Floats, expiry_ms: NDArray[np.int64], forward: Floats, vol: Floats,
        now_ms: int,
    ) -> Black76:
        # A perpetual has no strike or expiry; 1.0 keeps its row quiet, and its result is not used.
        safe_strike = np.where(strike > 0.0, strike, 1.0)
        is_call = np.array([i.is_call for i in listed], dtype=np.bool_)
        return black76(forward, safe_strike, years_between(now_ms, expiry_ms), vol, is_call)


def _number(value: object) -> float:
    """A JSON number, or 0.0 for what is none (the venue writes null where it has no figure)."""
    if isinstance(value, (int, float)) and np.isfinite(value):
        return float(value)
    return 0.0
