"""SHARE_LOSS: what the insurance fund cannot cover, shared pro rata (docs/rules-2.md)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.world import World
from exchange.domain import rejects as no


def share_loss(w: World, who: i64, client: i64, count: i64) -> i64:
    """SHARE_LOSS. Returns a reject reason or 0."""
    return no.MALFORMED
