"""MARKS and RISK_SNAPSHOT (rules: Listing and marks; rules 2: Marks and risk snapshots)."""

from __future__ import annotations

import struct

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands import Mark
from tests.reference import combos, triggers
from tests.reference.arithmetic import floor_div
from tests.reference.instruments import Instrument, Underlying, apply_mark, check_mark
from tests.reference.outcome import Reject, require
from tests.reference.world import Head, World

_MARK = struct.Struct("<Iiqqq")
Table = tuple[int, ...]


def marks(world: World, head: Head, words: tuple[int, ...], units: bytes) -> None:
    """MARKS."""
    index_micro, feed_seq = words[:2]
    underlying = world.underlying(head.instrument)
    block = _read_marks(units)
    _check_marks(world, underlying, index_micro, feed_seq, block)
    _apply_marks(world, underlying, index_micro, feed_seq, block)
    world.events.marked(underlying.id, feed_seq, index_micro, len(block), world.now_ms)


def snapshot_well_formed(units: int, body: bytes) -> bool:
    """Do the counts of RISK_SNAPSHOT add up, and is the padding zero?"""
    unit_count, table_count, stream_bytes = _sizes(body)
    if not 0 <= unit_count <= limits.MAX_MARKS or table_count > limits.MAX_MARKS:
        return False
    if units != 2 + unit_count + -(-stream_bytes // 32):
        return False
    return not any(body[32 * (1 + unit_count) + stream_bytes :])


def _sizes(body: bytes) -> tuple[int, int, int]:
    """(mark units, tables, bytes of the stream)."""
    unit_count, table_count, stream_bytes = struct.unpack_from("<qII", body, 16)
    return unit_count, table_count, stream_bytes


def risk_snapshot(world: World, head: Head, body: bytes) -> None:
    """RISK_SNAPSHOT: marks and tables, or nothing of them."""
    index_micro, feed_seq = struct.unpack_from("<2q", body)
    unit_count, table_count, stream_bytes = _sizes(body)
    stream_at = 32 * (1 + unit_count)
    underlying = world.underlying(head.instrument)
    block = _read_marks(body[32:stream_at])
    _check_marks(world, underlying, index_micro, feed_seq, block)
    require(underlying.risk is not None, why.NO_RISK)
    stream = body[stream_at : stream_at + stream_bytes]
    tables = _read_tables(world, underlying, stream, table_count)
    _apply_marks(world, underlying, index_micro, feed_seq, block)
    for instrument, table in tables:
        instrument.table = table
    world.events.marked(underlying.id, feed_seq, index_micro, len(block), world.now_ms, table_count)


# --- marks -------------------------------------------------------------------------------------------


def _read_marks(units: bytes) -> list[Mark]:
    return [Mark(*fields) for fields in _MARK.iter_unpack(units)]


def _more_than(value: int, times: int, of: int) -> bool:
    """value > times · of."""
    return floor_div(value - 1, times) >= of


def _check_marks(
    world: World, underlying: Underlying, index_micro: int, feed_seq: int, block: list[Mark]
) -> None:
    require(feed_seq > underlying.feed_seq, why.STALE_FEED)
    require(1 <= index_micro <= limits.MAX_PRICE_MICRO, why.BAD_VALUE)
    factor = underlying.jump_factor
    if world.has_risk_rules and underlying.index_micro:
        jumps = _more_than(index_micro, factor, underlying.index_micro) or _more_than(
            underlying.index_micro, factor, index_micro
        )
        require(not jumps, why.MARK_JUMP, -1)
    for n, mark in enumerate(block):
        instrument = _alive(world, underlying, mark.instrument, n)
        check_mark(instrument, index_micro, mark, n)
        if world.has_risk_rules:
            _check_plausible(instrument, index_micro, mark, factor, n)


def _alive(world: World, underlying: Underlying, instrument_id: int, n: int) -> Instrument:
    """An instrument of the underlying that has not ended; `n` is the detail of the reject."""
    require(instrument_id < len(world.instruments), why.UNKNOWN_INSTRUMENT, n)
    instrument = world.instruments[instrument_id]
    strange = instrument.terms.underlying != underlying.id or instrument.is_combo
    require(not strange, why.UNKNOWN_INSTRUMENT, n)
    ended = instrument.state in (r.STATE_DELISTED, r.STATE_DELIVERED)
    require(not ended, why.INSTRUMENT_NOT_OPEN, n)
    return instrument


def _check_plausible(instrument: Instrument, index_micro: int, mark: Mark, factor: int, n: int) -> None:
    """The forward near the index; an option's mark at most what it can pay, a perpetual's near the index."""
    forward = mark.forward_micro
    jumps = _more_than(forward, factor, index_micro) or _more_than(index_micro, factor, forward)
    require(not jumps, why.MARK_JUMP, n)
    terms = instrument.terms
    if not instrument.is_option:
        far = _more_than(mark.mark_micro, factor, index_micro) or mark.mark_micro * factor < index_micro
        require(not far, why.BAD_VALUE, n)
    else:
        most = forward if terms.option_type == r.OPTION_CALL else terms.strike_micro
        require(mark.mark_micro <= most, why.BAD_VALUE, n)


def _apply_marks(
    world: World, underlying: Underlying, index_micro: int, feed_seq: int, block: list[Mark]
) -> None:
    underlying.index_micro = index_micro
    underlying.feed_seq = feed_seq
    for mark in block:
        apply_mark(world.instruments[mark.instrument], index_micro, mark)
    combos.refresh_all(world, underlying.id)
    triggers.see_marks(world, underlying, [world.instruments[mark.instrument] for mark in block])


# --- tables ------------------------------------------------------------------------------------------


class _Stream:
    """Reads ids and zigzag LEB128 integers; what does not fit is BAD_VALUE with the table's number."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self, table: int) -> int:
        if self.at == len(self.data):
            raise Reject(why.BAD_VALUE, table)
        self.at += 1
        return self.data[self.at - 1]

    def id(self, table: int) -> int:
        return sum(self.byte(table) << 8 * n for n in range(4))

    def integer(self, table: int) -> int:
        value = 0
        for n in range(limits.MAX_STREAM_WORD_BYTES):
            byte = self.byte(table)
            value |= (byte & 0x7F) << 7 * n
            if byte < 0x80:
                return -(value >> 1) - 1 if value & 1 else value >> 1
        raise Reject(why.BAD_VALUE, table)


def _read_tables(
    world: World, underlying: Underlying, data: bytes, count: int
) -> list[tuple[Instrument, Table]]:
    """The new tables of a stream of differences."""
    risk = underlying.risk
    assert risk is not None
    stream = _Stream(data)
    found: list[tuple[Instrument, Table]] = []
    last_id = -1
    for n in range(count):
        instrument_id = stream.id(n)
        require(instrument_id > last_id, why.BAD_VALUE, n)
        last_id = instrument_id
        instrument = _alive(world, underlying, instrument_id, n)
        before = instrument.table or (0,) * risk.scenarios
        table = tuple(value + stream.integer(n) for value in before)
        bound = floor_div(limits.MAX_VALUE_MICRO, instrument.terms.position_limit_lots)
        good = all((abs(value) + 1) * risk.quantum_micro <= bound for value in table)
        require(good, why.BAD_VALUE, n)
        found.append((instrument, table))
    require(stream.at == len(data), why.BAD_VALUE, count)
    return found
