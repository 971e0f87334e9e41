"""What a chain kernel works on: the arrays of one chain, side by side, and what each holds.

Calls and puts of one strike and expiry share everything but their pay-off, so the work is done once per
*pair* (expiry, strike) and both prices follow; each option then takes its own from its pair. Pairs lie in
order of expiry: pairs ``starts[e]`` to ``starts[e + 1]`` belong to expiry e.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# Rows of `table`. Those that differ between call and put come first, those that become integers lie together.
RHO, DELTA, MARK, VEGA, FORWARD, GAMMA, THETA, IV = range(8)
ROWS: Final = 8
QUANTISED: Final = slice(DELTA, FORWARD + 1)
"""Rows delta, mark, vega, forward."""


class Variance(Protocol):
    """A surface bound to the pairs: see :class:`pricing.surface.BoundSurface`."""

    def total_variance(self, k: Floats, expiry_years: Floats) -> Floats:
        """w per pair at log-moneyness `k` per pair and `expiry_years` per expiry."""
        ...


@dataclass(slots=True)
class ChainArrays:
    """One chain; E expiries, P pairs, N options. Inputs of a refresh are set before the kernel is called."""

    # The listing, fixed.
    starts: Indices
    """(E + 1): first pair of each expiry."""
    expiry_of_pair: Indices
    strike: Floats
    """(P)."""
    log_strike: Floats
    """(P): ln(strike / reference)."""
    inverse_strike: Floats
    """(P)."""
    reference: float
    """A price amid the strikes: logarithms of ratios to it are small, so little of k is lost in rounding."""
    pair_of_option: Indices
    slot_of_option: Indices
    """(N): its pair's number, plus P for a put."""
    is_alternating: bool
    """Whether the options are the call and the put of each pair in turn, as a venue lists them."""
    expiry_of_option: Indices
    sign: Floats
    """(N): 1 for a call, -1 for a put."""
    strike_of_option: Floats
    # Inputs of a refresh.
    years: Floats
    """(E): time left, positive."""
    forward: Floats
    """(E): blended within the averaging window."""
    share: Floats
    """(E): part of the window still to come: factor of the delta, its square of the gamma."""
    moving: Floats
    """(E): factor of the standard deviation: see :func:`pricing.mark.blended_forward`."""
    by_expiry: Floats
    """(4, E): the four above, which are its rows."""
    is_blended: bool
    """Whether any share is below one."""
    pull: Floats
    """(N): added to the model price."""
    is_pulled: bool
    # What the kernel fills and uses.
    work: tuple[Floats, ...]
    """(P) each: scratch."""
    shared: Floats
    """(5, P): scratch with the rows of `table` from vega on."""
    planes: Floats
    """(8, 2 P): scratch with rows as of `table`, the calls of all pairs and then their puts."""
    table: Floats
    """(8, N): the outputs, rows as named above."""


def arrays_for(
    expiry_of_pair: Indices, strike: Floats, pair_of_option: Indices, is_put: NDArray[np.bool_], expiries: int
) -> ChainArrays:
    """Room for a chain whose pairs are in order of expiry; no part of it blended, outputs NaN."""
    pairs, options = strike.size, pair_of_option.size
    reference = float(np.median(strike)) if pairs else 1.0
    by_expiry = np.ones((4, expiries))
    return ChainArrays(
        starts=np.searchsorted(expiry_of_pair, np.arange(expiries + 1)).astype(np.intp),
        expiry_of_pair=expiry_of_pair,
        strike=strike,
        log_strike=np.log1p((strike - reference) / reference),
        inverse_strike=1.0 / strike,
        reference=reference,
        pair_of_option=pair_of_option,
        slot_of_option=(pair_of_option + pairs * is_put).astype(np.intp),
        is_alternating=np.array_equal(2 * pair_of_option + is_put, np.arange(2 * pairs)),
        expiry_of_option=expiry_of_pair[pair_of_option],
        sign=np.where(is_put, -1.0, 1.0),
        strike_of_option=strike[pair_of_option],
        years=by_expiry[0],
        forward=by_expiry[1],
        share=by_expiry[2],
        moving=by_expiry[3],
        by_expiry=by_expiry,
        is_blended=False,
        pull=np.zeros(options),
        is_pulled=False,
        work=tuple(np.full((5, pairs), np.nan)),
        shared=np.full((ROWS - VEGA, pairs), np.nan),
        planes=np.full((ROWS, 2 * pairs), np.nan),
        table=np.full((ROWS, options), np.nan),
    )
