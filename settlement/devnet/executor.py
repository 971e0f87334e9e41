"""A transaction in its block: what it must satisfy, what it pays, what it leaves behind."""

from __future__ import annotations

from typing import Final, NamedTuple

from settlement.devnet import fees
from settlement.devnet.world import (
    Account,
    Changes,
    ExecutionError,
    Message,
    Outcome,
    Surroundings,
    World,
    merge,
)
from settlement.l1.transactions import BLOB, Transaction, floor_gas, intrinsic_gas

MAX_INITCODE_BYTES: Final = 49_152
MAX_CALLDATA_BYTES: Final = 131_072  # what geth takes in one transaction, blobs aside


class Refused(Exception):
    """A transaction that this node does not take; `code` is stable, JSON-RPC's error code is -32000."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code = code


class Prices(NamedTuple):
    """A block's prices in wei a unit of gas."""

    base_fee_wei: int
    blob_base_fee_wei: int


class Receipt(NamedTuple):
    """What a transaction came to, with its changes to the state."""

    outcome: Outcome
    gas_used: int
    price_wei: int
    blob_gas: int
    changes: Changes


def check_static(transaction: Transaction, chain_id: int) -> None:
    """What can be said without the state. Raises Refused."""
    if transaction.chain_id != chain_id:
        raise Refused("wrong_chain", f"chain {transaction.chain_id} is not {chain_id}")
    if transaction.priority_fee > transaction.max_fee:
        raise Refused("tip_above_fee_cap", "max priority fee per gas higher than max fee per gas")
    needed = max(intrinsic_gas(transaction), floor_gas(transaction.data))
    if transaction.gas < needed:
        why = f"intrinsic gas too low: have {transaction.gas}, want {needed}"
        raise Refused("intrinsic_gas_too_low", why)
    if transaction.gas > fees.MAX_TRANSACTION_GAS:
        raise Refused("gas_limit_too_high", f"gas above {fees.MAX_TRANSACTION_GAS} (EIP-7825)")
    most = MAX_CALLDATA_BYTES if transaction.to else MAX_INITCODE_BYTES
    if len(transaction.data) > most:
        raise Refused("oversized_data", f"{len(transaction.data)} bytes of data, {most} at most")
    if transaction.kind == BLOB and not transaction.blob_hashes:
        raise Refused("no_blobs", "a blob transaction without blobs")


def most_it_costs_wei(transaction: Transaction) -> int:
    """What its sender must have."""
    gas = transaction.gas * transaction.max_fee + transaction.value_wei
    return gas + blob_gas_of(transaction) * transaction.max_blob_fee


def blob_gas_of(transaction: Transaction) -> int:
    """Blob gas, by the number of blobs."""
    return fees.GAS_PER_BLOB * len(transaction.blob_hashes)


def affordable(transaction: Transaction, prices: Prices) -> bool:
    """Whether its caps reach the block's prices."""
    blobs = not transaction.blob_hashes or transaction.max_blob_fee >= prices.blob_base_fee_wei
    return blobs and transaction.max_fee >= prices.base_fee_wei


def execute(
    world: World, transaction: Transaction, sender: bytes, block: Surroundings, prices: Prices
) -> Receipt:
    """Run a transaction that `affordable` and nonce and balance let in; the world stays as it is.

    Raises ExecutionError where the EVM refuses to begin all the same.
    """
    before = world.account(sender)
    if before.code_hash != Account().code_hash:
        raise ExecutionError("a contract sends no transactions (EIP-3607)")
    price = min(transaction.max_fee, prices.base_fee_wei + transaction.priority_fee)
    nonce = before.nonce + (1 if transaction.to else 0)  # creating counts it itself
    held = before._replace(nonce=nonce, balance_wei=before.balance_wei - transaction.gas * price)
    message = Message(
        sender, transaction.to, transaction.data, transaction.value_wei, transaction.gas,
        transaction.blob_hashes, transaction.access_list,
    )  # fmt: skip
    outcome = world.run(message, block, held)
    gas_used = max(outcome.gas_used, floor_gas(transaction.data))
    blob_gas = blob_gas_of(transaction)
    back = (transaction.gas - gas_used) * price - blob_gas * prices.blob_base_fee_wei
    changes = _credit(world, outcome.changes, sender, back)
    changes = _credit(world, changes, block.coinbase, gas_used * (price - prices.base_fee_wei))
    return Receipt(outcome, gas_used, price, blob_gas, changes)


def _credit(world: World, changes: Changes, address: bytes, amount_wei: int) -> Changes:
    before, after = changes.accounts.get(address, (world.accounts.get(address),) * 2)
    account = after or Account()
    if not amount_wei:
        return changes
    paid = account._replace(balance_wei=account.balance_wei + amount_wei)
    return merge(changes, Changes({address: (before, paid)}, {}, {}))


def ask(world: World, message: Message, block: Surroundings) -> Outcome:
    """Run a message that nobody signed and that changes nothing (eth_call). Raises ExecutionError."""
    return world.run(message, block, world.account(message.sender), keep=False)


def estimate_gas(world: World, message: Message, block: Surroundings, data_floor: int) -> tuple[int, Outcome]:
    """The least gas limit with which the message succeeds, and the run with the most.

    A contract that passes gas on keeps a 64th, and refunds come at the end, so what was used is not what
    is needed: between it and the limit the least is searched for, to 1 in 64.
    """
    best = ask(world, message, block)
    if not best.success:
        return 0, best
    low = max(best.gas_used + best.gas_refunded, data_floor) - 1
    high = message.gas
    guess = (low + 2_300) * 64 // 63 + 1
    if guess < high and ask(world, message._replace(gas=guess), block).success:
        high = guess
    if ask(world, message._replace(gas=low + 1), block).success:
        return low + 1, best
    while high - low > max(1, low // 64):
        middle = (low + high) // 2
        if ask(world, message._replace(gas=middle), block).success:
            high = middle
        else:
            low = middle
    return high, best
