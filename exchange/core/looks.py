"""What the book surely offers: the look of a fill-or-kill order, and of a slice (docs/rules.md, New orders;
docs/rules-2.md, Bounded matching and Losing makers).

Nothing changes but what an account has left in its slack for the look under way.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core import losing
from exchange.core.arithmetic import ceil_div
from exchange.core.book import Book
from exchange.core.layout import (
    A_FLAGS,
    ACCOUNT_WORDS,
    L_HEAD,
    L_PRICE,
    L_RANK,
    LEVEL_WORDS,
    O_FLAGS,
    O_LOTS,
    O_QUEUE,
    O_SIZE,
    O_WHO,
    OF_COMBO,
    ORDER_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r

_NO_END: Final = 1 << 62  # meetings under rules 1


def meetings_most(w: World) -> i64:
    """How many makers an order meets in one go at most."""
    return limits.MEETINGS_MOST if w.rules >= 2 else _NO_END


def offers(w: World, book: Book, who: i64, sell: i64, rank: i64, lots: i64) -> bool:
    """Whether the book offers a fill-or-kill taker all its lots down (up) to `rank`."""
    stops = w.accounts[(who & r.U32) * ACCOUNT_WORDS + A_FLAGS] & 1 == r.STP_REJECT_TAKER
    return offered_lots(w, book, who, sell, rank, lots, stops and not w.null_ledger) >= lots


def offered_lots(w: World, book: Book, who: i64, sell: i64, rank: i64, most: i64, stops: bool) -> i64:
    """What the book surely offers a taker down (up) to `rank` in one go, `most` lots at most.

    Where self-trade prevention `stops` the taker, a level with an order of its own ends the look.
    """
    levels = w.levels.data
    other: i64 = 1 - sell
    left = meetings_most(w)
    found: i64 = 0
    w.looking += 1
    level = book.best_level(other)
    while level != 0 and found < most:
        at = levels[level * LEVEL_WORDS + L_RANK]
        if at < rank if sell != 0 else at > rank:
            break
        loses = not w.null_ledger and losing.loses(w, who >> 32, other, levels[level * LEVEL_WORDS + L_PRICE])
        needed = _meetings_of_level(w, level, who, left, stops)
        if needed < 0:
            found += _shown_at_head(w, level, who, left, stops, loses)
            break
        left -= needed
        found += _open_of_others(w, level, who, loses)
        level = book.next_level(other, at)
    return found if found < most else most


def _meetings_of_level(w: World, level: i64, who: i64, left: i64, stops: bool) -> i64:
    """How many meetings it takes at most to fill all orders of a level; −1: more than are left, or one of
    them is the taker's own and stops it."""
    data = w.orders.data
    total: i64 = 0
    slot = w.levels.data[level * LEVEL_WORDS + L_HEAD]
    while slot != 0:
        o = slot * ORDER_WORDS
        own = data[o + O_WHO] == who and not w.null_ledger
        if own and stops:
            return -1
        total += _met_most(data[o + O_FLAGS])
        hidden = (data[o + O_LOTS] & r.U32) - (data[o + O_LOTS] >> 32)
        if hidden > 0 and not own:
            total += ceil_div(hidden, data[o + O_SIZE] >> 32)
        if total > left:
            return -1
        slot = data[o + O_QUEUE] & r.U32
    return total


def _met_most(flags: i64) -> i64:
    """How often what an order shows may be met: a reduce-only one may be cut, and cancelled after."""
    return 2 if flags & r.FLAG_REDUCE_ONLY != 0 else 1


def _shown_at_head(w: World, level: i64, who: i64, left: i64, stops: bool, loses: bool) -> i64:
    """What the first orders of a level show, as far as the meetings left go, and up to an own one that
    stops the taker."""
    data = w.orders.data
    found: i64 = 0
    slot = w.levels.data[level * LEVEL_WORDS + L_HEAD]
    while slot != 0:
        o = slot * ORDER_WORDS
        own = data[o + O_WHO] == who and not w.null_ledger
        left -= _met_most(data[o + O_FLAGS])
        if left < 0 or (own and stops):
            return found
        if not own and _counts(w, o, loses):
            found += data[o + O_LOTS] >> 32
        slot = data[o + O_QUEUE] & r.U32
    return found


def _open_of_others(w: World, level: i64, who: i64, loses: bool) -> i64:
    """What all orders of others in a level have open; where they lose, what they show."""
    data = w.orders.data
    found: i64 = 0
    slot = w.levels.data[level * LEVEL_WORDS + L_HEAD]
    while slot != 0:
        o = slot * ORDER_WORDS
        if (data[o + O_WHO] != who or w.null_ledger) and _counts(w, o, loses):
            found += data[o + O_LOTS] >> 32 if loses else data[o + O_LOTS] & r.U32
        slot = data[o + O_QUEUE] & r.U32
    return found


def _counts(w: World, order: i64, loses: bool) -> bool:
    """Whether a look counts an order of another account that it passes (by its record)."""
    if loses and (w.orders.data[order + O_FLAGS] & OF_COMBO != 0 or not losing.bears(w, order)):
        return False
    return w.orders.data[order + O_FLAGS] & r.FLAG_REDUCE_ONLY == 0
