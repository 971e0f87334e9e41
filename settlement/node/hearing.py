"""What the L1 says of batches and payments, read from its events and kept: it may be taken back."""

from __future__ import annotations

from typing import Final

from settlement.hashing import keccak
from settlement.l1.ethereum import L1Reorganised, LogEntry
from settlement.l1.follower import Follower, Passage
from settlement.l1.port import L1Unavailable
from settlement.l1.rollup import Posted, Rollup, Voided
from settlement.node.store import NodeStore, PayoutRow, PostedRow

MARK_BLOCKS: Final = 64
"""Without news the place is kept only so often."""
_WITHDRAWN: Final = keccak(b"Withdrawn(uint256,uint256,address,uint256,uint256)")


class Hearing:
    """Follows inbox and bridge with the head; what is read is kept with the place it was read to."""

    def __init__(self, rollup: Rollup, store: NodeStore) -> None:
        self._rollup = rollup
        self._store = store
        self._follower = self._following()
        self._kept_to = 0
        self.voided: Voided | None = None
        """A batch that was proven wrong, where there is one."""

    def _following(self) -> Follower:
        where = self._rollup.addresses
        return Follower(
            self._rollup.ethereum, [where.inbox, where.bridge], marks=self._store.marks(),
            first_block=where.first_block,
        )  # fmt: skip

    def step(self) -> bool:
        """Read what is new; True if the chain took something back.

        Raises:
            L1Unavailable: read again later; nothing is lost.
        """
        try:
            passage = self._follower.poll()
            self._take(passage)
        except L1Reorganised as error:
            self._store.forget_blocks(error.block, self._follower.marks)
            return True
        except BaseException:
            # The follower may have gone on: what it passed is read again from the last place kept.
            self._follower = self._following()
            raise
        return False

    def _take(self, passage: Passage) -> None:
        posted: list[PostedRow] = []
        payouts: list[PayoutRow] = []
        for log in passage.logs:
            event = self._rollup.event(log)
            if isinstance(event, Posted):
                posted.append(self._row(event))
            elif isinstance(event, Voided):
                self.voided = event
            elif log.address == self._rollup.addresses.bridge and log.topics[:1] == (_WITHDRAWN,):
                payouts.append(_payout(log))
        if passage.logs or passage.last - self._kept_to >= MARK_BLOCKS:
            self._store.heard(posted, payouts, self._follower.marks)
            self._kept_to = passage.last

    def _row(self, event: Posted) -> PostedRow:
        receipt = self._rollup.ethereum.receipt(event.transaction)
        if receipt is None or receipt.block_hash != event.block_hash:
            raise L1Unavailable(f"no receipt of batch {event.batch_id} yet")
        wei = receipt.gas_used * receipt.price_wei + receipt.blob_gas * receipt.blob_price_wei
        return PostedRow(
            event.batch_id, event.transaction, event.block, event.block_hash, event.data, receipt.gas_used,
            receipt.blob_gas, wei, event.final_at_s,
        )  # fmt: skip


def _payout(log: LogEntry) -> PayoutRow:
    slot, ident = int.from_bytes(log.topics[1], "big"), int.from_bytes(log.data[:32], "big")
    return PayoutRow(slot, ident, log.transaction, log.block)
