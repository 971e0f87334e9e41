"""RISK_SNAPSHOT: marks and scenario tables in one atomic block (docs/rules-2.md)."""

from __future__ import annotations

from typing import Final

from librt.strings import read_i32_le, read_i64_le
from librt.vecs import append
from mypy_extensions import i64

from exchange.core import emit, marks
from exchange.core.layout import (
    I_KIND,
    I_POSITION_LIMIT,
    I_STATE,
    I_TABLED,
    I_UNDERLYING,
    INSTRUMENT_WORDS,
    R_QUANTUM,
    R_SCENARIOS,
    TABLE_WORDS,
    U_RISK,
    U_TABLE_EPOCH,
    UNDERLYING_WORDS,
)
from exchange.core.world import World
from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as no

_UNIT: Final = 32
_ID_BYTES: Final = 4
_LAST_SHIFT: Final = 56  # of the last of MAX_STREAM_WORD_BYTES
_ENTRY_MOST: Final = 1 << 48


def risk_snapshot(w: World, data: bytes, body: i64, underlying: i64) -> i64:
    """RISK_SNAPSHOT, well formed; the detail, if any, is in `w.detail`. Returns a reject reason or 0."""
    count = read_i64_le(data, body + 16)
    sizes = read_i64_le(data, body + 24)
    tabled = sizes & r.U32
    size = (sizes >> 32) & r.U32
    stream = body + _UNIT * (1 + count)
    found = marks.refused(w, data, body, count, underlying)
    if found != 0:
        w.detail = found >> 8
        return found & 0xFF
    if w.underlyings[underlying * UNDERLYING_WORDS + U_RISK + R_SCENARIOS] == 0:
        return no.NO_RISK
    reason = _decode(w, data, stream, stream + size, tabled, underlying)
    if reason != 0:
        return reason
    if tabled > 0:
        _take_effect(w, tabled, underlying)
    marks.take_effect(w, data, body, count, underlying)
    emit.marked(w, underlying, read_i64_le(data, body + 8), read_i64_le(data, body), count, tabled)
    return 0


def _decode(w: World, data: bytes, at: i64, end: i64, tabled: i64, underlying: i64) -> i64:
    """Read the stream into `w.stream_words`: per table its instrument and new entries, in quanta.

    Nothing else changes. Returns a reject reason (the table's number in `w.detail`) or 0.
    """
    u = underlying * UNDERLYING_WORDS + U_RISK
    scenarios = w.underlyings[u + R_SCENARIOS]
    quantum = w.underlyings[u + R_QUANTUM]
    _reserve(w, tabled * (1 + scenarios))
    words = w.stream_words
    entries = w.tables
    to: i64 = 0
    before: i64 = -1
    table: i64 = 0
    while table < tabled:
        w.detail = table
        if at + _ID_BYTES > end:
            return no.BAD_VALUE
        instrument = i64(read_i32_le(data, at)) & r.U32
        at += _ID_BYTES
        reason = _table_refused(w, instrument, before, underlying)
        if reason != 0:
            return reason
        words[to] = instrument
        to += 1
        most = _entry_most(w, instrument, quantum)
        entry = instrument * TABLE_WORDS
        last = entry + scenarios
        while entry < last:
            zigzag: i64 = 0
            shift: i64 = 0
            more: i64 = 0x80
            while more != 0:
                if at >= end or shift > _LAST_SHIFT:
                    return no.BAD_VALUE
                byte = i64(data[at])
                at += 1
                more = byte & 0x80
                zigzag |= (byte & 0x7F) << shift
                shift += 7
            value = entries[entry] + (zigzag >> 1 ^ -(zigzag & 1))
            if value > most or value < -most:
                return no.BAD_VALUE
            words[to] = value
            to += 1
            entry += 1
        before = instrument
        table += 1
    w.detail = tabled
    if at != end:
        return no.BAD_VALUE
    w.detail = 0
    return 0


def _table_refused(w: World, instrument: i64, before: i64, underlying: i64) -> i64:
    if instrument <= before:
        return no.BAD_VALUE
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    i = instrument * INSTRUMENT_WORDS
    if w.instruments[i + I_UNDERLYING] != underlying or w.instruments[i + I_KIND] == r.KIND_COMBO:
        return no.UNKNOWN_INSTRUMENT
    if w.instruments[i + I_STATE] >= r.STATE_DELISTED:
        return no.INSTRUMENT_NOT_OPEN
    return 0


def _entry_most(w: World, instrument: i64, quantum: i64) -> i64:
    """The largest |v| with (|v|+1) · quantum · position limit within MAX_VALUE_MICRO; -1: there is none."""
    limit = w.instruments[instrument * INSTRUMENT_WORDS + I_POSITION_LIMIT]
    most = limits.MAX_VALUE_MICRO // limit // quantum - 1
    return most if most < _ENTRY_MOST else _ENTRY_MOST


def _reserve(w: World, size: i64) -> None:
    words = w.stream_words
    while i64(len(words)) < size:
        words = append(words, 0)
    w.stream_words = words


def _take_effect(w: World, tabled: i64, underlying: i64) -> None:
    """Put what `_decode` left in place of the tables."""
    words = w.stream_words
    entries = w.tables
    u = underlying * UNDERLYING_WORDS
    scenarios = w.underlyings[u + U_RISK + R_SCENARIOS]
    at: i64 = 0
    while tabled > 0:
        instrument = words[at]
        at += 1
        w.instruments[instrument * INSTRUMENT_WORDS + I_TABLED] = 1
        entry = instrument * TABLE_WORDS
        last = entry + scenarios
        while entry < last:
            entries[entry] = words[at]
            entry += 1
            at += 1
        marks.derive_rates(w, instrument)
        tabled -= 1
    w.underlyings[u + U_TABLE_EPOCH] += 1
    w.epoch += 1


def drop(w: World, instrument: i64) -> None:
    """Leave an instrument without a table. Accounts follow on their own next command."""
    i = instrument * INSTRUMENT_WORDS
    if w.instruments[i + I_TABLED] == 0:
        return
    w.instruments[i + I_TABLED] = 0
    entry = instrument * TABLE_WORDS
    last = entry + TABLE_WORDS
    while entry < last:
        w.tables[entry] = 0
        entry += 1
    marks.derive_rates(w, instrument)
    w.underlyings[w.instruments[i + I_UNDERLYING] * UNDERLYING_WORDS + U_TABLE_EPOCH] += 1
    w.epoch += 1


def drop_all(w: World, underlying: i64) -> None:
    """Leave every instrument of an underlying without a table (another quantum, or other scenarios)."""
    instrument: i64 = 0
    while instrument < w.instrument_count:
        if w.instruments[instrument * INSTRUMENT_WORDS + I_UNDERLYING] == underlying:
            drop(w, instrument)
        instrument += 1
    w.underlyings[underlying * UNDERLYING_WORDS + U_TABLE_EPOCH] += 1
    w.epoch += 1
