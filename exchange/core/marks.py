"""Marks, and what follows from them per lot: values, fees, bands and margin rates.

Every division here names its rounding; docs/rules.md and docs/rules-2.md list them all.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import emit, fees, waiting
from exchange.core.arithmetic import ceil_div, ppm_ceil
from exchange.core.instruments import price_at_or_above, price_at_or_below
from exchange.core.layout import (
    GROUP_SHIFT,
    I_BAND_PPM,
    I_DELIVERY_LOT,
    I_DELIVERY_PPM,
    I_DELTA,
    I_DELTA_LOT,
    I_EXPIRY,
    I_FORWARD,
    I_FORWARD_PER_LOT,
    I_HIGHEST,
    I_IM,
    I_INDEX,
    I_INDEX_PER_LOT,
    I_KIND,
    I_LONG_LOT,
    I_LOT_E8,
    I_LOWEST,
    I_MARK,
    I_MARK_HIGH,
    I_MARK_LOW,
    I_MARKED,
    I_MAX_PRICE,
    I_MIN_PRICE,
    I_MM,
    I_OPTION_TYPE,
    I_ORDER_LOT,
    I_POSITION_LIMIT,
    I_REQUIRED,
    I_SHORT_LOT,
    I_STATE,
    I_STRIKE,
    I_STRIKE_PER_LOT,
    I_TABLED,
    I_TICK_MICRO,
    I_UNDERLYING,
    I_VEGA,
    INSTRUMENT_WORDS,
    R_JUMP,
    R_PERP_IM,
    R_PERP_MM,
    R_QUANTUM,
    R_ROLL,
    R_SCENARIOS,
    R_SHOCK,
    R_SHORT,
    R_SM_FLOOR,
    R_SM_IM,
    R_SM_MM,
    RATE_WORDS,
    T_DELTA,
    T_GROUP,
    T_HIGH,
    T_LONG,
    T_LOW,
    T_MM,
    T_PERPETUAL,
    T_SHORT,
    U_FEED_SEQ,
    U_INDEX,
    U_RISK,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_E8: Final = 100_000_000
_UNIT: Final = 32


def marks(w: World, data: bytes, at: i64, units: i64, underlying: i64) -> i64:
    """MARKS: body at byte `at`, `units` mark units after its first. Returns reason | detail << 8, or 0."""
    reason = refused(w, data, at, units, underlying)
    if reason != 0:
        return reason
    take_effect(w, data, at, units, underlying)
    emit.marked(w, underlying, read_i64_le(data, at + 8), read_i64_le(data, at), units)
    return 0


def refused(w: World, data: bytes, at: i64, units: i64, underlying: i64) -> i64:
    """The checks of MARKS, nothing changed. Returns reason | detail << 8, or 0."""
    if underlying >= w.underlying_count:
        return no.UNKNOWN_UNDERLYING
    index_micro = read_i64_le(data, at)
    u = underlying * UNDERLYING_WORDS
    if read_i64_le(data, at + 8) <= w.underlyings[u + U_FEED_SEQ]:
        return no.STALE_FEED
    if index_micro < 1 or index_micro > limits.MAX_PRICE_MICRO:
        return no.BAD_VALUE
    factor: i64 = 0  # no limit
    if w.rules >= 2:
        factor = limits.DEFAULT_JUMP_FACTOR
        if w.underlyings[u + U_RISK + R_JUMP] != 0:
            factor = w.underlyings[u + U_RISK + R_JUMP]
        before = w.underlyings[u + U_INDEX]
        if before != 0 and _jumps(index_micro, before, factor):
            return no.MARK_JUMP | -256
    number: i64 = 0
    while number < units:
        reason = _unit_refused(w, data, at + _UNIT + _UNIT * number, underlying, index_micro, factor)
        if reason != 0:
            return reason | number << 8
        number += 1
    return 0


def take_effect(w: World, data: bytes, at: i64, units: i64, underlying: i64) -> None:
    """Apply a block that `refused` let pass. Accounts are re-margined on their own next command."""
    index_micro = read_i64_le(data, at)
    number: i64 = 0
    while number < units:
        _apply(w, data, at + _UNIT + _UNIT * number, index_micro)
        number += 1
    u = underlying * UNDERLYING_WORDS
    w.underlyings[u + U_FEED_SEQ] = read_i64_le(data, at + 8)
    w.underlyings[u + U_INDEX] = index_micro
    w.epoch += 1
    if w.armed != 0:
        waiting.see_block(w, data, at, units, underlying)


def _jumps(price: i64, before: i64, factor: i64) -> bool:
    """Whether a price is more than `factor` times another, or less than that part of it (both ≤ 2**42)."""
    return price > before * factor or price * factor < before


def _signed_high(word: i64) -> i64:
    return word >> 32


def _price_fits(w: World, i: i64, price_micro: i64) -> bool:
    """Whether a micro price, per lot and at the position limit, stays inside the limits."""
    data = w.instruments
    lot = data[i + I_LOT_E8]
    if price_micro > limits.MAX_PRODUCT // lot:
        return False
    return ceil_div(price_micro * lot, _E8) <= value_per_lot_most(data[i + I_POSITION_LIMIT])


def value_per_lot_most(position_limit_lots: i64) -> i64:
    """The largest value per lot, micro-USDC, at which a position of that many lots is within limits."""
    top = limits.MAX_VALUE_MICRO // position_limit_lots
    if top > limits.MAX_VALUE_PER_LOT_MICRO:
        return limits.MAX_VALUE_PER_LOT_MICRO
    return top


def price_fits(w: World, instrument: i64, price_micro: i64) -> bool:
    """As `_price_fits`, for a price from a command: 0 ≤ price ≤ MAX_PRICE_MICRO too."""
    if price_micro < 0 or price_micro > limits.MAX_PRICE_MICRO:
        return False
    return _price_fits(w, instrument * INSTRUMENT_WORDS, price_micro)


def _unit_refused(w: World, data: bytes, at: i64, underlying: i64, index_micro: i64, factor: i64) -> i64:
    word = read_i64_le(data, at)
    instrument = word & r.U32
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    i = instrument * INSTRUMENT_WORDS
    if w.instruments[i + I_UNDERLYING] != underlying or w.instruments[i + I_KIND] == r.KIND_COMBO:
        return no.UNKNOWN_INSTRUMENT
    if w.instruments[i + I_STATE] >= r.STATE_DELISTED:
        return no.INSTRUMENT_NOT_OPEN
    delta = _signed_high(word)
    mark = read_i64_le(data, at + 8)
    vega = read_i64_le(data, at + 16)
    forward = read_i64_le(data, at + 24)
    if mark < 0 or mark > limits.MAX_PRICE_MICRO or forward < 1 or forward > limits.MAX_PRICE_MICRO:
        return no.BAD_VALUE
    if delta > limits.DELTA_ONE_E9 or delta < -limits.DELTA_ONE_E9:
        return no.BAD_VALUE
    if vega < 0 or vega > limits.MAX_VEGA_MICRO:
        return no.BAD_VALUE
    if not (_price_fits(w, i, index_micro) and _price_fits(w, i, mark) and _price_fits(w, i, forward)):
        return no.BAD_VALUE
    if factor != 0:
        return _implausible(w, i, index_micro, mark, forward, factor)
    return 0


def _implausible(w: World, i: i64, index_micro: i64, mark: i64, forward: i64, factor: i64) -> i64:
    """Rules 2: a forward or a perpetual's mark far from the index, an option's mark beyond its bound."""
    if _jumps(forward, index_micro, factor):
        return no.MARK_JUMP
    data = w.instruments
    if data[i + I_KIND] == r.KIND_PERPETUAL:
        return no.BAD_VALUE if _jumps(mark, index_micro, factor) else 0
    most = forward if data[i + I_OPTION_TYPE] == r.OPTION_CALL else data[i + I_STRIKE]
    return no.BAD_VALUE if mark > most else 0


def _apply(w: World, source: bytes, at: i64, index_micro: i64) -> None:
    word = read_i64_le(source, at)
    i = (word & r.U32) * INSTRUMENT_WORDS
    data = w.instruments
    data[i + I_MARKED] = 1
    data[i + I_INDEX] = index_micro
    data[i + I_DELTA] = _signed_high(word)
    data[i + I_MARK] = read_i64_le(source, at + 8)
    data[i + I_VEGA] = read_i64_le(source, at + 16)
    data[i + I_FORWARD] = read_i64_le(source, at + 24)
    derive_from_marks(w, word & r.U32)


def rederive(w: World, underlying: i64) -> None:
    """Bring every marked instrument of an underlying (-1: of all) up to parameters, fees and rules.

    Accounts follow on their own next command.
    """
    instrument: i64 = 0
    while instrument < w.instrument_count:
        i = instrument * INSTRUMENT_WORDS
        if w.instruments[i + I_MARKED] != 0:
            if underlying < 0 or w.instruments[i + I_UNDERLYING] == underlying:
                derive_from_marks(w, instrument)
        instrument += 1
    w.epoch += 1


def derive_from_marks(w: World, instrument: i64) -> None:
    """Recompute what follows from an instrument's index, mark and forward (docs/rules.md, MARKS)."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    lot = data[i + I_LOT_E8]
    mark = data[i + I_MARK]
    data[i + I_INDEX_PER_LOT] = ceil_div(data[i + I_INDEX] * lot, _E8)
    data[i + I_FORWARD_PER_LOT] = ceil_div(data[i + I_FORWARD] * lot, _E8)
    data[i + I_MARK_LOW] = mark * lot // _E8
    data[i + I_MARK_HIGH] = ceil_div(mark * lot, _E8)
    fees.derive(w, instrument)
    if w.rules >= 2:
        _derive_risk(w, i)
    elif data[i + I_KIND] == r.KIND_PERPETUAL:
        data[i + I_REQUIRED] = data[i + I_MARK_HIGH]
    elif data[i + I_OPTION_TYPE] == r.OPTION_CALL:
        data[i + I_REQUIRED] = data[i + I_FORWARD_PER_LOT]
    else:
        data[i + I_REQUIRED] = data[i + I_STRIKE_PER_LOT]
    _derive_band(w, instrument, i)
    derive_rates(w, instrument)


