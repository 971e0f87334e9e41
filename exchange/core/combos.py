"""What a combo is worth and may be priced at, from its legs' marks, and how a price is divided among them.

docs/rules-4.md, Prices and Matching in a combo's book. Nothing here belongs to the canonical state: values,
fees and band of a combo are derived when they are asked for and stand until a mark or a fee changes.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from exchange.core.arithmetic import ceil_div
from exchange.core.combo_terms import record_of
from exchange.core.instruments import price_at_or_above, price_at_or_below
from exchange.core.layout import (
    C_DELIVERY,
    C_HIGHEST,
    C_LEG,
    C_LEGS,
    C_MARKED,
    C_PART,
    C_RATIO,
    C_STEP,
    I_BAND_PPM,
    I_COMBO,
    I_DELIVERY_LOT,
    I_FEE_HOLD,
    I_HIGHEST,
    I_INDEX,
    I_LOWEST,
    I_MARK,
    I_MARK_HIGH,
    I_MARK_LOW,
    I_MARKED,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_PRICED,
    I_TICK_MICRO,
    INSTRUMENT_WORDS,
)
from exchange.core.world import World

_PPM: Final = 1_000_000


def outdate(w: World, instrument: i64) -> None:
    """Have what is derived from the legs of a combo derived anew when it is next asked for."""
    w.instruments[instrument * INSTRUMENT_WORDS + I_PRICED] = 0


def is_marked(w: World, instrument: i64) -> bool:
    """Whether an instrument is a combo all of whose legs have a mark; what follows from them is derived."""
    return w.instruments[instrument * INSTRUMENT_WORDS + I_COMBO] != 0 and derive(w, instrument)


def derive(w: World, instrument: i64) -> bool:
    """Bring a combo's values (I_MARK_LOW, I_MARK_HIGH), fees (I_FEE_HOLD) and band up to its legs' marks.

    Returns whether all legs have a mark; if not they mean nothing.
    """
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    combos = w.combos.data
    c = record_of(w, instrument)
    if data[i + I_PRICED] == w.epoch:
        return combos[c + C_MARKED] != 0
    data[i + I_PRICED] = w.epoch
    marked = True
    low: i64 = 0
    high: i64 = 0
    fees: i64 = 0
    combos[c + C_DELIVERY] = 0
    combos[c + C_DELIVERY + 1] = 0
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        leg = combos[c + C_LEG + number] * INSTRUMENT_WORDS
        ratio = combos[c + C_RATIO + number]
        marked = marked and data[leg + I_MARKED] != 0
        if ratio > 0:
            low += ratio * data[leg + I_MARK_LOW]
            high += ratio * data[leg + I_MARK_HIGH]
            fees += ratio * data[leg + I_FEE_HOLD]
            combos[c + C_DELIVERY] += ratio * data[leg + I_DELIVERY_LOT]
        else:
            low += ratio * data[leg + I_MARK_HIGH]
            high += ratio * data[leg + I_MARK_LOW]
            fees -= ratio * data[leg + I_FEE_HOLD]
            combos[c + C_DELIVERY + 1] -= ratio * data[leg + I_DELIVERY_LOT]
        number += 1
    combos[c + C_MARKED] = 1 if marked else 0
    data[i + I_MARK_LOW] = low
    data[i + I_MARK_HIGH] = high
    data[i + I_FEE_HOLD] = fees
    _derive_band(w, instrument, c)
    return marked


def _derive_band(w: World, instrument: i64, c: i64) -> None:
    data = w.instruments
    combos = w.combos.data
    i = instrument * INSTRUMENT_WORDS
    data[i + I_MIN_PRICE] = data[i + I_LOWEST]
    data[i + I_MAX_PRICE] = data[i + I_HIGHEST]
    widest: i64 = 0
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        leg = combos[c + C_LEG + number] * INSTRUMENT_WORDS
        if data[leg + I_BAND_PPM] == 0:
            return
        width = data[leg + I_INDEX] * data[leg + I_BAND_PPM] // _PPM  # rounded down, as a leg's
        if width > widest:
            widest = width
        number += 1
    mark = mark_micro(w, instrument)
    tick = data[i + I_TICK_MICRO]
    data[i + I_MIN_PRICE] = price_at_or_below(w, instrument, (mark - widest) // tick)
    data[i + I_MAX_PRICE] = price_at_or_above(w, instrument, ceil_div(mark + widest, tick))


def mark_micro(w: World, instrument: i64) -> i64:
    """The sum of a combo's marks, each times its ratio, micro-USDC per unit of the underlying."""
    return sum_over_legs(w, instrument, I_MARK)


