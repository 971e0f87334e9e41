"""What a run of fills comes to, booked at once: the inner loops of `settlement.rollup.bulk`.

A key names a position: place of the account · number of instruments + place of the instrument.
"""

from __future__ import annotations

from typing import Final

from settlement.stf.state import MAX_OPEN, MAX_PAGES, Account, Instrument, State

ROOM: Final = 1 << 60
"""No figure and no sum of a run may come near the ends of 64 bits."""


class Parties:
    """Accounts and instruments by place, and their ids."""

    def __init__(
        self, accounts: list[Account], numbers: list[int], instruments: list[Instrument], listed: list[int]
    ) -> None:
        self.accounts = accounts
        self.numbers = numbers
        self.instruments = instruments
        self.listed = listed


def has_room(parties: Parties, keys: list[int], most: int) -> bool:
    """Whether no account would have too many positions or pages, and no figure could leave its field, even if
    all positions of the run were new ones and each changed by `most` first."""
    width, accounts, listed = len(parties.listed), parties.accounts, parties.listed
    if most >= ROOM:
        return False
    more = [0] * len(accounts)
    for key in keys:
        place = key // width
        more[place] += 1
        size, entry = accounts[place].position(listed[key % width])
        if not (-ROOM < size < ROOM and -ROOM < entry < ROOM):
            return False
    for place, account in enumerate(accounts):
        if account.page_count + more[place] > MAX_PAGES or account.open_positions + more[place] > MAX_OPEN:
            return False
        if not -ROOM < account.perpetual_entry_micro < ROOM:
            return False
    return True


def book(
    state: State, parties: Parties, keys: list[int], sizes: list[int], entries: list[int], cash: list[int]
) -> None:
    """Move positions and pay cash, place by place."""
    width, accounts, numbers = len(parties.listed), parties.accounts, parties.numbers
    listed, instruments = parties.listed, parties.instruments
    for at, key in enumerate(keys):
        place, which = key // width, key % width
        state.move(numbers[place], accounts[place], listed[which], instruments[which], sizes[at], entries[at])
    for place, delta in enumerate(cash):
        accounts[place].cash_micro += delta
        state.touched_accounts.add(numbers[place])
