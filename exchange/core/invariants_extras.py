"""What must hold of triggers, links and volatilities. Part of `invariants`."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import extras, state_extras, waiting
from exchange.core.heaps import Heap, Source
from exchange.core.invariants_orders import must
from exchange.core.layout import (
    A_ORDER_HEAD,
    ACCOUNT_WORDS,
    DORMANT,
    EXTRA,
    EXTRA_WORDS,
    IN_BOOK,
    IS_DUE,
    LOW,
    O_FLAGS,
    O_ID,
    O_LIST,
    O_LOTS,
    O_SIZE,
    O_WHO,
    ORDER_WORDS,
    TRAILS,
    WAITS_DOWN,
    WAITS_UP,
    X_AT,
    X_ENDED,
    X_FILLED,
    X_FIRED,
    X_FIRST,
    X_ID,
    X_KEY,
    X_NEXT,
    X_NOTED,
    X_ORDER,
    X_OTHER,
    X_PREV,
    X_PRIMARY,
    X_SECOND,
    X_TERMS,
    X_TRIGGER,
    X_VOLATILITY,
    X_WHERE,
    X_WHO,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r


def check(w: World) -> None:
    """Check the store of extras. Raises InvariantError."""
    must(len(w.noted) == 0, "links have not been followed", i64(len(w.noted)))
    must(len(w.met_up) + len(w.met_down) == 0, "what a price met is in no queue", 0)
    places: dict[int, int] = {}
    trailing: dict[int, int] = {}
    slots = state_extras.extras_in_order(w)
    must(i64(len(slots)) == w.extra_ids.used, "extras are miscounted", w.extra_ids.used)
    must(_marked(w) == w.extra_ids.used, "an order without its extra, or the reverse", w.extra_ids.used)
    untriggered: i64 = 0
    for slot in slots:
        x = slot * EXTRA_WORDS
        where = w.extras.data[x + X_WHERE]
        places[where] = places.get(where, 0) + 1
        _check_one(w, slot)
        _check_links(w, x)
        if where != IN_BOOK:
            untriggered += 1
            if extras.counts_as_trailing(w, x):
                word = w.extras.data[x + X_TERMS]
                key = waiting.cap_key(w, (word >> 8) & 0xFF, w.extras.data[x + X_WHO] >> 32)
                trailing[key] = trailing.get(key, 0) + 1
    must(untriggered == w.untriggered, "untriggered orders are miscounted", untriggered)
    must(trailing == w.trailing_at, "what trails is miscounted", i64(len(trailing)))
    for key in trailing:
        must(trailing[key] <= limits.MAX_TRAILING, "too many trail a source", i64(key))
    armed: i64 = 0
    for number in w.sources:
        armed += _check_source(w, w.sources[number], i64(number))
    waits = places.get(WAITS_UP, 0) + places.get(WAITS_DOWN, 0) + places.get(TRAILS, 0)
    must(armed == w.armed and armed == waits, "what waits for a price is miscounted", armed)
    _check_indexed(w)
    must(_check_queue(w) == places.get(IS_DUE, 0), "what is due is miscounted", w.due_count)
    _check_lists(w)


def _marked(w: World) -> i64:
    """How many orders say that they have an extra."""
    found: i64 = 0
    account: i64 = 0
    while account < w.account_count:
        slot = w.accounts[account * ACCOUNT_WORDS + A_ORDER_HEAD]
        while slot != 0:
            if w.orders.data[slot * ORDER_WORDS + O_FLAGS] & EXTRA != 0:
                found += 1
            slot = w.orders.data[slot * ORDER_WORDS + O_LIST] & LOW
        account += 1
    return found


def _check_one(w: World, slot: i64) -> None:
    data = w.extras.data
    x = slot * EXTRA_WORDS
    order = w.order_ids.find(data[x + X_ID])
    must(order != 0 and order == data[x + X_ORDER], "an extra's order is lost", slot)
    o = order * ORDER_WORDS
    orders = w.orders.data
    same = orders[o + O_ID] == data[x + X_ID] and orders[o + O_WHO] == data[x + X_WHO]
    must(same, "an extra is another order's", slot)
    must(orders[o + O_FLAGS] & EXTRA != 0, "an order does not know its extra", slot)
    must(data[x + X_NOTED] | data[x + X_ENDED] == 0, "an extra outlives its order", slot)
    where = data[x + X_WHERE]
    must((where != IN_BOOK) == extras.is_untriggered(w, order), "an order in two places, or none", slot)
    filled = (orders[o + O_SIZE] & LOW) - (orders[o + O_LOTS] & LOW)
    if where == IN_BOOK:
        kept = data[x + X_VOLATILITY] != 0 or extras.is_linked(w, x)
        must(kept, "a plain order has an extra", slot)
    else:
        must(orders[o + O_FLAGS] >> 32 == 0, "an untriggered order is in a protection group", slot)
    must(not extras.is_linked(w, x) or filled == data[x + X_FILLED], "an extra's fills", slot)
    if where == DORMANT:
        must(data[x + X_PRIMARY] != 0, "a dormant order has no primary", slot)


def _check_links(w: World, x: i64) -> None:
    """Links are mutual."""
    data = w.extras.data
    ident = data[x + X_ID]
    if data[x + X_OTHER] != 0:
        other = w.extra_ids.find(data[x + X_OTHER])
        must(other != 0 and data[other * EXTRA_WORDS + X_OTHER] == ident, "a pair is torn", ident)
    if data[x + X_PRIMARY] != 0:
        primary = w.extra_ids.find(data[x + X_PRIMARY])
        must(primary != 0, "a member's primary is lost", ident)
        p = primary * EXTRA_WORDS
        must(data[p + X_FIRST] == ident or data[p + X_SECOND] == ident, "a primary lost a member", ident)
    for field in (X_FIRST, X_SECOND):
        if data[x + field] != 0:
            member = w.extra_ids.find(data[x + field])
            must(member != 0 and data[member * EXTRA_WORDS + X_PRIMARY] == ident, "a member is lost", ident)


def _check_source(w: World, source: Source, key: i64) -> i64:
    """Check one source. Returns how many wait for it."""
    must(not source.is_empty(), "a source nothing waits for", key)
    _check_heap(w, source.ups, WAITS_UP, key)
    _check_heap(w, source.downs, WAITS_DOWN, key)
    at: i64 = 0
    while at < source.trailing_count:
        slot = source.trailing[at]
        x = slot * EXTRA_WORDS
        must(w.extras.data[x + X_WHERE] == TRAILS and w.extras.data[x + X_AT] == at, "a list is torn", slot)
        must(w.extras.data[x + X_TERMS] & 0xFF == r.TRIGGER_TRAILING, "what trails not trails", slot)
        _check_home(w, x, key)
        at += 1
    return source.ups.count + source.downs.count + source.trailing_count


def _check_heap(w: World, heap: Heap, where: i64, key: i64) -> None:
    data = w.extras.data
    at: i64 = 0
    while at < heap.count:
        slot = heap.slots[at]
        x = slot * EXTRA_WORDS
        must(data[x + X_WHERE] == where and data[x + X_AT] == at, "an entry has another's place", slot)
        trigger = data[x + X_TRIGGER] if where == WAITS_UP else -data[x + X_TRIGGER]
        must(data[x + X_KEY] == trigger, "an entry's key is not its trigger", slot)
        must(waiting.goes_up(w, x) == (where == WAITS_UP), "an entry is in the wrong heap", slot)
        must(at == 0 or not heap.before(slot, heap.slots[(at - 1) >> 1]), "a heap is out of order", slot)
        _check_home(w, x, key)
        at += 1


def _check_home(w: World, x: i64, key: i64) -> None:
    data = w.extras.data
    home = waiting.source_key((data[x + X_TERMS] >> 8) & 0xFF, data[x + X_WHO] >> 32)
    must(home == key and data[x + X_FIRED] == 0, "an entry waits for another's price", x)


def _check_indexed(w: World) -> None:
    """Every source of an index is known to its underlying."""
    found: i64 = 0
    for underlying in w.indexed:
        for instrument in w.indexed[underlying]:
            key = int(waiting.source_key(r.SOURCE_INDEX, i64(instrument)))
            must(key in w.sources, "an index source is gone", i64(instrument))
            found += 1
    count: i64 = 0
    for number in w.sources:
        if number >> 20 == r.SOURCE_INDEX:
            count += 1
    must(found == count, "index sources are miscounted", found)


def _check_queue(w: World) -> i64:
    """Check the queue of due orders. Returns how many are in it."""
    data = w.extras.data
    found: i64 = 0
    last: i64 = 0
    counts: dict[int, int] = {}
    slot = w.due_head
    while slot != 0:
        x = slot * EXTRA_WORDS
        must(data[x + X_WHERE] == IS_DUE and data[x + X_PREV] == last, "the queue is torn", slot)
        instrument = data[x + X_WHO] >> 32
        counts[instrument] = counts.get(instrument, 0) + 1
        found += 1
        last = slot
        slot = data[x + X_NEXT]
    must(last == w.due_tail and found == w.due_count, "the queue is miscounted", found)
    must(counts == w.due_in, "due orders of an instrument are miscounted", found)
    return found


def _check_lists(w: World) -> None:
    """Every untriggered order is in its instrument's list."""
    found: i64 = 0
    for instrument in w.untriggered_in:
        for ident in extras.untriggered_ids(w, i64(instrument)):
            order = w.order_ids.find(ident)
            must(order != 0 and extras.is_untriggered(w, order), "a list has an order in a book", ident)
            must(w.orders.data[order * ORDER_WORDS + O_WHO] >> 32 == instrument, "another's order", ident)
            found += 1
    must(found == w.untriggered, "instruments' untriggered orders are miscounted", found)
