"""What follows from links: the other of a pair is cancelled, members of a primary wake (docs/rules-3.md).

`extras` notes orders with links that trade or end; `follow` carries out what follows, behind the ORDER event
of the order that traded, or behind the orders that a command cancels itself.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import amending, emit, extras, waiting
from exchange.core.layout import (
    DORMANT,
    EXTRA_WORDS,
    IN_BOOK,
    LOW,
    O_FLAGS,
    O_LOTS,
    O_PRICE,
    O_SIZE,
    O_UPDATED,
    ORDER_WORDS,
    X_COMPLETE,
    X_ENDED,
    X_FILLED,
    X_FIRST,
    X_ID,
    X_NOTED,
    X_ORDER,
    X_OTHER,
    X_PRIMARY,
    X_SECOND,
    X_SIZE,
    X_TERMS,
    X_WHERE,
    X_WOKEN,
)
from exchange.core.matching import cancel
from exchange.core.world import World
from exchange.domain import records as r


def follow(w: World) -> None:
    """Carry out what follows from the links of the orders noted, in the order noted."""
    at = 0
    while at < len(w.noted):
        _follow(w, w.noted[at])
        at += 1
    w.noted = []
    w.detail = 0


def _follow(w: World, slot: i64) -> None:
    data = w.extras.data
    x = slot * EXTRA_WORDS
    data[x + X_NOTED] = 0
    ended = data[x + X_ENDED] != 0
    if data[x + X_OTHER] != 0 and (ended or data[x + X_FILLED] > 0):
        part(w, slot, r.CANCEL_OCO)
    if data[x + X_FIRST] | data[x + X_SECOND] != 0:
        _rouse(w, slot)
    if not ended:
        extras.drop_if_plain(w, slot)
        return
    if data[x + X_PRIMARY] != 0:
        primary = w.extra_ids.find(data[x + X_PRIMARY])
        if primary != 0:
            _forget_member(w, primary, data[x + X_ID])
            extras.drop_if_plain(w, primary)
    extras.drop(w, slot)


def part(w: World, slot: i64, reason: i64) -> None:
    """End the link of a pair; the other of the extra in `slot`, if it lives, is cancelled."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    other = w.extra_ids.find(data[x + X_OTHER])
    data[x + X_OTHER] = 0
    if other == 0:
        return
    y = other * EXTRA_WORDS
    data[y + X_OTHER] = 0
    if data[y + X_ENDED] == 0:
        cancel(w, data[y + X_ORDER], reason)


def _forget_member(w: World, primary: i64, member_id: i64) -> None:
    data = w.extras.data
    p = primary * EXTRA_WORDS
    if data[p + X_FIRST] == member_id:
        data[p + X_FIRST] = 0
    else:
        data[p + X_SECOND] = 0


def _living(w: World, order_id: i64) -> i64:
    """The extra of a member that has not ended, or 0."""
    if order_id == 0:
        return 0
    slot = w.extra_ids.find(order_id)
    return 0 if w.extras.data[slot * EXTRA_WORDS + X_ENDED] != 0 else slot


