"""Matching where combos are about: in a combo's book, and with implied orders (docs/rules-4.md).

An implied order is made of the first orders of two books. *In*: orders of both legs serve a taker of the
combo. *Out*: an order of the combo and one of its other leg serve a taker of a leg. Nothing of them is kept:
they are looked for at every step of a taker's way.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import combo_implied, combo_losing, combo_trades, ledger, losing, matching
from exchange.core.book import Book
from exchange.core.combo_implied import Way
from exchange.core.combo_trades import Side
from exchange.core.instruments import price_of
from exchange.core.layout import (
    A_FLAGS,
    ACCOUNT_WORDS,
    I_COMBO,
    I_COMBOS,
    INSTRUMENT_WORDS,
    L_HEAD,
    L_PRICE,
    LEVEL_WORDS,
    LOW,
    O_FLAGS,
    O_ID,
    O_LABEL,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_WHO,
    ORDER_WORDS,
)
from exchange.core.looks import meetings_most
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r


def go(w: World, book: Book, slot: i64, rank: i64, lots: i64) -> None:
    """Match `lots` of the order in `slot`, in no level, down (up) to `rank`: as `matching.match`."""
    orders = w.orders.data
    o = slot * ORDER_WORDS
    who = orders[o + O_WHO]
    i = (who >> 32) * INSTRUMENT_WORDS
    seat = orders[o + O_PLACE] >> 32
    ident = orders[o + O_ID]
    label = orders[o + O_LABEL] & r.U32
    sell = orders[o + O_FLAGS] & r.FLAG_SELL
    if w.instruments[i + I_COMBOS] == 0 or (w.instruments[i + I_COMBO] == 0 and not _takes_implied(w, o)):
        matching.match(w, book, who, seat, ident, label, sell, rank, lots)
        return
    way = _way(w, slot, rank)
    way.left = meetings_most(w)
    w.rest = lots
    w.value = 0
    w.stopped = 0
    w.going += 1
    while w.rest > 0 and w.stopped == 0 and _step(w, book, way, slot):
        pass


def meets_implied(w: World, slot: i64, rank: i64) -> bool:
    """Whether an implied order would trade with the order in `slot`, in no level, down (up) to `rank`."""
    o = slot * ORDER_WORDS
    i = (w.orders.data[o + O_WHO] >> 32) * INSTRUMENT_WORDS
    if w.instruments[i + I_COMBOS] == 0 or not _takes_implied(w, o):
        return False
    way = _way(w, slot, rank)
    return combo_implied.find(w, way)


def _takes_implied(w: World, o: i64) -> bool:
    """Whether an order (by its record) may trade with more than its own book."""
    flags = w.orders.data[o + O_FLAGS]
    if flags & (r.FLAG_POST_ONLY | r.FLAG_LIQUIDATION) != 0:
        return False
    return (flags >> r.TIF_SHIFT) & r.TIF_MASK != r.TIF_FOK


def _way(w: World, slot: i64, rank: i64) -> Way:
    orders = w.orders.data
    o = slot * ORDER_WORDS
    instrument = orders[o + O_WHO] >> 32
    way = Way()
    way.account = orders[o + O_WHO] & LOW
    way.instrument = instrument
    way.is_combo = w.instruments[instrument * INSTRUMENT_WORDS + I_COMBO] != 0
    way.implied = _takes_implied(w, o)
    way.sell = orders[o + O_FLAGS] & r.FLAG_SELL
    way.rank = rank
    way.limit = price_of(w, instrument, rank)
    return way


def _step(w: World, book: Book, way: Way, slot: i64) -> bool:
    """One step of the taker in `slot`: its best match, or the end of a maker. Whether there was any."""
    best = book.best_bid if way.sell != 0 else book.best_ask
    own = best >= 0 and (best >= way.rank if way.sell != 0 else best <= way.rank)
    way.beats = own
    level: i64 = 0
    if own:
        level = book.best_level(1 - way.sell)
        way.price = w.levels.data[level * LEVEL_WORDS + L_PRICE]
    if way.implied and combo_implied.find(w, way):
        if way.left < 2:
            w.stopped = r.CANCEL_MEETINGS
        elif way.is_combo:
            _in(w, way, slot)
        else:
            _out(w, way, slot)
        return True
    if not own:
        return False
    if way.left == 0:
        w.stopped = r.CANCEL_MEETINGS
        return True
    way.left -= 1
    _own(w, book, way, slot, level)
    return True


def _may(w: World, way: Way, maker: i64) -> i64:
    """Steps 1 and 2 of matching: the lots a maker shows and may trade.

    0: it was cancelled, or the taker is stopped (`w.stopped`).
    """
    orders = w.orders.data
    m = maker * ORDER_WORDS
    if orders[m + O_WHO] & LOW == way.account:
        if w.accounts[way.account * ACCOUNT_WORDS + A_FLAGS] & 1 == r.STP_REJECT_TAKER:
            w.stopped = r.CANCEL_SELF_TRADE
        else:
            matching.cancel(w, maker, r.CANCEL_SELF_TRADE)
        return 0
    lots = orders[m + O_LOTS] >> 32
    if orders[m + O_FLAGS] & r.FLAG_REDUCE_ONLY != 0:
        cap = matching.closing_lots(w, orders[m + O_PLACE] >> 32, orders[m + O_FLAGS] & r.FLAG_SELL)
        if cap == 0:
            matching.cancel(w, maker, r.CANCEL_REDUCE_ONLY)
        if cap < lots:
            return cap
    return lots


def _own(w: World, book: Book, way: Way, slot: i64, level: i64) -> None:
    """A meeting with the first order of the best level of the taker's own book."""
    maker = w.levels.data[level * LEVEL_WORDS + L_HEAD]
    lots = _may(w, way, maker)
    if lots == 0:
        return
    if lots > w.rest:
        lots = w.rest
    if combo_losing.loses(w, maker) and not _own_keeps(w, way, maker, lots):
        matching.cancel(w, maker, r.CANCEL_MARGIN)
        return
    orders = w.orders.data
    o = slot * ORDER_WORDS
    if not way.is_combo:
        matching.fill(
            w, book, maker, level, orders[o + O_WHO], orders[o + O_PLACE] >> 32, orders[o + O_ID],
            orders[o + O_LABEL] & r.U32, way.sell, lots,
        )  # fmt: skip
        return
    combo_trades.in_book(w, _side(w, slot), way.instrument, maker, way.sell, lots)
    w.rest -= lots
    w.value += orders[maker * ORDER_WORDS + O_PRICE] * lots
    _reduce(w, book, maker, lots)


