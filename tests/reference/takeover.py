"""TAKEOVER of a part of a portfolio in auction (rules 2: Sweeps and liquidation)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import margin
from tests.reference.accounts import Account, Seat
from tests.reference.arithmetic import ceil_div, floor_div, ppm_floor
from tests.reference.branches import note
from tests.reference.instruments import Instrument
from tests.reference.outcome import require
from tests.reference.sweeping import covered, tell
from tests.reference.world import Head, World

WHOLE_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """Lots (signed) that pass from the target, and their value at the mark."""

    instrument: Instrument
    lots: int
    value_micro: int

    @property
    def is_long_option(self) -> bool:
        return self.instrument.is_option and self.lots > 0


@dataclass(frozen=True, slots=True)
class Price:
    """What the bidder pays: the options' worth, less what the target gives and the fund tops up."""

    worth: int
    discount: int
    given: int
    topped: int

    @property
    def pay(self) -> int:
        return self.worth - self.given - self.topped


def takeover(world: World, head: Head, words: tuple[int, ...]) -> None:
    """TAKEOVER."""
    target_id, fraction_ppm, max_pay_micro = words[:3]
    bidder, target = _parties(world, head.account, target_id, fraction_ppm)
    parts = _parts(target, fraction_ppm)
    require(bool(parts), why.BAD_SIZE)
    _check_parts(world, bidder, parts)
    for account in (bidder, target):
        require(abs(account.cash_micro) < limits.ACCUMULATION_LIMIT, why.LIMIT_REACHED)
    most = most_ppm(world, target)
    _note_most(world, target, fraction_ppm, most)
    require(fraction_ppm <= most, why.BAD_SIZE, most)
    _note_parts(world, target, parts, fraction_ppm)
    price = _price(world, target, parts, fraction_ppm)
    _note_price(world, target, price, whole=fraction_ppm == WHOLE_PPM)
    require(price.pay <= max_pay_micro, why.PRICE_TOO_HIGH, price.pay)
    after = _with_parts(bidder, parts, -price.pay)
    affordable = margin.initial_now(world, after) <= margin.worth(after).balance
    require(margin.worth(after).equity >= 0 and affordable, why.INSUFFICIENT_FUNDS)
    if fraction_ppm < WHOLE_PPM:
        given = [Part(part.instrument, -part.lots, -part.value_micro) for part in parts]
        left = _with_parts(target, given, price.worth - price.given)
        if _room(world, left) < _room(world, target):
            note(world, "takeover: cover torn away")
        require(_room(world, left) >= _room(world, target), why.BAD_SIZE)
    _settle(world, bidder, target, parts, price)
    tell(
        world,
        target,
        r.LIQ_TAKEOVER,
        amount=price.given + price.topped,
        lots=fraction_ppm,
        counter=bidder.id,
    )


def _parties(world: World, bidder_id: int, target_id: int, fraction_ppm: int) -> tuple[Account, Account]:
    """Who takes over and whose portfolio; refused unless they may."""
    world.check_venue_open()
    bidder = world.user(bidder_id)
    world.check_free(bidder)
    target = world.user(target_id)
    require(target is not bidder, why.BAD_VALUE)
    require(1 <= fraction_ppm <= WHOLE_PPM, why.BAD_VALUE)
    if target.family == bidder.family:
        note(world, "takeover: of one family")
    require(target.family != bidder.family, why.WRONG_FAMILY)
    require(target.liquidation == r.LIQUIDATION_AUCTION, why.NOT_IN_AUCTION)
    if covered(world, target):
        note(world, "takeover: maintenance met")
    require(not covered(world, target), why.NOT_IN_AUCTION)
    return bidder, target


def _parts(target: Account, fraction_ppm: int) -> list[Part]:
    """The fraction of each position, without what comes to nothing.

    Options held long are rounded down and all else up, so that no part takes cover away from what stays.
    """
    found = []
    for _, seat in sorted(target.seats.items()):
        instrument, size = seat.instrument, seat.size_lots
        if size > 0 and instrument.is_option:
            lots = floor_div(size * fraction_ppm, WHOLE_PPM)
        else:
            lots = ceil_div(abs(size) * fraction_ppm, WHOLE_PPM)
        if lots and size > 0:
            found.append(Part(instrument, lots, lots * instrument.mark_high))
        elif lots:
            found.append(Part(instrument, -lots, -lots * instrument.mark_low))
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


def _price(world: World, target: Account, parts: list[Part], fraction_ppm: int) -> Price:
    """The price of these parts of the target, now."""
    longs = sum(
        min(_by_rate(world, target, part), floor_div(part.value_micro, 2))
        for part in parts
        if part.is_long_option
    )
    others = sum(_by_rate(world, target, part) for part in parts if not part.is_long_option)
    discount = longs + min(others, ppm_floor(margin.maintenance_now(world, target), fraction_ppm))
    equity = margin.worth(target).equity
    given = min(discount, ppm_floor(max(0, equity), fraction_ppm))
    topped = 0
    if fraction_ppm == WHOLE_PPM:
        topped = min(discount - given, max(0, -equity), max(0, world.insurance.cash_micro))
    worth = sum(part.value_micro for part in parts if part.instrument.is_option)
    return Price(worth, discount, given, topped)


