"""BLOCK_TRADE: trades agreed elsewhere, all of them or none (rules 3: Block trades; rules 5: takers)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import booking, covering, placing
from tests.reference.accounts import Account
from tests.reference.booking import Party
from tests.reference.branches import note
from tests.reference.instruments import Instrument
from tests.reference.outcome import Reject, require
from tests.reference.world import Head, World

_UNIT = struct.Struct("<IIqqII")


class Leg(NamedTuple):
    """One trade of a block: the taker buys lots of the maker (sells: negative) at a price."""

    taker: Account
    maker: Account
    instrument: Instrument
    lots: int
    price_ticks: int


class _Before(NamedTuple):
    """What a leg changes, as it was: to be put back if the block fails."""

    trade_seq: int
    next_trade: int
    cash: dict[Account, int]
    volume: dict[Account, int]
    held: dict[Account, tuple[int, int] | None]  # size and entry value; None where there is no seat


def well_formed(units: int, body: bytes, rules: int) -> bool:
    """Do the units fit their count, and is zero what is not used?"""
    _, count, *rest = struct.unpack_from("<4q", body)
    if not 1 <= count <= limits.BLOCK_MOST or units != 2 + count or any(rest):
        return False
    return not any(zero or (taker and rules < 5) for *_, taker, zero in _UNIT.iter_unpack(body[32:]))


def block_trade(world: World, head: Head, body: bytes) -> None:
    """BLOCK_TRADE."""
    block_id, count = struct.unpack_from("<2q", body)
    world.check_venue_open()
    owner = world.user(head.account)
    world.check_free(owner)
    require(block_id > world.last_block_id, why.BAD_ID, world.last_block_id)
    done: list[tuple[Leg, _Before]] = []
    told = world.events.told()
    try:
        for at, unit in enumerate(_UNIT.iter_unpack(body[32:])):
            leg = _leg(world, owner, at, unit)
            done.append((leg, _before(world, leg)))
            _book(world, leg)
        takers, makers = [leg.taker for leg, _ in done], [leg.maker for leg, _ in done]
        covering.check_covered(world, (*takers, *makers))
    except Reject as refused:
        note(world, f"block: refused {_when(refused, len(done))}")
        world.events.untell(told)
        for leg, before in reversed(done):
            _put_back(world, leg, before)
        raise
    note(world, "block: several trades" if count > 1 else "block: one trade")
    if len(set(takers)) > 1:
        note(world, "block: several takers")
    world.last_block_id = block_id
    world.events.done(head, count, world.now_ms)


def _when(refused: Reject, done: int) -> str:
    if refused.position < 0:
        return "behind all its trades"
    return "by its first trade" if done == 0 else "by a later trade"


def _leg(world: World, owner: Account, at: int, unit: tuple[int, ...]) -> Leg:
    """The leg of a unit, with those before it done. Refused with its number."""
    maker_id, instrument_id, lots, price_ticks, taker_id, _ = unit
    try:
        taker = _taker(world, owner, taker_id)
        maker = world.user(maker_id)
        require(maker.family != taker.family, why.WRONG_FAMILY)
        world.check_free(maker)
        instrument = world.instrument(instrument_id)
        require(not instrument.is_combo, why.BAD_VALUE)
        world.check_instrument_open(instrument)
        require(instrument.terms.min_size_lots <= abs(lots) <= limits.MAX_ORDER_LOTS, why.BAD_SIZE)
        placing.check_limit_price(instrument, price_ticks)
        world.check_marked(instrument)
        require(price_ticks <= instrument.max_price, why.PRICE_TOO_HIGH, instrument.max_price)
        require(price_ticks >= instrument.min_price, why.PRICE_TOO_LOW, instrument.min_price)
        covering.check_room(taker, instrument, lots)
        covering.check_room(maker, instrument, -lots)
    except Reject as refused:
        raise Reject(refused.reason, refused.detail, at) from refused
    return Leg(taker, maker, instrument, lots, price_ticks)


def _taker(world: World, owner: Account, taker_id: int) -> Account:
    """Whose trade it is: the header's account's, or that of the account named, of its family."""
    if taker_id == 0:
        return owner
    taker = world.user(taker_id)
    require(taker.family == owner.family, why.WRONG_FAMILY)
    world.check_free(taker)
    return taker


def _before(world: World, leg: Leg) -> _Before:
    both = (leg.taker, leg.maker)
    seats = [account.seats.get(leg.instrument.id) for account in both]
    return _Before(
        leg.instrument.trade_seq,
        world.next_trade,
        {account: account.cash_micro for account in (*both, world.accounts[limits.ACCOUNT_FEES])},
        {account: account.volume_micro for account in both},
        {
            account: (seat.size_lots, seat.entry_value_micro) if seat else None
            for account, seat in zip(both, seats, strict=True)
        },
    )


def _put_back(world: World, leg: Leg, before: _Before) -> None:
    """Undo a leg, those behind it being undone."""
    leg.instrument.trade_seq = before.trade_seq
    world.next_trade = before.next_trade
    for account, cash in before.cash.items():
        account.cash_micro = cash
    for account, volume in before.volume.items():
        account.volume_micro = volume
    for account, held in before.held.items():
        if held is None:
            note(world, "block: a seat made for nothing")
            del account.seats[leg.instrument.id]
        else:
            seat = account.seats[leg.instrument.id]
            seat.size_lots, seat.entry_value_micro = held


def _book(world: World, leg: Leg) -> None:
    """Book a leg as a match; there is an order on neither side."""
    for account in (leg.maker, leg.taker):
        account.take_seat(leg.instrument)
    booking.book(
        world,
        leg.instrument,
        leg.price_ticks,
        abs(leg.lots),
        Party(leg.maker, 0, 0, is_sell=leg.lots > 0),
        Party(leg.taker, 0, 0, is_sell=leg.lots < 0),
        flags=r.TRADE_BLOCK,
    )
