"""FORCED_WITHDRAWAL: what was asked of the bridge on the L1 is answered (docs/rules-6.md).

The account's orders go first, so that they hold nothing back; then what is free is paid at once.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import cancelling, emit, ledger, links
from exchange.core.admission import is_user
from exchange.core.family import free_micro
from exchange.core.layout import A_LIQUIDATION, ACCOUNT_WORDS
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def forced_withdrawal(w: World, account: i64, asked: i64, ident: i64) -> i64:
    """FORCED_WITHDRAWAL. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if asked < 1:
        return no.BAD_VALUE
    if ident != w.forced_through + 1:
        w.detail = w.forced_through
        return no.BAD_ID
    w.forced_through = ident
    cancelled = cancelling.cancel_all(w, account, r.CANCEL_FORCED)
    links.follow(w)
    paid = _payable(w, account, asked)
    if paid > 0:
        left = ledger.move_cash(w, account, -paid)
        ledger.move_cash(w, limits.ACCOUNT_BRIDGE, paid)
        w.deposits_net -= paid
        emit.cash(w, account, r.CASH_FORCED, ident, -paid, left, limits.ACCOUNT_BRIDGE)
    _tell(w, account, ident, asked, paid, cancelled)
    return 0


def _payable(w: World, account: i64, asked: i64) -> i64:
    """What of the amount asked for can be paid now, micro-USDC."""
    if w.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION] != r.LIQUIDATION_NONE or w.share_phase != 0:
        return 0
    free = free_micro(w, account)
    return asked if asked < free else free


def _tell(w: World, account: i64, ident: i64, asked: i64, paid: i64, cancelled: i64) -> None:
    """FORCED: a request of the bridge was answered."""
    at = emit.begin(w, r.EV_FORCED, 2, account, ident)
    out = w.out
    out[at] = asked
    out[at + 1] = paid
    out[at + 2] = w.now_ms
    out[at + 3] = cancelled
