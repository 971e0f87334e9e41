"""A chain message priced again from its own inputs: marks and Greeks come out as told, bit for bit."""

from __future__ import annotations

from typing import Any, Final

from pricing.chain import Chain
from pricing.european import Floats
from pricing.forward import FlatCarry
from pricing.surface import BandRules, SviSlice, SviSurface

_SLICE: Final = ("years", "a", "b", "rho", "m", "sigma")
VALUES: Final = ("mark_price", "underlying_price", "mark_iv", "delta", "gamma", "vega", "theta", "rho")


def column(message: dict[str, Any], name: str) -> list[Any]:
    """One field of all options, in the message's order."""
    at = message["fields"].index(name)
    return [row[at] for row in message["options"]]


def repriced(message: dict[str, Any]) -> dict[str, Floats]:
    """:data:`VALUES` of all options, computed from the message's model.

    They equal what the message says if the engine is that of `model.engine`
    (:func:`pricing.engines.select`). SurfaceError or ValueError for a model that is none.
    """
    model = message["model"]
    chain = Chain(
        column(message, "strike"),
        column(message, "expiration_timestamp"),
        [kind == "call" for kind in column(message, "option_type")],
        _surface(model["slices"]),
        FlatCarry(model["rate"]),
    )
    chain.set_pull(column(message, "pull"))
    band = model["band"]
    if band is not None:
        chain.set_band(_surface(band["slices"]), BandRules(points=band["points"], share=band["share"]))
    chain.refresh(model["index_price"], model["timestamp"], model["average"])
    found = (
        chain.mark, chain.forward, 100.0 * chain.iv, chain.delta, chain.gamma, chain.vega, chain.theta,
        chain.rho,
    )  # fmt: skip
    return dict(zip(VALUES, found, strict=True))


def _surface(slices: list[dict[str, float]]) -> SviSurface:
    return SviSurface([SviSlice(**{name: piece[name] for name in _SLICE}) for piece in slices])