def _own_keeps(w: World, way: Way, maker: i64, lots: i64) -> bool:
    """Whether a losing maker of the taker's own book is judged able to bear `lots`."""
    if way.is_combo or way.crossed:
        return _may_judge(w, way) and combo_losing.keeps_maintenance(w, maker, lots)
    # Nothing but this book has traded on the way: what makers have elsewhere is as it was.
    return losing.keeps_maintenance(w, maker * ORDER_WORDS, lots)


def _may_judge(w: World, way: Way) -> bool:
    """Count one more judgement over all seats of an account; from rules 6 on a way has so many."""
    way.judged += 1
    return w.rules < 6 or way.judged <= limits.LOSING_JUDGED


def _side(w: World, slot: i64) -> Side:
    orders = w.orders.data
    o = slot * ORDER_WORDS
    return Side(orders[o + O_WHO] & LOW, orders[o + O_ID], orders[o + O_LABEL] & r.U32)


def _reduce(w: World, book: Book, maker: i64, lots: i64) -> None:
    """Take traded lots off a maker at the head of its level; its ORDER is written."""
    ledger.change_open(w, maker, -lots)
    matching.reduce_maker(w, book, maker, w.orders.data[maker * ORDER_WORDS + O_PLACE] & LOW, lots)


def _both(w: World, way: Way) -> i64:
    """Steps 1 and 2 of an implied order: the lots its two makers trade.

    0: one of them was cancelled, which was a meeting, or the taker is stopped.
    """
    first = way.first
    second = way.second
    way.crossed = True
    lots = _may(w, way, first)
    more: i64 = 0
    if lots != 0:
        more = _may(w, way, second)
    if more == 0:
        way.left -= 1
        return 0
    if more < lots:
        lots = more
    if lots > w.rest:
        lots = w.rest
    together = combo_losing.same_account(w, first, second)
    for maker in (first, second):
        if combo_losing.loses(w, maker):
            keeps = _may_judge(w, way)
            if keeps and together:
                keeps = combo_losing.pair_keeps_maintenance(w, first, second, lots)
            elif keeps:
                keeps = combo_losing.keeps_maintenance(w, maker, lots)
            if not keeps:
                matching.cancel(w, maker, r.CANCEL_MARGIN)
                way.left -= 1
                return 0
            if together:
                break
    way.left -= 2
    return lots


def _in(w: World, way: Way, slot: i64) -> None:
    """The taker of a combo meets the first orders of both legs."""
    lots = _both(w, way)
    if lots == 0:
        return
    combo = way.instrument
    taker = _side(w, slot)
    combo_trades.tell(w, taker, combo, 0, way.sell, r.COMBO_IN, way.price, lots)
    for maker in (way.first, way.second):
        m = maker * ORDER_WORDS
        leg = w.orders.data[m + O_WHO] >> 32
        w.traded_beside[leg] = w.orders.data[m + O_PRICE]
        side = 1 - (w.orders.data[m + O_FLAGS] & r.FLAG_SELL)
        combo_trades.from_leg(w, taker, leg, maker, side, lots)
        _reduce(w, w.books[leg], maker, lots)
    w.rest -= lots
    w.value += way.price * lots


def _out(w: World, way: Way, slot: i64) -> None:
    """The taker of a leg meets the combo's first order, which meets the other leg's."""
    lots = _both(w, way)
    if lots == 0:
        return
    orders = w.orders.data
    middle = way.first
    maker = way.second
    combo = orders[middle * ORDER_WORDS + O_WHO] >> 32
    other = orders[maker * ORDER_WORDS + O_WHO] >> 32
    price = orders[maker * ORDER_WORDS + O_PRICE]
    if way.instrument < other:
        both = combo_trades.price_of_parts(w, combo, way.price, price)
    else:
        both = combo_trades.price_of_parts(w, combo, price, way.price)
    side = 1 - (orders[middle * ORDER_WORDS + O_FLAGS] & r.FLAG_SELL)
    taker = _side(w, slot)
    combo_trades.tell(w, taker, combo, middle, side, r.COMBO_OUT, both, lots)
    combo_trades.to_leg(w, taker, way.instrument, middle, way.sell, way.price, lots)
    side = 1 - (orders[maker * ORDER_WORDS + O_FLAGS] & r.FLAG_SELL)
    combo_trades.between_makers(w, middle, other, maker, side, lots)
    combo_trades.value_of(w, middle, both, lots)
    w.last_ticks = way.price
    w.traded_beside[other] = price
    w.rest -= lots
    w.value += way.price * lots
    _reduce(w, w.books[combo], middle, lots)
    _reduce(w, w.books[other], maker, lots)
