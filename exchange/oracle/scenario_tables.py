"""Scenario tables: what one lot long gains in each scenario, for every listed instrument of one underlying.

Values come from :mod:`pricing.scenarios`, integers from :mod:`pricing.quantize`. A gain is the value at the
moved forward and the shocked volatility less the value as it is, both at the volatility the mark stands for
(the book's pull included), times the scenario's weight, in quanta and rounded down: a holder is never
credited with more than the model gives. The core takes a quantum more from whoever is short, for the
rounding. A perpetual gains its mark times the move. In the half hour before delivery only the part of the
average still to come moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.domain.limits import MAX_VALUE_MICRO
from pricing.chain import Chain
from pricing.european import Floats
from pricing.implied import Reason, implied_vol
from pricing.mark import delivery_share
from pricing.quantize import MICRO_PER_UNIT, floor_units
from pricing.scenarios import UNCHANGED, DeribitParameters, Scenario, grid_of, scenario_values

Integers = NDArray[np.int64]

_E8: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """The scenarios of an underlying and the unit its tables are written in."""

    scenarios: tuple[Scenario, ...] = DeribitParameters().scenarios()
    quantum_micro: int = 10_000

    def __post_init__(self) -> None:
        if not self.scenarios or self.quantum_micro < 1:
            raise ValueError("a grid needs scenarios and a quantum of at least one micro-unit")


class Valuer:
    """Computes the tables of the instruments of one listing."""

    def __init__(
        self, grid: Grid, chain: Chain, lot_e8: Sequence[int], position_limit_lots: Sequence[int]
    ) -> None:
        """`lot_e8` and `position_limit_lots` of the chain's options, then of the perpetuals."""
        self.grid = grid
        self._chain = chain
        self._moves, rules, self._weights = grid_of(grid.scenarios)
        # The last column is the value as it is: the same kernel, so that no move is a gain of exactly zero.
        self._all_moves = np.append(self._moves, 0.0)
        self._rules = (*rules, UNCHANGED)
        lots = np.array(lot_e8, dtype=np.float64)
        self._quanta_per_unit = lots * MICRO_PER_UNIT / (_E8 * grid.quantum_micro)
        limits = np.array(position_limit_lots, dtype=np.int64)
        self._most: Integers = MAX_VALUE_MICRO // np.maximum(limits, 1) // grid.quantum_micro - 1
        self.capped_count = 0
        """Entries cut to what the core takes (docs/rules-2.md): only at prices near the highest listed."""

    def tables(self, perpetual_mark: float, now_ms: int) -> Integers:
        """Quanta, shape (options and perpetuals, scenarios), at the chain as of its refresh at `now_ms`.

        :class:`pricing.quantize.QuantizeError` where a price is no number.
        """
        options = len(self._chain)
        gains = np.empty((self._most.size, self._moves.size))
        if options:
            gains[:options] = self._option_gains(now_ms).T
        gains[options:] = perpetual_mark * self._moves
        gains *= self._weights
        gains *= self._quanta_per_unit[:, None]
        quanta = floor_units(gains, 1, name="scenario_gain")
        most = self._most[:, None]
        self.capped_count += int(np.count_nonzero((quanta > most) | (quanta < -most)))
        return np.minimum(np.maximum(quanta, -most), most)

    def _option_gains(self, now_ms: int) -> Floats:
        """Gains per 1 of the underlying, unweighted, shape (scenarios, options)."""
        c = self._chain
        years = c.expiry_years[c.expiry_of_option]
        vol = self._marked_vol(years)
        values = scenario_values(
            c.forward, c.strike, years, vol, c.is_call, self._all_moves, self._rules
        )
        share = delivery_share(now_ms, c.expiry_ms)
        for expiry in np.flatnonzero(share < 1.0).tolist():
            rows = np.flatnonzero(c.expiry_of_option == expiry)
            moves = self._all_moves * share[expiry]
            values[:, rows] = scenario_values(
                c.forward[rows], c.strike[rows], years[rows], vol[rows], c.is_call[rows], moves, self._rules
            )
        return np.asarray(values[:-1] - values[-1])

    def _marked_vol(self, years: Floats) -> Floats:
        """The volatility behind each mark: the surface's, or the one implied where the book pulls."""
        c = self._chain
        pulled = np.flatnonzero(c.pull)
        if not pulled.size:
            return c.iv
        vol = c.iv.copy()
        found = implied_vol(
            c.mark[pulled], c.forward[pulled], c.strike[pulled], years[pulled], c.is_call[pulled]
        )
        known = found.reason == Reason.OK
        vol[pulled[known]] = found.vol[known]
        return vol
