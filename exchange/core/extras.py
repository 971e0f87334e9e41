"""The store of extras: what orders have beyond price and size, and those among them that are in no book.

Every untriggered order has an extra, and every order in a book with a volatility or a link to another;
bit 31 of an order's flags word says so. An extra is found by its order's id. What follows from an order's
links when it trades or ends is noted here and carried out by `links`.
"""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import waiting
from exchange.core.layout import (
    DORMANT,
    EXTRA,
    EXTRA_WORDS,
    O_FLAGS,
    O_HOLD,
    O_ID,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_SIZE,
    O_WHO,
    ORDER_FLAGS,
    ORDER_WORDS,
    X_BEST,
    X_COMPLETE,
    X_ENDED,
    X_FILLED,
    X_FIRED,
    X_FIRST,
    X_HERE_NEXT,
    X_HERE_PREV,
    X_ID,
    X_NOTED,
    X_OFFSET,
    X_ORDER,
    X_OTHER,
    X_PRIMARY,
    X_SECOND,
    X_SIZE,
    X_TERMS,
    X_TRIGGER,
    X_VOLATILITY,
    X_WHERE,
    X_WHO,
    X_WOKEN,
)
from exchange.core.world import World
from exchange.domain import records as r


def make(w: World, order: i64, terms: i64, trigger: i64, offset: i64, volatility: i64) -> i64:
    """A new extra, without links, for the order in slot `order`; the order's flags say so. Its slot."""
    slot = w.extras.alloc()
    data = w.extras.data
    x = slot * EXTRA_WORDS
    word: i64 = 0
    while word < EXTRA_WORDS:
        data[x + word] = 0
        word += 1
    o = order * ORDER_WORDS
    orders = w.orders.data
    data[x + X_ID] = orders[o + O_ID]
    data[x + X_ORDER] = order
    data[x + X_WHO] = orders[o + O_WHO]
    data[x + X_TERMS] = terms
    data[x + X_TRIGGER] = trigger
    data[x + X_OFFSET] = offset
    data[x + X_VOLATILITY] = volatility
    data[x + X_BEST] = -1
    orders[o + O_FLAGS] |= EXTRA
    w.extra_ids.insert(data[x + X_ID], slot)
    return slot


def find(w: World, order: i64) -> i64:
    """The extra of the order in slot `order`, or 0."""
    o = order * ORDER_WORDS
    if w.orders.data[o + O_FLAGS] & EXTRA == 0:
        return 0
    return w.extra_ids.find(w.orders.data[o + O_ID])


def drop(w: World, slot: i64) -> None:
    """Forget an extra; its order, if it lives, is a plain one from now on."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    if data[x + X_ENDED] == 0:
        w.orders.data[data[x + X_ORDER] * ORDER_WORDS + O_FLAGS] &= ~EXTRA
    w.extra_ids.remove(data[x + X_ID], slot)
    w.extras.release(slot)


def drop_if_plain(w: World, slot: i64) -> None:
    """Forget the extra of an order in a book that has neither links nor a volatility."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    if data[x + X_VOLATILITY] == 0 and data[x + X_NOTED] == 0 and not is_linked(w, x):
        if not is_untriggered(w, data[x + X_ORDER]):
            drop(w, slot)


def is_linked(w: World, x: i64) -> bool:
    """Whether the extra whose record is `x` names another order."""
    data = w.extras.data
    return data[x + X_OTHER] | data[x + X_PRIMARY] | data[x + X_FIRST] | data[x + X_SECOND] != 0


def is_untriggered(w: World, order: i64) -> bool:
    """Whether the order in slot `order` is in no book."""
    return w.orders.data[order * ORDER_WORDS + O_PLACE] == 0


