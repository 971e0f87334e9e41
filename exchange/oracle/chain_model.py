"""Everything a chain was priced from, as plain numbers: whoever has them gets the same marks, bit for bit.

What is told is what :meth:`pricing.chain.Chain.refresh` was last given. Numbers are doubles in full; rebuilt
with the same engine (:mod:`pricing.engines`) they give the same doubles back, see `docs/extensions.md`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pricing import engines
from pricing.chain import Chain
from pricing.forward import FlatCarry
from pricing.surface import SviSurface

COLUMNS: Final = (
    "strike",
    "expiration_timestamp",
    "mark_price",
    "underlying_price",
    "mark_iv",
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
    "pull",
)
"""Columns of :func:`rows`, one row an option, in the chain's order."""
_SLICE: Final = ("years", "a", "b", "rho", "m", "sigma")


def model(chain: Chain) -> dict[str, object] | None:
    """The inputs of the last refresh; None before it, or where they are no SVI surface and flat carry."""
    inputs = chain.inputs
    if inputs is None or not isinstance(chain.curve, FlatCarry) or not isinstance(inputs.surface, SviSurface):
        return None
    band = None
    if inputs.band is not None:
        outside, rules = inputs.band
        band = {"points": rules.points, "share": rules.share, "slices": _slices(outside)}
    return {
        "engine": engines.current(),
        "timestamp": inputs.now_ms,
        "index_price": inputs.index,
        "average": inputs.average,
        "rate": chain.curve.rate,
        "slices": _slices(inputs.surface),
        "band": band,
        "expiries": [
            {"expiration_timestamp": expiry_ms, "years": years, "forward": forward}
            for expiry_ms, years, forward in zip(
                chain.expiry_ms.tolist(),
                chain.expiry_years.tolist(),
                chain.expiry_forward.tolist(),
                strict=True,
            )
        ],
    }


def rows(chain: Chain) -> list[list[float]]:
    """The options of the chain as of its last refresh: :data:`COLUMNS`."""
    inputs = chain.inputs
    if inputs is None or not len(chain):
        return []
    table = np.stack(
        [
            chain.strike,
            chain.expiry_ms[chain.expiry_of_option].astype(np.float64),
            chain.mark,
            chain.forward,
            100.0 * chain.iv,
            chain.delta,
            chain.gamma,
            chain.vega,
            chain.theta,
            chain.rho,
            inputs.pull,
        ],
        axis=1,
    )
    found: list[list[float]] = table.tolist()
    return found


def _slices(surface: SviSurface) -> list[dict[str, float]]:
    return [{name: getattr(piece, name) for name in _SLICE} for piece in surface.slices]
