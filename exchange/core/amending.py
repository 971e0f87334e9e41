"""AMEND, and the two ways in which a resting order changes: shrinking in place, or moving."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import (
    amend_words,
    checks,
    combo_checks,
    combo_matching,
    emit,
    extras,
    ledger,
    margin,
    protection,
    room,
    sufficiency,
    tripping,
    waiting_amends,
)
from exchange.core.admission import closed, is_bound, is_user
from exchange.core.book import Book
from exchange.core.combo_matching import go
from exchange.core.instruments import rank_of
from exchange.core.layout import (
    EXTRA,
    EXTRA_WORDS,
    HIGH,
    I_MIN_SIZE,
    INSTRUMENT_WORDS,
    L_SHOWN,
    LEVEL_WORDS,
    O_FLAGS,
    O_HOLD,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    OF_COMBO,
    ORDER_WORDS,
    S_HOLD,
    S_OPEN_BUY,
    S_OPEN_SELL,
    S_REQUIREMENT,
    S_SIZE,
    SEAT_WORDS,
    X_VOLATILITY,
)
from exchange.core.matching import cancel, forget, level_lots, rest
from exchange.core.waiting import are_due
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def amend(w: World, data: bytes, at: i64, flags: i64, account: i64) -> i64:
    """AMEND at byte `at`. Returns a reject reason or 0."""
    valid_until = read_i64_le(data, at + 64)
    if not is_user(w, account):
        return no.UNKNOWN_ACCOUNT
    if is_bound(w, account):
        return no.ACCOUNT_LOCKED
    slot = w.order_ids.find(read_i64_le(data, at + 32))
    if slot == 0:
        return no.ORDER_NOT_FOUND
    o = slot * ORDER_WORDS
    orders = w.orders.data
    if orders[o + O_WHO] & r.U32 != account:
        return no.NOT_OWNER
    old = orders[o + O_FLAGS]
    if old & r.FLAG_QUOTE != 0:
        return no.QUOTE_ORDER
    if w.due_count != 0 and are_due(w, orders[o + O_WHO] >> 32):
        return no.TRIGGERS_DUE
    reason = closed(w, orders[o + O_WHO] >> 32)
    if reason != 0:
        return reason
    if valid_until != 0 and valid_until < w.now_ms:
        return no.TIMED_OUT
    extra = extras.find(w, slot)
    if extra != 0 and extras.is_untriggered(w, slot):
        return waiting_amends.amend(w, data, at, flags, slot)
    price = read_i64_le(data, at + 40)
    total = read_i64_le(data, at + 48)
    more: i64 = 0
    if w.rules >= 3:
        more = r.AMEND_REMAINING | r.AMEND_EXPECTED
        if extra != 0 and w.extras.data[extra * EXTRA_WORDS + X_VOLATILITY] != 0:
            more |= r.AMEND_VOLATILITY
    w.c_volatility = -1
    if not amend_words.fit(data, at, flags, more):
        return no.BAD_FLAGS
    if old & OF_COMBO != 0 and flags & (r.AMEND_DISPLAY | r.FLAG_REDUCE_ONLY) != 0:
        return no.BAD_FLAGS
    if more & r.AMEND_VOLATILITY != 0:
        if flags & r.AMEND_VOLATILITY != 0:
            w.c_volatility = read_i64_le(data, at + 88)
        elif flags & r.AMEND_PRICE != 0:
            w.c_volatility = 0  # its price is the sender's from now on
        if w.c_volatility != 0 and flags & r.FLAG_POST_ONLY != 0:
            return no.BAD_FLAGS
    filled = (orders[o + O_SIZE] & r.U32) - (orders[o + O_LOTS] & r.U32)
    if flags & r.AMEND_EXPECTED != 0 and read_i64_le(data, at + 72) != filled:
        w.detail = filled
        return no.FILLED_MISMATCH
    if flags & r.AMEND_VOLATILITY != 0:
        if w.c_volatility < 1 or w.c_volatility > limits.MAX_VOLATILITY_E6:
            return no.BAD_VALUE
        if w.c_volatility == w.extras.data[extra * EXTRA_WORDS + X_VOLATILITY]:
            w.c_volatility = -1
    if flags & r.AMEND_REMAINING != 0:
        if total < 1 or total > limits.MAX_ORDER_LOTS:
            return no.BAD_SIZE
        total += filled
    kept = amend_words.post_kept(flags, old & r.U32)
    if flags & r.AMEND_PRICE == 0:
        price = orders[o + O_PRICE]
    return change(w, slot, flags, kept, price, total, read_i64_le(data, at + 56))


def change(w: World, slot: i64, flags: i64, kept: i64, price: i64, total: i64, display: i64) -> i64:
    """The checks of an amend from those of the size on, then its effect. Returns a reject reason or 0.

    `kept`: the order flags after it; `w.c_volatility`: the volatility after it, -1 where that stays.
    """
    orders = w.orders.data
    o = slot * ORDER_WORDS
    instrument = orders[o + O_WHO] >> 32
    i = instrument * INSTRUMENT_WORDS
    sell = kept & 1
    old_total = orders[o + O_SIZE] & r.U32
    old_open = orders[o + O_LOTS] & r.U32
    filled = old_total - old_open
    old_display = orders[o + O_SIZE] >> 32
    if flags & r.AMEND_SIZE == 0:
        total = old_total
    elif total < w.instruments[i + I_MIN_SIZE] or total > limits.MAX_ORDER_LOTS or total <= filled:
        return no.BAD_SIZE
    elif kept & OF_COMBO != 0 and combo_checks.too_large(w, instrument, total) != 0:
        return no.BAD_SIZE
    if flags & r.AMEND_DISPLAY == 0:
        display = old_display if old_display < total else total
    if checks.display_refused(w, display, total):
        return no.BAD_DISPLAY
    group = protection.group_of(w, orders[o + O_FLAGS])
    if group != 0 and protection.too_much(w, group, instrument, sell, total - filled, old_open):
        return no.MMP_QUANTITY
    w.detail = 0
    book = w.books[instrument]
    w.c_price = price
    if price != orders[o + O_PRICE]:
        reason = checks.price_refused(w, instrument, sell, price)
        if reason != 0:
            return reason
    opened = total - filled
    if kept & r.FLAG_REDUCE_ONLY != 0 and not w.null_ledger:
        capacity = room.reduce_capacity(w, orders[o + O_PLACE] >> 32, sell, old_open)
        if capacity <= 0:
            return no.REDUCE_ONLY
        if opened > capacity:
            opened = capacity
            total = filled + opened
            if display > total:
                display = total
    if kept & r.FLAG_POST_ONLY != 0 and price != orders[o + O_PRICE]:
        if checks.slide(w, book, instrument, kept) != 0:
            cancel(w, slot, r.CANCEL_POST_ONLY_EDIT)
            return 0
    same_display = display == (old_display if old_display < total else total)
    in_place = w.c_price == orders[o + O_PRICE] and same_display and opened <= old_open
    if not w.null_ledger:
        reason = demand_refused(w, slot, instrument, sell, opened, in_place)
        if reason != 0:
            return reason
    if w.c_volatility >= 0:
        kept = _set_volatility(w, slot, kept)
    if in_place:
        shrink(w, slot, opened, total | display << 32, kept)
    else:
        move(w, book, slot, opened, total | display << 32, kept, w.c_price != orders[o + O_PRICE])
    return 0


def _set_volatility(w: World, slot: i64, kept: i64) -> i64:
    """Give the order another volatility, or end it. Returns its flags, `kept` before."""
    extra = extras.find(w, slot)
    w.extras.data[extra * EXTRA_WORDS + X_VOLATILITY] = w.c_volatility
    emit.extended(w, extra)
    if w.c_volatility == 0:
        extras.drop(w, extra)
        kept &= ~EXTRA
    w.c_volatility = -1
    return kept


def demand_refused(w: World, slot: i64, instrument: i64, sell: i64, opened: i64, in_place: bool) -> i64:
    """Checks 14 to 16 for an amend, as far as they apply; leaves the new hold in `w.c_hold`."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    account = orders[o + O_WHO] & r.U32
    old_open = orders[o + O_LOTS] & r.U32
    seat = orders[o + O_PLACE] >> 32
    if orders[o + O_FLAGS] & OF_COMBO != 0:
        reason = combo_checks.demand_refused(w, slot, opened, in_place)
        if reason != 0 or not _demands_more(w, slot, account, instrument, sell, opened):
            return reason
        return combo_checks.funds_refused(w, slot, opened)
    w.c_hold = orders[o + O_HOLD]
    if not in_place:
        w.c_hold = margin.hold_per_lot(w, account, instrument, sell, w.c_price)
    if opened > old_open:
        reason = room.position_refused(w, seat, instrument, sell, opened, old_open)
        if reason != 0:
            return reason
    if not _demands_more(w, slot, account, instrument, sell, opened):
        return 0
    reason = room.accumulation_refused(w, account, seat)
    if reason != 0:
        return reason
    own_hold = orders[o + O_HOLD]
    return sufficiency.refuse(w, account, seat, instrument, sell, opened, old_open, own_hold, False)


