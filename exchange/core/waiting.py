"""Orders that wait for a price, and those that it has reached (docs/rules-3.md, Orders with a trigger).

A source is one price of one instrument: its underlying's index, its mark, its last trade. (The index of an
underlying has a source per instrument, as it is seen only by those that are open.) What is reached joins the
queue of due ones, which `firing` empties.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core.admission import closed
from exchange.core.heaps import Heap, Source
from exchange.core.layout import (
    EXTRA_WORDS,
    I_LAST,
    I_MARK,
    I_MARKED,
    I_TICK_MICRO,
    I_UNDERLYING,
    IN_BOOK,
    INSTRUMENT_WORDS,
    IS_DUE,
    O_FLAGS,
    ORDER_WORDS,
    TRAILS,
    U_INDEX,
    UNDERLYING_WORDS,
    WAITS_DOWN,
    WAITS_UP,
    X_AT,
    X_BEST,
    X_FIRED,
    X_ID,
    X_KEY,
    X_NEXT,
    X_OFFSET,
    X_ORDER,
    X_PREV,
    X_TERMS,
    X_TRIGGER,
    X_WHERE,
    X_WHO,
)
from exchange.core.world import World
from exchange.domain import records as r

_UNIT: Final = 32
_HIGHEST: Final = 1 << 60  # of a last price, micro-USDC; far above every trigger


def source_key(source: i64, instrument: i64) -> i64:
    """The key of a source of an instrument's orders."""
    return source << 20 | instrument


def cap_key(w: World, source: i64, instrument: i64) -> i64:
    """The key under which those that trail are counted: an index is the underlying's."""
    if source != r.SOURCE_INDEX:
        return source << 20 | instrument
    return source << 20 | w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]


def price_of_moment(w: World, source: i64, instrument: i64) -> i64:
    """What a source shows now, micro-USDC; -1: nothing yet."""
    i = instrument * INSTRUMENT_WORDS
    data = w.instruments
    if source == r.SOURCE_INDEX:
        index_micro = w.underlyings[data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_INDEX]
        return index_micro if index_micro != 0 else -1
    if source == r.SOURCE_MARK:
        return data[i + I_MARK] if data[i + I_MARKED] != 0 else -1
    ticks = data[i + I_LAST]
    if ticks == 0:
        return -1
    return ticks * data[i + I_TICK_MICRO] if ticks <= _HIGHEST // data[i + I_TICK_MICRO] else _HIGHEST


def goes_up(w: World, x: i64) -> bool:
    """Whether the extra whose record is `x` is reached from below: stop buy, take sell, trailing buy."""
    data = w.extras.data
    sell = w.orders.data[data[x + X_ORDER] * ORDER_WORDS + O_FLAGS] & r.FLAG_SELL != 0
    return sell == (data[x + X_TERMS] & 0xFF == r.TRIGGER_TAKE)


def trail(w: World, slot: i64, price: i64) -> None:
    """Let one that trails see a price (-1: none)."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    if price < 0 or data[x + X_TERMS] & 0xFF != r.TRIGGER_TRAILING:
        return
    best = data[x + X_BEST]
    if best < 0 or (price < best if goes_up(w, x) else price > best):
        data[x + X_BEST] = price


def is_reached(w: World, x: i64, price: i64) -> bool:
    """Whether a price (-1: none) reaches the extra whose record is `x`, which has seen it."""
    data = w.extras.data
    if price < 0:
        return False
    up = goes_up(w, x)
    trigger = data[x + X_TRIGGER]
    if data[x + X_TERMS] & 0xFF == r.TRIGGER_TRAILING:
        trigger = data[x + X_BEST] + (data[x + X_OFFSET] if up else -data[x + X_OFFSET])
    return price >= trigger if up else price <= trigger


def begin(w: World, slot: i64) -> None:
    """Let one that is placed, woken or amended see the price of the moment."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    if data[x + X_TERMS] & 0xFF == r.TRIGGER_TRAILING and data[x + X_FIRED] == 0:
        trail(w, slot, price_of_moment(w, (data[x + X_TERMS] >> 8) & 0xFF, data[x + X_WHO] >> 32))


