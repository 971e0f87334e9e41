"""TAKEOVER: a part of a portfolio in auction passes to a bidder (docs/rules-2.md)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.world import World
from exchange.domain import rejects as no


def takeover(w: World, who: i64, target: i64, fraction_ppm: i64, max_pay: i64) -> i64:
    """TAKEOVER. Returns a reject reason or 0."""
    return no.MALFORMED
