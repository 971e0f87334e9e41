"""NEW_ORDER, and how any order that passed its checks enters the market."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import (
    checks,
    combo_matching,
    combo_seats,
    emit,
    extras,
    ledger,
    protection,
    remembered,
)
from exchange.core.admission import closed, is_bound, is_user
from exchange.core.book import Book
from exchange.core.combo_matching import go
from exchange.core.combo_terms import is_combo
from exchange.core.layout import (
    EXTRA,
    O_CLIENT,
    O_CREATED,
    O_FLAGS,
    O_HOLD,
    O_ID,
    O_LABEL,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    OF_COMBO,
    ORDER_WORDS,
)
from exchange.core.looks import offers
from exchange.core.matching import level_lots, rest
from exchange.core.tripping import through
from exchange.core.waiting import are_due
from exchange.core.world import World, pack
from exchange.domain import records as r
from exchange.domain import rejects as no


def new_order(w: World, data: bytes, at: i64, flags: i64, who: i64) -> i64:
    """NEW_ORDER at byte `at`. Returns a reject reason or 0."""
    account = who & r.U32
    instrument = (who >> 32) & r.U32
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    client = read_i64_le(data, at + 16)
    if client == 0 or w.rules < 3 or w.null_ledger:
        return _new_order(w, data, at, flags, account, instrument)
    reason = remembered.admit(w, who, read_i64_le(data, at + 24) & r.U32, client)
    if reason != 0:
        return 0 if reason == remembered.REPEATED else reason
    reason = _new_order(w, data, at, flags, account, instrument)
    remembered.keep(w, w.id_stream, client, w.placed if reason == 0 else 0, reason, w.seq)
    return reason


def _new_order(w: World, data: bytes, at: i64, flags: i64, account: i64, instrument: i64) -> i64:
    """A NEW_ORDER from check 1b on. Returns a reject reason or 0."""
    valid_until = read_i64_le(data, at + 56)
    if is_bound(w, account):
        return no.ACCOUNT_LOCKED
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    if w.due_count != 0 and are_due(w, instrument):
        return no.TRIGGERS_DUE
    reason = closed(w, instrument)
    if reason != 0:
        return reason
    if valid_until != 0 and valid_until < w.now_ms:
        return no.TIMED_OUT
    w.c_group = 0
    protected: i64 = 0
    if flags & r.FLAG_MMP != 0 and w.rules >= 3 and not w.null_ledger:
        reason = protection.choose(w, account, instrument, 0)
        if reason == 0:
            reason = protection.frozen(w, w.c_group)
        if reason != 0:
            return reason
        protected = r.FLAG_MMP
    book = w.books[instrument]
    reason = checks.new_refused(
        w,
        book,
        account,
        instrument,
        flags ^ protected,
        read_i64_le(data, at + 32),
        read_i64_le(data, at + 40),
        read_i64_le(data, at + 48),
        0,
        0,
        0,
    )
    if reason != 0:
        return reason
    w3 = read_i64_le(data, at + 24)
    label = pack((w3 >> 32) & r.U32, w3 & r.U32)
    place(w, book, flags, pack(account, instrument), read_i64_le(data, at + 16), label)
    return 0


def place(w: World, book: Book, flags: i64, who: i64, client: i64, label: i64) -> None:
    """Give a checked order (`w.c_…`) its id, let it trade, rest or end, and write its ORDER event.

    Its id is left in `w.placed`.
    """
    enter(w, book, stamp(w, flags, who, client, label), r.ORDER_PLACED)


def stamp(w: World, flags: i64, who: i64, client: i64, label: i64) -> i64:
    """Give a checked order (`w.c_…`) its id, which is left in `w.placed`, and its record. Its slot."""
    slot = w.orders.alloc()
    data = w.orders.data
    o = slot * ORDER_WORDS
    order_id = w.prefix | w.next_order
    w.next_order += 1
    w.placed = order_id
    lots = w.c_lots
    data[o + O_ID] = order_id
    data[o + O_WHO] = who
    data[o + O_PRICE] = w.c_price
    data[o + O_LOTS] = lots
    data[o + O_SIZE] = lots | w.c_display << 32
    data[o + O_VALUE] = 0
    data[o + O_FLAGS] = flags | OF_COMBO if w.combos_open != 0 and is_combo(w, who >> 32) else flags
    data[o + O_CLIENT] = client
    data[o + O_LABEL] = label
    data[o + O_CREATED] = w.now_ms
    data[o + O_UPDATED] = w.now_ms
    data[o + O_HOLD] = w.c_hold
    return slot


def enter(w: World, book: Book, slot: i64, kind: i64) -> None:
    """Let a checked order (`w.c_…`) trade, rest or end, and write its ORDER event.

    `kind`: placed, or triggered, of one that is known by its id and in its account's list already.
    """
    data = w.orders.data
    o = slot * ORDER_WORDS
    flags = data[o + O_FLAGS]
    sell = flags & 1
    who = data[o + O_WHO]
    if not w.null_ledger and w.c_seat == 0:
        if flags & OF_COMBO != 0:
            combo_seats.make(w, who & r.U32, who >> 32)
            w.c_seat = combo_seats.first(w, who & r.U32, who >> 32)
        else:
            w.c_seat = ledger.make_seat(w, who & r.U32, who >> 32)
    data[o + O_PLACE] = w.c_seat << 32
    rank = w.c_rank
    best = book.best_bid if sell != 0 else book.best_ask
    meets = best >= 0 and rank >= 0 and (rank <= best if sell != 0 else rank >= best)
    if not meets and w.combos_open != 0 and rank >= 0:
        meets = combo_matching.meets_implied(w, slot, rank)
    if meets:
        lots = data[o + O_LOTS]
        if (flags >> r.TIF_SHIFT) & r.TIF_MASK == r.TIF_FOK and not offers(w, book, who, sell, rank, lots):
            _end(w, book, slot, kind, r.CANCEL_FOK)
            return
        w.taker_group = w.c_group
        go(w, book, slot, rank, lots)
        data[o + O_LOTS] = w.rest
        data[o + O_VALUE] += w.value
        struck = w.rules >= 3 and through(w, slot, lots, 0)
        if w.stopped != 0:
            _end(w, book, slot, kind, w.stopped)
            return
        if w.rest == 0:
            _end(w, book, slot, kind, 0)
            return
        if struck:
            _end(w, book, slot, kind, r.CANCEL_MMP)
            return
    ended = _remainder_reason(w, flags)
    if ended != 0:
        _end(w, book, slot, kind, ended)
        return
    shown = rest(w, book, slot, rank)
    if kind == r.ORDER_PLACED:
        w.order_ids.insert(data[o + O_ID], slot)
        w.open_orders += 1
        if not w.null_ledger:
            ledger.add_open(w, slot)
    else:
        ledger.change_open(w, slot, data[o + O_LOTS] & r.U32)
    if w.c_group != 0:
        protection.join(w, slot, w.c_group)
    emit.order(w, slot, kind, r.ORDER_STATE_OPEN, 0, shown)


def _remainder_reason(w: World, flags: i64) -> i64:
    """Why what is left of a new order may not rest, or 0."""
    kind = (flags >> r.TYPE_SHIFT) & r.TYPE_MASK
    tif = (flags >> r.TIF_SHIFT) & r.TIF_MASK
    if tif == r.TIF_FOK:
        return r.CANCEL_FOK
    if kind == r.TYPE_MARKET or (kind == r.TYPE_MARKET_LIMIT and w.c_rank < 0):
        return r.CANCEL_NO_LIQUIDITY
    if tif == r.TIF_IOC:
        return r.CANCEL_IOC
    return 0


def _end(w: World, book: Book, slot: i64, kind: i64, reason: i64) -> None:
    """Write the ORDER of an order that entered and does not rest (reason 0: filled) and free its slot."""
    data = w.orders.data
    o = slot * ORDER_WORDS
    flags = data[o + O_FLAGS]
    lots: i64 = 0
    if w.c_rank >= 0:  # a market-limit order without a price stands at no level
        lots = level_lots(w, book, flags & 1, data[o + O_WHO] >> 32, data[o + O_PRICE])
    if reason == 0 and flags & EXTRA != 0 and extras.is_spent(w, slot):
        emit.order(w, slot, kind, r.ORDER_STATE_UNTRIGGERED, 0, lots)
        extras.spend(w, slot)
        return
    state = r.ORDER_STATE_CANCELLED if reason != 0 else r.ORDER_STATE_FILLED
    emit.order(w, slot, kind, state, reason, lots)
    if flags & EXTRA != 0:
        extras.ended(w, slot)
    if kind == r.ORDER_TRIGGERED:
        ledger.unlist(w, slot)
        w.open_orders -= 1
        w.order_ids.remove(data[o + O_ID], slot)
    w.orders.release(slot)
