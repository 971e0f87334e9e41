"""Sections 11 to 14 of the canonical state, read back (`state_extras` writes them)."""

from __future__ import annotations

from mypy_extensions import i64

from exchange.core import extras, ledger, waiting
from exchange.core.instruments import rank_of
from exchange.core.layout import (
    A_ORDER_HEAD,
    A_ORDER_TAIL,
    A_ORDERS,
    ACCOUNT_WORDS,
    DORMANT,
    EXTRA_WORDS,
    I_LAST,
    I_PRICE_LIMIT,
    INSTRUMENT_WORDS,
    LOW,
    O_CLIENT,
    O_CREATED,
    O_FLAGS,
    O_HOLD,
    O_ID,
    O_LABEL,
    O_LIST,
    O_LOTS,
    O_PLACE,
    O_PRICE,
    O_PRIORITY,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    ORDER_FLAGS,
    ORDER_WORDS,
    X_BEST,
    X_FIELDS,
    X_FILLED,
    X_FIRED,
    X_FIRST,
    X_OFFSET,
    X_OTHER,
    X_PRIMARY,
    X_SECOND,
    X_TERMS,
    X_TRIGGER,
    X_WHERE,
)
from exchange.core.state_extras import (
    CODE_DORMANT,
    CODE_DUE,
    CODE_IN_BOOK,
    CODE_WAITS,
    EXTRA_FIELDS,
    UNTRIGGERED_FIELDS,
)
from exchange.core.state_reader import Reader, StateError
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r


def read(w: World, reader: Reader, in_books: list[int]) -> None:
    """Read sections 11 to 15; `in_books` holds the slots of the orders in books. Raises StateError."""
    count = reader.count(2)
    while count > 0:
        instrument = reader.word()
        last = reader.word()
        if instrument < 0 or instrument >= w.instrument_count or last < 1 or last > limits.MAX_PRICE_TICKS:
            raise StateError("a last price is out of range")
        w.instruments[instrument * INSTRUMENT_WORDS + I_LAST] = last
        count -= 1
    known = list(in_books)
    count = reader.count(UNTRIGGERED_FIELDS)
    untriggered = count
    while count > 0:
        known.append(int(_read_order(w, reader)))
        count -= 1
    if untriggered > 0:
        _relist(w, known)
    count = reader.count(EXTRA_FIELDS)
    read_ones: list[int] = []
    due: i64 = 0
    while count > 0:
        slot = _read_extra(w, reader)
        if w.extras.data[slot * EXTRA_WORDS + X_WHERE] == CODE_DUE:
            due += 1
        read_ones.append(int(slot))
        count -= 1
    for number in read_ones:
        _place(w, i64(number))
    if w.untriggered != untriggered:
        raise StateError("an untriggered order has no trigger and no primary")
    if reader.count(1) != due:
        raise StateError("the queue of due orders is not those that are due")
    while due > 0:
        slot = w.extra_ids.find(reader.word())
        if slot == 0 or w.extras.data[slot * EXTRA_WORDS + X_WHERE] != CODE_DUE:
            raise StateError("the queue of due orders is not those that are due")
        w.extras.data[slot * EXTRA_WORDS + X_WHERE] = DORMANT
        waiting.push_due(w, slot)
        due -= 1
    w.last_block = reader.word()
    if w.last_block < 0:
        raise StateError("the id of the last block is negative")


def _read_order(w: World, reader: Reader) -> i64:
    """An untriggered order; its slot."""
    slot = w.orders.alloc()
    data = w.orders.data
    o = slot * ORDER_WORDS
    data[o + O_ID] = reader.word()
    account = reader.word()
    instrument = reader.word()
    if account < limits.FIRST_USER_ACCOUNT or account >= w.account_count:
        raise StateError("an untriggered order is nobody's")
    if instrument < 0 or instrument >= w.instrument_count or w.order_ids.find(data[o + O_ID]) != 0:
        raise StateError("an untriggered order is out of range")
    data[o + O_WHO] = account | instrument << 32
    data[o + O_PRICE] = reader.word()
    opened = reader.word()
    total = reader.word()
    display = reader.word()
    data[o + O_LOTS] = opened
    data[o + O_SIZE] = total | display << 32
    data[o + O_VALUE] = reader.word()
    data[o + O_FLAGS] = reader.word()
    data[o + O_CLIENT] = reader.word()
    label = reader.word()
    data[o + O_LABEL] = pack(label, reader.word())
    data[o + O_CREATED] = reader.word()
    data[o + O_UPDATED] = reader.word()
    data[o + O_HOLD] = 0
    data[o + O_PLACE] = 0
    data[o + O_PRIORITY] = 0
    flags = data[o + O_FLAGS]
    if opened < 0 or total < 1 or opened > total or total > limits.MAX_ORDER_LOTS:
        raise StateError("an untriggered order's size is out of range")
    if flags & ~ORDER_FLAGS != 0:
        raise StateError("an untriggered order's flags are out of range")
    price = data[o + O_PRICE]
    if display < 0 or display > total or price < 0:
        raise StateError("an untriggered order's price or display is out of range")
    if price > 0:
        most = w.instruments[instrument * INSTRUMENT_WORDS + I_PRICE_LIMIT]
        if price > most or rank_of(w, instrument, price) < 0:
            raise StateError("an untriggered order's price is out of range")
    w.order_ids.insert(data[o + O_ID], slot)
    w.open_orders += 1
    return slot


