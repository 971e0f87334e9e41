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
    L_TAIL,
    LEVEL_WORDS,
    O_LABEL,
    O_LEVEL,
    O_NEXT,
    O_PREV,
    O_SEAT,
    ORDER_WORDS,
    S_HOLD,
    SEAT_SHIFT,
    SEAT_WORDS,
)
from exchange.core.world import World
from exchange.domain import records as r

# What one pass fetches should still be near when its commands run.
_RUN_BYTES: Final = 8_192
_HEAD_BYTES: Final = 64


def touch(w: World, batch: bytes, start: i64, size: i64) -> i64:
    """Read what the commands from byte `start` on will look at first; returns where the pass ended."""
    seen: i64 = 0
    ids = w.order_ids
    cells = ids.cells
    mask = ids.mask
    seat_cells = w.seat_ids.cells
    seat_mask = w.seat_ids.mask
    orders = w.orders.data
    levels = w.levels.data
    seats = w.seats.data
    bare = w.null_ledger
    at = start
    while at - start < _RUN_BYTES and at + _HEAD_BYTES <= size:
        w0 = read_i64_le(batch, at)
        kind = w0 & 0xFF
        if kind == r.NEW_ORDER:
            who = read_i64_le(batch, at + 8)
            instrument = who >> 32
            if 0 <= instrument and instrument < w.instrument_count:
                book = w.books[instrument]
                ladder = book.ladder
                rank = read_i64_le(batch, at + 32) - book.base
                if 0 <= rank and rank < i64(len(ladder)):
                    tail = levels[ladder[rank] * LEVEL_WORDS + L_TAIL]
                    seen ^= orders[tail * ORDER_WORDS + O_NEXT]
                if not bare:
                    key = (who & r.U32) << SEAT_SHIFT | instrument
                    seat = seat_cells[fold(key) & seat_mask] & r.U32
                    seen ^= seats[seat * SEAT_WORDS + S_HOLD]
        elif kind == r.CANCEL or kind == r.AMEND:
            o = (cells[fold(read_i64_le(batch, at + 32)) & mask] & r.U32) * ORDER_WORDS
            if o != 0:
                seen ^= orders[o + O_LABEL] ^ levels[orders[o + O_LEVEL] * LEVEL_WORDS + L_TAIL]
                seen ^= orders[orders[o + O_NEXT] * ORDER_WORDS + O_PREV]
                seen ^= orders[orders[o + O_PREV] * ORDER_WORDS + O_NEXT]
                if not bare:
                    seen ^= seats[orders[o + O_SEAT] * SEAT_WORDS + S_HOLD]
        at += ((w0 >> 16) & 0xFFFF) * r.UNIT_BYTES
    w.touched = seen  # kept, so that no compiler may leave the reads out
    return at if at > start else size
