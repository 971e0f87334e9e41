"""Orders meeting the book: matching, resting, leaving."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import emit, extras, fees, ledger, losing, margin, protection
from exchange.core.book import Book
from exchange.core.instruments import rank_of
from exchange.core.layout import (
    A_FLAGS,
    A_LIQUIDATION,
    ACCOUNT_WORDS,
    EXTRA,
    I_LOWEST,
    I_MULTIPLIER,
    I_TRADE_SEQ,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_PRICE,
    L_SHOWN,
    LEVEL_WORDS,
    LOW,
    O_FLAGS,
    O_ID,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_PRIORITY,
    O_QUEUE,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    ORDER_WORDS,
    S_SIZE,
    SEAT_WORDS,
)
from exchange.core.looks import meetings_most
from exchange.core.world import World
from exchange.domain import records as r


def shown_of(opened: i64, display: i64) -> i64:
    """What an order with `opened` lots shows: all of it, or its display size."""
    if display > 0 and display < opened:
        return display
    return opened


def rest(w: World, book: Book, slot: i64, rank: i64) -> i64:
    """Queue an order at the end of the level of its price's rank. Returns the level's displayed lots."""
    data = w.orders.data
    o = slot * ORDER_WORDS
    sell = data[o + O_FLAGS] & 1
    level = book.level_at(sell, rank)
    if level == 0:
        level = book.make_level(sell, rank, data[o + O_PRICE])
    data[o + O_PRIORITY] = w.next_priority
    w.next_priority += 1
    return book.enqueue(level, slot, shown_of(data[o + O_LOTS] & r.U32, data[o + O_SIZE] >> 32))


def level_lots(w: World, book: Book, sell: i64, instrument: i64, price: i64) -> i64:
    """Displayed lots at a price of a side, 0 if there is no such level (or no such price)."""
    if price < w.instruments[instrument * INSTRUMENT_WORDS + I_LOWEST]:
        return 0
    rank = rank_of(w, instrument, price)
    if rank < 0:
        return 0
    level = book.level_at(sell, rank)
    if level == 0:
        return 0
    return w.levels.data[level * LEVEL_WORDS + L_SHOWN]


def forget(w: World, slot: i64) -> None:
    """Release an order that has left its level."""
    if not w.null_ledger:
        ledger.remove_open(w, slot)
    if w.orders.data[slot * ORDER_WORDS + O_FLAGS] & EXTRA != 0:
        extras.ended(w, slot)
    w.open_orders -= 1
    w.order_ids.remove(w.orders.data[slot * ORDER_WORDS + O_ID], slot)
    w.orders.release(slot)


def cancel(w: World, slot: i64, reason: i64) -> None:
    """Cancel an open order: it leaves its level, its ORDER event is written, its slot is free."""
    data = w.orders.data
    o = slot * ORDER_WORDS
    if data[o + O_PLACE] & LOW == 0:
        _cancel_untriggered(w, slot, reason)
        return
    book = w.books[data[o + O_WHO] >> 32]
    lots = book.dequeue(data[o + O_FLAGS] & 1, slot)
    data[o + O_UPDATED] = w.now_ms
    emit.order(w, slot, r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED, reason, lots)
    forget(w, slot)


def _cancel_untriggered(w: World, slot: i64, reason: i64) -> None:
    data = w.orders.data
    data[slot * ORDER_WORDS + O_UPDATED] = w.now_ms
    emit.order(w, slot, r.ORDER_CANCELLED, r.ORDER_STATE_CANCELLED, reason, 0)
    extras.delist(w, extras.find(w, slot))
    ledger.unlist(w, slot)
    extras.ended(w, slot)
    w.open_orders -= 1
    w.order_ids.remove(data[slot * ORDER_WORDS + O_ID], slot)
    w.orders.release(slot)


def closing_lots(w: World, seat: i64, sell: i64) -> i64:
    """Lots of the position that an order of this side would reduce."""
    size = w.seats.data[seat * SEAT_WORDS + S_SIZE]
    if sell == 0:
        size = -size
    return size if size > 0 else 0


def match(
    w: World,
    book: Book,
    who: i64,
    seat: i64,
    order_id: i64,
    label: i64,
    sell: i64,
    rank: i64,
    lots: i64,
) -> None:
    """Match `lots` of a taker against the book down (up) to `rank`.

    Leaves the rest in `w.rest`, the traded price * lots in `w.value`, and in `w.stopped` the reason for which
    it was stopped (self-trade prevention, or its most meetings), or 0.
    """
    w.rest = lots
    w.value = 0
    w.stopped = 0
    w.going += 1
    data = w.orders.data
    levels = w.levels.data
    other: i64 = 1 - sell
    meetings: i64 = 0
    most = meetings_most(w)
    while w.rest > 0:
        best = book.best_bid if sell != 0 else book.best_ask
        if best < 0 or (best < rank if sell != 0 else best > rank):
            return
        if meetings == most:
            w.stopped = r.CANCEL_MEETINGS
            return
        meetings += 1
        level = book.best_level(other)
        maker = levels[level * LEVEL_WORDS + L_HEAD]
        m = maker * ORDER_WORDS
        if w.null_ledger:
            quantity = data[m + O_LOTS] >> 32
            if quantity > w.rest:
                quantity = w.rest
            _fill_bare(w, book, maker, level, who, order_id, label, sell, quantity)
            continue
        if data[m + O_WHO] & r.U32 == who & r.U32:
            if w.accounts[(who & r.U32) * ACCOUNT_WORDS + A_FLAGS] & 1 == r.STP_REJECT_TAKER:
                w.stopped = r.CANCEL_SELF_TRADE
                return
            cancel(w, maker, r.CANCEL_SELF_TRADE)
            continue
        quantity = data[m + O_LOTS] >> 32
        if data[m + O_FLAGS] & r.FLAG_REDUCE_ONLY != 0:
            cap = closing_lots(w, data[m + O_PLACE] >> 32, other)
            if cap == 0:
                cancel(w, maker, r.CANCEL_REDUCE_ONLY)
                continue
            if quantity > cap:
                quantity = cap
        if quantity > w.rest:
            quantity = w.rest
        if losing.loses(w, who >> 32, other, data[m + O_PRICE]) and not losing.keeps_maintenance(
            w, m, quantity
        ):
            cancel(w, maker, r.CANCEL_MARGIN)
            continue
        fill(w, book, maker, level, who, seat, order_id, label, sell, quantity)


def _fill_bare(
    w: World, book: Book, maker: i64, level: i64, who: i64, order_id: i64, label: i64, sell: i64, lots: i64
) -> None:
    price = w.levels.data[level * LEVEL_WORDS + L_PRICE]
    i = (who >> 32) * INSTRUMENT_WORDS
    w.instruments[i + I_TRADE_SEQ] += 1
    trade_id = w.prefix | w.next_trade
    w.next_trade += 1
    value = price * lots * w.instruments[i + I_MULTIPLIER]
    emit.trade(w, trade_id, who, maker, order_id, label, sell, price, lots, value, 0, 0)
    w.rest -= lots
    w.value += price * lots
    reduce_maker(w, book, maker, level, lots)


def fill(
    w: World,
    book: Book,
    maker: i64,
    level: i64,
    who: i64,
    seat: i64,
    order_id: i64,
    label: i64,
    sell: i64,
    lots: i64,
) -> None:
    """One match: book both sides, write TRADE, reduce the maker and write its ORDER."""
    price = w.levels.data[level * LEVEL_WORDS + L_PRICE]
    instrument = who >> 32
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    data[i + I_TRADE_SEQ] += 1
    trade_id = w.prefix | w.next_trade
    w.next_trade += 1
    value = price * lots * data[i + I_MULTIPLIER]
    account = who & r.U32
    maker_account = w.orders.data[maker * ORDER_WORDS + O_WHO] & r.U32
    taker_fee = fees.taker_micro(w, account, instrument, lots, value)
    maker_fee = fees.maker_micro(w, maker_account, instrument, lots, value, taker_fee)
    maker_seat = w.orders.data[maker * ORDER_WORDS + O_PLACE] >> 32
    ledger.book_side(w, seat, instrument, sell, lots, value, taker_fee)
    ledger.book_side(w, maker_seat, instrument, 1 - sell, lots, value, maker_fee)
    flags = sell
    if w.accounts[account * ACCOUNT_WORDS + A_LIQUIDATION] != r.LIQUIDATION_NONE:
        flags |= r.TRADE_LIQUIDATION
    emit.trade(w, trade_id, who, maker, order_id, label, flags, price, lots, value, maker_fee, taker_fee)
    w.rest -= lots
    w.value += price * lots
    w.last_ticks = price
    maker_flags = w.orders.data[maker * ORDER_WORDS + O_FLAGS]
    if w.taker_group | maker_flags & (r.FLAG_MMP | EXTRA) != 0:
        protection.fill(w, maker_flags, instrument, sell, lots)
        if maker_flags & EXTRA != 0:
            extras.hit(w, w.orders.data[maker * ORDER_WORDS + O_ID], lots)
    margin.revalue_seat(w, seat)
    ledger.change_open(w, maker, -lots)
    margin.revalue_seat(w, maker_seat)
    reduce_maker(w, book, maker, level, lots)


def reduce_maker(w: World, book: Book, maker: i64, level: i64, lots: i64) -> None:
    """Take traded lots off the maker at the head of its level; write its ORDER event."""
    data = w.orders.data
    m = maker * ORDER_WORDS
    opened = (data[m + O_LOTS] & r.U32) - lots
    shown = (data[m + O_LOTS] >> 32) - lots
    data[m + O_VALUE] += data[m + O_PRICE] * lots
    data[m + O_UPDATED] = w.now_ms
    if opened == 0:
        left = book.dequeue(data[m + O_FLAGS] & 1, maker)
        data[m + O_LOTS] = 0
        if data[m + O_FLAGS] & EXTRA != 0 and extras.is_spent(w, maker):
            emit.order(w, maker, r.ORDER_FILLED, r.ORDER_STATE_UNTRIGGERED, 0, left)
            if data[m + O_FLAGS] & r.FLAG_MMP != 0:
                protection.leave(w, data[m + O_FLAGS], 0)
            extras.spend(w, maker)
            return
        emit.order(w, maker, r.ORDER_FILLED, r.ORDER_STATE_FILLED, 0, left)
        forget(w, maker)
        return
    if shown > 0:
        data[m + O_LOTS] = opened | shown << 32
        at = level * LEVEL_WORDS + L_SHOWN
        w.levels.data[at] -= lots
        emit.order(w, maker, r.ORDER_FILLED, r.ORDER_STATE_OPEN, 0, w.levels.data[at])
        return
    data[m + O_LOTS] = opened | (shown + lots) << 32
    # An iceberg's tip is gone: the next one is shown at the end of the queue.
    emit.order(w, maker, r.ORDER_FILLED, r.ORDER_STATE_OPEN, 0, _requeue(w, book, maker, level))


def _requeue(w: World, book: Book, slot: i64, level: i64) -> i64:
    """Show an iceberg's next tip at the end of its level's queue. Returns the level's displayed lots."""
    data = w.orders.data
    o = slot * ORDER_WORDS
    levels = w.levels.data
    tip = shown_of(data[o + O_LOTS] & r.U32, data[o + O_SIZE] >> 32)
    data[o + O_PRIORITY] = w.next_priority
    w.next_priority += 1
    if data[o + O_QUEUE] & r.U32 == 0:
        levels[level * LEVEL_WORDS + L_SHOWN] += tip - (data[o + O_LOTS] >> 32)
        data[o + O_LOTS] = data[o + O_LOTS] & r.U32 | tip << 32
        return levels[level * LEVEL_WORDS + L_SHOWN]
    book.dequeue(data[o + O_FLAGS] & 1, slot)
    return book.enqueue(level, slot, tip)
