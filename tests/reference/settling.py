"""Perpetual settlement, funding and option delivery (rules: Life cycle)."""

from __future__ import annotations

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from tests.reference import cancelling, following, lifecycle, resting
from tests.reference.accounts import Account, Seat
from tests.reference.arithmetic import ceil_div, floor_div
from tests.reference.instruments import E8, Instrument, per_lot_up, price_bounded
from tests.reference.outcome import require
from tests.reference.world import Head, World


def _seats(world: World, instrument: Instrument) -> list[tuple[Account, Seat]]:
    """Accounts in id order with a size or an entry value in the instrument."""
    found = []
    for _, account in sorted(world.accounts.items()):
        seat = account.seats.get(instrument.id)
        if seat is not None and (seat.size_lots or seat.entry_value_micro):
            found.append((account, seat))
    return found


def _ending_instrument(world: World, head: Head, kind: int) -> Instrument:
    instrument = world.instrument(head.instrument)
    require(instrument.terms.kind == kind, why.BAD_VALUE)
    ended = instrument.state in (r.STATE_DELISTED, r.STATE_DELIVERED)
    require(not ended, why.INSTRUMENT_NOT_OPEN)
    return instrument


def _check_cash(deltas: list[tuple[Account, Seat, int]]) -> None:
    for account, _, delta in deltas:
        require(abs(account.cash_micro + delta) <= limits.CASH_LIMIT, why.LIMIT_REACHED)


def settle_perpetual(world: World, head: Head, words: tuple[int, ...]) -> None:
    """SETTLE_PERPETUAL: entry values become cash."""
    price_ticks = words[0]
    instrument = _ending_instrument(world, head, r.KIND_PERPETUAL)
    require(1 <= price_ticks <= instrument.terms.price_limit_ticks, why.BAD_VALUE)
    value_per_lot = price_ticks * instrument.multiplier_micro
    deltas = [
        (account, seat, seat.size_lots * value_per_lot - seat.entry_value_micro)
        for account, seat in _seats(world, instrument)
    ]
    _check_cash(deltas)
    for account, seat, delta in deltas:
        account.cash_micro += delta
        entry_after = seat.size_lots * value_per_lot
        world.events.settled(
            account,
            seat,
            r.SETTLED_PERPETUAL,
            delta=delta,
            fee=0,
            price=price_ticks,
            entry_after=entry_after,
            now_ms=world.now_ms,
        )
        seat.entry_value_micro = entry_after
    world.events.done(head, len(deltas), world.now_ms)


def funding(world: World, head: Head, words: tuple[int, ...]) -> None:
    """FUNDING at a rate per lot; positive: longs pay."""
    rate = words[0]
    instrument = _ending_instrument(world, head, r.KIND_PERPETUAL)
    require(abs(rate) * instrument.terms.position_limit_lots <= limits.MAX_VALUE_MICRO, why.BAD_VALUE)
    deltas = [
        (account, seat, -rate * seat.size_lots)
        for account, seat in _seats(world, instrument)
        if seat.size_lots
    ]
    _check_cash(deltas)
    for account, seat, delta in deltas:
        account.cash_micro += delta
        world.events.settled(
            account,
            seat,
            r.SETTLED_FUNDING,
            delta=delta,
            fee=0,
            price=rate,
            entry_after=seat.entry_value_micro,
            now_ms=world.now_ms,
        )
    world.events.done(head, len(deltas), world.now_ms)


def deliver(world: World, head: Head, words: tuple[int, ...]) -> None:
    """DELIVER: orders cancelled, positions paid out, seats removed."""
    price_micro = words[0]
    instrument = _ending_instrument(world, head, r.KIND_OPTION)
    require(world.now_ms >= instrument.terms.expiry_ms, why.NOT_EXPIRED)
    good = 1 <= price_micro <= limits.MAX_PRICE_MICRO and price_bounded(price_micro, instrument.terms)
    require(good, why.BAD_VALUE)
    cancelling.end_combos(world, instrument)
    for order in (*instrument.book.orders(), *cancelling.untriggered_of(world, instrument)):
        resting.cancel(world, order, r.CANCEL_DELIVERY)
    following.carry_out(world)
    payoff_per_lot = _payoff_per_lot(instrument, price_micro)
    for account, seat in _seats(world, instrument):
        payoff = seat.size_lots * payoff_per_lot
        fee = _delivery_fee(instrument, price_micro, abs(seat.size_lots), abs(payoff))
        account.cash_micro += payoff - fee
        world.accounts[limits.ACCOUNT_FEES].cash_micro += fee
        world.events.settled(
            account,
            seat,
            r.SETTLED_DELIVERY,
            delta=payoff - fee,
            fee=fee,
            price=price_micro,
            entry_after=0,
            now_ms=world.now_ms,
        )
    lifecycle.remove_seats(world, instrument)
    instrument.state = r.STATE_DELIVERED
    instrument.table = None
    world.events.instrument(instrument, world.now_ms)


def _payoff_per_lot(instrument: Instrument, price_micro: int) -> int:
    strike = instrument.terms.strike_micro
    is_call = instrument.terms.option_type == r.OPTION_CALL
    inside = max(0, price_micro - strike if is_call else strike - price_micro)
    return floor_div(inside * instrument.terms.lot_e8, E8)


def _delivery_fee(instrument: Instrument, price_micro: int, lots: int, payoff_micro: int) -> int:
    terms = instrument.terms
    nano = ceil_div(per_lot_up(price_micro, terms.lot_e8) * terms.delivery_fee_ppm, 1000)
    fee = ceil_div(nano * lots, 1000)
    if terms.fee_cap_permille:
        fee = min(fee, floor_div(payoff_micro * terms.fee_cap_permille, 1000))
    return fee
