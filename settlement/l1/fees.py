"""What to offer for a block's gas: from the chain's prices, within limits, and more when nobody takes it."""

from __future__ import annotations

from typing import Final, NamedTuple

from settlement.l1.ethereum import Ethereum, Head
from settlement.l1.transactions import BLOB, Transaction

GWEI: Final = 10**9
ELASTICITY: Final = 2


class Offer(NamedTuple):
    """Prices in wei a unit of gas; the blob price is 0 where there are no blobs."""

    max_fee: int
    priority_fee: int
    max_blob_fee: int


class FeePolicy(NamedTuple):
    """Limits and pace. A price above a limit is not offered: what is to be sent waits, and says so."""

    max_fee_limit: int = 500 * GWEI
    max_blob_fee_limit: int = 500 * GWEI
    priority_fee_limit: int = 20 * GWEI
    base_fee_factor: int = 2  # six full blocks' rise is within it
    patience_blocks: int = 3  # so many blocks without it, then more is offered
    raise_percent: int = 25  # nodes ask for 10
    raise_blob_percent: int = 100  # what nodes ask for


DEFAULTS: Final = FeePolicy()


class TooExpensive(Exception):
    """The chain asks for more than the policy allows."""


def offer_now(ethereum: Ethereum, head: Head, policy: FeePolicy, *, blobs: bool) -> Offer:
    """What is enough for the next blocks. Raises TooExpensive; L1Unavailable."""
    tip = min(ethereum.suggested_tip_wei(), policy.priority_fee_limit)
    base = next_base_fee_wei(head)
    blob = ethereum.blob_base_fee_wei() if blobs else 0
    if base + tip > policy.max_fee_limit or blob > policy.max_blob_fee_limit:
        raise TooExpensive(f"base fee {base} wei, blob base fee {blob} wei")
    return Offer(
        min(policy.base_fee_factor * base + tip, policy.max_fee_limit),
        tip,
        min(policy.base_fee_factor * blob, policy.max_blob_fee_limit),
    )


def next_base_fee_wei(head: Head) -> int:
    """EIP-1559's base fee of the block after the head; divisions round down."""
    target = max(1, head.gas_limit // ELASTICITY)
    change = head.base_fee_wei * (head.gas_used - target)
    if change > 0:
        return head.base_fee_wei + max(1, change // target // 8)
    return head.base_fee_wei - (-change) // target // 8


def raised(old: Transaction, now: Offer, policy: FeePolicy) -> Offer:
    """What replaces a transaction: the present offer, and at least so much above the old one.

    Raises TooExpensive where that is above the limits.
    """
    percent = 100 + (policy.raise_blob_percent if old.kind == BLOB else policy.raise_percent)
    offer = Offer(
        max(now.max_fee, _more(old.max_fee, percent)),
        max(now.priority_fee, _more(old.priority_fee, percent)),
        max(now.max_blob_fee, _more(old.max_blob_fee, percent)),
    )
    if offer.max_fee > policy.max_fee_limit or offer.max_blob_fee > policy.max_blob_fee_limit:
        raise TooExpensive(f"replacing would take {offer.max_fee} and {offer.max_blob_fee} wei")
    return offer


def _more(price: int, percent: int) -> int:
    return -(-price * percent // 100)  # rounds up: nodes compare exactly