def _rouse(w: World, slot: i64) -> None:
    """A primary was filled or has ended: what becomes of its members."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    condition = (data[x + X_TERMS] >> 24) & 0xFF
    first = _living(w, data[x + X_FIRST])
    second = _living(w, data[x + X_SECOND])
    filled = data[x + X_FILLED]
    if condition == r.FILL_INCREMENTAL:
        if filled > 0:
            _wake_more(w, first, second, filled)
        if data[x + X_ENDED] != 0:
            _leave_alone(w, slot, first, second)
        return
    woken = filled > 0
    if condition == r.FILL_COMPLETE:
        woken = data[x + X_COMPLETE] != 0
    if not woken and data[x + X_ENDED] == 0:
        return
    _disown(w, slot, first, second)
    if not woken:
        _close(w, first)
        _close(w, second)
        return
    _pair(w, first, second)
    _wake(w, first)
    _wake(w, second)


def _disown(w: World, slot: i64, first: i64, second: i64) -> None:
    """Primary and living members forget each other. (One that has ended does so itself.)"""
    x = slot * EXTRA_WORDS
    if first != 0:
        _orphan(w, first)
        w.extras.data[x + X_FIRST] = 0
    if second != 0:
        _orphan(w, second)
        w.extras.data[x + X_SECOND] = 0


def _orphan(w: World, member: i64) -> None:
    data = w.extras.data
    m = member * EXTRA_WORDS
    data[m + X_PRIMARY] = 0
    data[m + X_SIZE] = 0
    data[m + X_WOKEN] = 0


def _close(w: World, member: i64) -> None:
    if member != 0:
        cancel(w, w.extras.data[member * EXTRA_WORDS + X_ORDER], r.CANCEL_PRIMARY_CLOSED)


def _pair(w: World, first: i64, second: i64) -> None:
    """Members that wake are linked: one cancels the other."""
    if first != 0 and second != 0:
        data = w.extras.data
        data[first * EXTRA_WORDS + X_OTHER] = data[second * EXTRA_WORDS + X_ID]
        data[second * EXTRA_WORDS + X_OTHER] = data[first * EXTRA_WORDS + X_ID]


def _wake(w: World, member: i64) -> None:
    """A dormant member wakes with the size it has."""
    if member == 0:
        return
    order = w.extras.data[member * EXTRA_WORDS + X_ORDER]
    w.orders.data[order * ORDER_WORDS + O_UPDATED] = w.now_ms
    waiting.begin(w, member)
    emit.extended(w, member)
    emit.order(w, order, r.ORDER_AMENDED, r.ORDER_STATE_UNTRIGGERED, 0, 0)
    waiting.park(w, member)


def _wake_more(w: World, first: i64, second: i64, filled: i64) -> None:
    """Of an incremental primary's members as many lots wake as were filled."""
    data = w.extras.data
    if first != 0 and second != 0:
        if data[first * EXTRA_WORDS + X_WOKEN] | data[second * EXTRA_WORDS + X_WOKEN] == 0:
            _pair(w, first, second)
    if first != 0:
        _grow(w, first, filled)
    if second != 0:
        _grow(w, second, filled)


def _grow(w: World, member: i64, filled: i64) -> None:
    data = w.extras.data
    m = member * EXTRA_WORDS
    target = data[m + X_SIZE]
    if target > filled:
        target = filled
    woken = data[m + X_WOKEN]
    more = target - woken
    if more <= 0 or data[m + X_ENDED] != 0:
        return
    order = data[m + X_ORDER]
    orders = w.orders.data
    o = order * ORDER_WORDS
    if data[m + X_WHERE] == IN_BOOK:
        total = (orders[o + O_SIZE] & LOW) + more
        w.c_volatility = -1
        flags = orders[o + O_FLAGS] & LOW
        if amending.change(w, order, r.AMEND_SIZE, flags, orders[o + O_PRICE], total, 0) == 0:
            data[m + X_WOKEN] = target
        return
    data[m + X_WOKEN] = target
    if woken == 0:
        display = orders[o + O_SIZE] >> 32
        orders[o + O_SIZE] = more | (display if display < more else more) << 32
        orders[o + O_LOTS] = more
        _wake(w, member)
        return
    orders[o + O_SIZE] += more
    orders[o + O_LOTS] += more
    orders[o + O_UPDATED] = w.now_ms
    emit.order(w, order, r.ORDER_AMENDED, r.ORDER_STATE_UNTRIGGERED, 0, 0)
    if data[m + X_WHERE] == DORMANT:
        waiting.push_due(w, member)


def _leave_alone(w: World, slot: i64, first: i64, second: i64) -> None:
    """An incremental primary has ended: what woke of its members stays, the rest goes with it."""
    _disown(w, slot, first, second)
    _settle(w, first)
    _settle(w, second)


def _settle(w: World, member: i64) -> None:
    if member == 0:
        return
    if w.extras.data[member * EXTRA_WORDS + X_WHERE] == DORMANT:
        _close(w, member)
    else:
        extras.drop_if_plain(w, member)
