"""LIST_COMBO, and what happens to combos when they or their legs go (docs/rules-4.md, Listing)."""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import combo_terms, emit
from exchange.core.instruments import load_terms
from exchange.core.layout import (
    C_LEG,
    C_LEGS,
    C_RATIO,
    I_COMBO,
    I_COMBOS,
    I_EXPIRY,
    I_KIND,
    I_LOT_E8,
    I_MIN_SIZE,
    I_PRICE_LIMIT,
    I_STATE,
    I_STEP,
    I_STEPS,
    I_TICK_MICRO,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
)
from exchange.core.words import words_to_bytes, zeros
from exchange.core.world import World, pack
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_LEGS_AT: Final = 32  # bytes from the body's first to the first leg
_WORD: Final = 8
_FIRST_STEP: Final = 13  # among the 24 terms words
_LEGS: Final = 20


def list_combo(w: World, batch: bytes, body: i64, instrument: i64) -> i64:
    """The well-formed LIST_COMBO whose body starts at byte `body`. Returns a reject reason or 0."""
    if instrument != w.instrument_count or instrument >= limits.MAX_INSTRUMENTS:
        return no.BAD_ID
    count = read_i64_le(batch, body)
    legs = body + _LEGS_AT
    reason = legs_refused(w, batch, legs, count)
    if reason != 0:
        return reason
    w.detail = -1
    step = step_of(w, batch, legs, count)
    if step == 0:
        return no.BAD_TERMS
    same = _same(w, batch, legs, count)
    if same >= 0:
        w.detail = same
        return no.BAD_VALUE
    reason = _full(w, batch, legs, count)
    if reason != 0:
        return reason
    new = w.add_instrument()
    load_terms(w, new, terms_of(w, batch, legs, count, step), 0)
    combo_terms.open_up(w, w.instruments[new * INSTRUMENT_WORDS + I_COMBO])
    emit.instrument(w, new)
    return 0


def legs_refused(w: World, batch: bytes, at: i64, count: i64) -> i64:
    """Checks 1 and 2 of the `count` legs at byte `at`. Returns a reject reason, with its detail, or 0."""
    first, first_ratio = combo_terms.leg_word(read_i64_le(batch, at))
    before: i64 = -1
    single = False
    number: i64 = 0
    while number < count:
        leg, ratio = combo_terms.leg_word(read_i64_le(batch, at + _WORD * number))
        reason = _leg_refused(w, leg, ratio, before, first)
        if reason != 0:
            w.detail = number
            return reason
        single = single or ratio == 1 or ratio == -1
        before = leg
        number += 1
    if first_ratio < 0 or not single:
        w.detail = -1
        return no.BAD_VALUE
    return 0


def _leg_refused(w: World, leg: i64, ratio: i64, before: i64, first: i64) -> i64:
    if leg >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    data = w.instruments
    i = leg * INSTRUMENT_WORDS
    if data[i + I_KIND] != r.KIND_OPTION:
        return no.BAD_VALUE
    if data[i + I_STATE] >= r.STATE_DELISTED or w.now_ms >= data[i + I_EXPIRY]:
        return no.INSTRUMENT_NOT_OPEN
    if leg <= before:
        return no.BAD_VALUE
    f = first * INSTRUMENT_WORDS
    if data[i + I_UNDERLYING] != data[f + I_UNDERLYING]:
        return no.BAD_TERMS
    if data[i + I_TICK_MICRO] != data[f + I_TICK_MICRO] or data[i + I_LOT_E8] != data[f + I_LOT_E8]:
        return no.BAD_TERMS
    if ratio == 0 or ratio > limits.RATIO_MOST or ratio < -limits.RATIO_MOST:
        return no.BAD_VALUE
    return 0


def step_of(w: World, batch: bytes, at: i64, count: i64) -> i64:
    """The combo's step (T of the rules), or 0: the legs' steps or limits do not allow one."""
    largest: i64 = 0
    number: i64 = 0
    while number < count:
        leg, _ = combo_terms.leg_word(read_i64_le(batch, at + _WORD * number))
        found = _largest_step(w, leg * INSTRUMENT_WORDS)
        if found > largest:
            largest = found
        number += 1
    number = 0
    while number < count:
        leg, _ = combo_terms.leg_word(read_i64_le(batch, at + _WORD * number))
        i = leg * INSTRUMENT_WORDS
        if w.instruments[i + I_PRICE_LIMIT] // largest < limits.LEG_STEPS or not _divide(w, i, largest):
            return 0
        number += 1
    return largest


