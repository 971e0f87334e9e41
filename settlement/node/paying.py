"""What anyone may send for the users' sake: batches called final, withdrawals paid out of final states.

Sent under a key of its own, so that it never stands before a batch. A user can do all of it himself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from settlement.contracts import abi
from settlement.hashing import ZERO_HASH, keccak
from settlement.l1.ethereum import Head, Reverted, reason_of
from settlement.l1.rollup import InboxState, Rollup
from settlement.l1.sender import Call, Sender
from settlement.node.store import NodeStore
from settlement.stf.leaves import read_withdrawal
from settlement.stf.state import NO_OWNER, WITHDRAWAL_FORCED, WITHDRAWAL_PAID, Withdrawal
from settlement.trees.sparse import SparseMerkleTree, prove

WITHDRAW: Final = (
    "withdraw((uint256,bytes32,bytes32,bytes32,bytes32,bytes32[8]),"
    "(uint256,uint256,uint256,uint256,uint256,address),(uint256,bytes32[]))"
)
FINALISE_S: Final = 30
"""Batches are called final together: not sooner than so long after the oldest could be."""
MOST_AT_ONCE: Final = 8
_WITHDRAW_GAS: Final = 400_000
_AGAIN_BLOCKS: Final = 50  # after a refusal (paused, say)


class Withdrawals:
    """The withdrawals' leaves behind a final batch, and their proofs."""

    def __init__(self, store: NodeStore) -> None:
        self._store = store
        self._begin()

    def _begin(self) -> None:
        self._tree = SparseMerkleTree()
        self._batch_id = 0
        self.owed: dict[int, Withdrawal] = {}
        """What may be taken from the bridge, by slot; what was taken stays."""

    def advance(self, final_id: int) -> None:
        """Stand behind this batch; a chain that took blocks back may lead backwards."""
        if final_id < self._batch_id:
            self._begin()
        leaves: dict[int, bytes] = {}
        for slot, preimage in self._store.changes(self._batch_id, final_id):
            leaves[slot] = keccak(preimage) if preimage else ZERO_HASH
            found = read_withdrawal(preimage) if preimage else None
            if found and found.status in (WITHDRAWAL_PAID, WITHDRAWAL_FORCED) and found.owner != NO_OWNER:
                self.owed[slot] = found
        self._tree.update(leaves)
        self._batch_id = final_id

    def call(self, rollup: Rollup, slot: int) -> Call | None:
        """What takes a withdrawal from the bridge; None while the L1's word on the batch is missing."""
        header, opening = self._store.header(self._batch_id), self._store.opening(self._batch_id)
        posted = self._store.posted(self._batch_id)
        if header is None or opening is None or posted is None:
            return None
        state = (self._batch_id, header.hash, posted.data, *opening)
        one = self.owed[slot]
        leaf = (slot, one.ident, one.account, one.status, one.amount_micro, one.owner)
        data = abi.encode_call(WITHDRAW, (state, leaf, tuple(prove(self._tree, slot))))
        return Call(rollup.addresses.bridge, data, gas=_WITHDRAW_GAS)


class Paying:
    """One step a block; never waits."""

    def __init__(self, rollup: Rollup, sender: Sender, store: NodeStore) -> None:
        self._rollup = rollup
        self._sender = sender
        self._store = store
        self._withdrawals = Withdrawals(store)
        self._not_before: dict[int, int] = {}
        self.waiting_for = ""

    def step(self, head: Head, inbox: InboxState, first: Sequence[Call] = ()) -> None:
        """Send what is due behind this block; before it, `first`.

        Raises:
            L1Unavailable, L1Rejected: as `Sender.step`.
        """
        self._withdrawals.advance(inbox.final_id)
        owed = self._owed(head)
        wanted = list(first) or self._finalising(head, inbox) or self._calls(owed)
        if not wanted:
            self.waiting_for = ""
            return
        try:
            self.waiting_for = self._sender.step(wanted, head).waiting_for
        except Reverted as error:
            # Paused, or somebody else was first: the others are not to wait for it.
            self.waiting_for = f"the bridge: {reason_of(error.output)}"
            for slot in owed[:1]:
                self._not_before[slot] = head.number + _AGAIN_BLOCKS

    def _owed(self, head: Head) -> list[int]:
        paid = self._store.payouts()
        owed = sorted(slot for slot in self._withdrawals.owed if slot not in paid)
        return [slot for slot in owed if self._not_before.get(slot, 0) <= head.number][:MOST_AT_ONCE]

    def _calls(self, owed: list[int]) -> list[Call]:
        calls = [call for slot in owed if (call := self._withdrawals.call(self._rollup, slot)) is not None]
        # Without a limit of gas the first is tried on the node, so that a refusal costs nothing.
        return [call._replace(gas=None) for call in calls[:1]] + calls[1:]

    def _finalising(self, head: Head, inbox: InboxState) -> list[Call]:
        """Whether batches could be called final since a while."""
        oldest = self._store.posted(inbox.final_id + 1) if inbox.final_id < inbox.batch_id else None
        if oldest is None or head.time_s < oldest.final_at_s + FINALISE_S:
            return []
        return [self._rollup.finalise()]
