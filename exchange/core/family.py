"""Main accounts, subaccounts, tiers, caps, locks and transfers (docs/rules-2.md, Accounts)."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import emit, ledger, margin, remargin
from exchange.core.admission import is_bound, is_user
from exchange.core.layout import (
    A_CASH,
    A_CREATED,
    A_KIN,
    A_LIQUIDATION,
    A_LOCKED,
    A_MAIN,
    A_MAX_ORDERS,
    A_MAX_POSITIONS,
    A_OWNER,
    A_SUBACCOUNTS,
    A_TIER,
    ACCOUNT_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def create_account(w: World, data: bytes, body: i64, account: i64) -> i64:
    """CREATE_ACCOUNT whose body starts at byte `body`. Returns a reject reason or 0."""
    main = read_i64_le(data, body + 24)  # 0 under rules 1
    if account != w.account_count or account >= limits.MAX_ACCOUNTS:
        return no.BAD_ID
    if main != 0:
        if not is_user(w, main):
            return no.UNKNOWN_ACCOUNT
        if w.accounts[main * ACCOUNT_WORDS + A_MAIN] != 0:
            return no.BAD_VALUE
        if w.accounts[main * ACCOUNT_WORDS + A_SUBACCOUNTS] >= limits.MAX_SUBACCOUNTS:
            return no.TOO_MANY_ACCOUNTS
    a = w.add_account() * ACCOUNT_WORDS
    word: i64 = 0
    while word < 3:
        w.accounts[a + A_OWNER + word] = read_i64_le(data, body + 8 * word)
        word += 1
    w.accounts[a + A_CREATED] = w.now_ms
    w.accounts[a + A_MAIN] = main
    if main != 0:
        join(w, main, account)
    emit.account(w, account)
    return 0


def join(w: World, main: i64, account: i64) -> None:
    """Make the newest account the last of a family; `main` is the family's first."""
    accounts = w.accounts
    accounts[main * ACCOUNT_WORDS + A_SUBACCOUNTS] += 1
    before = main
    while accounts[before * ACCOUNT_WORDS + A_KIN] != 0:
        before = accounts[before * ACCOUNT_WORDS + A_KIN]
    accounts[before * ACCOUNT_WORDS + A_KIN] = account


def main_of(w: World, account: i64) -> i64:
    """The main account of an account's family: its own, if it is one."""
    main = w.accounts[account * ACCOUNT_WORDS + A_MAIN]
    return main if main != 0 else account


def in_need(w: World, account: i64) -> bool:
    """Whether the account is in liquidation, or another of its family is or is below maintenance."""
    kin = main_of(w, account)
    while kin != 0:
        if w.accounts[kin * ACCOUNT_WORDS + A_LIQUIDATION] != r.LIQUIDATION_NONE:
            return True
        if kin != account and remargin.below_maintenance(w, kin):
            return True
        kin = w.accounts[kin * ACCOUNT_WORDS + A_KIN]
    return False


def set_tier(w: World, account: i64, tier: i64) -> i64:
    """SET_TIER. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if tier >= limits.MAX_TIERS:
        return no.BAD_FLAGS
    w.accounts[account * ACCOUNT_WORDS + A_TIER] = tier
    emit.account(w, account)
    return 0


def set_caps(w: World, account: i64, max_orders: i64, max_positions: i64) -> i64:
    """SET_CAPS: 0 stands for the general limit. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if max_orders < 0 or max_orders > limits.MAX_OPEN_ORDERS_PER_ACCOUNT:
        return no.BAD_VALUE
    if max_positions < 0 or max_positions > limits.MAX_SEATS:
        return no.BAD_VALUE
    w.accounts[account * ACCOUNT_WORDS + A_MAX_ORDERS] = max_orders
    w.accounts[account * ACCOUNT_WORDS + A_MAX_POSITIONS] = max_positions
    emit.account(w, account)
    return 0


def set_lock(w: World, account: i64, locked: i64) -> i64:
    """SET_LOCK. Returns a reject reason or 0."""
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if locked > 1:
        return no.BAD_FLAGS
    w.accounts[account * ACCOUNT_WORDS + A_LOCKED] = locked
    emit.account(w, account)
    return 0


def free_micro(w: World, account: i64) -> i64:
    """What may leave the account: of cash and balance the smaller, less initial margin; at least 0."""
    margin.figures(w, account)
    if w.m_equity < 0:
        return 0
    cash = w.accounts[account * ACCOUNT_WORDS + A_CASH]
    free = (cash if cash < w.m_balance else w.m_balance) - w.m_initial
    return free if free > 0 else 0


def spare_micro(w: World, account: i64) -> i64:
    """What the account has for another of its family: down to its maintenance margin; at least 0."""
    margin.figures(w, account)
    if w.m_equity < 0:
        return 0
    cash = w.accounts[account * ACCOUNT_WORDS + A_CASH]
    spare = (cash if cash < w.m_balance else w.m_balance) - w.m_maintenance
    return spare if spare > 0 else 0


def transfer(w: World, account: i64, amount: i64, to: i64, ident: i64) -> i64:
    """TRANSFER within a family. Returns a reject reason or 0."""
    if not is_user(w, account) or not is_user(w, to):
        return no.UNKNOWN_ACCOUNT
    if account == to:
        return no.BAD_VALUE
    if main_of(w, account) != main_of(w, to):
        return no.WRONG_FAMILY
    if is_bound(w, account):
        return no.ACCOUNT_LOCKED
    if w.share_phase != 0:
        return no.LOSS_SHARING
    if amount < 1 or amount > limits.MAX_DEPOSIT_MICRO:
        return no.BAD_VALUE
    cash = w.accounts[to * ACCOUNT_WORDS + A_CASH]
    if cash >= limits.ACCUMULATION_LIMIT or cash <= -limits.ACCUMULATION_LIMIT:
        return no.LIMIT_REACHED
    if amount > free_micro(w, account):
        return no.INSUFFICIENT_FUNDS
    give(w, account, to, amount, ident)
    return 0


def give(w: World, account: i64, to: i64, amount: i64, ident: i64) -> None:
    """Move cash between two accounts of a family; the two CASH of it."""
    left = ledger.move_cash(w, account, -amount)
    emit.cash(w, account, r.CASH_TRANSFER, ident, -amount, left, to)
    got = ledger.move_cash(w, to, amount)
    emit.cash(w, to, r.CASH_TRANSFER, ident, amount, got, account)
