"""Prints of combos: what a COMBO_TRADE and the TRADEs of its legs tell, in the layout of a TRADE.

Clients see a match of a combo on the combo and on each of its legs. The events tell the combo's part apart
(COMBO_TRADE has no fees, marks or labels: its legs' TRADEs have them), so it is put together here once, as
a record that reads like any TRADE (`combo_print`), with the TRADEs of its legs behind it in the same bytes.
A leg's TRADE gets, in its last word (zero in the core's record), the combo and which leg it is (`leg_print`).
Buffers of events that the edge keeps have both in the place of the core's (`with_prints`): there a print's
type is COMBO_TRADE's and its units are all of it. Neither is ever written to the journal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from exchange.domain import records as r

TRADE_BYTES: Final = 5 * r.UNIT_BYTES
_LAST_WORD: Final = TRADE_BYTES - r.WORD_BYTES
_NUMBER_BITS: Final = 8
# index, seq, account, instrument, trade_id, price, lots, taker's and maker's order, maker, time, side, kind,
# trade_seq
_COMBO: Final = struct.Struct("<4xIQIIQqqQQI4xqBB6xq")
# instrument, lots, maker's and taker's fee, flags, index, mark, forward, value, labels
_LEG: Final = struct.Struct("<20xI32xq8xqqq8xqqq8xqII8x")
_PRINT: Final = struct.Struct("<BBHIQIIQQQqqIIqqqqqqqqqIIq")
_VERSION: Final = 1


def leg_print(trade: bytes, combo: int, number: int) -> bytes:
    """The TRADE of a leg, marked as leg `number` (from 1) of a match of the combo."""
    word = combo << _NUMBER_BITS | number
    return trade[:_LAST_WORD] + word.to_bytes(r.WORD_BYTES, "little")


def combo_of(trade: bytes) -> tuple[int, int]:
    """(combo, the id of its print) of a marked TRADE; (−1, 0) of any other."""
    word = int.from_bytes(trade[_LAST_WORD:TRADE_BYTES], "little")
    if not word:
        return -1, 0
    number = word & (1 << _NUMBER_BITS) - 1
    return word >> _NUMBER_BITS, int.from_bytes(trade[24:32], "little") - number


def is_print(trade: bytes) -> bool:
    """Whether a record is the print of a combo."""
    return len(trade) > TRADE_BYTES


def legs_of(trade: bytes) -> list[bytes]:
    """The TRADEs of the legs behind a print, marked."""
    return [trade[at : at + TRADE_BYTES] for at in range(TRADE_BYTES, len(trade), TRADE_BYTES)]


def with_prints(events: bytes, start: int) -> bytes:
    """A buffer of whole commands' events, those from byte `start` (a COMBO_TRADE) on with prints and marked
    legs in their places."""
    parts = [events[:start]]
    combo = first = 0
    at, end = start, len(events)
    while at < end:
        kind, size = events[at], (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES
        record = events[at : at + size]
        if kind == r.EV_COMBO_TRADE:
            combo, first = (int.from_bytes(record[place : place + 4], "little") for place in (20, 24))
            made = combo_print(events, at)
            units = len(made) // r.UNIT_BYTES
            record = bytes((kind, _VERSION, units & 0xFF, units >> 8)) + made[4:]
        elif kind == r.EV_TRADE and record[_FLAGS_AT] & r.TRADE_COMBO:
            record = leg_print(record, combo, int.from_bytes(record[24:28], "little") - first & 0xFFFF_FFFF)
        parts.append(record)
        at += size
    return b"".join(parts)


def as_trade(record: bytes) -> bytes:
    """A print as it stands in a kept buffer, reading like a TRADE; any other record as it is."""
    if record[0] != r.EV_COMBO_TRADE:
        return record
    return bytes((r.EV_TRADE, _VERSION, TRADE_BYTES // r.UNIT_BYTES, 0)) + record[4:]


def combo_print(events: bytes, at: int) -> bytes:
    """The print of the COMBO_TRADE at byte `at`, made with the TRADEs that follow it; these behind it.

    `events` holds at least all events of its command. Raises ValueError where no TRADE follows.
    """
    fields = _COMBO.unpack_from(events, at)
    index, seq, taker, combo, trade_id, price, lots, taker_order, maker_order, maker, time_ms = fields[:11]
    side, kind, trade_seq = fields[11:]
    legs: list[bytes] = []
    maker_fee = taker_fee = mark = value = maker_label = taker_label = 0
    index_micro = forward = 0
    for place in _legs_at(events, at):
        _, size, paid_maker, paid_taker, flags, index_micro, its_mark, forward, its_value, *labels = (
            _LEG.unpack_from(events, place)
        )
        legs.append(leg_print(events[place : place + TRADE_BYTES], combo, len(legs) + 1))
        rests = bool(flags & r.TRADE_RESTS)  # the taker of this TRADE is the maker of the combo
        bought = (flags & r.FLAG_SELL == side) != rests  # by who buys the combo
        ratio = size // lots if bought else -(size // lots)
        mark += ratio * its_mark
        value += its_value if bought else -its_value
        if kind != r.COMBO_IN:
            maker_fee += paid_taker if rests else paid_maker
            maker_label = labels[1] if rests else labels[0]
        if kind != r.COMBO_OUT:
            taker_fee += paid_taker
            taker_label = labels[1]
    if not legs:
        raise ValueError(f"no leg follows the COMBO_TRADE at byte {at}")
    made = _PRINT.pack(
        r.EV_TRADE, _VERSION, TRADE_BYTES // r.UNIT_BYTES, index, seq, taker, combo, trade_id,
        maker_order, taker_order, price, lots, maker, taker, maker_fee, taker_fee,
        side | r.TRADE_COMBO, time_ms, index_micro, mark, forward, trade_seq, abs(value),
        maker_label, taker_label, 0,
    )  # fmt: skip
    return made + b"".join(legs)


def _legs_at(events: bytes, at: int) -> Iterator[int]:
    """Where the TRADEs of the COMBO_TRADE at byte `at` stand; makers' ORDERs lie between them."""
    end = len(events)
    at += r.EVENT_UNITS[r.EV_COMBO_TRADE] * r.UNIT_BYTES
    while at < end:
        kind = events[at]
        if kind == r.EV_TRADE and events[at + _FLAGS_AT] & r.TRADE_COMBO:
            yield at
        elif kind != r.EV_ORDER:
            return
        at += (events[at + 2] | events[at + 3] << 8) * r.UNIT_BYTES


_FLAGS_AT: Final = 11 * r.WORD_BYTES
