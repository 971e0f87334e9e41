"""The state of format 2 in memory: accounts with pages of positions, instruments, parameters.

Only the rules change it, through `pay` and `move`, which note what was touched: just that is hashed
(`settlement.stf.commitment`). `settlement.stf.onestep` makes one of what a witness opens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from exchange.domain import records as r
from exchange.domain.limits import ACCOUNT_FEES, FIRST_USER_ACCOUNT
from settlement.stf import sections as sc
from settlement.stf.errors import TransitionError
from settlement.stf.terms import Terms

NO_OWNER: Final = bytes(20)
FLAT: Final = (0, 0)
PAGE_SHIFT: Final = 4
MAX_PAGES: Final = 2_048
MAX_OPEN: Final = 65_535
SLOTS: Final = 1 << 32
_SIZE_END: Final = 1 << 63
_ENTRY_END: Final = 1 << 127
_USUAL: Final = 1 << 61
"""Below it a figure fits its field, whichever it is."""

Page = dict[int, tuple[int, int]]
"""Positions of one page: instrument to (size_lots, entry_value_micro)."""


@dataclass(slots=True)
class Account:
    """One account. `pages` maps page numbers to positions; no page is empty."""

    owner: bytes = NO_OWNER
    flags: int = 0
    nonce: int = 0
    cash_micro: int = 0
    main: int = 0
    tier: int = 0
    in_liquidation: int = 0
    open_positions: int = 0
    perpetual_entry_micro: int = 0
    pages: dict[int, Page] = field(default_factory=dict)
    page_count: int = 0

    def position(self, instrument: int) -> tuple[int, int]:
        """(size_lots, entry_value_micro), zeros where there is none."""
        page = self.pages.get(instrument >> PAGE_SHIFT)
        return FLAT if page is None else page.get(instrument, FLAT)


@dataclass(slots=True)
class Instrument:
    """A listed instrument; the last four are a settlement under way (`settling` 0: none)."""

    terms: Terms
    state: int
    last_price_ticks: int = 0
    holders: int = 0
    last_taker_sells: int = 0
    mark_micro: int = 0
    mark_at_ms: int = 0
    last_trade_id: int = 0
    settling: int = 0
    holders_left: int = 0
    last_holder: int = 0
    settlement_price: int = 0


class Withdrawal(NamedTuple):
    """A withdrawal as its leaf has it; `status` is one of WITHDRAWAL_…."""

    ident: int
    account: int
    status: int
    amount_micro: int
    owner: bytes


WITHDRAWAL_HELD: Final = 1
WITHDRAWAL_PAID: Final = 2
WITHDRAWAL_FORCED: Final = 3


@dataclass(slots=True)
class Parameters:
    """The sections of the parameters but the trees' roots."""

    money: sc.Money = field(default_factory=sc.Money)
    fees: sc.Fees = field(default_factory=sc.Fees)
    underlyings: sc.Underlyings = field(default_factory=sc.Underlyings)
    sharing: sc.Sharing = field(default_factory=sc.Sharing)
    passage: sc.Passage = field(default_factory=sc.Passage)
    slice: sc.Slice = field(default_factory=sc.Slice)
    dictionaries: sc.Dictionaries = field(default_factory=sc.Dictionaries)


def _must_fit(figure: int, end: int) -> None:
    """Raises TransitionError for a figure outside −end … end − 1."""
    if not -end <= figure < end:
        raise TransitionError(f"a figure of {figure} does not fit its field")


