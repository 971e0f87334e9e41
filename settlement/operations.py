"""The operations of a batch: what changes accounts, in the order in which it happened.

The ledger makes them from event bytes, the codec writes and reads them, the transition applies them.
What follows from the state (a fill's value and fees, every account's part of a delivery) is not carried:
whoever has the state computes it again. Units as in docs/formats.md.
"""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain.commands import InstrumentTerms
from exchange.domain.commands_risk import FeeTier


class IndexSet(NamedTuple):
    """The underlying's index (micro-USDC) that fees of the fills after it are taken on; per batch."""

    underlying: int
    index_micro: int


class Fill(NamedTuple):
    """One match between two accounts."""

    instrument: int
    maker: int
    taker: int
    taker_sells: bool
    price_ticks: int
    size_lots: int
    trade_id: int


class Deposit(NamedTuple):
    """Cash from the bridge; `deposit_id` is the L1's and grows strictly."""

    account: int
    amount_micro: int
    deposit_id: int


class DepositRefused(NamedTuple):
    """A deposit for an account that does not exist: nothing happens but on the L1. Format 2 alone."""

    account: int


class DepositGivenBack(NamedTuple):
    """What becomes of it: it leaves again, to who made it."""

    account: int
    amount_micro: int
    deposit_id: int
    depositor: bytes


class Withdrawal(NamedTuple):
    """Cash to the bridge at once (rules version 1)."""

    account: int
    amount_micro: int
    withdrawal_id: int


class Settlement(NamedTuple):
    """A delivery, perpetual settlement or funding of every holder of the instrument.

    `kind` and `price` as in the SETTLED event: delivery_price_micro, price_ticks or
    funding_micro_per_lot.
    """

    instrument: int
    kind: int
    price: int


class AccountSet(NamedTuple):
    """An account created, or configured anew."""

    account: int
    flags: int
    owner: bytes


class Listing(NamedTuple):
    """An instrument listed."""

    instrument: int
    state: int
    terms: InstrumentTerms


class StateSet(NamedTuple):
    """An instrument's state changed; delisting and delivery end its positions."""

    instrument: int
    state: int


class UnderlyingSet(NamedTuple):
    """An underlying listed; `symbol` is the word the core carries."""

    underlying: int
    symbol: int


# --- from rules version 2 on --------------------------------------------------------------------------


class FeesSet(NamedTuple):
    """The fee schedule from now on: one entry a tier, rates in parts per million of index notional."""

    tiers: tuple[FeeTier, ...]


class FamilySet(NamedTuple):
    """An account's main account (0: it is one) and its fee tier."""

    account: int
    main: int
    tier: int


class RiskSet(NamedTuple):
    """An underlying's liquidation fee, in parts per million of index notional."""

    underlying: int
    liquidation_fee_ppm: int


class WithdrawalHeld(NamedTuple):
    """Cash set aside for a withdrawal; `withdrawal_id` grows strictly."""

    account: int
    amount_micro: int
    withdrawal_id: int


class WithdrawalResolved(NamedTuple):
    """A held withdrawal paid on the L1, or cancelled (`records.WITHDRAWAL_…`)."""

    withdrawal_id: int
    outcome: int


class Transfer(NamedTuple):
    """Cash from one account to another of its family."""

    source: int
    destination: int
    amount_micro: int
    transfer_id: int


class LiquidationSet(NamedTuple):
    """An account's liquidation started (1) or ended (0): who is in one shares no losses."""

    account: int
    under: int


class LiquidationFee(NamedTuple):
    """The fee of a liquidation step whose fills, just before it, made up `lots` (negative: sold).

    Carried because it is cut to the account's funds, which depend on marks; never above what rate and cap
    make of the fills.
    """

    account: int
    instrument: int
    lots: int
    fee_micro: int


class FundCover(NamedTuple):
    """The insurance fund pays what it can of the deficit of an account without positions."""

    account: int


class Moved(NamedTuple):
    """A position passes on at `value_micro`; a `Takeover` or `PositionsMoved` with the cash follows the last
    of its command."""

    instrument: int
    source: int
    destination: int
    lots: int
    value_micro: int


class Takeover(NamedTuple):
    """The cash of a takeover of `fraction_ppm` of every position of `target`.

    `given_micro` is the discount out of the target's equity, `topped_micro` the insurance fund's part.
    """

    bidder: int
    target: int
    fraction_ppm: int
    given_micro: int
    topped_micro: int


class LossShare(NamedTuple):
    """One step of sharing the deficit of `account`: the next `looked_at` accounts by id, by their cash.

    Only in batches of codec 2: losses were shared so before equity counted, and everyone's share followed
    from the state.
    """

    account: int
    looked_at: int


class LossStep(NamedTuple):
    """One step of sharing the deficit of `account`: the next `looked_at` accounts by id.

    `shares` are (account that pays, amount_micro) by id. They are carried because marks decide what an
    account is worth; never beyond what the state bounds them by (`settlement.losses`).
    """

    account: int
    looked_at: int
    shares: tuple[tuple[int, int], ...]


# --- from rules version 4 on --------------------------------------------------------------------------


class ComboListing(NamedTuple):
    """A combo listed; its terms have legs."""

    instrument: int
    state: int
    terms: InstrumentTerms


class ComboFill(NamedTuple):
    """One leg's fill of a match by a combo's order. `sides`: bits of `settlement.combos`, who sells, who
    trades by a combo's order, and whether the taker is one that rests."""

    instrument: int
    maker: int
    taker: int
    sides: int
    price_ticks: int
    size_lots: int
    trade_id: int


class DiscountSet(NamedTuple):
    """The discount on fees of who trades by a combo's order, from now on."""

    permille: int


# --- from rules version 5 on --------------------------------------------------------------------------


class PositionsMoved(NamedTuple):
    """Positions that have passed within a family: the cash of their options."""

    source: int
    destination: int


# --- from rules version 6 on --------------------------------------------------------------------------


class ForcedWithdrawal(NamedTuple):
    """A request of the bridge's forced queue answered: `paid_micro` of `asked_micro`, at once.

    Batches of format 1 know none.
    """

    account: int
    request_id: int
    asked_micro: int
    paid_micro: int


FILLS = (Fill, ComboFill)

Operation = (
    IndexSet
    | Fill
    | Deposit
    | Withdrawal
    | Settlement
    | AccountSet
    | Listing
    | StateSet
    | UnderlyingSet
    | FeesSet
    | FamilySet
    | RiskSet
    | WithdrawalHeld
    | WithdrawalResolved
    | Transfer
    | LiquidationSet
    | LiquidationFee
    | FundCover
    | Moved
    | Takeover
    | LossShare
    | LossStep
    | ComboListing
    | ComboFill
    | DiscountSet
    | PositionsMoved
    | ForcedWithdrawal
    | DepositRefused
    | DepositGivenBack
)
