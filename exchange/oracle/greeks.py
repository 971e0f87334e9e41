"""What ticker and book summary show: floats by instrument id, as of the last marks block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exchange.oracle import chain_model
from pricing.chain import Chain
from pricing.european import Floats, black76
from pricing.implied import Reason, implied_vol


class InstrumentGreeks(NamedTuple):
    """One instrument's mark and Greeks, in USDC per 1 of the underlying and the field's units.

    Volatility in percent; vega per volatility point; theta over one day or the remaining life, whichever
    is less; rho per 1 %. A perpetual has delta 1, no volatility (None) and zeros.
    """

    mark_price: float
    underlying_price: float
    """The forward of the option's expiry; the index for a perpetual."""
    index_price: float
    mark_iv_percent: float | None
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float
    at_ms: int


class Greeks:
    """The live snapshot of one underlying. Overwritten by every marks block, read on the same thread."""

    def __init__(
        self, underlying: str, chain: Chain, option_ids: Sequence[int], perpetual_ids: Sequence[int]
    ) -> None:
        self.underlying = underlying
        self.option_ids: NDArray[np.int64] = np.array(option_ids, dtype=np.int64)
        """Instrument id of each entry of the chain's arrays."""
        self.perpetual_ids = tuple(perpetual_ids)
        self.chain = chain
        self.index = math.nan
        self.perpetual_mark = math.nan
        self.at_ms = 0
        self._row_of = {instrument_id: row for row, instrument_id in enumerate(option_ids)}
        self._is_perpetual = frozenset(perpetual_ids)

    def update(self, index: float, perpetual_mark: float, at_ms: int) -> None:
        """The chain has been refreshed at this index and time."""
        self.index = index
        self.perpetual_mark = perpetual_mark
        self.at_ms = at_ms

    def __contains__(self, instrument_id: int) -> bool:
        return instrument_id in self._row_of or instrument_id in self._is_perpetual

    def get(self, instrument_id: int) -> InstrumentGreeks | None:
        """One instrument's numbers; None if it is not listed here or nothing has been marked yet."""
        if self.at_ms == 0:
            return None
        row = self._row_of.get(instrument_id)
        if row is None:
            if instrument_id not in self._is_perpetual:
                return None
            return InstrumentGreeks(
                self.perpetual_mark, self.index, self.index, None, 1.0, 0.0, 0.0, 0.0, 0.0, self.at_ms
            )
        c = self.chain
        return InstrumentGreeks(
            c.mark.item(row), c.forward.item(row), self.index, 100.0 * c.iv.item(row), c.delta.item(row),
            c.gamma.item(row), c.vega.item(row), c.theta.item(row), c.rho.item(row), self.at_ms,
        )

    def model(self) -> dict[str, object] | None:
        """What marks and Greeks were made of: :func:`exchange.oracle.chain_model.model`."""
        return chain_model.model(self.chain)

    def rows(self) -> list[list[float]]:
        """All options, in the order of `option_ids`: :data:`exchange.oracle.chain_model.COLUMNS`."""
        return chain_model.rows(self.chain)

    def listed(self) -> list[int]:
        """The instrument id of each row."""
        ids: list[int] = self.option_ids.tolist()
        return ids

    def iv_percent(self, instrument_ids: Sequence[int], prices: ArrayLike) -> Floats:
        """Volatility in percent implied by each price, whole array at once.

        NaN where there is none to show: not an option of this underlying, nothing marked yet, a NaN price,
        or one at or above its bound. 0 for a price at or below the intrinsic value, as the field shows it.
        """
        wanted = np.asarray(prices, dtype=np.float64)
        rows = np.array([self._row_of.get(i, -1) for i in instrument_ids], dtype=np.intp)
        if wanted.shape != rows.shape:
            raise ValueError(f"{rows.size} instruments, but prices of shape {wanted.shape}")
        percent = np.full(rows.shape, np.nan)
        known = (rows >= 0) & (self.at_ms > 0)
        at = rows[known]
        c = self.chain
        out = implied_vol(
            wanted[known], c.forward[at], c.strike[at], c.expiry_years[c.expiry_of_option[at]], c.is_call[at]
        )
        worthless = (out.reason == Reason.AT_INTRINSIC) | (out.reason == Reason.BELOW_INTRINSIC)
        percent[known] = np.where(worthless, 0.0, 100.0 * out.vol)
        return percent

    def price_at(self, instrument_ids: Sequence[int], vol_percent: ArrayLike) -> Floats:
        """The model price of each option at a volatility of its own, in USDC per 1 of the underlying.

        NaN where there is none: not an option of this underlying, nothing marked yet, or over.
        """
        wanted = np.asarray(vol_percent, dtype=np.float64)
        rows = np.array([self._row_of.get(i, -1) for i in instrument_ids], dtype=np.intp)
        if wanted.shape != rows.shape:
            raise ValueError(f"{rows.size} instruments, but volatilities of shape {wanted.shape}")
        prices = np.full(rows.shape, np.nan)
        known = (rows >= 0) & (self.at_ms > 0)
        at = rows[known]
        c = self.chain
        years = c.expiry_years[c.expiry_of_option[at]]
        found = black76(c.forward[at], c.strike[at], years, wanted[known] / 100.0, c.is_call[at]).price
        prices[known] = np.where(years > 0.0, found, np.nan)
        return prices

    def bid_iv(self, instrument_id: int, price: float) -> float | None:
        """Percent volatility of the best bid; None where there is none (see :meth:`iv_percent`)."""
        value = self.iv_percent((instrument_id,), (price,)).item()
        return None if math.isnan(value) else value

    def ask_iv(self, instrument_id: int, price: float) -> float | None:
        """Percent volatility of the best ask; None where there is none (see :meth:`iv_percent`)."""
        return self.bid_iv(instrument_id, price)
