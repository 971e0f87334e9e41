"""What the chain holds, as Ethereum's JSON-RPC shows it."""

from __future__ import annotations

from typing import Any, Final

from settlement.devnet.blocks import COINBASE, Block, Included, PlacedLog
from settlement.devnet.fees import BLOCK_GAS_LIMIT
from settlement.devnet.pool import Waiting
from settlement.devnet.world import Log
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1.hexes import data, quantity
from settlement.l1.keys import create_address
from settlement.l1.transactions import BLOB, LEGACY, Transaction

NO_BLOOM: Final = "0x" + "00" * 256
_NO_UNCLES: Final = keccak(b"\xc0")


def of_block(block: Block, included: list[Included], *, full: bool) -> dict[str, Any]:
    """A block with its transactions, or only their hashes."""
    return {
        "number": quantity(block.number),
        "hash": data(block.hash),
        "parentHash": data(block.parent),
        "timestamp": quantity(block.time_s),
        "gasUsed": quantity(block.gas_used),
        "gasLimit": quantity(BLOCK_GAS_LIMIT),
        "baseFeePerGas": quantity(block.base_fee_wei),
        "blobGasUsed": quantity(block.blob_gas_used),
        "excessBlobGas": quantity(block.excess_blob_gas),
        "mixHash": data(block.randomness),
        "transactionsRoot": data(block.transactions_root),
        "stateRoot": data(block.state_root),
        "receiptsRoot": data(ZERO_HASH),
        "logsBloom": NO_BLOOM,
        "miner": data(COINBASE),
        "difficulty": "0x0",
        "nonce": "0x0000000000000000",
        "extraData": "0x",
        "sha3Uncles": data(_NO_UNCLES),
        "uncles": [],
        "size": "0x0",
        "transactions": [of_included(entry) if full else data(entry.hash) for entry in included],
    }


def _of_transaction(transaction: Transaction, digest: bytes, sender: bytes) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "hash": data(digest),
        "type": quantity(transaction.kind),
        "chainId": quantity(transaction.chain_id),
        "nonce": quantity(transaction.nonce),
        "from": data(sender),
        "to": data(transaction.to) if transaction.to else None,
        "value": quantity(transaction.value_wei),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(transaction.max_fee),
        "input": data(transaction.data),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        "v": quantity(transaction.parity),
    }
    if transaction.kind == LEGACY:
        shown["v"] = quantity(transaction.chain_id * 2 + 35 + transaction.parity)
        return shown
    shown["yParity"] = quantity(transaction.parity)
    shown["maxFeePerGas"] = quantity(transaction.max_fee)
    shown["maxPriorityFeePerGas"] = quantity(transaction.priority_fee)
    shown["accessList"] = [
        {"address": data(address), "storageKeys": list(map(data, slots))}
        for address, slots in transaction.access_list
    ]
    if transaction.kind == BLOB:
        shown["maxFeePerBlobGas"] = quantity(transaction.max_blob_fee)
        shown["blobVersionedHashes"] = list(map(data, transaction.blob_hashes))
    return shown


def of_waiting(entry: Waiting) -> dict[str, Any]:
    """A transaction that waits for a block."""
    shown = _of_transaction(entry.transaction, entry.hash, entry.sender)
    return shown | {"blockHash": None, "blockNumber": None, "transactionIndex": None}


def of_included(entry: Included) -> dict[str, Any]:
    """A transaction in a block."""
    return _of_transaction(entry.transaction, entry.hash, entry.sender) | {
        "blockHash": data(entry.block_hash),
        "blockNumber": quantity(entry.block),
        "transactionIndex": quantity(entry.position),
        "gasPrice": quantity(entry.price_wei),
    }


def of_receipt(entry: Included) -> dict[str, Any]:
    """What a transaction came to."""
    transaction = entry.transaction
    created = None if transaction.to else create_address(entry.sender, transaction.nonce)
    shown: dict[str, Any] = {
        "transactionHash": data(entry.hash),
        "transactionIndex": quantity(entry.position),
        "blockHash": data(entry.block_hash),
        "blockNumber": quantity(entry.block),
        "from": data(entry.sender),
        "to": data(transaction.to) if transaction.to else None,
        "type": quantity(transaction.kind),
        "status": quantity(int(entry.success)),
        "gasUsed": quantity(entry.gas_used),
        "cumulativeGasUsed": quantity(entry.cumulative_gas),
        "effectiveGasPrice": quantity(entry.price_wei),
        "contractAddress": None if created is None else data(created),
        "logsBloom": NO_BLOOM,
        "logs": [of_log(placed) for placed in _placed(entry)],
    }
    if transaction.kind == BLOB:
        shown["blobGasUsed"] = quantity(entry.blob_gas)
        shown["blobGasPrice"] = quantity(entry.blob_price_wei)
    return shown


def _placed(entry: Included) -> list[PlacedLog]:
    return [
        PlacedLog(log, entry.block, entry.block_hash, entry.hash, entry.position, index)
        for index, log in enumerate(entry.logs, entry.first_log)
    ]


def of_log(placed: PlacedLog) -> dict[str, Any]:
    """A log and where it stands."""
    log: Log = placed.log
    return {
        "address": data(log.address),
        "topics": list(map(data, log.topics)),
        "data": data(log.data),
        "blockNumber": quantity(placed.block),
        "blockHash": data(placed.block_hash),
        "transactionHash": data(placed.transaction),
        "transactionIndex": quantity(placed.position),
        "logIndex": quantity(placed.ordinal),
        "removed": False,
    }
