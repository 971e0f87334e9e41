"""The checks of a combo's order that are not those of its instrument alone (docs/rules-4.md, Orders)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import combo_funds, combo_seats, room
from exchange.core.combo_open import find_seat
from exchange.core.combo_terms import record_of
from exchange.core.layout import (
    A_SEATS,
    ACCOUNT_WORDS,
    C_LARGEST,
    C_LEG,
    C_LEGS,
    I_POSITION_LIMIT,
    INSTRUMENT_WORDS,
    LOW,
    O_FLAGS,
    O_HOLD,
    O_LOTS,
    O_WHO,
    ORDER_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def sent_refused(w: World, combo: i64, flags: i64, display: i64, lots: i64, group: i64) -> i64:
    """Checks 5 and 6 as far as a combo has its own, of an order of a protection group (0: none)."""
    if flags & r.FLAG_REDUCE_ONLY != 0 or display != 0 or group != 0:
        return no.BAD_FLAGS
    return too_large(w, combo, lots)


def too_large(w: World, combo: i64, lots: i64) -> i64:
    """BAD_SIZE where an order of `lots` has too many of one leg, else 0.

    So every product of lots of a combo and a ratio stays within MAX_ORDER_LOTS.
    """
    most = limits.MAX_ORDER_LOTS // w.combos.data[record_of(w, combo) + C_LARGEST]
    return no.BAD_SIZE if lots > most else 0


def account_refuses(
    w: World, account: i64, combo: i64, flags: i64, own_lots: i64, own_hold: i64
) -> i64:
    """Checks 13 to 16 on `w.c_…`; leaves the hold per lot in `w.c_hold`. Seats may be made for it."""
    sell = flags & r.FLAG_SELL
    a = account * ACCOUNT_WORDS
    w.c_seat = 0
    missing: i64 = combo_seats.missing(w, account, combo)
    if missing > 0 and w.accounts[a + A_SEATS] + missing > room.seats_most(w, a):
        return no.TOO_MANY_SEATS
    reason = _position_refused(w, account, combo, sell, w.c_lots, own_lots)
    if reason == 0:
        reason = _accumulation_refused(w, account, combo)
    if reason != 0:
        return reason
    if w.c_rank < 0:  # a market-limit order without a price trades nothing
        w.c_hold = 0
        return 0
    w.c_hold = combo_funds.hold_per_lot(w, account, combo, sell, w.c_price)
    kills = (flags >> r.TIF_SHIFT) & r.TIF_MASK == r.TIF_FOK
    return combo_funds.refuse(w, account, combo, sell, w.c_lots, own_lots, own_hold, kills)


def demand_refused(w: World, slot: i64, opened: i64, in_place: bool) -> i64:
    """Check 14 of an amend to `opened` lots at `w.c_price`, if they grow; leaves their hold in `w.c_hold`."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    account = orders[o + O_WHO] & LOW
    combo = orders[o + O_WHO] >> 32
    sell = orders[o + O_FLAGS] & r.FLAG_SELL
    old_open = orders[o + O_LOTS] & LOW
    w.c_hold = orders[o + O_HOLD]
    if not in_place:
        w.c_hold = combo_funds.hold_per_lot(w, account, combo, sell, w.c_price)
    if opened <= old_open:
        return 0
    return _position_refused(w, account, combo, sell, opened, old_open)


def funds_refused(w: World, slot: i64, opened: i64) -> i64:
    """Checks 15 and 16 of an amend to `opened` lots at `w.c_price`, each holding `w.c_hold`."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    account = orders[o + O_WHO] & LOW
    combo = orders[o + O_WHO] >> 32
    reason = _accumulation_refused(w, account, combo)
    if reason != 0:
        return reason
    sell = orders[o + O_FLAGS] & r.FLAG_SELL
    return combo_funds.refuse(
        w, account, combo, sell, opened, orders[o + O_LOTS] & LOW, orders[o + O_HOLD], False
    )


def _position_refused(w: World, account: i64, combo: i64, sell: i64, lots: i64, own_lots: i64) -> i64:
    """Check 14 of each leg."""
    combos = w.combos.data
    c = record_of(w, combo)
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        leg = combos[c + C_LEG + number]
        more = combo_seats.lots_of_leg(w, combo, number, sell, lots)
        own = combo_seats.lots_of_leg(w, combo, number, sell, own_lots)
        seat = find_seat(w, account, leg)
        if more > 0:
            reason = room.position_refused(w, seat, leg, 0, more, own)
        else:
            reason = room.position_refused(w, seat, leg, 1, -more, -own)
        if reason != 0:
            return reason
        number += 1
    return 0


def beyond_limits(w: World, combo: i64, lots: i64) -> bool:
    """Whether so many lots are more of a leg than anyone may hold."""
    combos = w.combos.data
    c = record_of(w, combo)
    if too_large(w, combo, lots) != 0:
        return True
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        size = combo_seats.lots_of_leg(w, combo, number, 0, lots)
        limit = w.instruments[combos[c + C_LEG + number] * INSTRUMENT_WORDS + I_POSITION_LIMIT]
        if size > limit or -size > limit:
            return True
        number += 1
    return False


def _accumulation_refused(w: World, account: i64, combo: i64) -> i64:
    """Check 15 of each leg."""
    combos = w.combos.data
    c = record_of(w, combo)
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        reason = room.accumulation_refused(w, account, find_seat(w, account, combos[c + C_LEG + number]))
        if reason != 0:
            return reason
        number += 1
    return 0