def park(w: World, slot: i64) -> None:
    """Have one wait for its price, or make it due: reached already, or without anything to wait for."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    if data[x + X_TERMS] & 0xFF == r.TRIGGER_NONE or data[x + X_FIRED] != 0:
        push_due(w, slot)
        return
    price = price_of_moment(w, (data[x + X_TERMS] >> 8) & 0xFF, data[x + X_WHO] >> 32)
    if is_reached(w, x, price):
        push_due(w, slot)
    else:
        wait(w, slot)


def wait(w: World, slot: i64) -> None:
    """Have one wait for its price, whatever it is now."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    instrument = data[x + X_WHO] >> 32
    source = _source(w, (data[x + X_TERMS] >> 8) & 0xFF, instrument)
    w.armed += 1
    if data[x + X_TERMS] & 0xFF == r.TRIGGER_TRAILING:
        data[x + X_WHERE] = TRAILS
        source.trail(slot)
    elif goes_up(w, x):
        data[x + X_WHERE] = WAITS_UP
        data[x + X_KEY] = data[x + X_TRIGGER]
        source.ups.push(slot)
    else:
        data[x + X_WHERE] = WAITS_DOWN
        data[x + X_KEY] = -data[x + X_TRIGGER]
        source.downs.push(slot)


def unpark(w: World, slot: i64) -> None:
    """Take one out of wherever it waits, or out of the queue."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    where = data[x + X_WHERE]
    data[x + X_WHERE] = IN_BOOK
    if where == IS_DUE:
        _pull_due(w, slot)
    elif where == WAITS_UP or where == WAITS_DOWN or where == TRAILS:
        key = source_key((data[x + X_TERMS] >> 8) & 0xFF, data[x + X_WHO] >> 32)
        source = w.sources[key]
        w.armed -= 1
        if where == WAITS_UP:
            source.ups.remove(data[x + X_AT])
        elif where == WAITS_DOWN:
            source.downs.remove(data[x + X_AT])
        else:
            source.untrail(data[x + X_AT])
        _tidy(w, key, source)


def _source(w: World, kind: i64, instrument: i64) -> Source:
    key = source_key(kind, instrument)
    source = w.sources.get(key)
    if source is None:
        source = Source(w.extras)
        w.sources[key] = source
        if kind == r.SOURCE_INDEX:
            underlying = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
            w.indexed.setdefault(underlying, []).append(instrument)
    return source


def _tidy(w: World, key: i64, source: Source) -> None:
    """Forget a source that nothing waits for any more."""
    if not source.is_empty():
        return
    del w.sources[key]
    if key >> 20 == r.SOURCE_INDEX:
        instrument = key & ((1 << 20) - 1)
        underlying = w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING]
        w.indexed[underlying].remove(instrument)


def see_block(w: World, data: bytes, at: i64, units: i64, underlying: i64) -> None:
    """A block of marks, its body at byte `at`, has taken effect: the index first, then its units in order."""
    price = w.underlyings[underlying * UNDERLYING_WORDS + U_INDEX]
    instruments = w.indexed.get(underlying)
    if instruments is not None:
        for instrument in list(instruments):
            _look(w, r.SOURCE_INDEX, i64(instrument), price)
        _queue_met(w)
    number: i64 = 0
    while number < units and w.armed != 0:
        instrument = read_i64_le(data, at + _UNIT + _UNIT * number) & r.U32
        _look(w, r.SOURCE_MARK, instrument, w.instruments[instrument * INSTRUMENT_WORDS + I_MARK])
        _queue_met(w)
        number += 1


def traded(w: World, instrument: i64) -> None:
    """An order is through with matching: `w.last_ticks` is the price of its last trade."""
    w.instruments[instrument * INSTRUMENT_WORDS + I_LAST] = w.last_ticks
    if w.armed != 0:
        _look(w, r.SOURCE_LAST, instrument, price_of_moment(w, r.SOURCE_LAST, instrument))
        _queue_met(w)


def traded_beside(w: World) -> None:
    """As `traded` for the other instruments in which implied orders traded, by id."""
    beside = w.traded_beside
    w.traded_beside = {}
    for instrument in sorted(beside):
        w.last_ticks = beside[instrument]
        traded(w, instrument)


def _look(w: World, kind: i64, instrument: i64, price: i64) -> None:
    """Let what waits for a source see a price; what it reaches is gathered in `w.met_…`, or due already."""
    key = source_key(kind, instrument)
    source = w.sources.get(key)
    if source is None or closed(w, instrument) != 0:
        return
    if source.trailing_count == 0 and kind != r.SOURCE_INDEX:
        # Nothing has to be merged: the heaps give what is reached in the order that counts.
        _reach(w, source.ups, price, True)
        _reach(w, source.downs, -price, True)
        _tidy(w, key, source)
        return
    _reach(w, source.ups, price, False)
    _reach(w, source.downs, -price, False)
    data = w.extras.data
    at = source.trailing_count - 1
    while at >= 0:
        slot = source.trailing[at]
        x = slot * EXTRA_WORDS
        trail(w, slot, price)
        if is_reached(w, x, price):
            source.untrail(at)
            up = goes_up(w, x)
            offset = data[x + X_OFFSET]
            _meet(w, slot, up, data[x + X_BEST] + offset if up else offset - data[x + X_BEST])
        at -= 1
    _tidy(w, key, source)


def _reach(w: World, heap: Heap, key: i64, at_once: bool) -> None:
    """Take what has a key up to this one from a heap; it is due, or gathered in `w.met_…`."""
    data = w.extras.data
    while heap.count > 0:
        slot = heap.slots[0]
        x = slot * EXTRA_WORDS
        if data[x + X_KEY] > key:
            return
        up = data[x + X_WHERE] == WAITS_UP
        heap.remove(0)
        if at_once:
            w.armed -= 1
            push_due(w, slot)
        else:
            _meet(w, slot, up, data[x + X_KEY])


def _meet(w: World, slot: i64, up: bool, key: i64) -> None:
    x = slot * EXTRA_WORDS
    w.armed -= 1
    w.extras.data[x + X_WHERE] = IN_BOOK
    met = w.met_up if up else w.met_down
    met.append((int(key), int(w.extras.data[x + X_ID]), int(slot)))


def _queue_met(w: World) -> None:
    """Put what a price has reached into the queue, in the order the price meets it."""
    if len(w.met_up) != 0:
        w.met_up.sort()
        for _, _, slot in w.met_up:
            push_due(w, i64(slot))
        w.met_up = []
    if len(w.met_down) != 0:
        w.met_down.sort()
        for _, _, slot in w.met_down:
            push_due(w, i64(slot))
        w.met_down = []


def push_due(w: World, slot: i64) -> None:
    """Put one at the end of the queue of due ones."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    data[x + X_WHERE] = IS_DUE
    data[x + X_NEXT] = 0
    data[x + X_PREV] = w.due_tail
    if w.due_tail == 0:
        w.due_head = slot
    else:
        data[w.due_tail * EXTRA_WORDS + X_NEXT] = slot
    w.due_tail = slot
    w.due_count += 1
    instrument = data[x + X_WHO] >> 32
    w.due_in[instrument] = w.due_in.get(instrument, 0) + 1


def _pull_due(w: World, slot: i64) -> None:
    data = w.extras.data
    x = slot * EXTRA_WORDS
    following = data[x + X_NEXT]
    before = data[x + X_PREV]
    if before == 0:
        w.due_head = following
    else:
        data[before * EXTRA_WORDS + X_NEXT] = following
    if following == 0:
        w.due_tail = before
    else:
        data[following * EXTRA_WORDS + X_PREV] = before
    w.due_count -= 1
    instrument = data[x + X_WHO] >> 32
    left = w.due_in[instrument] - 1
    if left == 0:
        del w.due_in[instrument]
    else:
        w.due_in[instrument] = left


def are_due(w: World, instrument: i64) -> bool:
    """Whether orders of the instrument are due."""
    return w.due_count != 0 and instrument in w.due_in