def _demands_more(w: World, slot: i64, account: i64, instrument: i64, sell: i64, opened: i64) -> bool:
    """Whether an amend to `opened` lots at `w.c_price`, each holding `w.c_hold`, may ask more of the account
    than before."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    old_open = orders[o + O_LOTS] & r.U32
    more = opened - old_open
    held = opened * w.c_hold - old_open * orders[o + O_HOLD]
    if w.rules >= 2:
        worse = w.c_price < orders[o + O_PRICE] if sell != 0 else w.c_price > orders[o + O_PRICE]
        return worse or more > 0 or held > 0
    margin.refresh(w, account)
    data = w.seats.data
    s = (orders[o + O_PLACE] >> 32) * SEAT_WORDS
    buy = data[s + S_OPEN_BUY]
    sold = data[s + S_OPEN_SELL]
    if sell != 0:
        sold += more
    else:
        buy += more
    needed = margin.requirement(w, instrument, data[s + S_SIZE], buy, sold, data[s + S_HOLD] + held)
    return needed > data[s + S_REQUIREMENT]


def shrink(w: World, slot: i64, opened: i64, size: i64, flags: i64) -> None:
    """Reduce a resting order where it stands: price and priority stay."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    lots = orders[o + O_LOTS]
    fewer = (lots & r.U32) - opened
    shown = lots >> 32
    if shown > opened:
        shown = opened
    at = (orders[o + O_PLACE] & r.U32) * LEVEL_WORDS + L_SHOWN
    w.levels.data[at] += shown - (lots >> 32)
    orders[o + O_LOTS] = opened | shown << 32
    orders[o + O_SIZE] = size
    orders[o + O_FLAGS] = flags | orders[o + O_FLAGS] & HIGH
    orders[o + O_UPDATED] = w.now_ms
    if flags & r.FLAG_MMP != 0:
        protection.change(w, orders[o + O_FLAGS], -fewer)
    if not w.null_ledger and fewer != 0:
        ledger.change_open(w, slot, -fewer)
    emit.order(w, slot, r.ORDER_AMENDED, r.ORDER_STATE_OPEN, 0, w.levels.data[at])


