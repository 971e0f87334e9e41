"""Listings and price ticks; marks.py has what follows from marks.

Every division here names its rounding; docs/rules.md lists them all.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import combo_terms, emit
from exchange.core.arithmetic import ceil_div
from exchange.core.layout import (
    I_BAND_PPM,
    I_DELIVERY_PPM,
    I_EXPIRY,
    I_FEE_CAP,
    I_HIGHEST,
    I_KIND,
    I_LOT_E8,
    I_LOWEST,
    I_MAKER_PPM,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_MIN_SIZE,
    I_MULTIPLIER,
    I_OPTION_TYPE,
    I_PLAIN_LIMIT,
    I_POSITION_LIMIT,
    I_PRICE_LIMIT,
    I_RANK,
    I_STATE,
    I_STEP,
    I_STEPS,
    I_STRIKE,
    I_STRIKE_PER_LOT,
    I_TAKER_PPM,
    I_TERMS,
    I_TICK_MICRO,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    U_SYMBOL,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_E8: Final = 100_000_000


def rank_of(w: World, instrument: i64, price: i64) -> i64:
    """The rank of a price ≥ 0 among the valid prices (0 is rank 0), or -1 when it is off tick.

    Of a combo: of a price from one step below its lowest (rank 0) on.
    """
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    step: i64 = data[i + I_STEPS] - 1
    while price < data[i + I_STEP + 2 * step]:
        step -= 1
    size = data[i + I_STEP + 2 * step + 1]
    if size == 1:
        return data[i + I_RANK + step] + price - data[i + I_STEP + 2 * step]
    over = price - data[i + I_STEP + 2 * step]
    count = over // size
    if count * size != over:
        return -1
    return data[i + I_RANK + step] + count


def price_of(w: World, instrument: i64, rank: i64) -> i64:
    """The price of a rank ≥ 0."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    step: i64 = data[i + I_STEPS] - 1
    while rank < data[i + I_RANK + step]:
        step -= 1
    return data[i + I_STEP + 2 * step] + (rank - data[i + I_RANK + step]) * data[i + I_STEP + 2 * step + 1]


def floor_rank(w: World, instrument: i64, price: i64) -> i64:
    """The rank of the largest tick price ≤ `price` (≥ 0; of a combo: from one step below its lowest on)."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    step: i64 = data[i + I_STEPS] - 1
    while price < data[i + I_STEP + 2 * step]:
        step -= 1
    over = price - data[i + I_STEP + 2 * step]
    return data[i + I_RANK + step] + over // data[i + I_STEP + 2 * step + 1]


def out_of_range(w: World, instrument: i64, price: i64) -> bool:
    """Whether a limit price is none whatever the ticks: not in 1…price_limit_ticks, or a combo's bounds."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if data[i + I_KIND] == r.KIND_COMBO:
        return price < data[i + I_LOWEST] or price > data[i + I_HIGHEST]
    return price < 1 or price > data[i + I_PRICE_LIMIT]


def list_underlying(w: World, instrument: i64, symbol: i64) -> i64:
    """LIST_UNDERLYING. Returns a reject reason or 0."""
    if instrument != w.underlying_count or instrument >= limits.MAX_UNDERLYINGS:
        return no.BAD_ID
    if symbol == 0:
        return no.BAD_VALUE
    new = w.add_underlying()
    w.underlyings[new * UNDERLYING_WORDS + U_SYMBOL] = symbol
    emit.underlying(w, new, symbol)
    return 0


def list_instrument(w: World, data: bytes, at: i64, instrument: i64) -> i64:
    """LIST_INSTRUMENT whose body starts at byte `at`. Returns a reject reason or 0."""
    if instrument != w.instrument_count or instrument >= limits.MAX_INSTRUMENTS:
        return no.BAD_ID
    w4 = read_i64_le(data, at)
    if ((w4 >> 32) & r.U32) >= w.underlying_count:
        return no.UNKNOWN_UNDERLYING
    if not terms_valid(data, at):
        return no.BAD_VALUE
    new = w.add_instrument()
    load_terms(w, new, data, at)
    emit.instrument(w, new)
    return 0


