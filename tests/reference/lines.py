"""An account's seats as plain numbers, so that a margin can be asked of what is not yet so."""

from __future__ import annotations

from typing import NamedTuple

from tests.reference.accounts import Account, Seat
from tests.reference.instruments import Instrument


class Line(NamedTuple):
    """One seat: its size, open lots on both sides, and what these orders hold, in micro-USDC."""

    instrument: Instrument
    size: int = 0
    open_buy: int = 0
    open_sell: int = 0
    hold: int = 0

    @property
    def worst(self) -> int:
        """The largest size, either way, after fills of one side."""
        return max(abs(self.size + self.open_buy), abs(self.size - self.open_sell))


def line_of(seat: Seat) -> Line:
    return Line(seat.instrument, seat.size_lots, seat.open_buy_lots, seat.open_sell_lots, seat.hold_micro)


def lines_of(account: Account, *changed: Line) -> list[Line]:
    """The account's seats, with those in place of their own that are given."""
    found = {seat.instrument.id: line_of(seat) for seat in account.seats.values()}
    found.update({line.instrument.id: line for line in changed})
    return list(found.values())
