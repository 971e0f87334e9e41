"""Accounts, seats and the booking of matches. A seat is one account's place in one instrument."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import combo_open, fees, margin, protection
from exchange.core.layout import (
    A_CASH,
    A_EPOCH,
    A_MODEL,
    A_ORDER_HEAD,
    A_ORDER_TAIL,
    A_ORDERS,
    A_REQUIREMENT,
    A_SEAT_HEAD,
    A_SEATS,
    ACCOUNT_WORDS,
    HIGH,
    I_KIND,
    I_OPEN_INTEREST,
    INSTRUMENT_WORDS,
    O_FLAGS,
    O_HOLD,
    O_LIST,
    O_LOTS,
    O_PLACE,
    O_WHO,
    OF_COMBO,
    ORDER_WORDS,
    S_ENTRY,
    S_HOLD,
    S_KEY,
    S_NEXT,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_PREV,
    S_QUOTE_ASK,
    S_QUOTE_BID,
    S_REQUIREMENT,
    S_SIZE,
    SEAT_INSTRUMENT,
    SEAT_SHIFT,
    SEAT_START,
    SEAT_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r
from exchange.domain.limits import ACCOUNT_FEES


def find_seat(w: World, account: i64, instrument: i64) -> i64:
    """The seat's slot, or 0."""
    return w.seat_ids.find(account << SEAT_SHIFT | instrument)


def make_seat(w: World, account: i64, instrument: i64) -> i64:
    """A new, empty seat at the head of the account's list."""
    slot = w.seats.alloc()
    data = w.seats.data
    s = slot * SEAT_WORDS
    word: i64 = SEAT_START
    while word < SEAT_START + SEAT_WORDS:
        data[s + word] = 0
        word += 1
    data[s + S_KEY] = account << SEAT_SHIFT | instrument
    accounts = w.accounts
    a = account * ACCOUNT_WORDS
    head = accounts[a + A_SEAT_HEAD]
    data[s + S_NEXT] = head
    if head != 0:
        data[head * SEAT_WORDS + S_PREV] = slot
    accounts[a + A_SEAT_HEAD] = slot
    accounts[a + A_SEATS] += 1
    w.seat_ids.insert(data[s + S_KEY], slot)
    return slot


def drop_seat(w: World, slot: i64) -> None:
    """Remove a seat without orders; what it contributed to the account's sums leaves with it."""
    data = w.seats.data
    s = slot * SEAT_WORDS
    move_position(w, slot, -data[s + S_SIZE], -data[s + S_ENTRY])
    margin.withdraw_seat(w, slot)
    account = data[s + S_KEY] >> SEAT_SHIFT
    a = account * ACCOUNT_WORDS
    accounts = w.accounts
    following = data[s + S_NEXT]
    before = data[s + S_PREV]
    if before == 0:
        accounts[a + A_SEAT_HEAD] = following
    else:
        data[before * SEAT_WORDS + S_NEXT] = following
    if following != 0:
        data[following * SEAT_WORDS + S_PREV] = before
    accounts[a + A_SEATS] -= 1
    w.seat_ids.remove(data[s + S_KEY], slot)
    w.seats.release(slot)


def add_open(w: World, order_slot: i64) -> None:
    """Count a newly resting order: the account's list, the seat's open lots and hold."""
    orders = w.orders.data
    o = order_slot * ORDER_WORDS
    enlist(w, order_slot)
    if orders[o + O_FLAGS] & OF_COMBO != 0:
        combo_open.enlist(w, order_slot)
        return
    if orders[o + O_FLAGS] & (r.FLAG_QUOTE | r.FLAG_MMP) == r.FLAG_QUOTE:
        quote = S_QUOTE_ASK if orders[o + O_FLAGS] & r.FLAG_SELL != 0 else S_QUOTE_BID
        w.seats.data[(orders[o + O_PLACE] >> 32) * SEAT_WORDS + quote] = order_slot
    change_open(w, order_slot, orders[o + O_LOTS] & r.U32)


def enlist(w: World, order_slot: i64) -> None:
    """Put a new order at the end of its account's list."""
    orders = w.orders.data
    o = order_slot * ORDER_WORDS
    a = (orders[o + O_WHO] & r.U32) * ACCOUNT_WORDS
    accounts = w.accounts
    tail = accounts[a + A_ORDER_TAIL]
    orders[o + O_LIST] = tail << 32
    if tail == 0:
        accounts[a + A_ORDER_HEAD] = order_slot
    else:
        orders[tail * ORDER_WORDS + O_LIST] |= order_slot
    accounts[a + A_ORDER_TAIL] = order_slot
    accounts[a + A_ORDERS] += 1


def add_resting(w: World, slot: i64, account: i64, tail: i64, seat: i64, sell: i64, lots: i64) -> None:
    """As `add_open` for a new order that is no quote and names `tail`, its account's last, already.

    `w.c_hold` is the hold per lot, `w.c_needed` what the seat requires with the order.
    """
    accounts = w.accounts
    seats = w.seats.data
    a = account * ACCOUNT_WORDS
    s = seat * SEAT_WORDS
    needed = w.c_needed
    if tail == 0:
        accounts[a + A_ORDER_HEAD] = slot
    else:
        w.orders.data[tail * ORDER_WORDS + O_LIST] |= slot
    accounts[a + A_ORDER_TAIL] = slot
    accounts[a + A_ORDERS] += 1
    if sell != 0:
        seats[s + S_OPEN_SELL] += lots
    else:
        seats[s + S_OPEN_BUY] += lots
    seats[s + S_HOLD] += lots * w.c_hold
    accounts[a + A_REQUIREMENT] += needed - seats[s + S_REQUIREMENT]
    seats[s + S_REQUIREMENT] = needed