class State:
    """Everything the root commits to, and the fees of the chunk under way.

    `touched_…` collect what changed since the trees were last brought up to date; a touched position is
    `account << 32 | instrument`.
    """

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.instruments: dict[int, Instrument] = {}
        self.withdrawals: dict[int, Withdrawal] = {}
        """By slot."""
        self.entries: dict[int, int] = {}
        """Dictionary entries by their place in the tree."""
        self.parameters = Parameters()
        self.fees_micro = 0
        self.holders: dict[int, set[int]] = {}
        """Who has a position in an instrument; only those that make steps ask."""
        self.held_slots: dict[int, int] = {}
        """Where withdrawals held stand, by withdrawal id; likewise."""
        self.touched_positions: set[int] = set()
        self.touched_accounts: set[int] = set()
        self.touched_instruments: set[int] = set()
        self.touched_withdrawals: set[int] = set()
        self.touched_entries: set[int] = set()

    # --- what rules lean on ---------------------------------------------------------------------------

    def find_account(self, number: int) -> Account | None:
        """The account, or None. A system account exists from the start."""
        found = self.accounts.get(number)
        if found is None and 0 < number < FIRST_USER_ACCOUNT:
            found = self.accounts[number] = Account()
        return found

    def account(self, number: int) -> Account:
        """The account. Raises TransitionError."""
        found = self.find_account(number)
        if found is None:
            raise TransitionError(f"account {number} does not exist")
        return found

    def user(self, number: int) -> Account:
        """A user's account. Raises TransitionError."""
        if number < FIRST_USER_ACCOUNT:
            raise TransitionError(f"account {number} is not a user's")
        return self.account(number)

    def find_instrument(self, number: int) -> Instrument | None:
        """The instrument, or None."""
        return self.instruments.get(number)

    def instrument(self, number: int) -> Instrument:
        """A listed instrument. Raises TransitionError."""
        found = self.find_instrument(number)
        if found is None:
            raise TransitionError(f"instrument {number} is not listed")
        return found

    def open_instrument(self, number: int) -> Instrument:
        """An instrument that has not ended and is not being settled. Raises TransitionError."""
        found = self.instrument(number)
        if found.state in (r.STATE_DELISTED, r.STATE_DELIVERED):
            raise TransitionError(f"instrument {number} has ended")
        if found.settling:
            raise TransitionError(f"instrument {number} is being settled")
        return found

    def withdrawal(self, slot: int) -> Withdrawal | None:
        """The withdrawal at a slot, or None."""
        return self.withdrawals.get(slot)

    # --- what rules do --------------------------------------------------------------------------------

    def pay(self, number: int, account: Account, delta_micro: int) -> None:
        """Add to an account's cash."""
        account.cash_micro += delta_micro
        self.touched_accounts.add(number)

    def move(
        self, holder: int, account: Account, number: int, instrument: Instrument, size: int, entry: int
    ) -> None:
        """Add (size_lots, entry_value_micro) to the holder's position in an instrument.

        Raises:
            TransitionError: the account would have too many pages or positions, or a figure does not fit.
        """
        which = number >> PAGE_SHIFT
        pages = account.pages
        page = pages.get(which)
        old_size, old_entry = FLAT if page is None else page.get(number, FLAT)
        new_size, new_entry = old_size + size, old_entry + entry
        if new_size or new_entry:
            if page is None:
                page = pages[which] = {}
                account.page_count += 1
                if account.page_count > MAX_PAGES:
                    raise TransitionError(f"account {holder} has positions in too many pages")
            if not (-_USUAL < new_size < _USUAL and -_USUAL < new_entry < _USUAL):
                _must_fit(new_size, _SIZE_END)
                _must_fit(new_entry, _ENTRY_END)
            page[number] = (new_size, new_entry)
            if not old_size and not old_entry:
                instrument.holders += 1
                self.holders.setdefault(number, set()).add(holder)
        elif page is not None and (old_size or old_entry):
            self._drop(holder, account, number, instrument)
        if not old_size:
            if new_size:
                account.open_positions += 1
                if account.open_positions > MAX_OPEN:
                    raise TransitionError(f"account {holder} has too many open positions")
        elif not new_size:
            account.open_positions -= 1
        if instrument.terms.is_perpetual:
            account.perpetual_entry_micro += entry
            if not -_USUAL < account.perpetual_entry_micro < _USUAL:
                _must_fit(account.perpetual_entry_micro, _ENTRY_END)
        self.touched_positions.add(holder << 32 | number)
        self.touched_instruments.add(number)

    def _drop(self, holder: int, account: Account, number: int, instrument: Instrument) -> None:
        """Leave out a position of which nothing is left."""
        which = number >> PAGE_SHIFT
        page = account.pages[which]
        del page[number]
        instrument.holders -= 1
        self.holders.get(number, set()).discard(holder)
        if not page:
            del account.pages[which]
            account.page_count -= 1

    def add_withdrawal(self, withdrawal: Withdrawal) -> None:
        """Make a withdrawal's leaf at the next slot. Raises TransitionError when there is none left."""
        slot = self.parameters.money.withdrawals
        if slot >= SLOTS:
            raise TransitionError("no slot is left for a withdrawal")
        self.parameters.money.withdrawals = slot + 1
        self.set_withdrawal(slot, withdrawal)

    def set_withdrawal(self, slot: int, withdrawal: Withdrawal | None) -> None:
        """Change the leaf at a slot; None: it becomes empty."""
        before = self.withdrawals.pop(slot, None)
        if before is not None:
            self.held_slots.pop(before.ident, None)
        if withdrawal is not None:
            self.withdrawals[slot] = withdrawal
            if withdrawal.status == WITHDRAWAL_HELD:
                self.held_slots[withdrawal.ident] = slot
        self.touched_withdrawals.add(slot)

    def entry(self, place: int) -> int | None:
        """The dictionary entry at a place in the tree, or None."""
        return self.entries.get(place)

    def set_entry(self, place: int, ident: int | None) -> None:
        """Change the entry at a place; None: there is none any more."""
        if ident is None:
            self.entries.pop(place, None)
        else:
            self.entries[place] = ident
        self.touched_entries.add(place)

    def end_chunk(self) -> None:
        """Book the chunk's fees."""
        if self.fees_micro:
            self.pay(ACCOUNT_FEES, self.account(ACCOUNT_FEES), self.fees_micro)
            self.fees_micro = 0
