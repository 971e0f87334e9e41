"""Withdrawals: held from the request on, then paid or cancelled (docs/rules-2.md, Accounts)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.world import World
from exchange.domain import rejects as no


def withdraw(w: World, account: i64, amount: i64, ident: i64) -> i64:
    """WITHDRAW. Returns a reject reason or 0."""
    return no.MALFORMED


def resolve(w: World, outcome: i64, ident: i64) -> i64:
    """RESOLVE_WITHDRAWAL. Returns a reject reason or 0."""
    return no.MALFORMED
