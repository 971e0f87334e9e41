"""The whole state, and the look-ups every command shares."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from exchange.domain import limits
from exchange.domain import records as r
from exchange.domain import rejects as why
from exchange.domain.commands_risk import FeeTier
from tests.reference.accounts import Account, Order
from tests.reference.groups import Group, GroupKey
from tests.reference.instruments import Instrument, Underlying
from tests.reference.outcome import Reject, require
from tests.reference.output import Events
from tests.reference.remembered_ids import RememberedIds

SYSTEM_ACCOUNTS = (
    limits.ACCOUNT_FEES,
    limits.ACCOUNT_INSURANCE,
    limits.ACCOUNT_BRIDGE,
    limits.ACCOUNT_WITHDRAWALS,
)


class Head(NamedTuple):
    """A command's header."""

    type: int
    version: int
    units: int
    flags: int
    account: int
    instrument: int
    client_order_id: int
    grant: int
    aux: int


@dataclass(slots=True)
class Sharing:
    """A loss being shared: whose, phase 1 (adding up) or 2 (paying), the next account to look at."""

    account: int = 0
    phase: int = 0
    at: int = 0
    total_micro: int = 0
    deficit_micro: int = 0
    remaining_micro: int = 0


@dataclass(slots=True, eq=False)
class World:
    """Everything the exchange knows. Counters name the next id to give."""

    shard: int
    events: Events
    now_ms: int = 0
    mode: int = r.MODE_OPEN
    rules_version: int = limits.FIRST_RULES
    last_deposit_id: int = 0
    next_account: int = limits.FIRST_USER_ACCOUNT
    next_order: int = 1
    next_trade: int = 1
    next_priority: int = 1
    accounts: dict[int, Account] = field(default_factory=dict)
    underlyings: list[Underlying] = field(default_factory=list)
    instruments: list[Instrument] = field(default_factory=list)
    orders: dict[int, Order] = field(default_factory=dict)  # open ones: in the book, or untriggered (rules 3)
    last_withdrawal_id: int = 0
    withdrawals: dict[int, tuple[Account, int]] = field(default_factory=dict)  # pending: who, how much
    tiers: tuple[FeeTier, ...] = ()  # none before SET_FEES
    combo_discount_permille: int = 0
    sharing: Sharing = field(default_factory=Sharing)
    seq: int = 0  # of the command under way, shard bits included
    ids: RememberedIds = field(default_factory=RememberedIds)  # from here on: rules 3
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    priced: list[Instrument] = field(default_factory=list)  # whose last price the order under way moved
    tripped: set[GroupKey] = field(default_factory=set)  # by the order that is trading
    due: list[Order] = field(default_factory=list)  # the queue of triggered orders
    last_block_id: int = 0
    forced_through: int = 0  # the id of the last forced request that was answered: rules 6
    followed: list[Order] = field(default_factory=list)  # traded or ended; their links are to be looked at
    taken: Counter[str] = field(default_factory=Counter)  # branches.note: for tests, no part of the state

    def __post_init__(self) -> None:
        for account_id in SYSTEM_ACCOUNTS:
            self.accounts[account_id] = Account(account_id)

    @property
    def has_risk_rules(self) -> bool:
        """Rules version 2 is in force."""
        return self.rules_version >= 2

    @property
    def has_order_rules(self) -> bool:
        """Rules version 3 is in force."""
        return self.rules_version >= 3

    @property
    def has_combo_rules(self) -> bool:
        """Rules version 4 is in force."""
        return self.rules_version >= 4

    @property
    def has_forced_rules(self) -> bool:
        """Rules version 6 is in force."""
        return self.rules_version >= 6

    @property
    def insurance(self) -> Account:
        return self.accounts[limits.ACCOUNT_INSURANCE]

    def family_of(self, account: Account) -> list[Account]:
        """The other accounts of its family, by id."""
        everybody = self.users_from(limits.FIRST_USER_ACCOUNT, self.next_account)
        return [other for other in everybody if other is not account and other.family == account.family]

    def users_from(self, first: int, count: int) -> list[Account]:
        """The accounts that exist among `count` ids from `first` on."""
        return [self.accounts[n] for n in range(first, min(first + count, self.next_account))]

    def take_order_id(self) -> int:
        self.next_order += 1
        return self.shard << limits.SHARD_SHIFT | self.next_order - 1

    def take_trade_id(self) -> int:
        self.next_trade += 1
        return self.shard << limits.SHARD_SHIFT | self.next_trade - 1

    def take_priority(self) -> int:
        self.next_priority += 1
        return self.next_priority - 1

    def user(self, account_id: int) -> Account:
        """A user's account, or UNKNOWN_ACCOUNT."""
        found = self.accounts.get(account_id)
        if found is None or account_id < limits.FIRST_USER_ACCOUNT:
            raise Reject(why.UNKNOWN_ACCOUNT)
        return found

    def instrument(self, instrument_id: int) -> Instrument:
        require(instrument_id < len(self.instruments), why.UNKNOWN_INSTRUMENT)
        return self.instruments[instrument_id]

    def underlying_of(self, instrument: Instrument) -> Underlying:
        return self.underlyings[instrument.terms.underlying]

    def underlying(self, underlying_id: int) -> Underlying:
        require(underlying_id < len(self.underlyings), why.UNKNOWN_UNDERLYING)
        return self.underlyings[underlying_id]

    def check_venue_open(self) -> None:
        require(self.mode == r.MODE_OPEN, why.VENUE_CANCEL_ONLY)

    def check_instrument_open(self, instrument: Instrument) -> None:
        """Check 3 without the venue; of a combo its own state, then each leg's in turn."""
        require(instrument.open_for_orders(self.now_ms), why.INSTRUMENT_NOT_OPEN)
        for leg in instrument.legs:
            require(leg.instrument.open_for_orders(self.now_ms), why.INSTRUMENT_NOT_OPEN)
            require(self.underlying_of(leg.instrument).state == r.STATE_OPEN, why.UNDERLYING_NOT_OPEN)

    def check_marked(self, instrument: Instrument) -> None:
        """A mark has arrived; under rules 2 the underlying has risk parameters."""
        require(instrument.marked, why.NO_MARK)
        if self.has_risk_rules:
            require(self.underlying_of(instrument).risk is not None, why.NO_RISK)

    def check_free(self, account: Account) -> None:
        """Neither locked nor in liquidation."""
        require(not account.locked and account.liquidation == r.LIQUIDATION_NONE, why.ACCOUNT_LOCKED)

    def check_no_loss_shared(self) -> None:
        """No loss is being shared: money stays where the shares were reckoned."""
        require(self.sharing.account == 0, why.LOSS_SHARING)

    def check_valid_until(self, valid_until_ms: int) -> None:
        require(valid_until_ms == 0 or valid_until_ms >= self.now_ms, why.TIMED_OUT)

    def lives(self, order: Order) -> bool:
        """Is an order open, in the book or untriggered?"""
        return self.orders.get(order.id) is order

    def own_order(self, account: Account, order_id: int) -> Order:
        """An open order of the account, or ORDER_NOT_FOUND or NOT_OWNER."""
        found = self.orders.get(order_id)
        if found is None:
            raise Reject(why.ORDER_NOT_FOUND)
        require(found.account is account, why.NOT_OWNER)
        return found
