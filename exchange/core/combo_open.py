"""What orders of a combo have open in the seats of its legs (docs/rules-4.md, Orders).

An order with n lots open has n times each ratio open in the seat of that leg, bought or sold; its hold is in
the first leg's. A combo has no seats of its own: its resting quotes are found in `World.combo_quotes`.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import margin
from exchange.core.combo_terms import record_of
from exchange.core.layout import (
    C_LEG,
    C_LEGS,
    C_RATIO,
    LOW,
    O_FLAGS,
    O_HOLD,
    O_LOTS,
    O_WHO,
    ORDER_WORDS,
    S_HOLD,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_SIZE,
    SEAT_SHIFT,
    SEAT_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r


def find_seat(w: World, account: i64, leg: i64) -> i64:
    """The slot of an account's seat in a leg, or 0."""
    return w.seat_ids.find(account << SEAT_SHIFT | leg)


def shift(w: World, account: i64, combo: i64, sell: i64, filled: i64, opened: i64, hold: i64) -> None:
    """Add what an order of this side makes of `filled` lots to the sizes, and of `opened` lots to the open
    lots, of the account's seats in a combo's legs (all there), and `hold` to the first one's.

    Requirements follow; values, and what positions are worth in all, do not.
    """
    combos = w.combos.data
    seats = w.seats.data
    c = record_of(w, combo)
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        ratio = combos[c + C_RATIO + number]
        if sell != 0:
            ratio = -ratio
        seat = find_seat(w, account, combos[c + C_LEG + number])
        s = seat * SEAT_WORDS
        seats[s + S_SIZE] += filled * ratio
        if ratio > 0:
            seats[s + S_OPEN_BUY] += opened * ratio
        else:
            seats[s + S_OPEN_SELL] -= opened * ratio
        if number == 0:
            seats[s + S_HOLD] += hold
        margin.require_seat(w, seat)
        number += 1


def change(w: World, slot: i64, lots: i64) -> None:
    """Add `lots` (negative: release) to what the combo's order in `slot` has open."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    who = orders[o + O_WHO]
    shift(w, who & LOW, who >> 32, orders[o + O_FLAGS] & r.FLAG_SELL, 0, lots, lots * orders[o + O_HOLD])


def _quote_key(who: i64, sell: i64) -> int:
    """The key of the resting quote of account | instrument << 32."""
    return (int(who) << 1) | int(sell)


def quote(w: World, who: i64, sell: i64) -> i64:
    """The slot of an account's resting quote in a combo, or 0."""
    return w.combo_quotes.get(_quote_key(who, sell), 0)


def enlist(w: World, slot: i64) -> None:
    """A new order rests: what it has open is counted; a quote is found from now on."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    flags = orders[o + O_FLAGS]
    if flags & r.FLAG_QUOTE != 0:
        w.combo_quotes[_quote_key(orders[o + O_WHO], flags & r.FLAG_SELL)] = slot
    change(w, slot, orders[o + O_LOTS] & LOW)


def delist(w: World, slot: i64) -> None:
    """Undo `enlist`, of what the order has left open."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    flags = orders[o + O_FLAGS]
    if flags & r.FLAG_QUOTE != 0:
        del w.combo_quotes[_quote_key(orders[o + O_WHO], flags & r.FLAG_SELL)]
    lots = orders[o + O_LOTS] & LOW
    if lots != 0:
        change(w, slot, -lots)
