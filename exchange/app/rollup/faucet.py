"""The faucet's transactions on a chain with the test token: mint and approve once, then a deposit each."""

from __future__ import annotations

from typing import Final

from settlement.l1.ethereum import Head
from settlement.l1.keys import Key
from settlement.l1.rollup import Rollup
from settlement.l1.sender import Call, Sender

MINTED_MICRO: Final = 1 << 58
"""All that the bridge ever takes."""
KEPT: Final = 4_096
"""Deposits that are remembered behind their block, should it be taken back."""


class Faucet:
    """Deposits in the order they were asked for, each once while this process lives.

    The account's nonce says how many are done: behind the k-th call of this life it is where it began plus k.
    So a lost reply or a block taken back repeats a call under its own nonce. What was asked for and not yet
    handed in is lost with the process.
    """

    def __init__(self, rollup: Rollup, key: Key) -> None:
        self._rollup = rollup
        self._key = key
        self._sender = Sender(rollup.ethereum, key)
        self._calls: list[Call] = []
        self._first_nonce: int | None = None
        self.waiting_for = ""

    def ask(self, account: int, amount_micro: int) -> None:
        """Take a deposit on the list."""
        self._calls.append(self._rollup.deposit(account, amount_micro)[1])

    def step(self, head: Head) -> None:
        """Hand in what is not in a block yet. Raises L1Unavailable, L1Rejected."""
        if not self._calls:
            return
        nonce = self._rollup.ethereum.nonce(self._key.address, head)
        if self._first_nonce is None:
            self._calls = [*self._preparing(head), *self._calls]
        if self._first_nonce is None or nonce < self._first_nonce:
            # A chain that goes back behind this life's first call has lost all of them.
            self._first_nonce = nonce
        done = nonce - self._first_nonce
        wanted = self._calls[done:]
        if wanted:
            self.waiting_for = self._sender.step(wanted, head).waiting_for
        if done > 2 * KEPT:
            self._calls = self._calls[KEPT:]
            self._first_nonce += KEPT

    def _preparing(self, head: Head) -> list[Call]:
        """What the token must be told before the first deposit."""
        where, ours = self._rollup.addresses, self._key.address
        pair = "allowance(address,address)"
        (allowed,) = self._rollup.ask(where.token, head, pair, "uint256", ours, where.bridge)
        if allowed >= MINTED_MICRO:
            return []
        mint = self._rollup.mint(ours, MINTED_MICRO)
        return [mint, self._rollup.approve(where.bridge, (1 << 256) - 1)]
