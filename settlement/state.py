"""Settlement's own account state: cash and positions per account, and what instruments are.

Plain integers in plain dictionaries. Only `settlement/transition.py` changes it. A position is
(size_lots, entry_value_micro), both signed sums; it is kept while either is not zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from exchange.domain.commands import InstrumentTerms
from exchange.domain.commands_risk import FeeTier
from exchange.domain.limits import ACCOUNT_WITHDRAWALS, FIRST_USER_ACCOUNT
from settlement.operations import Moved

NO_OWNER = bytes(20)
FLAT = (0, 0)


@dataclass(slots=True)
class Account:
    """One account. `positions` maps instrument to (size_lots, entry_value_micro)."""

    owner: bytes = NO_OWNER
    flags: int = 0
    cash_micro: int = 0
    positions: dict[int, tuple[int, int]] = field(default_factory=dict)
    main: int = 0
    tier: int = 0
    in_liquidation: int = 0


class Range(NamedTuple):
    """A figure of which only bounds are known, both included."""

    least: int
    most: int


NOTHING = Range(0, 0)


class Share(NamedTuple):
    """What an account paid of a loss, micro-USDC. `is_whole`: neither its cash nor what was still missing
    was reached, so it is all that its basis asks for."""

    paid_micro: int
    is_whole: bool


@dataclass(slots=True)
class Sharing:
    """A deficit being shared (docs/rules-2.md, SHARE_LOSS); `account` 0: none is.

    `phase` is one of `settlement.losses`; `at` the next account to be looked at. `basis` and `total` bound
    what marks decide, micro-USDC; `shares` are those of this pass.
    """

    account: int = 0
    phase: int = 0
    at: int = 0
    total: Range = NOTHING
    deficit_micro: int = 0
    remaining_micro: int = 0
    basis: dict[int, Range] = field(default_factory=dict)
    shares: dict[int, Share] = field(default_factory=dict)


@dataclass(slots=True)
class Instrument:
    """A listed instrument and its state (`records.STATE_…`)."""

    terms: InstrumentTerms
    state: int


class State:
    """All accounts, instruments and underlyings after some operation, with running totals.

    `touched_accounts` and `touched_instruments` collect what changed since `begin_batch`; `index_micro`
    is the batch's index per underlying; `run` and `moved` are the fills of one taker on one side in a row,
    as (lots, value), and the takeover's parts, in front of the operation that tells what they were for.
    None of these is part of what the root commits to.
    """

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.instruments: dict[int, Instrument] = {}
        self.underlyings: dict[int, int] = {}
        self.last_deposit_id = 0
        self.deposited_micro = 0
        self.withdrawn_micro = 0
        self.last_withdrawal_id = 0
        self.forced_through = 0
        self.withdrawals: dict[int, tuple[int, int]] = {}
        """Held ones by id: (account, amount_micro)."""
        self.tiers: tuple[FeeTier, ...] = ()
        self.combo_discount_permille = 0
        self.liquidation_fee_ppm: dict[int, int] = {}
        self.sharing = Sharing()
        self.account_count = FIRST_USER_ACCOUNT
        self.cash_total_micro = 0
        self.open_totals: dict[int, tuple[int, int]] = {}
        self.holders: dict[int, set[int]] = {}
        self.index_micro: dict[int, int] = {}
        self.run_of: tuple[int, int, bool] = (0, 0, False)
        """Taker, instrument and taker's side of `run`."""
        self.run: list[tuple[int, int]] = []
        self.moved: list[Moved] = []
        self.touched_accounts: set[int] = set()
        self.touched_instruments: set[int] = set()

    def begin_batch(self) -> None:
        """Forget what belongs to one batch only."""
        self.index_micro.clear()
        self.run.clear()
        self.moved.clear()
        self.touched_accounts.clear()
        self.touched_instruments.clear()

    def account(self, account: int) -> Account | None:
        """The account, or None. A system account exists from the start."""
        found = self.accounts.get(account)
        if found is None and 0 < account < FIRST_USER_ACCOUNT:
            found = self.accounts[account] = Account()
        return found

    def position(self, account: int, instrument: int) -> tuple[int, int]:
        """(size_lots, entry_value_micro), zeros where there is none."""
        found = self.accounts.get(account)
        return FLAT if found is None else found.positions.get(instrument, FLAT)

    def pay(self, number: int, account: Account, delta_micro: int) -> None:
        """Add to an account's cash."""
        account.cash_micro += delta_micro
        self.cash_total_micro += delta_micro
        self.touched_accounts.add(number)

    def move(self, number: int, account: Account, instrument: int, size: int, entry: int) -> None:
        """Add (size_lots, entry_value_micro) to an account's position."""
        old = account.positions.get(instrument)
        new = (size, entry) if old is None else (old[0] + size, old[1] + entry)
        if new == FLAT:
            account.positions.pop(instrument, None)
            self.holders.get(instrument, set()).discard(number)
        else:
            account.positions[instrument] = new
            if old is None:
                self.holders.setdefault(instrument, set()).add(number)
        total = self.open_totals.get(instrument, FLAT)
        self.open_totals[instrument] = (total[0] + size, total[1] + entry)
        self.touched_accounts.add(number)
        self.touched_instruments.add(instrument)

    def holders_in_order(self, instrument: int) -> list[int]:
        """Accounts with a position in the instrument, in id order."""
        return sorted(self.holders.get(instrument, ()))

    def adopt(self, number: int, account: Account) -> None:
        """Take in an account as a whole (used when a stored state is loaded)."""
        self.accounts[number] = account
        self.account_count = max(self.account_count, number + 1)
        self.cash_total_micro += account.cash_micro
        for instrument, (size, entry) in account.positions.items():
            self.holders.setdefault(instrument, set()).add(number)
            total = self.open_totals.get(instrument, FLAT)
            self.open_totals[instrument] = (total[0] + size, total[1] + entry)

    def conservation_faults(self) -> Iterator[str]:
        """What is not conserved: cash over all accounts, size and entry value of touched instruments."""
        if self.cash_total_micro:
            yield f"cash of all accounts adds up to {self.cash_total_micro} micro-USDC, not 0"
        if self.moved:
            yield "positions were moved and nothing pays for them"
        held = sum(amount for _, amount in self.withdrawals.values())
        account = self.accounts.get(ACCOUNT_WITHDRAWALS)
        if (account.cash_micro if account else 0) != held:
            yield f"account {ACCOUNT_WITHDRAWALS} does not hold the {held} micro-USDC of the withdrawals"
        for instrument in sorted(self.touched_instruments):
            size, entry = self.open_totals.get(instrument, FLAT)
            if size or entry:
                yield f"instrument {instrument}: sizes add up to {size} lots, entry values to {entry}"
