"""The L1's side of money: faucet requests and withdrawals out, deposits and their ends in as commands.

The L1 is a file that syncs to disk (the mock), or a node that may be slow, so it is spoken to from a
thread; what comes back is handed to the loop. A deposit is sequenced once it is in a block, a request forced
on the L1 likewise; the core refuses a repeated id of either, so that asking again after a crash is harmless.
Withdrawals: `exchange/app/payouts.py`.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Final, Protocol

from exchange.app.payouts import PayingL1, Payouts, Resolution
from exchange.domain import commands, commands_bridge, commands_risk
from exchange.gateway.ports import ThreadLoop
from exchange.wire.session import RpcError
from settlement.l1.port import Deposit, L1Error, L1Rejected, Request

POLL_S: Final = 0.25
RETRY_S: Final = 1.0
_log = logging.getLogger(__name__)


class MoneyL1(PayingL1, Protocol):
    """An L1 with a faucet and a bridge. Whatever it is asked may raise L1Error."""

    def faucet(self, account: int, amount_micro: int, owner: bytes) -> bytes:
        """Ask for test money for an account."""

    def tick(self) -> bool:
        """Let it make blocks, or look where it is."""

    def deposits(self, after_id: int) -> list[Deposit]:
        """Deposits with a greater id that count, in order, without gaps."""

    def requests(self, after_id: int) -> list[Request]:
        """Forced requests with a greater id that count, in order, without gaps."""

    def close(self) -> None:
        """Hang up."""


def _nothing_forced() -> int | None:
    return None


class L1Bridge:
    """A `gateway.ports.DepositPort` and `WithdrawalPort` on an L1."""

    def __init__(
        self,
        open_l1: Callable[[], MoneyL1],
        loop: ThreadLoop,
        submit: Callable[[bytes], None],
        last_deposit_id: int,
        held: Callable[[], Collection[int]] = tuple,
        forced_through: Callable[[], int | None] = _nothing_forced,
    ) -> None:
        """`held` are the ids of the withdrawals the engine holds now, `forced_through` the last forced
        request it has answered, None while its rules know of none; both are asked on the loop's thread."""
        self._open_l1 = open_l1
        self._loop = loop
        self._submit = submit
        self._seen = last_deposit_id
        self._asked: queue.SimpleQueue[tuple[bytes, int, int]] = queue.SimpleQueue()
        self._due: deque[tuple[str, bytes]] = deque()  # on the loop's thread, as is `_waiting`
        self._forced_through = forced_through
        self._requested = forced_through()
        self._told = ""
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
        if self._requested is None:
            self._requested = self._forced_through()
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
                    self._told = ""
                except L1Error as error:  # slow or failing: deposits wait, trading does not
                    if str(error) != self._told:
                        self._told = str(error)
                        _log.warning("the L1 does not answer: %s", error)
        finally:
            l1.close()

    def _send(self, l1: MoneyL1) -> None:
        while not self._asked.empty():
            owner, account, amount_micro = self._asked.get()
            try:
                l1.faucet(account, amount_micro, owner)
            except L1Rejected as refused:
                _log.warning("account %d has nothing from the faucet: %s", account, refused)
            except L1Error:
                self._asked.put((owner, account, amount_micro))
                raise

    def _fetch(self, l1: MoneyL1) -> None:
        found = l1.deposits(self._seen)
        if found:
            self._seen = found[-1].deposit_id
            self._loop.call_soon_threadsafe(lambda: self._credit(found))
        asked = l1.requests(self._requested) if self._requested is not None else []
        if asked:
            self._requested = asked[-1].request_id
            self._loop.call_soon_threadsafe(lambda: self._answer(asked))

    def _pay(self, l1: MoneyL1) -> None:
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
        for one in found:
            packed = commands.deposit(one.account, one.amount_micro, one.deposit_id)
            self._due.append((f"deposit {one.deposit_id}", packed))
        if not self._waiting:
            self._drain()

    def _answer(self, asked: list[Request]) -> None:
        for one in asked:
            packed = commands_bridge.forced_withdrawal(one.account, one.amount_micro, one.request_id)
            self._due.append((f"forced request {one.request_id}", packed))
        if not self._waiting:
            self._drain()

    def _drain(self) -> None:
        """Sequence what is due, in order: behind a later id the core would refuse an earlier one."""
        self._waiting = False
        while self._due:
            name, packed = self._due[0]
            try:
                self._submit(packed)
            except RpcError as refused:  # the queue is full, or the venue has halted and waits for a restart
                _log.warning("%s has to wait: %s", name, refused)
                self._waiting = True
                self._loop.call_later(RETRY_S, self._drain)
                return
            self._due.popleft()
