"""Sweeps and the steps of a liquidation (docs/rules-2.md)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.world import World
from exchange.domain import rejects as no


def risk_sweep(w: World, who: i64, client: i64, first: i64, count: i64) -> i64:
    """RISK_SWEEP. Returns a reject reason or 0."""
    return no.MALFORMED


def liquidate(w: World, who: i64, client: i64) -> i64:
    """LIQUIDATE. Returns a reject reason or 0."""
    return no.MALFORMED
