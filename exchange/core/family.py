"""Main accounts, subaccounts, tiers, caps, locks and transfers (docs/rules-2.md, Accounts)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.world import World
from exchange.domain import rejects as no


def create_account(w: World, data: bytes, body: i64, account: i64) -> i64:
    """CREATE_ACCOUNT. Returns a reject reason or 0."""
    return no.MALFORMED


def set_tier(w: World, account: i64, tier: i64) -> i64:
    """SET_TIER. Returns a reject reason or 0."""
    return no.MALFORMED


def set_caps(w: World, account: i64, max_orders: i64, max_positions: i64) -> i64:
    """SET_CAPS. Returns a reject reason or 0."""
    return no.MALFORMED


def set_lock(w: World, account: i64, locked: i64) -> i64:
    """SET_LOCK. Returns a reject reason or 0."""
    return no.MALFORMED


def transfer(w: World, account: i64, amount: i64, to: i64, ident: i64) -> i64:
    """TRANSFER. Returns a reject reason or 0."""
    return no.MALFORMED