def terms_valid(data: bytes, at: i64) -> bool:
    """Whether the 24 terms words at byte `at` are within limits and fit together."""
    w4 = read_i64_le(data, at)
    kind = w4 & 0xFF
    option_type = (w4 >> 8) & 0xFF
    steps = (w4 >> 16) & 0xFF
    expiry = read_i64_le(data, at + 8)
    strike = read_i64_le(data, at + 16)
    if kind == r.KIND_OPTION:
        if option_type != r.OPTION_CALL and option_type != r.OPTION_PUT:
            return False
        if expiry < 1 or expiry > limits.MAX_TIME_MS or strike < 1 or strike > limits.MAX_PRICE_MICRO:
            return False
    elif kind != r.KIND_PERPETUAL or option_type != 0 or expiry != 0 or strike != 0:
        return False
    tick = read_i64_le(data, at + 24)
    lot = read_i64_le(data, at + 32)
    min_size = read_i64_le(data, at + 40)
    price_limit = read_i64_le(data, at + 48)
    position_limit = read_i64_le(data, at + 56)
    if tick < 1 or tick > limits.MAX_TICK_MICRO or lot < 1 or lot > limits.MAX_LOT_E8:
        return False
    if min_size < 1 or min_size > limits.MAX_ORDER_LOTS:
        return False
    if price_limit < 1 or price_limit > limits.MAX_PRICE_TICKS:
        return False
    if position_limit < 1 or position_limit > limits.MAX_POSITION_LOTS:
        return False
    if tick > limits.MAX_PRODUCT // lot or (tick * lot) % _E8 != 0:
        return False
    multiplier = tick * lot // _E8
    top = limits.MAX_VALUE_MICRO // position_limit
    if top > limits.MAX_VALUE_PER_LOT_MICRO:
        top = limits.MAX_VALUE_PER_LOT_MICRO
    if multiplier > top or price_limit > top // multiplier:
        return False
    if strike > limits.MAX_PRODUCT // lot or ceil_div(strike * lot, _E8) > top:
        return False
    if not _rates_valid(data, at):
        return False
    return _steps_valid(data, at + 96, steps, price_limit)


def _rates_valid(data: bytes, at: i64) -> bool:
    w12 = read_i64_le(data, at + 64)
    w13 = read_i64_le(data, at + 72)
    w14 = read_i64_le(data, at + 80)
    if (w12 & r.U32) > limits.MAX_FEE_PPM or ((w12 >> 32) & r.U32) > limits.MAX_FEE_PPM:
        return False
    if (w13 & r.U32) > limits.MAX_FEE_CAP_PERMILLE or ((w13 >> 32) & r.U32) > limits.MAX_FEE_PPM:
        return False
    return 0 <= w14 and w14 <= limits.MAX_BAND_PPM


def _steps_valid(data: bytes, at: i64, steps: i64, price_limit: i64) -> bool:
    if steps < 1 or steps > 4:
        return False
    before_above: i64 = -1
    before_step: i64 = 1
    number: i64 = 0
    while number < 4:
        above = read_i64_le(data, at + 16 * number)
        step = read_i64_le(data, at + 16 * number + 8)
        if number >= steps:
            if above != 0 or step != 0:
                return False
        else:
            if step < 1 or step > limits.MAX_PRICE_TICKS:
                return False
            if above <= before_above or above > limits.MAX_PRICE_TICKS:
                return False
            if number == 0 and (above != 0 or step > price_limit):
                return False
            if above % step != 0 or above % before_step != 0:
                return False
            before_above = above
            before_step = step
        number += 1
    return True