def sum_over_legs(w: World, instrument: i64, field: i64) -> i64:
    """What a field of its legs' records adds up to, each times its ratio."""
    combos = w.combos.data
    c = record_of(w, instrument)
    total: i64 = 0
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        leg = combos[c + C_LEG + number] * INSTRUMENT_WORDS
        total += combos[c + C_RATIO + number] * w.instruments[leg + field]
        number += 1
    return total


def divide(w: World, c: i64, price: i64) -> i64:
    """Give each leg of the combo whose record is at `c`, and which trades at `price`, its own price: in the
    record's C_PART words.

    Returns what could not be given to any leg, in ticks: 0 for every valid price.
    """
    combos = w.combos.data
    rest = price
    number: i64 = 0
    while number < combos[c + C_LEGS]:
        part = _nearest(w, c, number)
        combos[c + C_PART + number] = part
        rest -= combos[c + C_RATIO + number] * part
        number += 1
    rest = _give_to_singles(w, c, rest)
    if rest != 0:
        rest = _give_to_singles(w, c, _give_in_steps(w, c, rest))
    return rest


def _nearest(w: World, c: i64, number: i64) -> i64:
    """The multiple of the step nearest to a leg's mark (of two as near the lower), within its bounds.

    In ticks and what is left of one: a product of tick and step may pass 64 bits.
    """
    combos = w.combos.data
    leg = combos[c + C_LEG + number] * INSTRUMENT_WORDS
    step = combos[c + C_STEP]
    mark = w.instruments[leg + I_MARK]
    tick = w.instruments[leg + I_TICK_MICRO]
    ticks = mark // tick
    part = mark % tick
    count = ticks // step
    up = step - 2 * (ticks % step)  # half ticks from here to half a step
    if up < 0 or (up == 0 and part > 0) or (up == 1 and 2 * part > tick):
        count += 1
    if count < 1:
        count = 1
    if count * step > combos[c + C_HIGHEST + number]:
        return combos[c + C_HIGHEST + number]
    return count * step


def _give_to_singles(w: World, c: i64, rest: i64) -> i64:
    """Let the legs with ratios 1 and -1 take what is left, as far as they can. Returns what remains."""
    combos = w.combos.data
    number: i64 = 0
    while number < combos[c + C_LEGS] and rest != 0:
        ratio = combos[c + C_RATIO + number]
        if ratio == 1 or ratio == -1:
            rest -= ratio * _move(w, c, number, ratio * rest)
        number += 1
    return rest


def _give_in_steps(w: World, c: i64, rest: i64) -> i64:
    """Let the other legs take what is left in whole steps, until nothing is or too much was given."""
    combos = w.combos.data
    step = combos[c + C_STEP]
    up = rest > 0
    number: i64 = 0
    while number < combos[c + C_LEGS] and rest != 0 and (rest > 0) == up:
        ratio = combos[c + C_RATIO + number]
        if ratio != 1 and ratio != -1:
            size = ratio if ratio > 0 else -ratio
            count = ceil_div(rest if up else -rest, size * step)
            way: i64 = 1 if (ratio > 0) == up else -1
            rest -= ratio * _move(w, c, number, way * count * step)
        number += 1
    return rest


def _move(w: World, c: i64, number: i64, ticks: i64) -> i64:
    """Move a leg's price by `ticks`, as far as its bounds let it. Returns by how much it moved."""
    combos = w.combos.data
    before = combos[c + C_PART + number]
    after = before + ticks
    if after < combos[c + C_STEP]:
        after = combos[c + C_STEP]
    if after > combos[c + C_HIGHEST + number]:
        after = combos[c + C_HIGHEST + number]
    combos[c + C_PART + number] = after
    return after - before