def derive_rates(w: World, instrument: i64) -> None:
    """Keep together what `remargin` asks of an instrument, after marks and changes of its table."""
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    rates = w.rates
    t = instrument * RATE_WORDS
    u = data[i + I_UNDERLYING]
    perpetual = data[i + I_KIND] == r.KIND_PERPETUAL
    rates[t + T_LOW] = data[i + I_MARK_LOW]
    rates[t + T_HIGH] = data[i + I_MARK_HIGH]
    rates[t + T_DELTA] = data[i + I_DELTA_LOT]
    rates[t + T_GROUP] = u if perpetual else data[i + I_EXPIRY] << GROUP_SHIFT | u
    rates[t + T_MM] = data[i + I_MM]
    rates[t + T_PERPETUAL] = 1 if perpetual else 0
    tabled = data[i + I_TABLED] != 0
    each = w.underlyings[u * UNDERLYING_WORDS + U_RISK + R_QUANTUM] if tabled else data[i + I_MM]
    rates[t + T_SHORT] = each + data[i + I_SHORT_LOT]
    each = data[i + I_MM] if perpetual else data[i + I_LONG_LOT]
    rates[t + T_LONG] = 0 if tabled else each


def _derive_band(w: World, instrument: i64, i: i64) -> None:
    data = w.instruments
    if data[i + I_BAND_PPM] == 0:
        data[i + I_MIN_PRICE] = data[i + I_LOWEST]
        data[i + I_MAX_PRICE] = data[i + I_HIGHEST]
        return
    tick = data[i + I_TICK_MICRO]
    mark = data[i + I_MARK]
    width = data[i + I_INDEX] * data[i + I_BAND_PPM] // 1_000_000
    low = mark - width
    if low < 0:
        low = 0
    data[i + I_MIN_PRICE] = price_at_or_below(w, instrument, low // tick)
    data[i + I_MAX_PRICE] = price_at_or_above(w, instrument, ceil_div(mark + width, tick))


def _derive_risk(w: World, i: i64) -> None:
    """The margin rates per lot (docs/rules-2.md); all 0 while the underlying has no parameters."""
    data = w.instruments
    u = data[i + I_UNDERLYING] * UNDERLYING_WORDS + U_RISK
    risk = w.underlyings
    index_per_lot = data[i + I_INDEX_PER_LOT]
    if risk[u + R_SCENARIOS] == 0:
        data[i + I_IM] = 0
        data[i + I_MM] = 0
        data[i + I_SHORT_LOT] = 0
        data[i + I_DELTA_LOT] = 0
        data[i + I_LONG_LOT] = 0
        data[i + I_DELIVERY_LOT] = 0
    elif data[i + I_KIND] == r.KIND_PERPETUAL:
        data[i + I_IM] = ppm_ceil(data[i + I_MARK_HIGH], risk[u + R_PERP_IM])
        data[i + I_MM] = ppm_ceil(data[i + I_MARK_HIGH], risk[u + R_PERP_MM])
        data[i + I_SHORT_LOT] = 0
        data[i + I_DELTA_LOT] = index_per_lot
    else:
        _derive_option(w, i, u)
        data[i + I_SHORT_LOT] = ppm_ceil(index_per_lot, risk[u + R_SHORT])
        data[i + I_DELTA_LOT] = _delta_per_lot(index_per_lot, data[i + I_DELTA])
        data[i + I_LONG_LOT] = data[i + I_MARK_HIGH]
        nano = ceil_div(data[i + I_FORWARD_PER_LOT] * data[i + I_DELIVERY_PPM], 1000)
        data[i + I_DELIVERY_LOT] = ceil_div(nano, 1000)
    data[i + I_REQUIRED] = data[i + I_IM]
    delta = data[i + I_DELTA_LOT]
    data[i + I_ORDER_LOT] = ppm_ceil(delta if delta > 0 else -delta, risk[u + R_ROLL] + risk[u + R_SHOCK])


def _delta_per_lot(index_per_lot: i64, delta_e9: i64) -> i64:
    """Micro-USDC of delta in one lot: its size rounded up, never a product above 2**53."""
    size = delta_e9 if delta_e9 > 0 else -delta_e9
    found = ceil_div(ceil_div(index_per_lot, 1000) * ceil_div(size, 10_000), 100)
    return found if delta_e9 > 0 else -found


def _derive_option(w: World, i: i64, u: i64) -> None:
    """Initial and maintenance margin of one lot held short, standard model."""
    data = w.instruments
    risk = w.underlyings
    forward = data[i + I_FORWARD_PER_LOT]
    mark = data[i + I_MARK_HIGH]
    call = data[i + I_OPTION_TYPE] == r.OPTION_CALL
    away = data[i + I_STRIKE] - data[i + I_FORWARD]
    if not call:
        away = -away
    base = ppm_ceil(forward, risk[u + R_SM_IM])
    if away > 0:
        base -= away * data[i + I_LOT_E8] // _E8
    floor = ppm_ceil(forward, risk[u + R_SM_FLOOR])
    if base < floor:
        base = floor
    maintenance = ppm_ceil(forward, risk[u + R_SM_MM])
    if not call:
        of_mark = ppm_ceil(mark, risk[u + R_SM_MM])
        if of_mark > maintenance:
            maintenance = of_mark
    maintenance += mark
    initial = base + mark
    if not call and initial < maintenance:
        initial = maintenance
    data[i + I_IM] = initial
    data[i + I_MM] = maintenance