def _relist(w: World, slots: list[int]) -> None:
    """Make the accounts' lists anew, of orders in books and of those that are in none."""
    data = w.orders.data
    pairs: list[tuple[int, int]] = []
    for slot in slots:
        pairs.append((int(data[i64(slot) * ORDER_WORDS + O_ID]), slot))
    pairs.sort()
    account: i64 = 0
    while account < w.account_count:
        a = account * ACCOUNT_WORDS
        w.accounts[a + A_ORDER_HEAD] = 0
        w.accounts[a + A_ORDER_TAIL] = 0
        w.accounts[a + A_ORDERS] = 0
        account += 1
    for _, slot in pairs:
        data[i64(slot) * ORDER_WORDS + O_LIST] = 0
        ledger.enlist(w, i64(slot))


def _read_extra(w: World, reader: Reader) -> i64:
    """An extra; its slot. Where it is stays a code for now."""
    order = w.order_ids.find(reader.word())
    if order == 0 or extras.find(w, order) != 0:
        raise StateError("a trigger, link or volatility is of no order")
    slot = extras.make(w, order, 0, 0, 0, 0)
    data = w.extras.data
    x = slot * EXTRA_WORDS
    reader.fill(data, x + X_TERMS, X_FIELDS)
    code = reader.word()
    terms = data[x + X_TERMS]
    source = (terms >> 8) & 0xFF
    if terms < 0 or terms & 0xFF > r.TRIGGER_TRAILING or (source == 0) != (terms & 0xFF == 0):
        raise StateError("a trigger is out of range")
    if source > r.SOURCE_LAST or (terms >> 16) & 0xFF > r.LINK_OTOCO or terms >> 40 != 0:
        raise StateError("a link is out of range")
    for field in (X_TRIGGER, X_OFFSET):
        if data[x + field] < 0 or data[x + field] > limits.MAX_PRICE_MICRO:
            raise StateError("a trigger's price is out of range")
    if data[x + X_BEST] < -1 or data[x + X_BEST] > 1 << 60:
        raise StateError("a best price is out of range")
    if code < CODE_IN_BOOK or code > CODE_DUE or (code == CODE_IN_BOOK) == extras.is_untriggered(w, order):
        raise StateError("an order with a trigger is in the wrong place")
    if code == CODE_WAITS and (terms & 0xFF == 0 or data[x + X_FIRED] != 0):
        raise StateError("an order waits for nothing")
    data[x + X_WHERE] = code
    o = order * ORDER_WORDS
    orders = w.orders.data
    data[x + X_FILLED] = (orders[o + O_SIZE] & LOW) - (orders[o + O_LOTS] & LOW)
    return slot


def _place(w: World, slot: i64) -> None:
    """Put an extra where its code says, when all of them are known (due ones follow)."""
    data = w.extras.data
    x = slot * EXTRA_WORDS
    for field in (X_OTHER, X_PRIMARY, X_FIRST, X_SECOND):
        if data[x + field] != 0 and w.extra_ids.find(data[x + field]) == 0:
            raise StateError("an order is linked to none")
    code = data[x + X_WHERE]
    if code == CODE_IN_BOOK:
        return
    data[x + X_WHERE] = DORMANT
    extras.enlist(w, slot)
    if code == CODE_WAITS:
        waiting.wait(w, slot)
    elif code != CODE_DORMANT:
        data[x + X_WHERE] = code
