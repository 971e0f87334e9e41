"""MOVE_POSITIONS: positions pass from one account to another of its family (rules 5: Moving positions)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import covering
from tests.reference.accounts import Account
from tests.reference.branches import note
from tests.reference.instruments import Instrument
from tests.reference.outcome import Reject, require
from tests.reference.world import Head, World

_BODY = struct.Struct("<IIqqq")
_UNIT = struct.Struct("<IIqqq")


class Part(NamedTuple):
    """Lots, signed as the source holds them, and what they pass at in all."""

    instrument: Instrument
    lots: int
    value_micro: int

    @property
    def cash_micro(self) -> int:
        """What the destination pays for it."""
        return self.value_micro if self.instrument.is_option else 0


def well_formed(units: int, body: bytes) -> bool:
    """Do the units fit their count, and is zero what is not used?"""
    _, zero, count, *rest = _BODY.unpack_from(body)
    if not 1 <= count <= limits.BLOCK_MOST or units != 2 + count or zero or any(rest):
        return False
    return not any(half or word for _, half, _, _, word in _UNIT.iter_unpack(body[32:]))


def move_positions(world: World, head: Head, body: bytes) -> None:
    """MOVE_POSITIONS."""
    destination_id, _, count, *_ = _BODY.unpack_from(body)
    source, destination = _parties(world, head.account, destination_id)
    done: list[Part] = []
    made: list[int] = []  # instruments the destination got a seat for
    try:
        for at, unit in enumerate(_UNIT.iter_unpack(body[32:])):
            part = _part(world, source, destination, at, unit)
            if part.instrument.id not in destination.seats:
                made.append(part.instrument.id)
            _book(source, destination, part)
            done.append(part)
        covering.check_covered(world, (source, destination))
    except Reject as refused:
        note(world, "move: refused behind all" if refused.position < 0 else "move: refused by a unit")
        for part in reversed(done):
            _book(source, destination, part._replace(lots=-part.lots, value_micro=-part.value_micro))
        for instrument_id in made:
            note(world, "move: a seat made for nothing")
            del destination.seats[instrument_id]
        raise
    note(world, "move: several units" if count > 1 else "move: one unit")
    _tell(world, source, destination, done)
    world.events.done(head, count, world.now_ms)


def _parties(world: World, source_id: int, destination_id: int) -> tuple[Account, Account]:
    """Two accounts of a family that may do so."""
    world.check_venue_open()
    source, destination = world.user(source_id), world.user(destination_id)
    require(source is not destination, why.BAD_VALUE)
    require(source.family == destination.family, why.WRONG_FAMILY)
    for account in (source, destination):
        world.check_free(account)
    world.check_no_loss_shared()
    return source, destination


def _part(world: World, source: Account, destination: Account, at: int, unit: tuple[int, ...]) -> Part:
    """What a unit moves, with those before it done. Refused with its number."""
    instrument_id, _, lots, per_lot_micro, _ = unit
    try:
        instrument = world.instrument(instrument_id)
        require(not instrument.is_combo, why.BAD_VALUE)
        world.check_instrument_open(instrument)
        seat = source.seats.get(instrument_id)
        size = seat.size_lots if seat else 0
        require(lots != 0 and (lots > 0) == (size > 0) and abs(lots) <= abs(size), why.BAD_SIZE, size)
        most = instrument.terms.price_limit_ticks * instrument.multiplier_micro
        require(0 <= per_lot_micro <= most, why.BAD_PRICE)
        world.check_marked(instrument)
        covering.check_room(destination, instrument, lots)
        covering.check_room(source, instrument, -lots)
    except Reject as refused:
        raise Reject(refused.reason, refused.detail, at) from refused
    note(world, f"move: {'all' if lots == size else 'some'} of a {_kind(instrument, lots)}")
    return Part(instrument, lots, lots * per_lot_micro)


def _kind(instrument: Instrument, lots: int) -> str:
    side = "long" if lots > 0 else "short"
    return f"{side} {'option' if instrument.is_option else 'perpetual'}"


def _book(source: Account, destination: Account, part: Part) -> None:
    for account, sign in ((source, -1), (destination, 1)):
        seat = account.take_seat(part.instrument)
        seat.size_lots += sign * part.lots
        seat.entry_value_micro += sign * part.value_micro
        account.cash_micro -= sign * part.cash_micro


def _tell(world: World, source: Account, destination: Account, parts: list[Part]) -> None:
    for part in parts:
        number = part.instrument.id
        world.events.moved(source, number, destination, part.lots, part.value_micro, world.now_ms)
    paid = sum(part.cash_micro for part in parts)
    for account, counter, delta in ((source, destination, paid), (destination, source, -paid)):
        world.events.cash(account, 0, delta, r.CASH_MOVED, world.now_ms, counter=counter.id)
