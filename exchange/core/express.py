"""The two commands that make up most of the traffic, on their straight road.

`new_limit` places a plain limit order that rests without trading; `cancel` takes a resting order out. Both
do exactly what the general code in `orders` would do, in one pass over the arrays, and step aside (return
False, nothing changed) for anything unusual, errors included.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import ledger, margin
from exchange.core.book import Book
from exchange.core.layout import (
    A_CASH,
    A_ORDERS,
    ACCOUNT_WORDS,
    I_EXPIRY,
    I_KIND,
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
    L_COUNT,
    L_HEAD,
    L_SHOWN,
    L_TAIL,
    LEVEL_WORDS,
    O_CLIENT,
    O_CREATED,
    O_FLAGS,
    O_HOLD,
    O_ID,
    O_LABEL,
    O_LEVEL,
    O_NEXT,
    O_OPEN,
    O_PREV,
    O_PRICE,
    O_PRIORITY,
    O_SEAT,
    O_SHOWN,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    ORDER_WORDS,
    S_ENTRY,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_SIZE,
    SEAT_WORDS,
)
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r

_PLACED: Final = r.ORDER_PLACED << 32 | r.ORDER_STATE_OPEN << 40
_CANCELLED: Final = r.ORDER_CANCELLED << 32 | r.ORDER_STATE_CANCELLED << 40 | r.CANCEL_USER << 48
_ORDER4: Final = r.EV_ORDER | 1 << 8 | 4 << 16


def new_limit(w: World, batch: bytes, at: i64, sell: i64, who: i64) -> bool:
    """Place a plain good-til-cancelled limit order that does not cross. False: not one of those."""
    instrument = who >> 32
    if instrument < 0 or instrument >= w.instrument_count or w.mode != 0:
        return False
    price = read_i64_le(batch, at + 32)
    lots = read_i64_le(batch, at + 40)
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if read_i64_le(batch, at + 48) != 0 or read_i64_le(batch, at + 56) != 0:
        return False
    if data[i + I_STATE] != 0 or (data[i + I_KIND] == r.KIND_OPTION and w.now_ms >= data[i + I_EXPIRY]):
        return False
    if lots < data[i + I_MIN_SIZE] or lots > limits.MAX_ORDER_LOTS:
        return False
    if price < 1 or price > data[i + I_PRICE_LIMIT] or data[i + I_STEPS] != 1:
        return False
    rank = price
    step = data[i + I_STEP + 1]
    if step != 1:
        rank = price // step
        if rank * step != price:
            return False
    book = w.books[instrument]
    best = book.best_bid if sell != 0 else book.best_ask
    if best >= 0 and (rank <= best if sell != 0 else rank >= best):
        return False
    if w.open_orders >= limits.MAX_OPEN_ORDERS:
        return False
    seat: i64 = 0
    if not w.null_ledger:
        seat = _seat_accepting(w, who & r.U32, instrument, sell, price, lots)
        if seat == 0:
            return False
    _rest(w, book, batch, at, sell, who, price, rank, lots, seat)
    return True


def _seat_accepting(w: World, account: i64, instrument: i64, sell: i64, price: i64, lots: i64) -> i64:
    """The seat whose account may place the order, its hold in `w.c_hold`; 0 if unknown or refused."""
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
    w.c_hold = margin.hold_per_lot(w, instrument, sell, price)
    if margin.refuse(w, account, seat, instrument, sell, lots, w.c_hold, 0, 0) != 0:
        return 0
    return seat


def _level_for(book: Book, sell: i64, rank: i64, price: i64) -> i64:
    """The level at a rank that does not cross, made if need be."""
    at = rank - book.base
    if 0 <= at and at < i64(len(book.ladder)):
        level = book.ladder[at]
        if level != 0:
            return level
    else:
        level = book.level_at(sell, rank)
        if level != 0:
            return level
    return book.make_level(sell, rank, price)


def _rest(
    w: World,
    book: Book,
    batch: bytes,
    at: i64,
    sell: i64,
    who: i64,
    price: i64,
    rank: i64,
    lots: i64,
    seat: i64,
) -> None:
    """Store the order, queue it at the end of its level and write its ORDER event."""
    level = _level_for(book, sell, rank, price)
    slot = w.orders.alloc()
    data = w.orders.data
    o = slot * ORDER_WORDS
    number = w.next_order
    w.next_order = number + 1
    order_id = w.prefix | number
    client = read_i64_le(batch, at + 16)
    w3 = read_i64_le(batch, at + 24)
    label = w3
    if w3 != 0:
        label = pack((w3 >> 32) & r.U32, w3 & r.U32)
    now = w.now_ms
    levels = w.levels.data
    v = level * LEVEL_WORDS
    tail = levels[v + L_TAIL]
    data[o + O_ID] = order_id
    data[o + O_WHO] = who
    data[o + O_PRICE] = price
    data[o + O_OPEN] = lots
    data[o + O_SHOWN] = lots
    data[o + O_SIZE] = lots
    data[o + O_VALUE] = 0
    data[o + O_NEXT] = 0
    data[o + O_PREV] = tail
    data[o + O_LEVEL] = level
    data[o + O_FLAGS] = sell
    data[o + O_CLIENT] = client
    data[o + O_LABEL] = label
    data[o + O_CREATED] = now
    data[o + O_UPDATED] = now
    data[o + O_PRIORITY] = w.next_priority
    w.next_priority += 1
    if tail == 0:
        levels[v + L_HEAD] = slot
    else:
        data[tail * ORDER_WORDS + O_NEXT] = slot
    levels[v + L_TAIL] = slot
    levels[v + L_COUNT] += 1
    shown = levels[v + L_SHOWN] + lots
    levels[v + L_SHOWN] = shown
    w.order_ids.insert(order_id, slot)
    w.open_orders += 1
    if not w.null_ledger:
        data[o + O_HOLD] = w.c_hold
        data[o + O_SEAT] = seat
        ledger.add_open(w, slot)
    w.reserve_out(16)
    e = w.out_words
    out = w.out
    out[e] = _ORDER4 | w.index << 32
    out[e + 1] = w.seq
    out[e + 2] = who
    out[e + 3] = order_id
    out[e + 4] = price
    out[e + 5] = lots
    out[e + 6] = 0
    out[e + 7] = lots
    out[e + 8] = sell | _PLACED
    out[e + 9] = client
    out[e + 10] = label
    out[e + 11] = 0
    out[e + 12] = now
    out[e + 13] = now
    out[e + 14] = lots
    out[e + 15] = shown
    w.out_words = e + 16
    w.index += 1


def cancel(w: World, order_id: i64, account: i64) -> bool:
    """Cancel the account's own resting order. False: there is no such order, or it is not theirs."""
    slot = w.order_ids.find(order_id)
    if slot == 0:
        return False
    data = w.orders.data
    o = slot * ORDER_WORDS
    who = data[o + O_WHO]
    if who & r.U32 != account or (not w.null_ledger and account < limits.FIRST_USER_ACCOUNT):
        return False
    w.reserve_out(16)
    e = w.out_words
    out = w.out
    flags = data[o + O_FLAGS] & r.U32
    opened = data[o + O_OPEN]
    size = data[o + O_SIZE] & r.U32
    out[e] = _ORDER4 | w.index << 32
    out[e + 1] = w.seq
    out[e + 2] = who
    out[e + 3] = order_id
    out[e + 4] = data[o + O_PRICE]
    out[e + 5] = size
    out[e + 6] = size - opened
    out[e + 7] = 0
    out[e + 8] = flags | _CANCELLED
    out[e + 9] = data[o + O_CLIENT]
    out[e + 10] = data[o + O_LABEL]
    out[e + 11] = data[o + O_VALUE]
    out[e + 12] = w.now_ms
    out[e + 13] = data[o + O_CREATED]
    out[e + 14] = 0
    out[e + 15] = _leave(w, slot, flags & 1, who >> 32)
    w.out_words = e + 16
    w.index += 1
    if not w.null_ledger:
        ledger.remove_open(w, slot)
    w.open_orders -= 1
    w.order_ids.remove(order_id)
    w.orders.release(slot)
    return True


def _leave(w: World, slot: i64, sell: i64, instrument: i64) -> i64:
    """Take an order out of its level's queue. Returns the level's displayed lots after."""
    data = w.orders.data
    levels = w.levels.data
    o = slot * ORDER_WORDS
    level = data[o + O_LEVEL]
    v = level * LEVEL_WORDS
    count = levels[v + L_COUNT] - 1
    if count == 0:
        w.books[instrument].drop_level(sell, level)
        return 0
    following = data[o + O_NEXT]
    before = data[o + O_PREV]
    if before == 0:
        levels[v + L_HEAD] = following
    else:
        data[before * ORDER_WORDS + O_NEXT] = following
    if following == 0:
        levels[v + L_TAIL] = before
    else:
        data[following * ORDER_WORDS + O_PREV] = before
    levels[v + L_COUNT] = count
    shown = levels[v + L_SHOWN] - data[o + O_SHOWN]
    levels[v + L_SHOWN] = shown
    return shown
