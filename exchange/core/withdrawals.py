"""Withdrawals: held from the request on, then paid or cancelled (docs/rules-2.md, Accounts).

What is requested leaves the user's cash at once and waits in the account of held withdrawals; the bridge
says later what became of it.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import emit, ledger
from exchange.core.admission import is_user
from exchange.core.family import free_micro, in_need
from exchange.core.layout import A_CASH, A_LOCKED, A_PENDING, ACCOUNT_WORDS
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def withdraw(w: World, account: i64, amount: i64, ident: i64) -> i64:
    """WITHDRAW: hold the amount. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    a = account * ACCOUNT_WORDS
    if w.accounts[a + A_LOCKED] != 0 or in_need(w, account):
        return no.ACCOUNT_LOCKED
    if w.share_phase != 0:
        return no.LOSS_SHARING
    if amount < 1 or amount > limits.MAX_DEPOSIT_MICRO or ident < 1:
        return no.BAD_VALUE
    if ident <= w.last_withdrawal:
        return no.DUPLICATE
    if len(w.pending) >= limits.MAX_PENDING_WITHDRAWALS:
        return no.LIMIT_REACHED
    if w.accounts[a + A_PENDING] >= limits.MAX_PENDING_PER_ACCOUNT:
        return no.LIMIT_REACHED
    if amount > free_micro(w, account):
        return no.INSUFFICIENT_FUNDS
    w.last_withdrawal = ident
    w.pending[ident] = (account, amount)
    w.accounts[a + A_PENDING] += 1
    left = ledger.move_cash(w, account, -amount)
    ledger.move_cash(w, limits.ACCOUNT_WITHDRAWALS, amount)
    emit.cash(w, account, r.CASH_WITHDRAWAL, ident, -amount, left, limits.ACCOUNT_WITHDRAWALS)
    return 0


def resolve(w: World, outcome: i64, ident: i64) -> i64:
    """RESOLVE_WITHDRAWAL: pay it, or give it back. Returns a reject reason or 0."""
    if outcome > r.WITHDRAWAL_CANCELLED:
        return no.BAD_FLAGS
    if ident not in w.pending:
        return no.UNKNOWN_WITHDRAWAL
    found = w.pending.pop(ident)
    account: i64 = found[0]
    amount: i64 = found[1]
    w.accounts[account * ACCOUNT_WORDS + A_PENDING] -= 1
    ledger.move_cash(w, limits.ACCOUNT_WITHDRAWALS, -amount)
    if outcome == r.WITHDRAWAL_PAID:
        ledger.move_cash(w, limits.ACCOUNT_BRIDGE, amount)
        w.deposits_net -= amount
        balance = w.accounts[account * ACCOUNT_WORDS + A_CASH]
        emit.cash(
            w, account, r.CASH_WITHDRAWAL_PAID, ident, 0, balance, limits.ACCOUNT_BRIDGE, amount
        )  # fmt: skip
        return 0
    balance = ledger.move_cash(w, account, amount)
    emit.cash(
        w, account, r.CASH_WITHDRAWAL_CANCELLED, ident, amount, balance, limits.ACCOUNT_WITHDRAWALS, amount
    )
    return 0
