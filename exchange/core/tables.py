"""RISK_SNAPSHOT: marks and scenario tables in one atomic block (docs/rules-2.md)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.world import World
from exchange.domain import rejects as no


def risk_snapshot(w: World, data: bytes, body: i64, units: i64, underlying: i64) -> i64:
    """RISK_SNAPSHOT of `units` units; the detail, if any, is in `w.detail`. Returns a reject reason or 0."""
    return no.MALFORMED
