"""Deposits, forced requests and withdrawals between the venue and the contracts, for the bridge's thread.

Nothing is stored here: what was credited and answered the engine knows, what is on the L1 the L1 knows, and
which withdrawals stand in a confirmed batch the settlement process's database says.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import OrderedDict
from typing import Final

import msgspec

from exchange.app.rollup.faucet import Faucet
from settlement.l1.ethereum import Ethereum, Head
from settlement.l1.keys import Key
from settlement.l1.port import Deposit, L1Rejected, L1Unavailable, Payout, Request
from settlement.l1.rollup import Addresses, Queues, Rollup
from settlement.l1.rpc import HttpRpc
from settlement.node.places import Places
from settlement.node.store import reader
from settlement.rollup.derive import QueuedDeposit
from settlement.status import read_status
from settlement.stf.leaves import read_withdrawal
from settlement.stf.state import NO_OWNER, Withdrawal

MOST_AT_ONCE: Final = 256
_REMEMBERED: Final = 64
_TIMEOUT_S: Final = 5.0
_HELD: Final = "SELECT preimage FROM change WHERE ident = ? AND batch_id <= ? AND LENGTH(preimage) > 0"


class RollupMoney:
    """What `exchange.app.bridge.L1Bridge` asks of an L1, over the contracts of format 2."""

    def __init__(
        self, url: str, contracts: Addresses, faucet: Key | None, places: Places, confirmations: int
    ) -> None:  # fmt: skip
        """`confirmations`: blocks, its own included, until a deposit or request counts."""
        self._rpc = HttpRpc(url, timeout_s=_TIMEOUT_S)
        self._rollup = Rollup(Ethereum(self._rpc), contracts)
        self._faucet = Faucet(self._rollup, faucet) if faucet else None
        self._places = places
        self._confirmations = confirmations
        self._database: sqlite3.Connection | None = None
        self._confirmed_batch = 0
        self._deep: Head | None = None
        self._counts = (0, 0)
        self._credited: OrderedDict[int, QueuedDeposit] = OrderedDict()

    def close(self) -> None:
        """Hang up."""
        self._rpc.close()
        if self._database is not None:
            self._database.close()

    def tick(self) -> bool:
        """Look where the chain is and hand in what the faucet owes. Raises L1Error."""
        self._read_status()
        ethereum = self._rollup.ethereum
        head = ethereum.head()
        if self._faucet is not None:
            self._faucet.step(head)
        deep: Head | None = head
        if self._confirmations > 1:
            number = head.number - self._confirmations + 1
            deep = ethereum.block(number) if number >= self._rollup.addresses.first_block else None
        if deep is not None and (self._deep is None or deep.hash != self._deep.hash):
            self._counts = self._rollup.counts(deep)
            self._must_stand(deep)
        self._deep = deep
        return False

    def _read_status(self) -> None:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            status = read_status(self._places.status)
            if status is not None and status.format == 2:
                self._confirmed_batch = status.confirmed_batch_id

    def _must_stand(self, deep: Head) -> None:
        """The newest deposits that were credited are still what they were."""
        queues = Queues(self._rollup, deep)
        for ident, known in list(self._credited.items())[-1:]:
            if queues.deposit(ident) != known:
                raise L1Unavailable(f"deposit {ident}, which was credited, is another on the L1 now")

    # --- in ------------------------------------------------------------------------------------------

    def faucet(self, account: int, amount_micro: int, owner: bytes = NO_OWNER) -> bytes:
        """Put a deposit of test tokens on the faucet's list; it has no hash yet. The faucet deposits it."""
        del owner
        if self._faucet is None:
            raise L1Rejected("no_faucet", "there is no key for a faucet on this L1")
        self._faucet.ask(account, amount_micro)
        return b""

    def deposits(self, after_id: int) -> list[Deposit]:
        """Deposits behind an id, deep enough. Raises L1Unavailable."""
        deep = self._deep
        if deep is None or self._counts[0] == after_id:
            return []
        if self._counts[0] < after_id:
            raise L1Unavailable(f"deposit {after_id} was credited and the L1 has {self._counts[0]}")
        queues, found = Queues(self._rollup, deep), list[Deposit]()
        for ident in range(after_id + 1, min(self._counts[0], after_id + MOST_AT_ONCE) + 1):
            one = queues.deposit(ident)
            if one is None:
                raise L1Unavailable(f"deposit {ident} can not be read")
            self._credited[ident] = one
            found.append(Deposit(ident, one.account, one.depositor, one.amount_micro, deep.number))
        while len(self._credited) > _REMEMBERED:
            self._credited.popitem(last=False)
        return found

    def requests(self, after_id: int) -> list[Request]:
        """Forced requests behind an id, deep enough. Raises L1Unavailable."""
        deep = self._deep
        if deep is None or self._counts[1] <= after_id:
            return []
        queues, found = Queues(self._rollup, deep), list[Request]()
        for ident in range(after_id + 1, min(self._counts[1], after_id + MOST_AT_ONCE) + 1):
            one = queues.request(ident)
            if one is None:
                raise L1Unavailable(f"request {ident} can not be read")
            found.append(Request(ident, *one))
        return found

    # --- out -----------------------------------------------------------------------------------------

    def payout_of(self, withdrawal_id: int) -> Payout | None:
        """A withdrawal that may be resolved as paid: it stands in a confirmed batch. Raises L1Unavailable."""
        found = self._held(withdrawal_id)
        if found is None or found.owner == NO_OWNER:
            return None
        return Payout(withdrawal_id, found.account, found.owner, found.amount_micro, 0)

    def pay(self, withdrawal_id: int) -> bytes:
        """Why it may not be resolved as paid. Raises L1Rejected (`not_posted`, `no_owner`), L1Unavailable."""
        if self._held(withdrawal_id) is None:
            raise L1Rejected("not_posted", "no confirmed batch holds it")
        raise L1Rejected("no_owner", "its account has no address to pay to")

    def _held(self, withdrawal_id: int) -> Withdrawal | None:
        try:
            if self._database is None:
                self._database = reader(self._places.database)
            row = self._database.execute(_HELD, (withdrawal_id, self._confirmed_batch)).fetchone()
        except sqlite3.Error as error:
            raise L1Unavailable(f"the settlement's database: {error}") from error
        return None if row is None else read_withdrawal(row[0])
