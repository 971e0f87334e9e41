"""Sends an account's transactions, each once, whatever the chain, the node or this process does.

The account's next nonces belong to what the caller wants next: the caller reads a block's state, works out
the calls that must follow it, in order, and gives them with that block; call i has nonce (the account's at
that block) + i. So the chain alone says what is done: after a crash, a lost reply or a reorganisation the
same question gives the right nonces again, and two transactions for one purpose have one nonce, of which a
chain takes one. Nothing is stored. What is kept in memory (which transaction was last sent under a nonce, and
when) only spares questions and decides when to offer more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from settlement.hashing import keccak
from settlement.l1 import fees
from settlement.l1.blobs import versioned_hash
from settlement.l1.ethereum import Ethereum, Head
from settlement.l1.fees import FeePolicy, Offer, TooExpensive
from settlement.l1.hexes import data, quantity
from settlement.l1.keys import Key
from settlement.l1.port import L1Rejected, L1Unavailable
from settlement.l1.rpc import RpcError
from settlement.l1.transactions import BLOB, DYNAMIC_FEE, Sidecar, Transaction

MAX_IN_FLIGHT: Final = 16
GAS_MARGIN_PERCENT: Final = 20
MAX_GAS: Final = 1 << 24
INTERNAL_ERROR: Final = -32603
_DOUBLINGS: Final = 8


class Call(NamedTuple):
    """What is to be done; `to` is empty where a contract is created.

    Without `gas` it is asked of the node, which can only be done once all before it is in a block.
    """

    to: bytes
    data: bytes
    value_wei: int = 0
    gas: int | None = None
    sidecar: Sidecar | None = None

    def identity(self) -> bytes:
        """The same for the same deed."""
        blobs = b"".join(self.sidecar.commitments) if self.sidecar else b""
        return keccak(self.to + b"|" + self.value_wei.to_bytes(32, "big") + keccak(self.data) + blobs)


class Sent(NamedTuple):
    """What a step did: hashes handed in, anew or with more offered; what it waits for ("" : blocks)."""

    new: tuple[bytes, ...]
    replaced: tuple[bytes, ...]
    waiting_for: str


@dataclass(slots=True)
class _Flight:
    """What was last sent under a nonce; `transaction` is None where another process's stands there."""

    identity: bytes
    transaction: Transaction | None
    since_block: int
    doublings: int = 0