def load_terms(w: World, instrument: i64, source: bytes, at: i64) -> None:
    """Fill an instrument's record from 24 valid terms words."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    word: i64 = 0
    while word < 24:
        data[i + I_TERMS + word] = read_i64_le(source, at + 8 * word)
        word += 1
    w4 = data[i + I_TERMS]
    data[i + I_KIND] = w4 & 0xFF
    data[i + I_OPTION_TYPE] = (w4 >> 8) & 0xFF
    data[i + I_STEPS] = (w4 >> 16) & 0xFF
    data[i + I_UNDERLYING] = (w4 >> 32) & r.U32
    data[i + I_EXPIRY] = data[i + I_TERMS + 1]
    if data[i + I_KIND] == r.KIND_PERPETUAL:
        data[i + I_EXPIRY] = limits.I64_MAX
    data[i + I_STRIKE] = data[i + I_TERMS + 2]
    data[i + I_TICK_MICRO] = data[i + I_TERMS + 3]
    data[i + I_LOT_E8] = data[i + I_TERMS + 4]
    data[i + I_MIN_SIZE] = data[i + I_TERMS + 5]
    data[i + I_PRICE_LIMIT] = data[i + I_TERMS + 6]
    data[i + I_PLAIN_LIMIT] = data[i + I_PRICE_LIMIT]
    data[i + I_POSITION_LIMIT] = data[i + I_TERMS + 7]
    data[i + I_MAKER_PPM] = data[i + I_TERMS + 8] & r.U32
    data[i + I_TAKER_PPM] = (data[i + I_TERMS + 8] >> 32) & r.U32
    data[i + I_FEE_CAP] = data[i + I_TERMS + 9] & r.U32
    data[i + I_DELIVERY_PPM] = (data[i + I_TERMS + 9] >> 32) & r.U32
    data[i + I_BAND_PPM] = data[i + I_TERMS + 10]
    word = 0
    while word < 8:
        data[i + I_STEP + word] = data[i + I_TERMS + 12 + word]
        word += 1
    lot = data[i + I_LOT_E8]
    data[i + I_MULTIPLIER] = data[i + I_TICK_MICRO] * lot // _E8
    data[i + I_STRIKE_PER_LOT] = ceil_div(data[i + I_STRIKE] * lot, _E8)
    _rank_steps(w, instrument)
    if data[i + I_KIND] == r.KIND_COMBO:
        combo_terms.adopt(w, instrument)


def _rank_steps(w: World, instrument: i64) -> None:
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    number: i64 = 1
    while number < data[i + I_STEPS]:
        before = i + I_STEP + 2 * (number - 1)
        spanned = data[before + 2] - data[before]
        data[i + I_RANK + number] = data[i + I_RANK + number - 1] + spanned // data[before + 1]
        number += 1
    data[i + I_LOWEST] = price_of(w, instrument, 1)
    highest = floor_rank(w, instrument, data[i + I_PRICE_LIMIT])
    data[i + I_HIGHEST] = price_of(w, instrument, highest)
    data[i + I_MIN_PRICE] = data[i + I_LOWEST]
    data[i + I_MAX_PRICE] = data[i + I_HIGHEST]


def price_at_or_below(w: World, instrument: i64, price: i64) -> i64:
    """The largest valid price ≤ `price`; the lowest valid one where there is none."""
    i = instrument * INSTRUMENT_WORDS
    lowest = w.instruments[i + I_LOWEST]
    if price <= lowest:
        return lowest
    if price >= w.instruments[i + I_HIGHEST]:
        return w.instruments[i + I_HIGHEST]
    return price_of(w, instrument, floor_rank(w, instrument, price))


def price_at_or_above(w: World, instrument: i64, price: i64) -> i64:
    """The smallest valid price ≥ `price`; the highest valid one where there is none."""
    i = instrument * INSTRUMENT_WORDS
    lowest = w.instruments[i + I_LOWEST]
    if price <= lowest:
        return lowest
    if price >= w.instruments[i + I_HIGHEST]:
        return w.instruments[i + I_HIGHEST]
    rank = floor_rank(w, instrument, price)
    found = price_of(w, instrument, rank)
    return found if found == price else price_of(w, instrument, rank + 1)


def keeps_trading(w: World, instrument: i64) -> bool:
    """Open, and not past its expiry (check 3 of a new order; a perpetual's never comes)."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    return data[i + I_STATE] == r.STATE_OPEN and w.now_ms < data[i + I_EXPIRY]
