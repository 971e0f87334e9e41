"""The operations of a batch: what changes accounts, in the order in which it happened.

The ledger makes them from event bytes, the codec writes and reads them, the transition applies them.
What follows from the state (a fill's value and fees, every account's part of a delivery) is not carried:
whoever has the state computes it again. Units as in docs/formats.md.
"""

from __future__ import annotations

from typing import NamedTuple

from exchange.domain.commands import InstrumentTerms


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


class Withdrawal(NamedTuple):
    """Cash to the bridge."""

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


Operation = (
    IndexSet | Fill | Deposit | Withdrawal | Settlement | AccountSet | Listing | StateSet | UnderlyingSet
)
