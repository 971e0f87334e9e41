"""SHARE_LOSS: what the insurance fund cannot cover, shared pro rata (docs/rules-2.md).

Two passes over the accounts, each in commands that look at a bounded number of them: the first notes what
everybody's share is measured by, the second collects. Shares round up, so that what is missing is never
missed by rounding; the last who pays pays less.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import emit, ledger, liquidation, margin, remargin
from exchange.core.layout import A_BASIS, A_CASH, A_LIQUIDATION, ACCOUNT_WORDS
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_MEASURING: i64 = 1
_COLLECTING: i64 = 2


def share_loss(w: World, who: i64, client: i64, count: i64) -> i64:
    """SHARE_LOSS over `count` accounts. Returns a reject reason or 0."""
    account = who & r.U32
    if count < 1 or count > limits.MAX_SWEEP:
        return no.BAD_VALUE
    if account < limits.FIRST_USER_ACCOUNT or account >= w.account_count:
        return no.UNKNOWN_ACCOUNT
    if w.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION] != r.LIQUIDATION_DEFICIT:
        return no.NOT_LIQUIDATABLE
    if w.share_phase == 0:
        w.share_account = account
        w.share_phase = _MEASURING
        w.share_at = limits.FIRST_USER_ACCOUNT
        w.share_total = 0
    elif w.share_account != account:
        return no.BAD_VALUE
    looked = _measure(w, count) if w.share_phase == _MEASURING else _collect(w, count)
    emit.done(w, r.SHARE_LOSS, who, client, looked)
    return 0


def _measure(w: World, count: i64) -> i64:
    """Note the next accounts' bases; behind the last one, how much is missing. Returns how many it were."""
    accounts = w.accounts
    looked: i64 = 0
    while looked < count and w.share_at < w.account_count:
        a = w.share_at * ACCOUNT_WORDS
        basis: i64 = 0  # also of the account in deficit, which is in liquidation itself
        if accounts[a + A_LIQUIDATION] == r.LIQUIDATION_NONE:
            basis = _worth(w, w.share_at)
        accounts[a + A_BASIS] = basis
        w.share_total += basis
        w.share_at += 1
        looked += 1
    if w.share_at >= w.account_count:
        margin.refresh(w, w.share_account)
        missing = -margin.funds(w, w.share_account)
        if missing < 0:
            missing = 0
        w.share_phase = _COLLECTING
        w.share_at = limits.FIRST_USER_ACCOUNT
        w.share_deficit = missing
        w.share_remaining = missing
    return looked


def _worth(w: World, account: i64) -> i64:
    """What an account's share is measured by: its cash, no more than its equity, at least nothing."""
    worth = w.accounts[account * ACCOUNT_WORDS + A_CASH]
    if worth > 0:
        equity = remargin.equity(w, account)
        if equity < worth:
            worth = equity
    return worth if worth > 0 else 0


def _collect(w: World, count: i64) -> i64:
    """Collect from the next accounts until nothing is missing. Returns how many it looked at."""
    looked: i64 = 0
    while looked < count and w.share_remaining > 0 and w.share_at < w.account_count:
        basis = w.accounts[w.share_at * ACCOUNT_WORDS + A_BASIS]
        if basis > 0:
            _pay(w, w.share_at, basis)
        w.share_at += 1
        looked += 1
    if w.share_remaining == 0 or w.share_at >= w.account_count:
        _end(w)
    return looked


def _pay(w: World, payer: i64, basis: i64) -> None:
    """One account's share, rounded up, but no more than is missing or than its cash."""
    # Python's own integers: the product needs more than 64 bits.
    share = i64(-(-int(w.share_deficit) * int(basis) // int(w.share_total)))
    if share > w.share_remaining:
        share = w.share_remaining
    cash = w.accounts[payer * ACCOUNT_WORDS + A_CASH]
    if share > cash:
        share = cash
    if share <= 0:
        return
    ledger.move_cash(w, payer, -share)
    ledger.move_cash(w, w.share_account, share)
    w.share_remaining -= share
    margin.figures(w, payer)
    liquidation.tell(w, payer, r.LIQ_SHARED, share, 0, w.share_account)


def _end(w: World) -> None:
    """The sharing is over; with nothing missing any more, so is the account's liquidation."""
    account = w.share_account
    covered = w.share_remaining == 0
    w.share_account = 0
    w.share_phase = 0
    w.share_at = 0
    w.share_total = 0
    w.share_deficit = 0
    w.share_remaining = 0
    if covered:
        margin.figures(w, account)
        liquidation.end(w, account)