class Sender:
    """One key's transactions on one chain. No other process uses the key at the same time."""

    def __init__(self, ethereum: Ethereum, key: Key, policy: FeePolicy = fees.DEFAULTS) -> None:
        self._ethereum = ethereum
        self._key = key
        self._policy = policy
        self._chain_id = 0
        self._flights: dict[int, _Flight] = {}

    @property
    def address(self) -> bytes:
        """The account."""
        return self._key.address

    def step(self, wanted: Sequence[Call], at: Head) -> Sent:
        """See to it that what is wanted behind the block `at` is on its way.

        Returns at once; call it again with each new block.

        Raises:
            L1Unavailable: something may have been sent; call again.
            L1Rejected: `reverted` (a call would fail: its author is mistaken, or the state moved) or
                `refused` (the node takes no such transaction).
        """
        self._chain_id = self._chain_id or self._ethereum.chain_id()
        base = self._ethereum.nonce(self.address, at)
        self._flights = {nonce: flight for nonce, flight in self._flights.items() if nonce >= base}
        new: list[bytes] = []
        replaced: list[bytes] = []
        try:
            for index, call in enumerate(wanted[:MAX_IN_FLIGHT]):
                if not self._see_to(call, base + index, at, new, replaced, first=index == 0):
                    break
        except TooExpensive as error:
            return Sent(tuple(new), tuple(replaced), f"lower fees ({error})")
        except _Underfunded as error:
            return Sent(tuple(new), tuple(replaced), f"money ({error})")
        return Sent(tuple(new), tuple(replaced), "")

    def _see_to(
        self, call: Call, nonce: int, at: Head, new: list[bytes], replaced: list[bytes], *, first: bool
    ) -> bool:
        """One wanted call; whether those behind it may go on."""
        flight = self._flights.get(nonce)
        identity = call.identity()
        if flight is None:
            gas = call.gas or (self._estimate(call) if first else 0)
            if not gas:
                return False
            return self._send(call, nonce, gas, self._offer(call, at), at, new)
        overdue = at.number - flight.since_block >= self._policy.patience_blocks
        if flight.identity == identity and not overdue:
            return True
        if flight.transaction is None:
            return self._outbid_unknown(call, nonce, at, flight, replaced) if overdue else True
        same = flight.identity == identity
        if same and not self._ethereum.knows(flight.transaction.hash()):
            # Dropped by the node: the same again is no replacement, only what it has forgotten.
            return self._send(call, nonce, flight.transaction.gas, self._offer(call, at), at, new)
        offer = fees.raised(flight.transaction, self._offer(call, at), self._policy)
        gas = call.gas or flight.transaction.gas
        return self._send(call, nonce, gas, offer, at, replaced)

    def _outbid_unknown(
        self, call: Call, nonce: int, at: Head, flight: _Flight, replaced: list[bytes]
    ) -> bool:
        """An earlier life's transaction has this nonce and stays outside of blocks: offer ever more."""
        flight.doublings = min(flight.doublings + 1, _DOUBLINGS)
        now = self._offer(call, at)
        offer = Offer(*(price << flight.doublings for price in now))
        limits = (self._policy.max_fee_limit, self._policy.max_blob_fee_limit)
        if offer.max_fee > limits[0] or offer.max_blob_fee > limits[1]:
            raise TooExpensive(f"replacing an unknown transaction would take {offer.max_fee} wei")
        return self._send(call, nonce, call.gas or self._estimate(call), offer, at, replaced)

    def _offer(self, call: Call, at: Head) -> Offer:
        return fees.offer_now(self._ethereum, at, self._policy, blobs=call.sidecar is not None)

    def _estimate(self, call: Call) -> int:
        query: dict[str, Any] = {"from": data(self.address), "data": data(call.data)}
        query["value"] = quantity(call.value_wei)
        if call.to:
            query["to"] = data(call.to)
        if call.sidecar is not None:
            query["blobVersionedHashes"] = [data(versioned_hash(one)) for one in call.sidecar.commitments]
            query["maxFeePerBlobGas"] = quantity(self._ethereum.blob_base_fee_wei())
        gas = self._ethereum.estimate_gas(query)
        return min(gas + gas * GAS_MARGIN_PERCENT // 100, MAX_GAS)

    def _send(self, call: Call, nonce: int, gas: int, offer: Offer, at: Head, sent: list[bytes]) -> bool:
        transaction = self._signed(call, nonce, gas, offer)
        raw = transaction.wrapped(call.sidecar) if call.sidecar else transaction.encoded()
        old = self._flights.get(nonce)
        doublings = old.doublings if old else 0
        # Noted before it goes: if the reply is lost the node may have it, and the next step asks.
        self._flights[nonce] = _Flight(call.identity(), transaction, at.number, doublings)
        try:
            self._ethereum.send(raw)
        except RpcError as error:
            return self._refused(call, nonce, at, error, old)
        sent.append(transaction.hash())
        return True

    def _refused(self, call: Call, nonce: int, at: Head, error: RpcError, old: _Flight | None) -> bool:
        """A node's no: some mean that it is done already."""
        text = error.message.lower()
        if error.code == INTERNAL_ERROR:
            raise L1Unavailable(str(error)) from error
        if "already known" in text or "already imported" in text:
            return True
        del self._flights[nonce]
        if "nonce too low" in text or "nonce_too_low" in text:
            return False  # the chain has moved on: look again
        if "underpriced" in text or "already reserved" in text:
            # Something of ours stands there that this process did not send: give it its time.
            doublings = old.doublings if old else 0
            self._flights[nonce] = _Flight(call.identity(), None, at.number, doublings)
            return True
        if "insufficient funds" in text:
            raise _Underfunded(error.message) from error
        if "full" in text or "nonce too high" in text:
            return False
        raise L1Rejected("refused", error.message) from error

    def _signed(self, call: Call, nonce: int, gas: int, offer: Offer) -> Transaction:
        hashes = tuple(map(versioned_hash, call.sidecar.commitments)) if call.sidecar else ()
        return Transaction(
            BLOB if hashes else DYNAMIC_FEE, self._chain_id, nonce, gas, call.to, call.value_wei, call.data,
            offer.max_fee, offer.priority_fee, (), offer.max_blob_fee, hashes,
        ).signed(self._key)  # fmt: skip


class _Underfunded(Exception):
    """The account cannot pay."""

