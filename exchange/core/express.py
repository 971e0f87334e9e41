"""The two commands that make up most of the traffic, on their straight road.

`new_limit` places a plain limit order that rests without trading; `cancel` takes a resting order out. Both
do exactly what the general code in `orders` would do, in one pass over the arrays, and step aside (return
False, nothing changed) for anything unusual, errors included.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core import ledger, margin
from exchange.core.layout import (
    A_CASH,
    A_EPOCH,
    A_OPTION_VALUE,
    A_ORDERS,
    A_PERP_VALUE,
    A_REQUIREMENT,
    ACCOUNT_WORDS,
    I_EXPIRY,
    I_MARKED,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_MIN_SIZE,
    I_POSITION_LIMIT,
    I_PRICE_LIMIT,
    I_STATE,
    I_STEP,
    I_STEPS,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_SHOWN,
    L_TAIL,
    LEVEL_WORDS,
    O_NEXT,
    O_PREV,
    ORDER_WORDS,
    S_ENTRY,
    S_HOLD,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_REQUIREMENT,
    S_SIZE,
    SEAT_WORDS,
)
from exchange.core.words import put_16, read_14
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r

_PLACED: Final = 1 << 32 | 1 << 40  # kind placed, state open
_CANCELLED: Final = 3 << 32 | 3 << 40 | 1 << 48  # kind and state cancelled, reason user request
_ORDER4: Final = 2 | 1 << 8 | 4 << 16  # ORDER, version 1, four units


def new_limit(w: World, sell: i64, who: i64, client: i64, w3: i64, price: i64, lots: i64) -> bool:
    """Place a plain good-til-cancelled limit order that does not cross. False: not one of those."""
    instrument = who >> 32
    if instrument < 0 or instrument >= w.instrument_count:
        return False
    if w.mode != 0 or w.open_orders >= limits.MAX_OPEN_ORDERS:
        return False
    terms = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if terms[i + I_STATE] != 0 or w.now_ms >= terms[i + I_EXPIRY]:
        return False
    if lots < terms[i + I_MIN_SIZE] or lots > limits.MAX_ORDER_LOTS:
        return False
    if price < 1 or price > terms[i + I_PRICE_LIMIT] or terms[i + I_STEPS] != 1:
        return False
    rank = price
    step = terms[i + I_STEP + 1]
    if step != 1:
        rank = price // step
        if rank * step != price:
            return False
    book = w.books[instrument]
    if sell != 0:
        if rank <= book.best_bid:
            return False
    elif book.best_ask >= 0 and rank >= book.best_ask:
        return False
    seat: i64 = 0
    if not w.null_ledger:
        seat = _seat_accepting(w, who & r.U32, instrument, sell, price, lots)
        if seat == 0:
            return False
    level = book.level_at(sell, rank)
    if level == 0:
        level = book.make_level(sell, rank, price)
    orders = w.orders
    if orders.free == 0:
        orders.extend()
    slot = orders.free
    data = orders.data
    o = slot * ORDER_WORDS
    orders.free = data[o]
    order_id = w.prefix | w.next_order
    w.next_order += 1
    label = w3
    if w3 != 0:
        label = pack((w3 >> 32) & r.U32, w3 & r.U32)
    now = w.now_ms
    levels = w.levels.data
    v = level * LEVEL_WORDS
    tail = levels[v + L_TAIL]
    if tail == 0:
        levels[v + L_HEAD] = slot
    else:
        data[tail * ORDER_WORDS + O_NEXT] = slot
    levels[v + L_TAIL] = slot
    shown = levels[v + L_SHOWN] + lots
    levels[v + L_SHOWN] = shown
    put_16(
        data, o, order_id, who, price, lots, lots, lots, 0, 0, tail, level, sell, client, label, now, now,
        w.next_priority,
    )  # fmt: skip
    w.next_priority += 1
    w.order_ids.insert(order_id, slot)
    w.open_orders += 1
    if seat != 0:
        ledger.add_resting(w, slot, seat, sell, lots, w.c_hold, w.c_needed)
    e = w.out_words
    put_16(
        w.out, e, _ORDER4 | w.index << 32, w.seq, who, order_id, price, lots, 0, lots, sell | _PLACED, client,
        label, 0, now, now, lots, shown,
    )  # fmt: skip
    w.out_words = e + 16
    return True


def _seat_accepting(w: World, account: i64, instrument: i64, sell: i64, price: i64, lots: i64) -> i64:
    """The seat whose account may place the order; 0 if unknown or refused (`checks` says why).

    Leaves the hold per lot in `w.c_hold` and the seat's requirement with the order in `w.c_needed`.
    """
    if account < limits.FIRST_USER_ACCOUNT or account >= w.account_count:
        return 0
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if data[i + I_MARKED] == 0:
        return 0
    if price < data[i + I_MIN_PRICE] if sell != 0 else price > data[i + I_MAX_PRICE]:
        return 0
    accounts = w.accounts
    a = account * ACCOUNT_WORDS
    if accounts[a + A_ORDERS] >= limits.MAX_OPEN_ORDERS_PER_ACCOUNT:
        return 0
    seat = ledger.find_seat(w, account, instrument)
    if seat == 0:
        return 0
    seats = w.seats.data
    s = seat * SEAT_WORDS
    size = seats[s + S_SIZE]
    worst = seats[s + S_OPEN_SELL] - size if sell != 0 else seats[s + S_OPEN_BUY] + size
    if worst + lots > data[i + I_POSITION_LIMIT]:
        return 0
    cash = accounts[a + A_CASH]
    entry = seats[s + S_ENTRY]
    if cash >= limits.ACCUMULATION_LIMIT or cash <= -limits.ACCUMULATION_LIMIT:
        return 0
    if entry >= limits.ENTRY_LIMIT or entry <= -limits.ENTRY_LIMIT:
        return 0
    if accounts[a + A_EPOCH] != w.epoch:
        margin.refresh(w, account)
    buy = seats[s + S_OPEN_BUY]
    sold = seats[s + S_OPEN_SELL]
    hold = margin.hold_per_lot(w, instrument, sell, price)
    if sell != 0:
        reduces = lots <= size - sold
        sold += lots
    else:
        reduces = lots <= -size - buy
        buy += lots
    needed = margin.requirement(w, instrument, size, buy, sold, seats[s + S_HOLD] + lots * hold)
    w.c_hold = hold
    w.c_needed = needed
    if reduces:
        return seat
    funds = cash + accounts[a + A_PERP_VALUE]
    if funds + accounts[a + A_OPTION_VALUE] < 0:
        return 0
    if accounts[a + A_REQUIREMENT] - seats[s + S_REQUIREMENT] + needed > funds:
        return 0
    return seat


def cancel(w: World, order_id: i64, account: i64) -> bool:
    """Cancel the account's own resting order. False: there is no such order, or it is not theirs."""
    slot = w.order_ids.find(order_id)
    if slot == 0:
        return False
    orders = w.orders
    data = orders.data
    o = slot * ORDER_WORDS
    (
        _, who, price, opened, visible, size, value, following, before, level, flags, client, label, created,
    ) = read_14(data, o)  # fmt: skip
    if who & r.U32 != account:
        return False
    shown: i64 = 0
    if before == 0 and following == 0:
        w.books[who >> 32].drop_level(flags & 1, level)
    else:
        levels = w.levels.data
        v = level * LEVEL_WORDS
        if before == 0:
            levels[v + L_HEAD] = following
        else:
            data[before * ORDER_WORDS + O_NEXT] = following
        if following == 0:
            levels[v + L_TAIL] = before
        else:
            data[following * ORDER_WORDS + O_PREV] = before
        shown = levels[v + L_SHOWN] - visible
        levels[v + L_SHOWN] = shown
    size &= r.U32
    e = w.out_words
    put_16(
        w.out, e, _ORDER4 | w.index << 32, w.seq, who, order_id, price, size, size - opened, 0,
        (flags & r.U32) | _CANCELLED, client, label, value, w.now_ms, created, 0, shown,
    )  # fmt: skip
    w.out_words = e + 16
    if not w.null_ledger:
        ledger.remove_open(w, slot)
    w.open_orders -= 1
    w.order_ids.remove(order_id, slot)
    data[o] = orders.free
    orders.free = slot
    return True