def enlist(w: World, slot: i64) -> None:
    """Count an order that has become untriggered; its extra joins the list of its instrument."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    instrument = data[x + X_WHO] >> 32
    w.untriggered += 1
    head = w.untriggered_in.get(instrument, 0)
    data[x + X_HERE_PREV] = 0
    data[x + X_HERE_NEXT] = head
    if head != 0:
        data[head * EXTRA_WORDS + X_HERE_PREV] = slot
    w.untriggered_in[instrument] = slot
    if counts_as_trailing(w, x):
        key = waiting.cap_key(w, (data[x + X_TERMS] >> 8) & 0xFF, instrument)
        w.trailing_at[key] = w.trailing_at.get(key, 0) + 1


def delist(w: World, slot: i64) -> None:
    """Undo `enlist`, wherever it waits."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    instrument = data[x + X_WHO] >> 32
    waiting.unpark(w, slot)
    w.untriggered -= 1
    following = data[x + X_HERE_NEXT]
    before = data[x + X_HERE_PREV]
    if following != 0:
        data[following * EXTRA_WORDS + X_HERE_PREV] = before
    if before != 0:
        data[before * EXTRA_WORDS + X_HERE_NEXT] = following
    elif following != 0:
        w.untriggered_in[instrument] = following
    else:
        del w.untriggered_in[instrument]
    if counts_as_trailing(w, x):
        key = waiting.cap_key(w, (data[x + X_TERMS] >> 8) & 0xFF, instrument)
        left = w.trailing_at[key] - 1
        if left == 0:
            del w.trailing_at[key]
        else:
            w.trailing_at[key] = left


def counts_as_trailing(w: World, x: i64) -> bool:
    """Whether the untriggered order of the extra whose record is `x` is one that trails its source."""
    return w.extras.data[x + X_TERMS] & 0xFF == r.TRIGGER_TRAILING and w.extras.data[x + X_FIRED] == 0


def untriggered_ids(w: World, instrument: i64) -> list[i64]:
    """The ids of the instrument's untriggered orders, in order."""
    found: list[i64] = []
    data = w.extras.data
    slot: i64 = w.untriggered_in.get(instrument, 0)
    while slot != 0:
        found.append(data[slot * EXTRA_WORDS + X_ID])
        slot = data[slot * EXTRA_WORDS + X_HERE_NEXT]
    found.sort()
    return found


def note(w: World, slot: i64) -> None:
    """Note that something follows from an order's links."""
    x = slot * EXTRA_WORDS
    if w.extras.data[x + X_NOTED] == 0:
        w.extras.data[x + X_NOTED] = 1
        w.noted.append(slot)


def hit(w: World, order_id: i64, lots: i64) -> None:
    """An order that has an extra was filled by `lots`."""
    slot = w.extra_ids.find(order_id)
    x = slot * EXTRA_WORDS
    w.extras.data[x + X_FILLED] += lots
    if is_linked(w, x):
        note(w, slot)


def ended(w: World, order: i64) -> None:
    """The order in slot `order`, which has an extra, is about to be forgotten."""
    orders = w.orders.data
    o = order * ORDER_WORDS
    slot = w.extra_ids.find(orders[o + O_ID])
    data = w.extras.data
    x = slot * EXTRA_WORDS
    data[x + X_ENDED] = 1
    data[x + X_COMPLETE] = 1 if data[x + X_FILLED] == orders[o + O_SIZE] & r.U32 else 0
    if data[x + X_NOTED] == 0 and not is_linked(w, x):
        drop(w, slot)
    else:
        note(w, slot)


def is_spent(w: World, order: i64) -> bool:
    """Whether the order in slot `order`, filled whole, waits for its primary to wake more of it."""
    slot = w.extra_ids.find(w.orders.data[order * ORDER_WORDS + O_ID])
    data = w.extras.data
    x = slot * EXTRA_WORDS
    primary = data[x + X_PRIMARY]
    if primary == 0 or data[x + X_WOKEN] >= data[x + X_SIZE]:
        return False
    known = w.extra_ids.find(primary)
    return known != 0 and data[known * EXTRA_WORDS + X_ENDED] == 0


def spend(w: World, order: i64) -> None:
    """Make the order in slot `order`, filled whole and out of its level and group, untriggered again."""
    o = order * ORDER_WORDS
    orders = w.orders.data
    orders[o + O_FLAGS] &= ORDER_FLAGS | EXTRA
    orders[o + O_PLACE] = 0
    orders[o + O_LOTS] = 0
    orders[o + O_HOLD] = 0
    if (orders[o + O_FLAGS] >> r.TYPE_SHIFT) & r.TYPE_MASK == r.TYPE_MARKET:
        orders[o + O_PRICE] = 0
    slot = w.extra_ids.find(orders[o + O_ID])
    w.extras.data[slot * EXTRA_WORDS + X_WHERE] = DORMANT
    enlist(w, slot)