def unlist(w: World, order_slot: i64) -> None:
    """Take an order out of its account's list."""
    orders = w.orders.data
    o = order_slot * ORDER_WORDS
    a = (orders[o + O_WHO] & r.U32) * ACCOUNT_WORDS
    accounts = w.accounts
    neighbours = orders[o + O_LIST]
    following = neighbours & r.U32
    before = neighbours >> 32
    if before == 0:
        accounts[a + A_ORDER_HEAD] = following
    else:
        near = before * ORDER_WORDS + O_LIST
        orders[near] = orders[near] & HIGH | following
    if following == 0:
        accounts[a + A_ORDER_TAIL] = before
    else:
        near = following * ORDER_WORDS + O_LIST
        orders[near] = orders[near] & r.U32 | before << 32
    accounts[a + A_ORDERS] -= 1


def remove_open(w: World, order_slot: i64) -> None:
    """Undo `add_open` for an order about to be released; what is still open is no longer held."""
    orders = w.orders.data
    o = order_slot * ORDER_WORDS
    unlist(w, order_slot)
    flags = orders[o + O_FLAGS]
    lots = orders[o + O_LOTS] & r.U32
    if flags & (r.FLAG_QUOTE | r.FLAG_MMP | OF_COMBO) != 0:
        if flags & OF_COMBO != 0:
            combo_open.delist(w, order_slot)
            return
        if flags & r.FLAG_MMP != 0:
            protection.leave(w, flags, lots)
        else:
            quote = S_QUOTE_ASK if flags & r.FLAG_SELL != 0 else S_QUOTE_BID
            w.seats.data[(orders[o + O_PLACE] >> 32) * SEAT_WORDS + quote] = 0
    if lots != 0:
        a = (orders[o + O_WHO] & r.U32) * ACCOUNT_WORDS
        _release(w, orders[o + O_PLACE] >> 32, a, flags & r.FLAG_SELL, lots, orders[o + O_HOLD])


def _release(w: World, seat: i64, a: i64, sell: i64, lots: i64, hold: i64) -> None:
    """What `change_open` does for lots that are no longer open; `a` is the account's record."""
    seats = w.seats.data
    s = seat * SEAT_WORDS
    buy = seats[s + S_OPEN_BUY]
    sold = seats[s + S_OPEN_SELL]
    if sell != 0:
        sold -= lots
        seats[s + S_OPEN_SELL] = sold
    else:
        buy -= lots
        seats[s + S_OPEN_BUY] = buy
    held = seats[s + S_HOLD] - lots * hold
    seats[s + S_HOLD] = held
    accounts = w.accounts
    if accounts[a + A_MODEL] != r.MODEL_STANDARD:
        margin.require_seat(w, seat)
    elif accounts[a + A_EPOCH] == w.epoch:
        instrument = seats[s + S_KEY] & SEAT_INSTRUMENT
        needed = margin.requirement(w, instrument, seats[s + S_SIZE], buy, sold, held)
        accounts[a + A_REQUIREMENT] += needed - seats[s + S_REQUIREMENT]
        seats[s + S_REQUIREMENT] = needed


def change_open(w: World, order_slot: i64, lots: i64) -> None:
    """Add `lots` (negative: release) to what the order's seat holds open; its requirement follows."""
    orders = w.orders.data
    o = order_slot * ORDER_WORDS
    seat = orders[o + O_PLACE] >> 32
    data = w.seats.data
    s = seat * SEAT_WORDS
    if orders[o + O_FLAGS] & OF_COMBO != 0:
        combo_open.change(w, order_slot, lots)
        return
    if orders[o + O_FLAGS] & r.FLAG_SELL != 0:
        data[s + S_OPEN_SELL] += lots
    else:
        data[s + S_OPEN_BUY] += lots
    data[s + S_HOLD] += lots * orders[o + O_HOLD]
    margin.require_seat(w, seat)


def move_cash(w: World, account: i64, delta: i64) -> i64:
    """Add micro-USDC to an account's cash, which counts as drift until its other side is booked.

    Every change of cash goes through here. Returns the balance after.
    """
    at = account * ACCOUNT_WORDS + A_CASH
    balance = w.accounts[at] + delta
    w.accounts[at] = balance
    w.cash_drift += delta
    return balance


def move_position(w: World, seat: i64, lots: i64, value: i64) -> None:
    """Add `lots` (signed) and their `value` to a seat's size and entry value.

    Every change of a position goes through here. The caller revalues the seat.
    """
    data = w.seats.data
    s = seat * SEAT_WORDS
    before = data[s + S_SIZE]
    after = before + lots
    data[s + S_SIZE] = after
    data[s + S_ENTRY] += value
    w.size_drift += lots
    w.entry_drift += value
    held = (after if after > 0 else 0) - (before if before > 0 else 0)
    if held != 0:
        w.instruments[(data[s + S_KEY] & SEAT_INSTRUMENT) * INSTRUMENT_WORDS + I_OPEN_INTEREST] += held


def book_side(w: World, seat: i64, instrument: i64, sell: i64, lots: i64, value: i64, fee: i64) -> None:
    """Book one side of a match: position, entry value, premium and fee. The caller revalues the seat."""
    account = w.seats.data[seat * SEAT_WORDS + S_KEY] >> SEAT_SHIFT
    delta = -fee
    option = w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_OPTION
    if sell != 0:
        move_position(w, seat, -lots, -value)
        if option:
            delta += value
    else:
        move_position(w, seat, lots, value)
        if option:
            delta -= value
    move_cash(w, account, delta)
    move_cash(w, ACCOUNT_FEES, fee)
    if w.rules >= 2:
        fees.count_volume(w, account, instrument, lots)
