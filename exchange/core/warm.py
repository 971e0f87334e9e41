"""Touching ahead what a batch is about to need.

A command waits for memory several times: the cell of an order id, the order, its neighbours, its level, its
seat. One command's waits follow from each other, but those of different commands do not: a pass that
only reads lets the processor fetch for several commands at once. Nothing is decided here; a stale or
wrong guess costs a little and changes nothing.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core.ids import fold
from exchange.core.layout import (
    A_SEAT_HEAD,
    ACCOUNT_WORDS,
    INSTRUMENT_WORDS,
    L_TAIL,
    LEVEL_WORDS,
    O_ID,
    O_LABEL,
    O_LIST,
    O_PLACE,
    O_QUEUE,
    ORDER_WORDS,
    S_HOLD,
    S_NEXT,
    SEAT_SHIFT,
    SEAT_WORDS,
)
from exchange.core.world import TOUCHED_MOST, World
from exchange.domain import records as r

_HEAD_BYTES: Final = 64
_IDS_TOGETHER: Final = 8  # cells of ids that follow each other; see `ids.fold`


def touch(w: World, batch: bytes, start: i64, size: i64) -> i64:
    """Read what the commands from byte `start` on will look at first; returns where the pass ended."""
    mask = w.order_ids.mask
    instruments = w.instruments
    count = w.instrument_count
    bare = w.null_ledger
    resting = w.touch_resting
    coming = w.touch_coming
    named: i64 = 0
    placed: i64 = 0
    seen: i64 = 0
    at = start
    end = size - _HEAD_BYTES
    while at <= end and named < TOUCHED_MOST and placed < TOUCHED_MOST:
        w0 = read_i64_le(batch, at)
        kind = w0 & 0xFF
        if kind == r.NEW_ORDER:
            who = read_i64_le(batch, at + 8)
            instrument = who >> 32
            if 0 <= instrument and instrument < count:
                book = w.books[instrument]
                rank = read_i64_le(batch, at + 32) - book.base
                if 0 <= rank and rank < book.width:
                    coming[placed] = book.ladder[rank]
                    placed += 1
                seen ^= instruments[instrument * INSTRUMENT_WORDS]
                if not bare:
                    seat = w.seat_ids.cells[fold((who & r.U32) << SEAT_SHIFT | instrument) & w.seat_ids.mask]
                    seen ^= w.seats.data[(seat & r.U32) * SEAT_WORDS + S_HOLD]
        elif kind == r.CANCEL or kind == r.AMEND:
            resting[named] = fold(read_i64_le(batch, at + 32)) & mask
            named += 1
        at += ((w0 >> 16) & 0xFFFF) * r.UNIT_BYTES
    w.touched = seen ^ _orders(w, named) ^ _levels(w, placed)
    return at if at > start else size


def touch_accounts(w: World, account: i64, end: i64) -> None:
    """Read the seats of the accounts from `account` to `end` (at most TOUCHED_MOST), one of each at a time.

    Each account's seats are a list, where every step waits for the one before; the accounts' lists are not.
    """
    heads = w.touch_resting
    accounts = w.accounts
    seats = w.seats.data
    count: i64 = 0
    while account < end and count < TOUCHED_MOST:
        seat = accounts[account * ACCOUNT_WORDS + A_SEAT_HEAD]
        if seat != 0:
            heads[count] = seat
            count += 1
        account += 1
    while count > 0:
        left: i64 = 0
        k: i64 = 0
        while k < count:
            seat = seats[heads[k] * SEAT_WORDS + S_NEXT]
            if seat != 0:
                heads[left] = seat
                left += 1
            k += 1
        count = left


def _orders(w: World, named: i64) -> i64:
    """Orders named by commands, then what lies around them."""
    seen: i64 = 0
    resting = w.touch_resting
    cells = w.order_ids.cells
    orders = w.orders.data
    k: i64 = 0
    while k < named:
        resting[k] = (cells[resting[k]] & r.U32) * ORDER_WORDS
        k += 1
    k = 0
    while k < named:
        o = resting[k]
        seen ^= orders[o + O_ID] ^ orders[o + O_LABEL]
        k += 1
    levels = w.levels.data
    seats = w.seats.data
    bare = w.null_ledger
    k = 0
    while k < named:
        o = resting[k]
        queue = orders[o + O_QUEUE]
        place = orders[o + O_PLACE]
        seen ^= levels[(place & r.U32) * LEVEL_WORDS + L_TAIL]
        seen ^= orders[(queue & r.U32) * ORDER_WORDS + O_QUEUE]
        seen ^= orders[(queue >> 32) * ORDER_WORDS + O_QUEUE]
        if not bare:
            near = orders[o + O_LIST]
            seen ^= seats[(place >> 32) * SEAT_WORDS + S_HOLD]
            seen ^= orders[(near & r.U32) * ORDER_WORDS + O_LIST]
            seen ^= orders[(near >> 32) * ORDER_WORDS + O_LIST]
        k += 1
    return seen


def _levels(w: World, placed: i64) -> i64:
    """Levels that orders will join, the orders they will stand behind, the cells their ids will take."""
    seen: i64 = 0
    coming = w.touch_coming
    levels = w.levels.data
    k: i64 = 0
    while k < placed:
        coming[k] = levels[coming[k] * LEVEL_WORDS + L_TAIL] * ORDER_WORDS
        k += 1
    orders = w.orders.data
    k = 0
    while k < placed:
        seen ^= orders[coming[k] + O_QUEUE]
        k += 1
    cells = w.order_ids.cells
    mask = w.order_ids.mask
    ident = w.prefix | w.next_order
    k = 0
    while k < placed + _IDS_TOGETHER:
        seen ^= cells[fold(ident + k) & mask]
        k += _IDS_TOGETHER
    return seen
