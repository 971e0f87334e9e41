"""Sections 11 to 15 of the canonical state: triggers, links, volatilities, blocks (`exchange.core.state`)."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, write_i64_le
from mypy_extensions import i64

from exchange.core.layout import (
    DORMANT,
    EXTRA_WORDS,
    I_LAST,
    IN_BOOK,
    INSTRUMENT_WORDS,
    IS_DUE,
    LOW,
    O_CLIENT,
    O_CREATED,
    O_FLAGS,
    O_ID,
    O_LABEL,
    O_LOTS,
    O_PRICE,
    O_SIZE,
    O_UPDATED,
    O_VALUE,
    O_WHO,
    ORDER_FLAGS,
    ORDER_WORDS,
    X_FIELDS,
    X_ID,
    X_NEXT,
    X_TERMS,
    X_WHERE,
)
from exchange.core.world import World

UNTRIGGERED_FIELDS: Final = 14
EXTRA_FIELDS: Final = 14
# The last word of an extra.
CODE_IN_BOOK: Final = 0
CODE_DORMANT: Final = 1
CODE_WAITS: Final = 2
CODE_DUE: Final = 3


def write(w: World, b: BytesWriter) -> None:
    """Write sections 11 to 15."""
    _write_last_prices(w, b)
    slots = extras_in_order(w)
    _write_untriggered(w, b, slots)
    write_i64_le(b, i64(len(slots)))
    data = w.extras.data
    for slot in slots:
        x = slot * EXTRA_WORDS
        write_i64_le(b, data[x + X_ID])
        field: i64 = 0
        while field < X_FIELDS:
            write_i64_le(b, data[x + X_TERMS + field])
            field += 1
        write_i64_le(b, code_of(data[x + X_WHERE]))
    write_i64_le(b, w.due_count)
    slot = w.due_head
    while slot != 0:
        write_i64_le(b, data[slot * EXTRA_WORDS + X_ID])
        slot = data[slot * EXTRA_WORDS + X_NEXT]
    write_i64_le(b, w.last_block)


def code_of(where: i64) -> i64:
    """How the state tells where an extra's order is."""
    if where == IN_BOOK:
        return CODE_IN_BOOK
    if where == DORMANT:
        return CODE_DORMANT
    return CODE_DUE if where == IS_DUE else CODE_WAITS


def _write_last_prices(w: World, b: BytesWriter) -> None:
    data = w.instruments
    count: i64 = 0
    instrument: i64 = 0
    while instrument < w.instrument_count:
        if data[instrument * INSTRUMENT_WORDS + I_LAST] != 0:
            count += 1
        instrument += 1
    write_i64_le(b, count)
    instrument = 0
    while instrument < w.instrument_count:
        last = data[instrument * INSTRUMENT_WORDS + I_LAST]
        if last != 0:
            write_i64_le(b, instrument)
            write_i64_le(b, last)
        instrument += 1


def _write_untriggered(w: World, b: BytesWriter, slots: list[i64]) -> None:
    write_i64_le(b, w.untriggered)
    data = w.orders.data
    for slot in slots:
        if w.extras.data[slot * EXTRA_WORDS + X_WHERE] == IN_BOOK:
            continue
        o = w.order_ids.find(w.extras.data[slot * EXTRA_WORDS + X_ID]) * ORDER_WORDS
        write_i64_le(b, data[o + O_ID])
        write_i64_le(b, data[o + O_WHO] & LOW)
        write_i64_le(b, data[o + O_WHO] >> 32)
        write_i64_le(b, data[o + O_PRICE])
        write_i64_le(b, data[o + O_LOTS] & LOW)
        write_i64_le(b, data[o + O_SIZE] & LOW)
        write_i64_le(b, data[o + O_SIZE] >> 32)
        write_i64_le(b, data[o + O_VALUE])
        write_i64_le(b, data[o + O_FLAGS] & ORDER_FLAGS)
        write_i64_le(b, data[o + O_CLIENT])
        write_i64_le(b, data[o + O_LABEL] & LOW)
        write_i64_le(b, (data[o + O_LABEL] >> 32) & LOW)
        write_i64_le(b, data[o + O_CREATED])
        write_i64_le(b, data[o + O_UPDATED])


def extras_in_order(w: World) -> list[i64]:
    """The slots of all extras, in order_id order."""
    ids: list[i64] = []
    slot: i64 = 1
    while slot < w.extras.slots:
        # A slot that is free holds the number of another one; ids of orders that live are found.
        ident = w.extras.data[slot * EXTRA_WORDS + X_ID]
        if ident > 0 and w.extra_ids.find(ident) == slot:
            ids.append(ident)
        slot += 1
    ids.sort()
    found: list[i64] = []
    for ident in ids:
        found.append(w.extra_ids.find(ident))
    return found
