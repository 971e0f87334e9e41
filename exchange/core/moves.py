"""MOVE_POSITIONS: positions pass to another account of a family, all of them or none (docs/rules-5.md).

Each is booked before the next one is judged, and all are booked back where one is refused or an account
cannot bear them: seats made for them go again, no event is written before that is known.
"""

from __future__ import annotations

from typing import Final

from librt.strings import read_i64_le
from mypy_extensions import i64

from exchange.core import blocks, checks, combo_terms, emit, ledger, margin, room
from exchange.core.admission import closed, is_bound, is_user
from exchange.core.family import main_of
from exchange.core.layout import (
    A_CASH,
    A_SEATS,
    ACCOUNT_WORDS,
    I_KIND,
    I_MARKED,
    I_MULTIPLIER,
    I_PRICE_LIMIT,
    INSTRUMENT_WORDS,
    S_SIZE,
    SEAT_WORDS,
)
from exchange.core.world import World, pack
from exchange.domain import records as r
from exchange.domain import rejects as no

_UNITS_AT: Final = 64  # bytes from the command's first to its first position


class Moves:
    """One command's positions as they are booked; `made` says whose seat was made for it."""

    def __init__(self, source: i64, destination: i64, count: i64) -> None:
        self.source: i64 = source
        self.destination: i64 = destination
        self.count: i64 = count
        self.instruments: list[i64] = []
        self.lots: list[i64] = []
        self.values: list[i64] = []
        self.made: list[bool] = []
        self.cash: i64 = 0  # what the source is paid for options


def move_positions(w: World, batch: bytes, at: i64, who: i64) -> i64:
    """The MOVE_POSITIONS at byte `at`. Returns a reject reason or 0."""
    moves = Moves(who & r.U32, read_i64_le(batch, at + 32), read_i64_le(batch, at + 40))
    reason = _refused(w, moves.source, moves.destination)
    if reason != 0:
        return reason
    reason = _book_all(w, moves, batch, at + _UNITS_AT)
    if reason == 0:
        reason = blocks.short(w, moves.source)
    if reason == 0:
        reason = blocks.short(w, moves.destination)
    if reason != 0:
        number = i64(len(moves.lots))
        while number > 0:
            number -= 1
            _book(w, moves, number, -1)
        return reason
    _tell(w, moves)
    emit.done(w, r.MOVE_POSITIONS, who, read_i64_le(batch, at + 16), moves.count)
    return 0


def _refused(w: World, source: i64, destination: i64) -> i64:
    """What does not depend on the positions. Returns a reject reason or 0."""
    if w.mode != r.MODE_OPEN:
        return no.VENUE_CANCEL_ONLY
    if not is_user(w, source) or not is_user(w, destination):
        return no.UNKNOWN_ACCOUNT
    if source == destination:
        return no.BAD_VALUE
    if main_of(w, source) != main_of(w, destination):
        return no.WRONG_FAMILY
    if is_bound(w, source) or is_bound(w, destination):
        return no.ACCOUNT_LOCKED
    return no.LOSS_SHARING if w.share_phase != 0 else 0


def _book_all(w: World, moves: Moves, batch: bytes, at: i64) -> i64:
    """Judge and book the positions whose units begin at byte `at`, in turn. Returns a reject reason or 0."""
    number: i64 = 0
    while number < moves.count:
        instrument = read_i64_le(batch, at)
        lots = read_i64_le(batch, at + 8)
        per_lot = read_i64_le(batch, at + 16)
        reason = _position_refused(w, moves.source, instrument, lots, per_lot)
        if reason == 0:
            reason = _room_refused(w, moves, instrument, lots)
        if reason != 0:
            w.position = number
            return reason
        moves.instruments.append(instrument)
        moves.lots.append(lots)
        moves.values.append(lots * per_lot)
        is_new = ledger.find_seat(w, moves.destination, instrument) == 0
        if is_new:
            ledger.make_seat(w, moves.destination, instrument)
        moves.made.append(is_new)
        _book(w, moves, number, 1)
        at += r.UNIT_BYTES
        number += 1
    return 0


