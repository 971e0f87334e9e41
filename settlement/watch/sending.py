"""Seeing transactions into blocks, or trying them without sending: what commands of users do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from settlement.l1.ethereum import Ethereum, Receipt
from settlement.l1.hexes import data, quantity
from settlement.l1.keys import Key
from settlement.l1.port import L1Rejected, L1Unavailable
from settlement.l1.sender import Call, Sender
from settlement.watch.patience import Clock, Patience

POLL_S: Final = 0.5
WEI_A_GWEI: Final = 10**9


class Tried(NamedTuple):
    """What a call would cost; prices in wei."""

    gas: int
    gas_wei: int


class Wallet:
    """One key's transactions, each waited for."""

    def __init__(
        self, ethereum: Ethereum, key: Key, clock: Clock, patience: Patience, tell: Callable[[str], None]
    ) -> None:
        self._ethereum = ethereum
        self._sender = Sender(ethereum, key)
        self._clock = clock
        self._patience = patience
        self._tell = tell

    @property
    def address(self) -> bytes:
        """The account."""
        return self._sender.address

    def attempt(self, call: Call) -> Tried:
        """Try a call on the newest block. Raises Reverted, L1Unavailable."""
        query = {"from": data(self.address), "to": data(call.to), "data": data(call.data)}
        query["value"] = quantity(call.value_wei)
        gas = self._patience.of(partial(self._ethereum.estimate_gas, query))
        head = self._patience.of(self._ethereum.head)
        return Tried(gas, head.base_fee_wei)

    def send(self, calls: Sequence[Call], wait_s: float) -> list[Receipt]:
        """Send calls and wait until they are in blocks.

        Raises:
            L1Rejected: one is refused, or fails in its block.
            L1Unavailable: no block took them within `wait_s`; they may be taken later.
        """
        until_ms = self._clock.now_ms() + int(wait_s * 1_000)
        start = self._patience.of(self._ethereum.head)
        base = self._patience.of(partial(self._ethereum.nonce, self.address, start))
        sent: list[bytes] = []
        told = ""
        while True:
            head = self._patience.of(self._ethereum.head)
            done = self._patience.of(partial(self._ethereum.nonce, self.address, head)) - base
            if done >= len(calls):
                return [self._receipt(digest) for digest in self._of(sent)]
            now = self._patience.of(partial(self._sender.step, calls[done:], head))
            sent += [*now.new, *now.replaced]
            if now.waiting_for and now.waiting_for != told:
                told = now.waiting_for
                self._tell(f"waiting for {told}")
            if self._clock.now_ms() > until_ms:
                raise L1Unavailable(f"no block has taken it for {wait_s:g} s; it may still come")
            self._clock.sleep(POLL_S)

    def _of(self, sent: Sequence[bytes]) -> list[bytes]:
        """Those that blocks hold, in order."""
        known = dict.fromkeys(sent)
        return [one for one in known if self._patience.of(partial(self._ethereum.receipt, one)) is not None]

    def _receipt(self, digest: bytes) -> Receipt:
        found = self._patience.of(partial(self._ethereum.receipt, digest))
        if found is None:
            raise L1Unavailable(f"the node does not show transaction 0x{digest.hex()}")
        if not found.success:
            raise L1Rejected("reverted", f"transaction 0x{digest.hex()} failed in block {found.block}")
        self._tell(
            f"  0x{digest.hex()} in block {found.block:,}: {found.gas_used:,} gas at "
            f"{found.price_wei / WEI_A_GWEI:.3f} gwei"
        )
        return found
