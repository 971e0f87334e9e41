"""What room an account has for an order: how many, how many seats, how large (checks 10, 11 and 13 to 15)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core.layout import (
    A_CASH,
    A_MAX_ORDERS,
    A_MAX_POSITIONS,
    ACCOUNT_WORDS,
    I_POSITION_LIMIT,
    INSTRUMENT_WORDS,
    S_ENTRY,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_SIZE,
    SEAT_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import rejects as no


def orders_most(w: World, a: i64) -> i64:
    """How many open orders the account whose record is `a` may have."""
    cap = w.accounts[a + A_MAX_ORDERS]
    return cap if cap != 0 else limits.MAX_OPEN_ORDERS_PER_ACCOUNT


def seats_most(w: World, a: i64) -> i64:
    """How many seats the account whose record is `a` may have."""
    cap = w.accounts[a + A_MAX_POSITIONS]
    return cap if cap != 0 else limits.MAX_SEATS


def reduce_capacity(w: World, seat: i64, sell: i64, own_lots: i64) -> i64:
    """Lots of the opposite position not yet spoken for by open orders of this side."""
    if seat == 0:
        return 0
    data = w.seats.data
    s = seat * SEAT_WORDS
    if sell != 0:
        return data[s + S_SIZE] - (data[s + S_OPEN_SELL] - own_lots)
    return -data[s + S_SIZE] - (data[s + S_OPEN_BUY] - own_lots)


def position_refused(w: World, seat: i64, instrument: i64, sell: i64, lots: i64, own_lots: i64) -> i64:
    """Check 14: the position stays within its limit whatever fills."""
    worst = lots - own_lots
    if seat != 0:
        data = w.seats.data
        s = seat * SEAT_WORDS
        if sell != 0:
            worst += data[s + S_OPEN_SELL] - data[s + S_SIZE]
        else:
            worst += data[s + S_OPEN_BUY] + data[s + S_SIZE]
    if worst > w.instruments[instrument * INSTRUMENT_WORDS + I_POSITION_LIMIT]:
        return no.POSITION_LIMIT
    return 0


def accumulation_refused(w: World, account: i64, seat: i64) -> i64:
    """Check 15: cash and entry value have not run away."""
    cash = w.accounts[account * ACCOUNT_WORDS + A_CASH]
    if cash >= limits.ACCUMULATION_LIMIT or cash <= -limits.ACCUMULATION_LIMIT:
        return no.LIMIT_REACHED
    if seat != 0:
        entry = w.seats.data[seat * SEAT_WORDS + S_ENTRY]
        if entry >= limits.ENTRY_LIMIT or entry <= -limits.ENTRY_LIMIT:
            return no.LIMIT_REACHED
    return 0
