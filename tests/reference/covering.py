"""What blocks and moves of positions ask of each account: room for a position, and cover behind it all."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.domain import limits
from exchange.domain import rejects as why
from tests.reference import margin
from tests.reference.accounts import Account, Seat
from tests.reference.instruments import Instrument
from tests.reference.outcome import require
from tests.reference.world import World


def check_room(account: Account, instrument: Instrument, lots: int) -> None:
    """A seat (13), the position with all open lots of this side filled (14), accumulation (15)."""
    seat = account.seats.get(instrument.id)
    if seat is None:
        require(len(account.seats) < account.seat_cap, why.TOO_MANY_SEATS)
        seat = Seat(instrument)
    if lots > 0:
        reached = seat.size_lots + seat.open_buy_lots + lots
    else:
        reached = -seat.size_lots + seat.open_sell_lots - lots
    require(reached <= instrument.terms.position_limit_lots, why.POSITION_LIMIT)
    require(abs(account.cash_micro) < limits.ACCUMULATION_LIMIT, why.LIMIT_REACHED)
    require(abs(seat.entry_value_micro) < limits.ENTRY_LIMIT, why.LIMIT_REACHED)


def check_covered(world: World, accounts: Iterable[Account]) -> None:
    """With all of it done, is everybody still covered? Each once, in the order of first mention."""
    for account in dict.fromkeys(accounts):
        now = margin.worth(account)
        require(now.equity >= 0, why.NEGATIVE_EQUITY, account.id)
        require(margin.initial_now(world, account) <= now.balance, why.INSUFFICIENT_FUNDS, account.id)
