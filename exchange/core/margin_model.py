"""SET_MARGIN_MODEL (docs/rules-2.md, Accounts)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.world import World
from exchange.domain import rejects as no


def set_margin_model(w: World, account: i64, model: i64) -> i64:
    """SET_MARGIN_MODEL. Returns a reject reason or 0."""
    return no.MALFORMED
