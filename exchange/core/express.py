"""The two commands that make up most of the traffic, on their straight road.

`run` places plain limit orders that rest without trading and takes resting orders out, one after the other,
in one pass over the arrays. It does exactly what the general code in `orders` would do, and stops (nothing
changed) in front of anything unusual, errors included: a combo's orders, and those of what open combos name.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import checks, ledger, remembered
from exchange.core.layout import (
    A_ORDER_TAIL,
    ACCOUNT_WORDS,
    HIGH,
    I_EXPIRY,
    I_MIN_SIZE,
    I_PLAIN_LIMIT,
    I_STATE,
    I_STEP,
    I_STEPS,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_SHOWN,
    L_TAIL,
    LEVEL_WORDS,
    LOW,
    O_CLIENT,
    O_CREATED,
    O_FLAGS,
    O_ID,
    O_LABEL,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_QUEUE,
    O_SIZE,
    O_VALUE,
    O_WHO,
    ORDER_WORDS,
    UNUSUAL,
)
from exchange.core.words import put_16
from exchange.core.world import EXPRESS_WORDS, World, pack
from exchange.domain import limits
from exchange.domain import records as r

_PLACED: Final = 1 << 32 | 1 << 40  # kind placed, state open
_CANCELLED: Final = 3 << 32 | 3 << 40 | 1 << 48  # kind and state cancelled, reason user request
# The first words of the two commands: type, version, units (and flags: none but the side).
_PLAIN_NEW: Final = 1 | 1 << 8 | 2 << 16
_CANCEL: Final = 3 | 1 << 8 | 2 << 16
_NOT_SELL: Final = ~(1 << 32)
_BYTES: Final = 64  # of either
_ORDER4: Final = 2 | 1 << 8 | 4 << 16  # ORDER, version 1, four units


def run(w: World, batch: bytes, at: i64, size: i64) -> i64:
    """Apply commands from byte `at` on while they are of these two kinds; returns where the next one is.

    The arrays are held in locals over the whole run: whatever may move one of them is followed by a reload.
    """
    if w.due_count != 0:
        return at  # triggered orders come first
    terms = w.instruments
    instruments_count = w.instrument_count
    bare = w.null_ledger
    ids = w.order_ids
    orders = w.orders
    data = orders.data
    levels = w.levels.data
    out = w.out
    room = w.out_room
    e = w.out_words
    now = w.now_ms
    prefix = w.prefix
    seq = w.next_seq
    normal = w.mode == 0
    remembering = w.rules >= 3
    next_order = w.next_order
    next_priority = w.next_priority
    open_orders = w.open_orders
    end = size - _BYTES
    while at <= end:
        w0 = read_i64_le(batch, at)
        if e >= room:
            w.out_words = e
            w.reserve_out(EXPRESS_WORDS)
            out = w.out
            room = w.out_room
        who = read_i64_le(batch, at + 8)
        if w0 & _NOT_SELL == _PLAIN_NEW:
            lots = read_i64_le(batch, at + 40)
            price = read_i64_le(batch, at + 32)
            if read_i64_le(batch, at + 48) != 0 or read_i64_le(batch, at + 56) != 0:
                break
            sell = w0 >> 32
            instrument = who >> 32
            if instrument < 0 or instrument >= instruments_count or not normal:
                break
            i = instrument * INSTRUMENT_WORDS
            if terms[i + I_STATE] != 0 or now >= terms[i + I_EXPIRY] or terms[i + I_STEPS] != 1:
                break
            if lots < terms[i + I_MIN_SIZE] or lots > limits.MAX_ORDER_LOTS:
                break
            if price < 1 or price > terms[i + I_PLAIN_LIMIT] or open_orders >= limits.MAX_OPEN_ORDERS:
                break
            rank = price
            step = terms[i + I_STEP + 1]
            if step != 1:
                rank = price // step
                if rank * step != price:
                    break
            book = w.books[instrument]
            if sell != 0:
                if rank <= book.best_bid:
                    break
            elif book.best_ask >= 0 and rank >= book.best_ask:
                break
            client = read_i64_le(batch, at + 16)
            label = read_i64_le(batch, at + 24)
            seat: i64 = 0
            last: i64 = 0
            stream: i64 = 0
            if not bare:
                seat = checks.accepting_seat(w, who & r.U32, instrument, sell, price, lots)
                if seat == 0:
                    break
                if remembering and client != 0:
                    stream = remembered.fresh(w, who & r.U32, label & r.U32, client)
                    if stream == 0:
                        break
                last = w.accounts[(who & r.U32) * ACCOUNT_WORDS + A_ORDER_TAIL]
            # What does not cross shares its rank with its own side alone: no need to ask whose level it is.
            place = rank - book.base
            if 0 <= place and place < book.width:
                level = book.ladder[place]
            else:
                level = book.level_at(sell, rank)
            if level == 0:
                level = book.make_level(sell, rank, price)
                levels = w.levels.data
            if orders.free == 0:
                orders.extend()
                data = orders.data
            slot = orders.free
            o = slot * ORDER_WORDS
            orders.free = data[o + O_ID]
            order_id = prefix | next_order
            next_order += 1
            if label != 0:
                label = pack((label >> 32) & r.U32, label & r.U32)
            v = level * LEVEL_WORDS
            tail = levels[v + L_TAIL]
            if tail == 0:
                levels[v + L_HEAD] = slot
            else:
                data[tail * ORDER_WORDS + O_QUEUE] |= slot
            levels[v + L_TAIL] = slot
            shown = levels[v + L_SHOWN] + lots
            levels[v + L_SHOWN] = shown
            put_16(
                data, o + O_ID, order_id, who, price, lots | lots << 32, lots, tail << 32, level | seat << 32,
                0, sell, client, label, now, now, next_priority, last << 32, w.c_hold,
            )  # fmt: skip
            next_priority += 1
            ids.insert(order_id, slot)
            open_orders += 1
            if seat != 0:
                ledger.add_resting(w, slot, who & r.U32, last, seat, sell, lots)
            if stream != 0:
                remembered.keep(w, stream, client, order_id, 0, prefix | seq)
            put_16(
                out, e, _ORDER4, prefix | seq, who, order_id, price, lots, 0, lots, sell | _PLACED, client,
                label, 0, now, now, lots, shown,
            )  # fmt: skip
        elif w0 == _CANCEL:
            if read_i64_le(batch, at + 40) != 0:
                break
            if read_i64_le(batch, at + 48) != 0 or read_i64_le(batch, at + 56) != 0:
                break
            order_id = read_i64_le(batch, at + 32)
            slot = ids.find(order_id)
            if slot == 0:
                break
            o = slot * ORDER_WORDS
            own = data[o + O_WHO]
            if own & r.U32 != who & r.U32:
                break
            queue = data[o + O_QUEUE]
            level = data[o + O_PLACE] & LOW
            flags = data[o + O_FLAGS]
            if flags & UNUSUAL != 0:
                break
            lots = data[o + O_LOTS]
            total = data[o + O_SIZE] & LOW
            shown = 0
            if queue == 0:
                w.books[own >> 32].drop_level(flags & 1, level)
            else:
                following = queue & LOW
                before = queue >> 32
                v = level * LEVEL_WORDS
                if before == 0:
                    levels[v + L_HEAD] = following
                else:
                    near = before * ORDER_WORDS + O_QUEUE
                    data[near] = data[near] & HIGH | following
                if following == 0:
                    levels[v + L_TAIL] = before
                else:
                    near = following * ORDER_WORDS + O_QUEUE
                    data[near] = data[near] & LOW | before << 32
                shown = levels[v + L_SHOWN] - (lots >> 32)
                levels[v + L_SHOWN] = shown
            put_16(
                out, e, _ORDER4, prefix | seq, own, order_id, data[o + O_PRICE], total, total - (lots & LOW),
                0, (flags & r.U32) | _CANCELLED, data[o + O_CLIENT], data[o + O_LABEL], data[o + O_VALUE],
                now, data[o + O_CREATED], 0, shown,
            )  # fmt: skip
            if not bare:
                ledger.remove_open(w, slot)
            open_orders -= 1
            ids.remove(order_id, slot)
            data[o + O_ID] = orders.free
            orders.free = slot
        else:
            break
        e += 16
        seq += 1
        at += _BYTES
    w.out_words = e
    w.next_seq = seq
    w.next_order = next_order
    w.next_priority = next_priority
    w.open_orders = open_orders
    return at
