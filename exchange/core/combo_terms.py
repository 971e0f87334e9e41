"""Combos as instruments: their legs, valid prices, and which of them are open (docs/rules-4.md, Listing).

A combo is an instrument with a book whose prices may be zero or negative. A book counts ranks from 0, so a
combo's ranks begin one step below its lowest price: its first valid price is rank 1, as any instrument's is.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core.layout import (
    C_HIGHEST,
    C_IMPLIES,
    C_INSTRUMENT,
    C_LARGEST,
    C_LEG,
    C_LEGS,
    C_RATIO,
    C_STEP,
    COMBO_WORDS,
    I_COMBO,
    I_COMBOS,
    I_EXPIRY,
    I_HIGHEST,
    I_LOWEST,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_PLAIN_LIMIT,
    I_PRICE_LIMIT,
    I_PRICED,
    I_RANK,
    I_STEP,
    I_TERMS,
    INSTRUMENT_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r

_LEGS: Final = 20  # among an instrument's 24 terms words


def leg_word(word: i64) -> tuple[i64, i64]:
    """The leg and the signed ratio in one of the words w8 to w11 of LIST_COMBO (w24 to w27 of its terms)."""
    return word & r.U32, word >> 32


def adopt(w: World, instrument: i64) -> None:
    """Make the record of a combo whose terms, legs included, are in its instrument's."""
    slot = w.combos.alloc()
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    words: list[i64] = []
    while i64(len(words)) < limits.LEGS_MOST:
        words.append(data[i + I_TERMS + _LEGS + i64(len(words))])
    c = slot * COMBO_WORDS
    fill(w, c, words, data[i + I_STEP + 1])
    w.combos.data[c + C_INSTRUMENT] = instrument
    data[i + I_COMBO] = slot
    data[i + I_COMBOS] = 1
    data[i + I_PRICED] = 0
    data[i + I_PLAIN_LIMIT] = 0
    data[i + I_EXPIRY] = limits.I64_MAX  # its legs' count
    lowest, highest = bounds(w, c, data[i + I_PRICE_LIMIT])
    data[i + I_STEP] = lowest - data[i + I_STEP + 1]
    data[i + I_RANK] = 0
    data[i + I_LOWEST] = lowest
    data[i + I_HIGHEST] = highest
    data[i + I_MIN_PRICE] = lowest
    data[i + I_MAX_PRICE] = highest


def fill(w: World, c: i64, words: list[i64], step: i64) -> None:
    """Fill the record at `c` with the legs in `words` (see `leg_word`) and a step."""
    data = w.instruments
    combos = w.combos.data
    word: i64 = 0
    while word < COMBO_WORDS:
        combos[c + word] = 0
        word += 1
    combos[c + C_STEP] = step
    count: i64 = 0
    for packed in words:
        leg, ratio = leg_word(packed)
        if ratio == 0:
            break
        size = ratio if ratio > 0 else -ratio
        combos[c + C_LEG + count] = leg
        combos[c + C_RATIO + count] = ratio
        combos[c + C_HIGHEST + count] = data[leg * INSTRUMENT_WORDS + I_PRICE_LIMIT] // step * step
        if size > combos[c + C_LARGEST]:
            combos[c + C_LARGEST] = size
        count += 1
    combos[c + C_LEGS] = count
    combos[c + C_IMPLIES] = 1 if count == 2 and combos[c + C_LARGEST] == 1 else 0


def bounds(w: World, c: i64, price_limit: i64) -> tuple[i64, i64]:
    """The lowest and the highest price of the combo whose record is at `c`.

    Sums of at most four legs' ratios (4) times 2**40 ticks: below 2**44.
    """
    combos = w.combos.data
    step = combos[c + C_STEP]
    most = price_limit // step * step
    lowest: i64 = 0
    highest: i64 = 0
    leg: i64 = 0
    while leg < combos[c + C_LEGS]:
        ratio = combos[c + C_RATIO + leg]
        if ratio > 0:
            lowest += ratio * step
            highest += ratio * combos[c + C_HIGHEST + leg]
        else:
            lowest += ratio * combos[c + C_HIGHEST + leg]
            highest += ratio * step
        leg += 1
    if lowest < -most:
        lowest = -most
    return lowest, highest if highest < most else most


def open_up(w: World, slot: i64) -> None:
    """Count a combo among the open ones of its legs, which from now on may meet implied orders."""
    combos = w.combos.data
    c = slot * COMBO_WORDS
    w.combos_open += 1
    leg: i64 = 0
    while leg < combos[c + C_LEGS]:
        instrument = combos[c + C_LEG + leg]
        i = instrument * INSTRUMENT_WORDS
        w.instruments[i + I_COMBOS] += 1
        w.instruments[i + I_PLAIN_LIMIT] = 0
        w.combos_of.setdefault(instrument, []).append(combos[c + C_INSTRUMENT])
        leg += 1


def close_down(w: World, slot: i64) -> None:
    """Undo `open_up`: the combo is delisted."""
    combos = w.combos.data
    c = slot * COMBO_WORDS
    w.combos_open -= 1
    leg: i64 = 0
    while leg < combos[c + C_LEGS]:
        instrument = combos[c + C_LEG + leg]
        i = instrument * INSTRUMENT_WORDS
        w.instruments[i + I_COMBOS] -= 1
        if w.instruments[i + I_COMBOS] == 0:
            w.instruments[i + I_PLAIN_LIMIT] = w.instruments[i + I_PRICE_LIMIT]
            del w.combos_of[instrument]
        else:
            w.combos_of[instrument].remove(combos[c + C_INSTRUMENT])
        leg += 1


def naming(w: World, leg: i64) -> list[int]:
    """The open combos that name an instrument, by id; not to be changed."""
    return w.combos_of.get(leg, [])


def is_combo(w: World, instrument: i64) -> bool:
    """Whether an instrument is a combo."""
    return w.instruments[instrument * INSTRUMENT_WORDS + I_COMBO] != 0


def record_of(w: World, instrument: i64) -> i64:
    """Where the record of a combo lies in the pool's words."""
    return w.instruments[instrument * INSTRUMENT_WORDS + I_COMBO] * COMBO_WORDS
