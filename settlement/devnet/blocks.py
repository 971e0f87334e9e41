"""What a chain is made of: blocks, transactions with their receipts, and where a log stands."""

from __future__ import annotations

from typing import Final, NamedTuple

from settlement.devnet.world import Log
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1 import rlp
from settlement.l1.transactions import Transaction

COINBASE: Final = bytes(19) + b"\x0c"


class Block(NamedTuple):
    """A block's header. `time_ms` is the node's own clock when it made the block, and not hashed."""

    number: int
    hash: bytes
    parent: bytes
    time_s: int
    time_ms: int
    gas_used: int
    base_fee_wei: int
    blob_gas_used: int
    excess_blob_gas: int
    randomness: bytes
    transactions_root: bytes
    state_root: bytes


class Included(NamedTuple):
    """A transaction in a block."""

    hash: bytes
    block: int
    block_hash: bytes
    position: int
    transaction: Transaction
    sender: bytes
    success: bool
    gas_used: int
    cumulative_gas: int
    price_wei: int
    blob_gas: int
    blob_price_wei: int
    created: bytes
    reason: str
    logs: tuple[Log, ...]
    first_log: int


class PlacedLog(NamedTuple):
    """A log and where it stands."""

    log: Log
    block: int
    block_hash: bytes
    transaction: bytes
    position: int
    ordinal: int


def sealed(block: Block) -> Block:
    """The same with its hash: keccak of the rlp of all other fields but time_ms, in order."""
    hashed = (block.number, block.parent, block.time_s, *block[5:])
    return block._replace(hash=keccak(rlp.encode(hashed)))


def transactions_root(hashes: list[bytes]) -> bytes:
    """keccak of all hashes in order (no Merkle tree)."""
    return keccak(b"".join(hashes)) if hashes else ZERO_HASH
