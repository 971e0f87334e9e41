"""The contracts' machine (settlement/contracts/evm.py) as a chain behind a node: one transaction at a time.

For deploying and for stories: each transaction is seen into a block before the next. What a transaction
returned is not known on a chain; its receipt's `output` is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from settlement.contracts import evm
from settlement.l1 import fees
from settlement.l1.blobs import versioned_hash
from settlement.l1.ethereum import Ethereum, Reverted
from settlement.l1.fees import FeePolicy
from settlement.l1.keys import Key
from settlement.l1.port import L1Unavailable
from settlement.l1.sender import Call, Sender
from settlement.l1.transactions import Sidecar

BLOCKS_WAITED: Final = 64


class OnChain:
    """`settlement.contracts.evm.Evm` over a node, for accounts whose keys it is given."""

    def __init__(
        self,
        ethereum: Ethereum,
        keys: Iterable[Key],
        next_block: Callable[[], None],
        advance: Callable[[int], None],
        policy: FeePolicy = fees.DEFAULTS,
    ) -> None:
        """`next_block` makes a block or waits for one; `advance` lets the chain's time pass (tests)."""
        self.ethereum = ethereum
        self._senders = {key.address: Sender(ethereum, key, policy) for key in keys}
        self._next_block = next_block
        self._advance = advance
        self._sidecars: dict[tuple[bytes, ...], Sidecar] = {}

    def carry(self, sidecar: Sidecar) -> tuple[bytes, ...]:
        """Have blobs at hand for the transaction that names them; their versioned hashes."""
        hashes = tuple(map(versioned_hash, sidecar.commitments))
        self._sidecars[hashes] = sidecar
        return hashes

    def deploy(self, sender: bytes, bytecode: bytes) -> evm.Receipt:
        """See `Evm`."""
        return self._done(sender, Call(b"", bytecode))

    def transact(
        self, sender: bytes, to: bytes, data: bytes, *, value: int = 0, blobs: Sequence[bytes] = ()
    ) -> evm.Receipt:
        """See `Evm`. Raises KeyError for an account without a key, or blobs that are not at hand."""
        sidecar = self._sidecars[tuple(blobs)] if blobs else None
        return self._done(sender, Call(to, data, value, sidecar=sidecar))

    def call(self, to: bytes, data: bytes, *, sender: bytes = bytes(20)) -> bytes:
        """See `Evm`."""
        try:
            return self.ethereum.call(to, data, sender=sender)
        except Reverted as error:
            raise evm.reverted(error.output) from error

    def now(self) -> int:
        """See `Evm`; the newest block's time and a second."""
        return self.ethereum.head().time_s + 1

    def advance(self, seconds: int) -> None:
        """See `Evm`."""
        self._advance(seconds)
        self._next_block()

    def _done(self, sender: bytes, call: Call) -> evm.Receipt:
        before = self.ethereum.head()
        base = self.ethereum.nonce(sender, before)
        hashes: list[bytes] = []
        for _ in range(BLOCKS_WAITED):
            head = self.ethereum.head()
            if self.ethereum.nonce(sender, head) == base:
                try:
                    sent = self._senders[sender].step([call], head)
                except Reverted as error:
                    raise evm.reverted(error.output) from error
                hashes += [*sent.new, *sent.replaced]
                if sent.waiting_for:
                    raise L1Unavailable(f"waiting for {sent.waiting_for}")
                self._next_block()
            for digest in hashes:
                receipt = self.ethereum.receipt(digest)
                if receipt is None:
                    continue
                if not receipt.success:
                    raise evm.Reverted("", b"")
                logs = tuple(evm.Log(log.address, log.topics, log.data) for log in receipt.logs)
                return evm.Receipt(receipt.gas_used, b"", logs, receipt.created)
        raise L1Unavailable(f"{BLOCKS_WAITED} blocks without the transaction")
