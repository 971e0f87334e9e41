"""The L1's side of money: faucet requests and withdrawals out, deposits and their ends in as commands.

The mock L1 is a file that syncs to disk, so it is spoken to from a thread; what comes back is handed to
the loop. A deposit is sequenced once it is in a block; the core refuses a repeated deposit_id, so that
asking again after a crash is harmless. Withdrawals: `exchange/app/payouts.py`.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from exchange.app.payouts import Payouts, Resolution
from exchange.domain import commands, commands_risk
from exchange.gateway.ports import ThreadLoop
from exchange.wire.session import RpcError
from settlement.l1.mock import MockL1
from settlement.l1.port import Deposit, L1Error

POLL_S: Final = 0.25
RETRY_S: Final = 1.0
_log = logging.getLogger(__name__)


class L1Bridge:
    """A `gateway.ports.DepositPort` and `WithdrawalPort` on the mock L1."""

    def __init__(
        self,
        open_l1: Callable[[], MockL1],
        loop: ThreadLoop,
        submit: Callable[[bytes], None],
        last_deposit_id: int,
        held: Callable[[], Collection[int]] = tuple,
    ) -> None:
        """`held` are the ids of the withdrawals the engine holds now, asked on the loop's thread."""
        self._open_l1 = open_l1
        self._loop = loop
        self._submit = submit
        self._seen = last_deposit_id
        self._asked: queue.SimpleQueue[tuple[bytes, int, int]] = queue.SimpleQueue()
        self._due: deque[Deposit] = deque()  # on the loop's thread, as is `_waiting`
        self._waiting = False
        self._held = held
        self._payouts = Payouts(held)
        self._resolving: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="strikebook-l1", daemon=True)

    def start(self) -> None:
        """Begin to ask for deposits, and to pay withdrawals."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Stop asking; waits for the call under way."""
        self._stop.set()
        self._thread.join(timeout=5)

    def faucet(self, owner: bytes, account: int, amount_micro: int) -> None:
        """Ask the L1 for coins; returns at once."""
        self._asked.put((owner, account, amount_micro))

    def give_up(self, withdrawal_id: int) -> bool:
        """See `gateway.ports.WithdrawalPort`."""
        return self._payouts.give_up(withdrawal_id)

    def resume(self, withdrawal_id: int) -> None:
        """See `gateway.ports.WithdrawalPort`."""
        self._payouts.resume(withdrawal_id)

    def _look(self) -> None:
        """What is held may change with any command; the thread works on a copy."""
        if self._stop.is_set():
            return
        self._payouts.look()
        self._resolving.intersection_update(self._held())
        self._loop.call_later(POLL_S, self._look)

    def _run(self) -> None:
        l1 = self._open_l1()
        try:
            while not self._stop.wait(POLL_S):
                try:
                    self._send(l1)
                    l1.tick()  # blocks are made whether settlement runs or not
                    self._fetch(l1)
                    self._pay(l1)
                except L1Error as error:  # slow or failing: deposits wait, trading does not
                    _log.warning("the L1 does not answer: %s", error)
        finally:
            l1.close()

    def _send(self, l1: MockL1) -> None:
        while not self._asked.empty():
            owner, account, amount_micro = self._asked.get()
            try:
                l1.faucet(account, amount_micro, owner)
            except L1Error:
                self._asked.put((owner, account, amount_micro))
                raise

    def _fetch(self, l1: MockL1) -> None:
        found = l1.deposits(self._seen)
        if found:
            self._seen = found[-1].deposit_id
            self._loop.call_soon_threadsafe(lambda: self._credit(found))

    def _pay(self, l1: MockL1) -> None:
        found = self._payouts.turn(l1)
        if found:
            self._loop.call_soon_threadsafe(lambda: self._resolve(found))

    def _resolve(self, found: list[Resolution]) -> None:
        """Sequence what became of withdrawals; what there is no room for, a later turn finds again."""
        held = self._held()
        for ident, outcome in found:
            if ident in self._resolving or ident not in held:
                continue
            self._resolving.add(ident)
            try:
                self._submit(commands_risk.resolve_withdrawal(ident, outcome))
            except RpcError as refused:
                _log.warning("withdrawal %d has to wait: %s", ident, refused)
                self._loop.call_later(RETRY_S, partial(self._resolving.discard, ident))

    def _credit(self, found: list[Deposit]) -> None:
        self._due.extend(found)
        if not self._waiting:
            self._drain()

    def _drain(self) -> None:
        """Sequence what is due, in order: behind a later deposit_id the core would refuse an earlier one."""
        self._waiting = False
        while self._due:
            deposit = self._due[0]
            try:
                self._submit(commands.deposit(deposit.account, deposit.amount_micro, deposit.deposit_id))
            except RpcError as refused:  # the queue is full, or the venue has halted and waits for a restart
                _log.warning("deposit %d has to wait: %s", deposit.deposit_id, refused)
                self._waiting = True
                self._loop.call_later(RETRY_S, self._drain)
                return
            self._due.popleft()
