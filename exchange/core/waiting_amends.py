"""AMEND of an untriggered order: it is what it will be when it fires that changes (docs/rules-3.md)."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import amend_words, checks, emit, extras, waiting
from exchange.core.layout import (
    DORMANT,
    EXTRA_WORDS,
    I_MIN_SIZE,
    INSTRUMENT_WORDS,
    LOW,
    O_FLAGS,
    O_LOTS,
    O_PRICE,
    O_SIZE,
    O_UPDATED,
    O_WHO,
    ORDER_FLAGS,
    ORDER_WORDS,
    X_FIRED,
    X_OFFSET,
    X_SIZE,
    X_TERMS,
    X_TRIGGER,
    X_WHERE,
    X_WOKEN,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def amend(w: World, batch: bytes, at: i64, flags: i64, slot: i64) -> i64:
    """The AMEND at byte `at` of the untriggered order in `slot`, from its flags on. A reject reason or 0."""
    more: i64 = r.AMEND_REMAINING | r.AMEND_EXPECTED | r.AMEND_TRIGGER | r.AMEND_OFFSET
    if not amend_words.fit(batch, at, flags, more):
        return no.BAD_FLAGS
    orders = w.orders.data
    o = slot * ORDER_WORDS
    old_total = orders[o + O_SIZE] & LOW
    filled = old_total - (orders[o + O_LOTS] & LOW)
    if flags & r.AMEND_EXPECTED != 0 and read_i64_le(batch, at + 72) != filled:
        w.detail = filled
        return no.FILLED_MISMATCH
    total = old_total
    if flags & r.AMEND_SIZE != 0:
        total = read_i64_le(batch, at + 48)
        if flags & r.AMEND_REMAINING != 0:
            if total < 1 or total > limits.MAX_ORDER_LOTS:
                return no.BAD_SIZE
            total += filled
    display = read_i64_le(batch, at + 56)
    if flags & r.AMEND_DISPLAY == 0:
        display = orders[o + O_SIZE] >> 32
        if display != 0 and display > total:
            display = total
    kept = amend_words.post_kept(flags, orders[o + O_FLAGS])
    if not checks.flags_valid(kept & ORDER_FLAGS & ~r.FLAG_MMP, display):
        return no.BAD_FLAGS
    instrument = orders[o + O_WHO] >> 32
    if flags & r.AMEND_SIZE != 0:
        least = w.instruments[instrument * INSTRUMENT_WORDS + I_MIN_SIZE]
        if total < least or total > limits.MAX_ORDER_LOTS or total <= filled:
            return no.BAD_SIZE
    if checks.display_refused(w, display, total):
        return no.BAD_DISPLAY
    price = orders[o + O_PRICE]
    if flags & r.AMEND_PRICE != 0:
        price = read_i64_le(batch, at + 40)
        reason = checks.price_as_sent_refused(w, instrument, kept, price)
        if reason != 0:
            return reason
    extra = extras.find(w, slot)
    if not _trigger_fits(w, extra, flags, read_i64_le(batch, at + 80)):
        return no.BAD_TRIGGER
    orders[o + O_PRICE] = price
    orders[o + O_LOTS] = total - filled
    orders[o + O_SIZE] = total | display << 32
    orders[o + O_FLAGS] = kept
    orders[o + O_UPDATED] = w.now_ms
    _take_effect(w, slot, extra, flags, read_i64_le(batch, at + 80))
    return 0


def _trigger_fits(w: World, extra: i64, flags: i64, price: i64) -> bool:
    """Whether the order has a trigger of the kind that is given anew, and a price within bounds for it."""
    if flags & (r.AMEND_TRIGGER | r.AMEND_OFFSET) == 0:
        return True
    data = w.extras.data
    x = extra * EXTRA_WORDS
    kind = data[x + X_TERMS] & 0xFF
    if kind == r.TRIGGER_NONE or data[x + X_FIRED] != 0:
        return False
    if (kind == r.TRIGGER_TRAILING) != (flags & r.AMEND_OFFSET != 0):
        return False
    return 1 <= price and price <= limits.MAX_PRICE_MICRO


def _take_effect(w: World, slot: i64, extra: i64, flags: i64, price: i64) -> None:
    """The order is changed: what it waits for, and the events."""
    data = w.extras.data
    x = extra * EXTRA_WORDS
    if data[x + X_SIZE] != 0 and data[x + X_WOKEN] == 0:
        data[x + X_SIZE] = w.orders.data[slot * ORDER_WORDS + O_SIZE] & LOW
    moved = flags & (r.AMEND_TRIGGER | r.AMEND_OFFSET) != 0
    waits = data[x + X_WHERE] != DORMANT
    if moved:
        if waits:
            waiting.unpark(w, extra)
        data[x + (X_OFFSET if flags & r.AMEND_OFFSET != 0 else X_TRIGGER)] = price
        if waits:
            waiting.begin(w, extra)
        emit.extended(w, extra)
    emit.order(w, slot, r.ORDER_AMENDED, r.ORDER_STATE_UNTRIGGERED, 0, 0)
    if moved and waits:
        waiting.park(w, extra)
