"""Touching ahead what a batch is about to need.

A command waits for memory a dozen times: the cell of an order id, the order, its neighbours, its level,
its seat. One command's waits follow from each other, but those of different commands do not: a pass that
only reads lets the processor fetch for several commands at once. Nothing is decided here; a stale or
wrong guess costs nothing and changes nothing.
"""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core.layout import (
    A_ORDERS,
    ACCOUNT_WORDS,
    I_MARK_LOW,
    I_STATE,
    I_STEP,
    INSTRUMENT_WORDS,
    L_TAIL,
    LEVEL_WORDS,
    O_APREV,
    O_LABEL,
    O_LEVEL,
    O_NEXT,
    O_PREV,
    O_SEAT,
    O_WHO,
    ORDER_WORDS,
    S_HOLD,
    SEAT_SHIFT,
    SEAT_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r


def touch(w: World, batch: bytes, start: i64, end: i64) -> None:
    """Read what the commands in [start, end) of a batch will look at first."""
    at = start
    seen: i64 = 0
    while at < end:
        w0 = read_i64_le(batch, at)
        kind = w0 & 0xFF
        if kind == r.NEW_ORDER:
            if at + 64 <= end:
                seen += _touch_new(w, read_i64_le(batch, at + 8), read_i64_le(batch, at + 32))
        elif kind == r.CANCEL or kind == r.AMEND:
            if at + 64 <= end:
                seen += _touch_order(w, read_i64_le(batch, at + 32))
        at += ((w0 >> 16) & 0xFFFF) * r.UNIT_BYTES
    w.touched = seen & 1  # read, so that no compiler may leave the reads out


def _touch_order(w: World, order_id: i64) -> i64:
    ids = w.order_ids
    slot = ids.cells[ids.home(order_id)]
    if slot == 0:
        return 0
    data = w.orders.data
    o = slot * ORDER_WORDS
    level = data[o + O_LEVEL]
    seen = data[o + O_LABEL] & w.levels.data[level * LEVEL_WORDS + L_TAIL]
    seen &= data[data[o + O_NEXT] * ORDER_WORDS + O_PREV]
    seen &= data[data[o + O_PREV] * ORDER_WORDS + O_NEXT]
    if not w.null_ledger:
        seen &= data[data[o + O_APREV] * ORDER_WORDS + O_SEAT]
        seen &= w.seats.data[data[o + O_SEAT] * SEAT_WORDS + S_HOLD]
        seen &= w.instruments[(data[o + O_WHO] >> 32) * INSTRUMENT_WORDS + I_MARK_LOW]
    return seen


def _touch_new(w: World, who: i64, price: i64) -> i64:
    instrument = who >> 32
    if instrument < 0 or instrument >= w.instrument_count:
        return 0
    book = w.books[instrument]
    ladder = book.ladder
    i = instrument * INSTRUMENT_WORDS
    seen = w.instruments[i + I_STATE]
    rank = price
    if w.instruments[i + I_STEP + 1] != 1:
        rank = price // w.instruments[i + I_STEP + 1]
    at = rank - book.base
    if 0 <= at and at < i64(len(ladder)):
        tail = w.levels.data[ladder[at] * LEVEL_WORDS + L_TAIL]
        seen &= w.orders.data[tail * ORDER_WORDS + O_NEXT]
    if not w.null_ledger:
        account = who & r.U32
        if account < w.account_count:
            seen &= w.accounts[account * ACCOUNT_WORDS + A_ORDERS]
        ids = w.seat_ids
        seat = ids.cells[ids.home(account << SEAT_SHIFT | instrument)]
        seen &= w.seats.data[seat * SEAT_WORDS + S_HOLD]
        seen &= w.instruments[i + I_MARK_LOW]
    return seen