def _position_refused(w: World, source: i64, instrument: i64, lots: i64, per_lot: i64) -> i64:
    """Whether the source has no such position to give at this price. Returns a reject reason or 0."""
    if instrument >= w.instrument_count:
        return no.UNKNOWN_INSTRUMENT
    if combo_terms.is_combo(w, instrument):
        return no.BAD_VALUE
    reason = closed(w, instrument)
    if reason != 0:
        return reason
    seat = ledger.find_seat(w, source, instrument)
    size: i64 = 0
    if seat != 0:
        size = w.seats.data[seat * SEAT_WORDS + S_SIZE]
    within = 0 < lots <= size if size > 0 else size <= lots < 0
    if not within:
        w.detail = size
        return no.BAD_SIZE
    data = w.instruments
    i = instrument * INSTRUMENT_WORDS
    if per_lot < 0 or per_lot > data[i + I_PRICE_LIMIT] * data[i + I_MULTIPLIER]:
        return no.BAD_PRICE
    if data[i + I_MARKED] == 0:
        return no.NO_MARK
    return 0 if checks.parametrised(w, instrument) else no.NO_RISK


def _room_refused(w: World, moves: Moves, instrument: i64, lots: i64) -> i64:
    """Checks 13 to 15 of the destination, 14 and 15 of the source. Returns a reject reason or 0."""
    destination = moves.destination
    seat = ledger.find_seat(w, destination, instrument)
    a = destination * ACCOUNT_WORDS
    if seat == 0 and w.accounts[a + A_SEATS] >= room.seats_most(w, a):
        return no.TOO_MANY_SEATS
    sell: i64 = 1 if lots < 0 else 0
    size = lots if lots > 0 else -lots
    reason = room.position_refused(w, seat, instrument, sell, size, 0)
    if reason == 0:
        reason = room.accumulation_refused(w, destination, seat)
    if reason == 0:
        # What the source gives turns its position the other way, where open orders may fill the limit.
        theirs = ledger.find_seat(w, moves.source, instrument)
        reason = room.position_refused(w, theirs, instrument, 1 - sell, size, 0)
        if reason == 0:
            reason = room.accumulation_refused(w, moves.source, theirs)
    return reason


def _book(w: World, moves: Moves, number: i64, sign: i64) -> None:
    """Book a position's passing (`sign` 1), or book it back (−1): then a seat made for it goes too."""
    instrument = moves.instruments[number]
    lots = moves.lots[number] * sign
    value = moves.values[number] * sign
    theirs = ledger.find_seat(w, moves.source, instrument)
    ours = ledger.find_seat(w, moves.destination, instrument)
    ledger.move_position(w, theirs, -lots, -value)
    ledger.move_position(w, ours, lots, value)
    if w.instruments[instrument * INSTRUMENT_WORDS + I_KIND] == r.KIND_OPTION:
        ledger.move_cash(w, moves.source, value)
        ledger.move_cash(w, moves.destination, -value)
        moves.cash += value
    margin.revalue_seat(w, theirs)
    margin.revalue_seat(w, ours)
    if sign < 0 and moves.made[number]:
        ledger.drop_seat(w, ours)


def _tell(w: World, moves: Moves) -> None:
    """The MOVED of each position, and the CASH of both accounts."""
    number: i64 = 0
    while number < moves.count:
        who = pack(moves.source, moves.instruments[number])
        emit.moved(w, who, moves.destination, moves.lots[number], moves.values[number])
        number += 1
    _tell_cash(w, moves.source, moves.cash, moves.destination)
    _tell_cash(w, moves.destination, -moves.cash, moves.source)


def _tell_cash(w: World, account: i64, delta: i64, counter: i64) -> None:
    balance = w.accounts[account * ACCOUNT_WORDS + A_CASH]
    emit.cash(w, account, r.CASH_MOVED, 0, delta, balance, counter)
