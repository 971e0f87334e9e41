"""Risk parameters, fee schedule, states of underlyings (docs/rules-2.md, Parameters)."""

from __future__ import annotations

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import combos, emit, fees, marks, tables
from exchange.core.layout import (
    FEE_WORDS,
    R_AUCTION_MS,
    R_DAMPENER,
    R_DISCOUNT,
    R_EXTENDED,
    R_JUMP,
    R_LIQ_BAND,
    R_LIQ_FEE,
    R_LIQ_SLICE,
    R_PERP_IM,
    R_PERP_MM,
    R_PM_MM,
    R_QUANTUM,
    R_ROLL,
    R_SCENARIOS,
    R_SHOCK,
    R_SHORT,
    R_SM_FLOOR,
    R_SM_IM,
    R_SM_MM,
    R_THRESHOLD,
    R_UNCOVERED_IM,
    R_UNCOVERED_MM,
    U_RISK,
    U_STATE,
    U_SYMBOL,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no


def _within(data: bytes, body: i64, word: i64, least: i64, most: i64) -> bool:
    value = read_i64_le(data, body + 8 * word)
    return least <= value and value <= most


def _word(data: bytes, body: i64, word: i64) -> i64:
    return read_i64_le(data, body + 8 * word)


def _margins_valid(data: bytes, body: i64) -> bool:
    """The rates of the standard model, each bounded by the one before, and of maintenance."""
    ppm = limits.PPM
    initial = _word(data, body, R_SM_IM)
    floor = _word(data, body, R_SM_FLOOR)
    perpetual = _word(data, body, R_PERP_IM)
    uncovered = _word(data, body, R_UNCOVERED_IM)
    return (
        _within(data, body, R_SM_IM, 1, ppm)
        and _within(data, body, R_SM_FLOOR, 1, initial)
        and _within(data, body, R_SM_MM, 1, floor)
        and _within(data, body, R_PERP_IM, 1, ppm)
        and _within(data, body, R_PERP_MM, 1, perpetual)
        and _within(data, body, R_UNCOVERED_IM, ppm, 2 * ppm)
        and _within(data, body, R_UNCOVERED_MM, ppm, uncovered)
        and _within(data, body, R_PM_MM, 1, ppm)
    )


def _scenarios_valid(data: bytes, body: i64) -> bool:
    """The grid's shape and the charges beside it."""
    return (
        _within(data, body, R_SCENARIOS, 1, limits.MAX_SCENARIOS)
        and _within(data, body, R_QUANTUM, 1, limits.MAX_QUANTUM_MICRO)
        and _within(data, body, R_EXTENDED, 0, _word(data, body, R_SCENARIOS))
        and _within(data, body, R_DAMPENER, 0, limits.MAX_VALUE_MICRO)
        and _within(data, body, R_ROLL, 0, limits.MAX_RATE_PPM)
        and _within(data, body, R_SHOCK, 0, limits.MAX_RATE_PPM)
        and _within(data, body, R_THRESHOLD, 0, limits.MAX_THRESHOLD_MICRO)
        and _within(data, body, R_SHORT, 0, limits.MAX_RATE_PPM)
    )


def _liquidation_valid(data: bytes, body: i64) -> bool:
    return (
        _within(data, body, R_LIQ_FEE, 0, limits.MAX_FEE_PPM)
        and _within(data, body, R_LIQ_SLICE, 1, limits.MAX_VALUE_MICRO)
        and _within(data, body, R_LIQ_BAND, 0, limits.PPM)
        and _within(data, body, R_JUMP, 2, limits.MAX_JUMP_FACTOR)
        and _within(data, body, R_AUCTION_MS, 1, limits.MAX_AUCTION_MS)
        and _within(data, body, R_DISCOUNT, 0, limits.PPM)
    )


def risk(w: World, data: bytes, body: i64, underlying: i64) -> i64:
    """RISK. Returns a reject reason or 0."""
    if underlying >= w.underlying_count:
        return no.UNKNOWN_UNDERLYING
    if not (
        _scenarios_valid(data, body) and _margins_valid(data, body) and _liquidation_valid(data, body)
    ):
        return no.BAD_VALUE
    held = w.underlyings
    u = underlying * UNDERLYING_WORDS + U_RISK
    reshaped = (
        held[u + R_SCENARIOS] != _word(data, body, R_SCENARIOS)
        or held[u + R_QUANTUM] != _word(data, body, R_QUANTUM)
    )  # fmt: skip
    word: i64 = 0
    while word < r.RISK_WORDS:
        held[u + word] = _word(data, body, word)
        word += 1
    if reshaped:
        tables.drop_all(w, underlying)
    marks.rederive(w, underlying)
    emit.risk(w, underlying)
    return 0


def set_fees(w: World, data: bytes, body: i64, units: i64) -> i64:
    """SET_FEES of `units` units. Returns a reject reason or 0."""
    tiers = units - 2
    discount = read_i64_le(data, body)
    first = body + r.UNIT_BYTES
    if discount < 0 or discount > 1000 or not _schedule_valid(data, first, tiers):
        return no.BAD_VALUE
    word: i64 = 0
    while word < limits.MAX_TIERS * FEE_WORDS:
        w.fees[word] = read_i64_le(data, first + 8 * word) if word < tiers * FEE_WORDS else 0
        word += 1
    w.tier_count = tiers
    w.combo_discount = discount
    instrument: i64 = 0
    while instrument < w.instrument_count:
        fees.derive(w, instrument)
        combos.outdate(w, instrument)
        instrument += 1
    emit.fees(w)
    return 0


def _schedule_valid(data: bytes, first: i64, tiers: i64) -> bool:
    """Rates within bounds; per kind no rebate is above the least a taker pays, whatever the tiers."""
    kind: i64 = 0
    while kind < 2:
        least_maker: i64 = limits.MAX_FEE_PPM
        least_taker: i64 = limits.MAX_FEE_PPM
        tier: i64 = 0
        while tier < tiers:
            maker = read_i64_le(data, first + r.UNIT_BYTES * tier + 16 * kind)
            taker = read_i64_le(data, first + r.UNIT_BYTES * tier + 16 * kind + 8)
            if maker < -limits.MAX_FEE_PPM or maker > limits.MAX_FEE_PPM:
                return False
            if taker < 0 or taker > limits.MAX_FEE_PPM:
                return False
            if maker < least_maker:
                least_maker = maker
            if taker < least_taker:
                least_taker = taker
            tier += 1
        if least_maker < -least_taker:
            return False
        kind += 1
    return True


def set_underlying_state(w: World, underlying: i64, state: i64) -> i64:
    """SET_UNDERLYING_STATE. Returns a reject reason or 0."""
    if underlying >= w.underlying_count:
        return no.UNKNOWN_UNDERLYING
    if state > r.STATE_HALTED:
        return no.BAD_FLAGS
    u = underlying * UNDERLYING_WORDS
    w.underlyings[u + U_STATE] = state
    emit.underlying(w, underlying, w.underlyings[u + U_SYMBOL])
    return 0
