"""Transactions that wait for a block: who may wait, who replaces whom, and who comes next."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from settlement.devnet.executor import Refused
from settlement.l1.transactions import BLOB, Transaction

MAX_WAITING: Final = 1_024
MAX_WAITING_BLOB: Final = 128
MAX_WAITING_PER_SENDER: Final = 64
MAX_NONCE_GAP: Final = 64
REPLACE_PERCENT: Final = 110
REPLACE_BLOB_PERCENT: Final = 200


class Waiting(NamedTuple):
    """A transaction outside of blocks."""

    hash: bytes
    transaction: Transaction
    sender: bytes
    arrived_ms: int
    ordinal: int


class Pool:
    """Waiting transactions by sender and nonce. Knows nothing of balances and prices."""

    def __init__(self) -> None:
        self._by_hash: dict[bytes, Waiting] = {}
        self._by_sender: dict[bytes, dict[int, Waiting]] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._by_hash.values())

    def get(self, digest: bytes) -> Waiting | None:
        """One by its hash."""
        return self._by_hash.get(digest)

    def check(self, transaction: Transaction, sender: bytes, account_nonce: int) -> Waiting | None:
        """Whether it may wait, and whom it replaces. Raises Refused."""
        if transaction.nonce < account_nonce:
            raise Refused(
                "nonce_too_low", f"nonce too low: next nonce {account_nonce}, tx nonce {transaction.nonce}"
            )
        if transaction.nonce > account_nonce + MAX_NONCE_GAP:
            raise Refused("nonce_too_high", f"next nonce {account_nonce}, tx nonce {transaction.nonce}")
        mine = self._by_sender.get(sender, {})
        old = mine.get(transaction.nonce)
        if old is not None:
            _check_replaces(old.transaction, transaction)
            return old
        blobs = sum(1 for other in self._by_hash.values() if other.transaction.kind == BLOB)
        if len(mine) >= MAX_WAITING_PER_SENDER or len(self._by_hash) >= MAX_WAITING:
            raise Refused("pool_full", "txpool is full")
        if transaction.kind == BLOB and blobs >= MAX_WAITING_BLOB:
            raise Refused("pool_full", "blob pool is full")
        return None

    def add(self, entry: Waiting) -> None:
        """Let it wait, in the place of one with the same sender and nonce."""
        mine = self._by_sender.setdefault(entry.sender, {})
        old = mine.get(entry.transaction.nonce)
        if old is not None:
            del self._by_hash[old.hash]
        mine[entry.transaction.nonce] = entry
        self._by_hash[entry.hash] = entry

    def remove(self, digest: bytes) -> None:
        """It waits no more, if it did."""
        entry = self._by_hash.pop(digest, None)
        if entry is not None:
            mine = self._by_sender[entry.sender]
            del mine[entry.transaction.nonce]
            if not mine:
                del self._by_sender[entry.sender]

    def next_nonce(self, sender: bytes, account_nonce: int) -> int:
        """The account's nonce once what waits without a gap is in blocks."""
        mine = self._by_sender.get(sender, {})
        while account_nonce in mine:
            account_nonce += 1
        return account_nonce

    def passed(self, nonce_of: Callable[[bytes], int]) -> list[Waiting]:
        """Those whose nonce is used up."""
        return [entry for entry in self if entry.transaction.nonce < nonce_of(entry.sender)]

    def offered(
        self, nonce_of: Callable[[bytes], int], tip_of: Callable[[Transaction], int]
    ) -> Iterator[Waiting]:
        """Each sender's transactions in nonce order, the best tip first (ties: the earlier).

        The next of a sender comes only when the one before was executed, that is, its nonce counted.
        """
        heads = [
            (-tip_of(mine[nonce].transaction), mine[nonce].ordinal, sender, nonce)
            for sender, mine in self._by_sender.items()
            if (nonce := nonce_of(sender)) in mine
        ]
        heapq.heapify(heads)
        while heads:
            _, _, sender, nonce = heapq.heappop(heads)
            mine = self._by_sender[sender]
            yield mine[nonce]
            follower = mine.get(nonce + 1)
            if nonce_of(sender) == nonce + 1 and follower is not None:
                heapq.heappush(heads, (-tip_of(follower.transaction), follower.ordinal, sender, nonce + 1))


def _check_replaces(old: Transaction, new: Transaction) -> None:
    if old.kind == BLOB or new.kind == BLOB:
        if old.kind != new.kind:
            raise Refused("address_reserved", "address already reserved by the other pool")
        percent = REPLACE_BLOB_PERCENT
    else:
        percent = REPLACE_PERCENT
    pairs = ((old.max_fee, new.max_fee), (old.priority_fee, new.priority_fee),
             (old.max_blob_fee, new.max_blob_fee))  # fmt: skip
    if any(after * 100 < before * percent for before, after in pairs):
        raise Refused("replacement_underpriced", "replacement transaction underpriced")