def move(w: World, book: Book, slot: i64, opened: i64, size: i64, flags: i64, takes: bool) -> None:
    """Take a resting order out, let it trade at its new price (`w.c_price`) if it `takes`, and queue what is
    left."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    sell = flags & 1
    old_price = orders[o + O_PRICE]
    price = w.c_price
    old_lots = book.dequeue(sell, slot)
    if flags & r.FLAG_MMP != 0:
        protection.change(w, orders[o + O_FLAGS], -(orders[o + O_LOTS] & r.U32))
    if not w.null_ledger:
        ledger.change_open(w, slot, -(orders[o + O_LOTS] & r.U32))
    orders[o + O_PRICE] = price
    orders[o + O_LOTS] = opened
    orders[o + O_SIZE] = size
    orders[o + O_FLAGS] = flags | orders[o + O_FLAGS] & HIGH
    orders[o + O_HOLD] = w.c_hold
    orders[o + O_UPDATED] = w.now_ms
    ended: i64 = 0
    if takes and _meets(w, book, slot, sell):
        w.taker_group = protection.group_of(w, orders[o + O_FLAGS])
        go(w, book, slot, w.c_rank, opened)
        orders[o + O_LOTS] = w.rest
        orders[o + O_VALUE] += w.value
        if w.stopped != 0:
            ended = w.stopped
        tripped = len(w.tripped) != 0
        if w.rules >= 3 and tripping.through(w, slot, opened, slot) and ended == 0 and w.rest > 0:
            ended = r.CANCEL_MMP
        if tripped:
            # Orders that stood beside it may be gone.
            old_lots = level_lots(w, book, sell, orders[o + O_WHO] >> 32, old_price)
    if ended == 0 and orders[o + O_LOTS] > 0:
        lots = rest(w, book, slot, rank_of(w, orders[o + O_WHO] >> 32, price))
        if not w.null_ledger:
            ledger.change_open(w, slot, orders[o + O_LOTS] & r.U32)
        if flags & r.FLAG_MMP != 0:
            protection.change(w, orders[o + O_FLAGS], orders[o + O_LOTS] & r.U32)
        _moved(w, slot, r.ORDER_STATE_OPEN, 0, lots, old_price, old_lots)
        return
    lots = level_lots(w, book, sell, orders[o + O_WHO] >> 32, price)
    orders[o + O_LOTS] &= r.U32
    if ended == 0 and flags & EXTRA != 0 and extras.is_spent(w, slot):
        _moved(w, slot, r.ORDER_STATE_UNTRIGGERED, 0, lots, old_price, old_lots)
        if flags & r.FLAG_MMP != 0:
            protection.leave(w, orders[o + O_FLAGS], 0)
        extras.spend(w, slot)
        return
    if ended != 0:
        _moved(w, slot, r.ORDER_STATE_CANCELLED, ended, lots, old_price, old_lots)
        orders[o + O_LOTS] = 0  # nothing of it is held any more
    else:
        _moved(w, slot, r.ORDER_STATE_FILLED, 0, lots, old_price, old_lots)
    forget(w, slot)


def _meets(w: World, book: Book, slot: i64, sell: i64) -> bool:
    """Whether the order in `slot`, out of its level, would trade at once at the rank `w.c_rank`."""
    if checks.crosses(book, sell, w.c_rank):
        return True
    return w.combos_open != 0 and combo_matching.meets_implied(w, slot, w.c_rank)


def _moved(w: World, slot: i64, state: i64, reason: i64, lots: i64, old_price: i64, old_lots: i64) -> None:
    if w.orders.data[slot * ORDER_WORDS + O_PRICE] == old_price:
        emit.order(w, slot, r.ORDER_AMENDED, state, reason, lots)
    else:
        emit.order_moved(w, slot, state, reason, lots, old_price, old_lots)