def _largest_step(w: World, i: i64) -> i64:
    data = w.instruments
    largest: i64 = 0
    step: i64 = 0
    while step < data[i + I_STEPS]:
        if data[i + I_STEP + 2 * step + 1] > largest:
            largest = data[i + I_STEP + 2 * step + 1]
        step += 1
    return largest


def _divide(w: World, i: i64, step: i64) -> bool:
    """Whether all tick steps of the instrument whose record is `i` divide `step`."""
    data = w.instruments
    number: i64 = 0
    while number < data[i + I_STEPS]:
        if step % data[i + I_STEP + 2 * number + 1] != 0:
            return False
        number += 1
    return True


def _same(w: World, batch: bytes, at: i64, count: i64) -> i64:
    """The open combo with the same legs and ratios, or -1."""
    first, _ = combo_terms.leg_word(read_i64_le(batch, at))
    combos = w.combos.data
    for combo in combo_terms.naming(w, first):
        c = combo_terms.record_of(w, combo)
        number: i64 = 0
        while number < count:
            leg, ratio = combo_terms.leg_word(read_i64_le(batch, at + _WORD * number))
            if combos[c + C_LEG + number] != leg or combos[c + C_RATIO + number] != ratio:
                break
            number += 1
        if number == count and combos[c + C_LEGS] == count:
            return combo
    return -1


def _full(w: World, batch: bytes, at: i64, count: i64) -> i64:
    """Check 5. Returns LIMIT_REACHED, with its detail, or 0."""
    number: i64 = 0
    while number < count:
        leg, _ = combo_terms.leg_word(read_i64_le(batch, at + _WORD * number))
        if w.instruments[leg * INSTRUMENT_WORDS + I_COMBOS] >= limits.COMBOS_OF_LEG:
            w.detail = number
            return no.LIMIT_REACHED
        number += 1
    if w.combos_open >= limits.MAX_COMBOS:
        w.detail = -1
        return no.LIMIT_REACHED
    return 0


def terms_of(w: World, batch: bytes, at: i64, count: i64, step: i64) -> bytes:
    """The 24 terms words of the combo, as INSTRUMENT tells them."""
    data = w.instruments
    first, _ = combo_terms.leg_word(read_i64_le(batch, at))
    f = first * INSTRUMENT_WORDS
    words = zeros(24)
    words[0] = pack(r.KIND_COMBO | 1 << 16, data[f + I_UNDERLYING])
    words[1] = data[f + I_EXPIRY]
    words[3] = data[f + I_TICK_MICRO]
    words[4] = data[f + I_LOT_E8]
    words[6] = data[f + I_PRICE_LIMIT]
    words[_FIRST_STEP] = step
    number: i64 = 0
    while number < count:
        words[_LEGS + number] = read_i64_le(batch, at + _WORD * number)
        leg, _ = combo_terms.leg_word(words[_LEGS + number])
        i = leg * INSTRUMENT_WORDS
        if data[i + I_EXPIRY] < words[1]:
            words[1] = data[i + I_EXPIRY]
        if data[i + I_MIN_SIZE] > words[5]:
            words[5] = data[i + I_MIN_SIZE]
        if data[i + I_PRICE_LIMIT] < words[6]:
            words[6] = data[i + I_PRICE_LIMIT]
        number += 1
    return words_to_bytes(words, 24)


def have_orders(w: World, leg: i64) -> bool:
    """Whether an open combo that names a leg has an order."""
    for combo in combo_terms.naming(w, leg):
        book = w.books[combo]
        if book.bid_levels != 0 or book.ask_levels != 0:
            return True
    return False


def delist(w: World, instrument: i64) -> None:
    """Delist an open combo without orders; INSTRUMENT tells it."""
    i = instrument * INSTRUMENT_WORDS
    combo_terms.close_down(w, w.instruments[i + I_COMBO])
    w.instruments[i + I_STATE] = r.STATE_DELISTED
    emit.instrument(w, instrument)