def _by_rate(world: World, target: Account, part: Part) -> int:
    """A part's discount by the auction's clock: grows from nothing over its time."""
    risk = world.underlying_of(part.instrument).risk
    if risk is None:
        return 0
    elapsed = min(world.now_ms - target.auction_start_ms, risk.auction_ms)
    rate = floor_div(risk.auction_discount_ppm * elapsed, risk.auction_ms)
    return ppm_floor(abs(part.lots) * part.instrument.index_per_lot, rate)


def most_ppm(world: World, target: Account) -> int:
    """The largest fraction that may be taken: what restores maintenance, at least a lot of the largest."""
    whole = _price(world, target, _parts(target, WHOLE_PPM), WHOLE_PPM)
    required = margin.maintenance_now(world, target)
    short = required - margin.worth(target).balance
    frees = required - whole.given
    if target.model == r.MODEL_STANDARD:
        frees += whole.worth
    if short >= frees:
        return WHOLE_PPM
    return max(ceil_div(short * WHOLE_PPM, frees), _two_lots_ppm(target))


def _two_lots_ppm(target: Account) -> int:
    """The fraction that takes two lots of the largest position, or all."""
    largest = max(abs(seat.size_lots) for seat in target.seats.values())
    return min(WHOLE_PPM, ceil_div(2 * WHOLE_PPM, largest))


def _note_most(world: World, target: Account, fraction_ppm: int, most: int) -> None:
    if fraction_ppm > most:
        note(world, "takeover: too large a fraction")
    if most == WHOLE_PPM:
        note(world, "takeover: all may be taken")
    elif most == _two_lots_ppm(target):
        note(world, "takeover: most by two lots")
    else:
        note(world, "takeover: most by what is short")


def _note_parts(world: World, target: Account, parts: list[Part], fraction_ppm: int) -> None:
    taken = {part.instrument.id: abs(part.lots) for part in parts}
    for number, seat in target.seats.items():
        if seat.size_lots and number not in taken:
            note(world, "takeover: a long option rounded to nothing")
        elif taken.get(number, 0) * WHOLE_PPM > abs(seat.size_lots) * fraction_ppm:
            note(world, "takeover: a part rounded up")
    longs = [part for part in parts if part.is_long_option]
    if any(_by_rate(world, target, part) > floor_div(part.value_micro, 2) for part in longs):
        note(world, "takeover: discount cut by half the value")
    others = sum(_by_rate(world, target, part) for part in parts if not part.is_long_option)
    if others > ppm_floor(margin.maintenance_now(world, target), fraction_ppm):
        note(world, "takeover: discount cut by maintenance")


def _note_price(world: World, target: Account, price: Price, *, whole: bool) -> None:
    equity = margin.worth(target).equity
    if price.discount and price.given == price.discount:
        note(world, "takeover: whole discount given")
    elif equity > 0 and price.given < price.discount:
        note(world, "takeover: given cut by equity")
    if equity < 0 and price.discount and not whole:
        note(world, "takeover: no top-up of a part")
    elif equity < 0 and price.discount:
        if price.topped == price.discount:
            note(world, "takeover: topped up whole")
        elif price.topped < max(0, world.insurance.cash_micro):
            note(world, "takeover: top-up cut by negative equity")
        else:
            note(world, "takeover: top-up cut by the fund")


def _settle(world: World, bidder: Account, target: Account, parts: list[Part], price: Price) -> None:
    """Move positions and cash, and tell it."""
    for part in parts:
        _move(target.seats[part.instrument.id], -part.lots, -part.value_micro)
        seat = bidder.seats.setdefault(part.instrument.id, Seat(part.instrument))
        _move(seat, part.lots, part.value_micro)
    to_target = price.worth - price.given
    target.cash_micro += to_target
    bidder.cash_micro -= price.pay
    world.insurance.cash_micro -= price.topped
    for part in parts:
        world.events.moved(target, part.instrument.id, bidder, part.lots, part.value_micro, world.now_ms)
    _tell_cash(world, bidder, target, -price.pay)
    _tell_cash(world, target, bidder, to_target)
    if price.topped > 0:
        _tell_cash(world, world.insurance, bidder, -price.topped)


def _move(seat: Seat, lots: int, value_micro: int) -> None:
    seat.size_lots += lots
    seat.entry_value_micro += value_micro


def _room(world: World, account: Account) -> int:
    """Balance less MM."""
    return margin.worth(account).balance - margin.maintenance_now(world, account)


def _with_parts(account: Account, parts: list[Part], cash_micro: int) -> Account:
    """An account as it would be with more parts and cash; the account itself is not touched."""
    seats = dict(account.seats)
    for part in parts:
        seat = replace(seats.get(part.instrument.id, Seat(part.instrument)))
        _move(seat, part.lots, part.value_micro)
        seats[part.instrument.id] = seat
    return replace(account, seats=seats, cash_micro=account.cash_micro + cash_micro)


def _tell_cash(world: World, account: Account, counter: Account, delta_micro: int) -> None:
    world.events.cash(account, 0, delta_micro, r.CASH_TAKEOVER, world.now_ms, counter=counter.id)
