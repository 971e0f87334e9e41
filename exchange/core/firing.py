"""Triggered orders fire: a bounded number a command, the first that became due first (docs/rules-3.md)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import checks, emit, extras, links, protection, waiting
from exchange.core.admission import closed, is_bound
from exchange.core.layout import (
    A_ORDERS,
    ACCOUNT_WORDS,
    EXTRA_WORDS,
    LOW,
    O_FLAGS,
    O_HOLD,
    O_LOTS,
    O_PRICE,
    O_SIZE,
    O_UPDATED,
    O_WHO,
    ORDER_WORDS,
    X_FIRED,
    X_ORDER,
    X_TERMS,
)
from exchange.core.matching import cancel
from exchange.core.orders import enter
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def after(w: World, fires: bool) -> None:
    """A command has applied while orders are due: some fire (`fires`); DUE tells how many are left."""
    if fires:
        fire(w)
    if w.due_count != 0:
        emit.due(w, w.due_count)


def fire(w: World) -> i64:
    """Take the first due orders from the queue, as many as one command may. Returns how many fired."""
    fired: i64 = 0
    left: i64 = limits.FIRE_MOST
    while w.due_head != 0 and left > 0:
        left -= 1
        if _fire(w, w.due_head):
            fired += 1
            if len(w.noted) != 0:
                links.follow(w)
    w.detail = 0
    return fired


def _fire(w: World, extra: i64) -> bool:
    """Fire one. Returns whether it fired, or was refused; if not it waits again."""
    data = w.extras.data
    x = extra * EXTRA_WORDS
    slot = data[x + X_ORDER]
    orders = w.orders.data
    o = slot * ORDER_WORDS
    instrument = orders[o + O_WHO] >> 32
    waiting.unpark(w, extra)
    if data[x + X_TERMS] & 0xFF != r.TRIGGER_NONE and data[x + X_FIRED] == 0 and closed(w, instrument) != 0:
        waiting.wait(w, extra)
        return False
    if _refused(w, slot) != 0:
        cancel(w, slot, r.CANCEL_TRIGGER_REFUSED)
        return True
    extras.delist(w, extra)
    data[x + X_FIRED] = 1
    if not extras.is_linked(w, x):
        extras.drop(w, extra)
    filled = (orders[o + O_SIZE] & LOW) - (orders[o + O_LOTS] & LOW)
    orders[o + O_PRICE] = w.c_price
    orders[o + O_LOTS] = w.c_lots
    orders[o + O_SIZE] = filled + w.c_lots | w.c_display << 32
    orders[o + O_HOLD] = w.c_hold
    orders[o + O_UPDATED] = w.now_ms
    enter(w, w.books[instrument], slot, r.ORDER_TRIGGERED)
    return True


def _refused(w: World, slot: i64) -> i64:
    """The checks of an untriggered order as a new one, now; leaves it in `w.c_…`. A reject reason or 0."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    account = orders[o + O_WHO] & LOW
    instrument = orders[o + O_WHO] >> 32
    flags = orders[o + O_FLAGS]
    if is_bound(w, account):
        return no.ACCOUNT_LOCKED
    reason = closed(w, instrument)
    w.c_group = 0
    if reason == 0 and flags & r.FLAG_MMP != 0:
        reason = protection.choose(w, account, instrument, 0)
        if reason == 0:
            reason = protection.frozen(w, w.c_group)
    if reason != 0:
        return reason
    market = (flags >> r.TYPE_SHIFT) & r.TYPE_MASK != r.TYPE_LIMIT
    lots = orders[o + O_LOTS] & LOW
    display = orders[o + O_SIZE] >> 32
    if display > lots:
        display = lots
    # It is counted among the open orders already.
    a = account * ACCOUNT_WORDS + A_ORDERS
    w.accounts[a] -= 1
    w.open_orders -= 1
    reason = checks.new_refused(
        w,
        w.books[instrument],
        account,
        instrument,
        flags & r.NEW_FLAGS_ALLOWED,
        0 if market else orders[o + O_PRICE],
        lots,
        display,
        0,
        0,
        0,
    )
    w.accounts[a] += 1
    w.open_orders += 1
    return reason
