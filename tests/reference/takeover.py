"""TAKEOVER of a part of a portfolio in auction (rules 2: Sweeps and liquidation)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import margin
from tests.reference.accounts import Account, Seat
from tests.reference.arithmetic import floor_div, ppm_floor
from tests.reference.instruments import Instrument
from tests.reference.outcome import require
from tests.reference.sweeping import tell
from tests.reference.world import Head, World


@dataclass(frozen=True, slots=True)
class Part:
    """Lots (signed) that pass from the target, and their value at the mark."""

    instrument: Instrument
    lots: int
    value_micro: int


def takeover(world: World, head: Head, words: tuple[int, ...]) -> None:
    """TAKEOVER."""
    target_id, fraction_ppm, max_pay_micro = words[:3]
    world.check_venue_open()
    bidder = world.user(head.account)
    world.check_free(bidder)
    target = world.user(target_id)
    require(target is not bidder, why.BAD_VALUE)
    require(1 <= fraction_ppm <= 1_000_000, why.BAD_VALUE)
    require(target.liquidation == r.LIQUIDATION_AUCTION, why.NOT_IN_AUCTION)
    parts = _parts(target, fraction_ppm)
    require(bool(parts), why.BAD_SIZE)
    _check_parts(world, bidder, parts)
    for account in (bidder, target):
        require(abs(account.cash_micro) < limits.ACCUMULATION_LIMIT, why.LIMIT_REACHED)
    worth = sum(part.value_micro for part in parts if part.instrument.is_option)
    discount = sum(_discount(world, target, part) for part in parts)
    equity = max(0, margin.worth(target).equity)
    given = min(discount, ppm_floor(equity, fraction_ppm))
    topped = min(discount - given, max(0, world.insurance.cash_micro))
    pay = worth - given - topped
    require(pay <= max_pay_micro, why.PRICE_TOO_HIGH, pay)
    after = _with_parts(bidder, parts, -pay)
    covered = margin.initial_now(world, after) <= margin.worth(after).balance
    require(margin.worth(after).equity >= 0 and covered, why.INSUFFICIENT_FUNDS)
    for part in parts:
        _move(target.seats[part.instrument.id], -part.lots, -part.value_micro)
        seat = bidder.seats.setdefault(part.instrument.id, Seat(part.instrument))
        _move(seat, part.lots, part.value_micro)
    target.cash_micro += worth - given
    bidder.cash_micro -= pay
    world.insurance.cash_micro -= topped
    for part in parts:
        world.events.moved(
            target, part.instrument.id, bidder, part.lots, part.value_micro, world.now_ms
        )
    _tell_cash(world, bidder, target, -pay)
    _tell_cash(world, target, bidder, worth - given)
    if topped > 0:
        _tell_cash(world, world.insurance, bidder, -topped)
    tell(
        world, target, r.LIQ_TAKEOVER, amount=given + topped, lots=fraction_ppm, counter=bidder.id
    )


def _parts(target: Account, fraction_ppm: int) -> list[Part]:
    """The fraction of each position, toward zero, without what comes to nothing."""
    found = []
    for _, seat in sorted(target.seats.items()):
        lots = floor_div(abs(seat.size_lots) * fraction_ppm, 1_000_000)
        if lots:
            if seat.size_lots > 0:
                found.append(Part(seat.instrument, lots, lots * seat.instrument.mark_high))
            else:
                found.append(Part(seat.instrument, -lots, -lots * seat.instrument.mark_low))
    return found


def _check_parts(world: World, bidder: Account, parts: list[Part]) -> None:
    """May the bidder hold these lots?"""
    seats = len(bidder.seats)
    for part in parts:
        world.check_marked(part.instrument)
        seat = bidder.seats.get(part.instrument.id)
        if seat is None:
            require(seats < bidder.seat_cap, why.TOO_MANY_SEATS)
            seats += 1
            seat = Seat(part.instrument)
        if part.lots > 0:
            reached = seat.size_lots + seat.open_buy_lots + part.lots
        else:
            reached = -seat.size_lots + seat.open_sell_lots - part.lots
        require(reached <= part.instrument.terms.position_limit_lots, why.POSITION_LIMIT)
        require(abs(seat.entry_value_micro) < limits.ENTRY_LIMIT, why.LIMIT_REACHED)


def _discount(world: World, target: Account, part: Part) -> int:
    """What the bidder pays less for a part: grows from nothing over the auction's time."""
    risk = world.underlying_of(part.instrument).risk
    assert risk is not None
    elapsed = min(world.now_ms - target.auction_start_ms, risk.auction_ms)
    rate = floor_div(risk.auction_discount_ppm * elapsed, risk.auction_ms)
    return ppm_floor(abs(part.lots) * part.instrument.index_per_lot, rate)


def _move(seat: Seat, lots: int, value_micro: int) -> None:
    seat.size_lots += lots
    seat.entry_value_micro += value_micro


def _with_parts(bidder: Account, parts: list[Part], cash_micro: int) -> Account:
    """The bidder as it would be; the account itself is not touched."""
    seats = dict(bidder.seats)
    for part in parts:
        seat = replace(seats.get(part.instrument.id, Seat(part.instrument)))
        _move(seat, part.lots, part.value_micro)
        seats[part.instrument.id] = seat
    return replace(bidder, seats=seats, cash_micro=bidder.cash_micro + cash_micro)


def _tell_cash(world: World, account: Account, counter: Account, delta_micro: int) -> None:
    world.events.cash(account, 0, delta_micro, r.CASH_TAKEOVER, world.now_ms, counter=counter.id)
