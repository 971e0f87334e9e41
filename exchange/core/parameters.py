"""Risk parameters, fee schedule, states of underlyings (docs/rules-2.md, Parameters)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.world import World
from exchange.domain import rejects as no


def risk(w: World, data: bytes, body: i64, underlying: i64) -> i64:
    """RISK. Returns a reject reason or 0."""
    return no.MALFORMED


def set_fees(w: World, data: bytes, body: i64, units: i64) -> i64:
    """SET_FEES of `units` units. Returns a reject reason or 0."""
    return no.MALFORMED


def set_underlying_state(w: World, underlying: i64, state: i64) -> i64:
    """SET_UNDERLYING_STATE. Returns a reject reason or 0."""
    return no.MALFORMED
