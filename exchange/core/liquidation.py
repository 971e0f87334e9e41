"""Sweeps and the steps of a liquidation (docs/rules-2.md, Sweeps and liquidation).

Every command does a bounded amount of work: a sweep looks at no more accounts than it names, a step cancels
at most LIQUIDATION_CANCELS orders or sends one order. A slice is sent only where it leaves balance less
maintenance margin no lower than it was, so that a liquidation cannot feed on itself.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core import emit, family, ledger, links, margin, remargin, slices
from exchange.core.layout import (
    A_AUCTION,
    A_CASH,
    A_CURSOR,
    A_KIN,
    A_LIQUIDATION,
    A_ORDER_HEAD,
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    I_KIND,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    O_LIST,
    ORDER_WORDS,
    S_KEY,
    S_NEXT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_WORDS,
    U_STATE,
    UNDERLYING_WORDS,
)
from exchange.core.matching import cancel
from exchange.core.warm import touch_accounts
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

# Where each class of seats stands in the order of closing: perpetuals, options held short, held long.
_SHORT: i64 = 1
_LONG: i64 = 2
_TOGETHER: Final = 16  # accounts whose seats are fetched together


def risk_sweep(w: World, who: i64, client: i64, first: i64, count: i64) -> i64:
    """RISK_SWEEP: start the liquidation of accounts below maintenance. Returns a reject reason or 0."""
    if count < 1 or count > limits.MAX_SWEEP or first < limits.FIRST_USER_ACCOUNT:
        return no.BAD_VALUE
    if w.mode != r.MODE_OPEN:
        return no.VENUE_CANCEL_ONLY
    found: i64 = 0
    account = first
    end = first
    if first < w.account_count:
        end = first + count if count < w.account_count - first else w.account_count
    while account < end:
        if (account - first) % _TOGETHER == 0:
            ahead = account + _TOGETHER
            touch_accounts(w, account, ahead if ahead < end else end)
        found += _swept(w, account)
        account += 1
    emit.done(w, r.RISK_SWEEP, who, client, found)
    return 0


def _swept(w: World, account: i64) -> i64:
    """Look at one account. Returns 1 if it is in liquidation now, else 0."""
    a = account * ACCOUNT_WORDS
    if w.accounts[a + A_LIQUIDATION] != r.LIQUIDATION_NONE:
        return 1
    if not remargin.below_maintenance(w, account):
        return 0
    w.accounts[a + A_LIQUIDATION] = r.LIQUIDATION_CLOSING
    w.accounts[a + A_CURSOR] = 0
    tell(w, account, r.LIQ_STARTED, 0, 0, 0)
    return 1


def tell(w: World, who: i64, kind: i64, amount: i64, lots: i64, counter: i64) -> None:
    """LIQUIDATION of `who` (account | instrument << 32) with the figures `margin.figures` has left."""
    emit.liquidation(w, who, 0, kind, w.m_maintenance, w.m_balance, amount, lots, counter)


def liquidate(w: World, who: i64, client: i64) -> i64:
    """LIQUIDATE: one step for the account. Returns a reject reason or 0."""
    account = who & r.U32
    if w.mode != r.MODE_OPEN:
        return no.VENUE_CANCEL_ONLY
    if account < limits.FIRST_USER_ACCOUNT or account >= w.account_count:
        return no.UNKNOWN_ACCOUNT
    if w.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION] == r.LIQUIDATION_NONE:
        return no.NOT_LIQUIDATABLE
    if w.share_phase != 0 and w.share_account == account:
        return no.NOT_LIQUIDATABLE
    margin.figures(w, account)
    if w.m_maintenance <= w.m_balance:
        end(w, account)
        return 0
    if w.accounts[account * ACCOUNT_WORDS + A_ORDER_HEAD] != 0:
        _cancel_orders(w, account)
        return 0
    order = _closing_order(w, account)
    if i64(len(order)) == 0:
        _cover(w, account)
        return 0
    _next(w, who, client, order)
    return 0


def end(w: World, account: i64) -> None:
    """The account is free again; LIQUIDATION kind 7 with the figures at hand."""
    w.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION] = r.LIQUIDATION_NONE
    tell(w, account, r.LIQ_ENDED, 0, 0, 0)


def _cancel_orders(w: World, account: i64) -> None:
    """Cancel the first open orders of the account, as many as one step may."""
    cancelled: i64 = 0
    slot = w.accounts[account * ACCOUNT_WORDS + A_ORDER_HEAD]
    while slot != 0 and cancelled < limits.LIQUIDATION_CANCELS:
        following = w.orders.data[slot * ORDER_WORDS + O_LIST] & r.U32
        cancel(w, slot, r.CANCEL_LIQUIDATION)
        cancelled += 1
        slot = following
    links.follow(w)
    margin.figures(w, account)
    tell(w, account, r.LIQ_ORDERS, 0, cancelled, 0)


def _closing_order(w: World, account: i64) -> list[i64]:
    """The instruments of the seats with a size in the order of closing, each under its class << 20."""
    found: list[i64] = []
    seats = w.seats.data
    instruments = w.instruments
    seat = w.accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
    while seat != 0:
        s = seat * SEAT_WORDS
        size = seats[s + S_SIZE]
        if size != 0:
            instrument = seats[s + S_KEY] & SEAT_INSTRUMENT
            place: i64 = 0
            if instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_OPTION:
                place = _SHORT if size < 0 else _LONG
            found.append(place << 20 | instrument)
        seat = seats[s + S_NEXT]
    found.sort()
    return found


def _cover(w: World, account: i64) -> None:
    """Nothing is left to close: family and insurance fund pay what is missing, as far as they reach."""
    a = account * ACCOUNT_WORDS
    missing = _family_pays(w, account, -margin.funds(w, account))
    paid = w.accounts[limits.ACCOUNT_INSURANCE * ACCOUNT_WORDS + A_CASH]
    if paid < 0:
        paid = 0
    if paid > missing:
        paid = missing
    if paid > 0:
        ledger.move_cash(w, account, paid)
        ledger.move_cash(w, limits.ACCOUNT_INSURANCE, -paid)
    margin.figures(w, account)
    if paid > 0:
        tell(w, account, r.LIQ_FUND, paid, 0, 0)
    if paid == missing:
        end(w, account)
        return
    w.accounts[a + A_LIQUIDATION] = r.LIQUIDATION_DEFICIT
    tell(w, account, r.LIQ_DEFICIT, missing - paid, 0, 0)


def _family_pays(w: World, account: i64, missing: i64) -> i64:
    """Have the rest of the family, in id order, give what it has to spare. Returns what is still missing."""
    payer = family.main_of(w, account)
    while payer != 0 and missing > 0:
        if w.accounts[payer * ACCOUNT_WORDS + A_LIQUIDATION] == r.LIQUIDATION_NONE:
            given = family.spare_micro(w, payer)
            if given > missing:
                given = missing
            if given > 0:
                family.give(w, payer, account, given, 0)
                missing -= given
                margin.figures(w, account)
                tell(w, account, r.LIQ_FAMILY, given, 0, payer)
        payer = w.accounts[payer * ACCOUNT_WORDS + A_KIN]
    return missing


def _next(w: World, who: i64, client: i64, order: list[i64]) -> None:
    """Try the seat whose turn it is; behind the last one open the auction, unless some cannot trade now."""
    account = who & r.U32
    a = account * ACCOUNT_WORDS
    cursor = w.accounts[a + A_CURSOR]
    if cursor < i64(len(order)):
        instrument = order[cursor] & SEAT_INSTRUMENT
        if slices.prepare(w, account, instrument):
            slices.close(w, account, instrument)
            return
        w.accounts[a + A_CURSOR] = cursor + 1
        emit.done(w, r.LIQUIDATE, who, client, 0)
        return
    w.accounts[a + A_CURSOR] = 0
    if w.accounts[a + A_LIQUIDATION] != r.LIQUIDATION_CLOSING or not _all_open(w, order):
        emit.done(w, r.LIQUIDATE, who, client, 0)
        return
    w.accounts[a + A_LIQUIDATION] = r.LIQUIDATION_AUCTION
    w.accounts[a + A_AUCTION] = w.now_ms
    tell(w, account, r.LIQ_AUCTION, 0, 0, 0)


def _all_open(w: World, order: list[i64]) -> bool:
    """Whether the underlyings of all these instruments (see `_closing_order`) are open."""
    for place in order:
        i = (place & SEAT_INSTRUMENT) * INSTRUMENT_WORDS
        underlying = w.instruments[i + I_UNDERLYING]
        if w.underlyings[underlying * UNDERLYING_WORDS + U_STATE] != r.STATE_OPEN:
            return False
    return True
