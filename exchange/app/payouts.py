"""Held withdrawals on their way out: paid through the L1's bridge, then resolved by a sequenced command.

A withdrawal is paid once a posted batch holds it (the bridge itself looks), and resolved as paid once the
payment is in a block; one that the bridge refuses for good is resolved as cancelled. What is held is asked
of the engine and what is paid of the L1, so that a restart forgets nothing: a withdrawal found paid is
resolved, whoever asked for its payment and whenever.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from typing import Final, NamedTuple, Protocol

from exchange.domain import records as r
from settlement.l1.port import L1Rejected, Payout

MAX_PER_TURN: Final = 64
FINAL_REFUSALS: Final = frozenset(("no_owner",))
NOTHING_BEGUN: Final = frozenset(("not_posted", "bridge_short"))
_log = logging.getLogger(__name__)


class PayingL1(Protocol):
    """An L1 that pays withdrawals. In format 2 what stands in a confirmed batch counts as paid: the bridge
    pays out of final states. Both raise L1Unavailable."""

    def payout_of(self, withdrawal_id: int) -> Payout | None:
        """A withdrawal's payment, waiting ones included; None if there is none."""

    def pay(self, withdrawal_id: int) -> bytes:
        """Pay it. Raises L1Rejected as `settlement.l1.port.Bridge.pay`."""


class Resolution(NamedTuple):
    """What became of a withdrawal: `outcome` as RESOLVE_WITHDRAWAL takes it."""

    withdrawal_id: int
    outcome: int


class Payouts:
    """Which withdrawals are wanted, begun and given up.

    `turn` runs on the L1's thread, everything else on the loop's.
    """

    def __init__(self, held: Callable[[], Collection[int]]) -> None:
        self._held = held
        self._lock = threading.Lock()
        self._wanted: list[int] = []
        self._begun: set[int] = set()
        self._given_up: set[int] = set()
        # Held since before this start: whether one of them was paid, only the L1 can say.
        self._unknown = set(held())

    def look(self) -> None:
        """Take over what the engine holds now."""
        held = set(self._held())
        with self._lock:
            for known in (self._begun, self._given_up, self._unknown):
                known &= held
            waiting = [ident for ident in self._wanted if ident in held]
            self._wanted = waiting + sorted(held.difference(waiting))

    def give_up(self, withdrawal_id: int) -> bool:
        """Whether a withdrawal's payment has not begun; if so it will not before `resume` or a start."""
        with self._lock:
            if withdrawal_id in self._begun or withdrawal_id in self._unknown:
                return False
            self._given_up.add(withdrawal_id)
            return True

    def resume(self, withdrawal_id: int) -> None:
        """It was not cancelled after all: it is paid like any other."""
        with self._lock:
            self._given_up.discard(withdrawal_id)

    def turn(self, l1: PayingL1) -> list[Resolution]:
        """Pay what can be paid; returns what is decided. Raises L1Unavailable: ask again later."""
        with self._lock:
            now = self._wanted[:MAX_PER_TURN]
            self._wanted = self._wanted[MAX_PER_TURN:] + now  # the next turn begins behind them
        found = []
        for ident in now:
            outcome = self._one(l1, ident)
            if outcome is not None:
                found.append(Resolution(ident, outcome))
        return found

    def _one(self, l1: PayingL1, ident: int) -> int | None:
        payout = l1.payout_of(ident)
        with self._lock:
            self._unknown.discard(ident)
            if ident in self._given_up:
                return None
            self._begun.add(ident)
        if payout is not None:
            return r.WITHDRAWAL_PAID if payout.block is not None else None
        try:
            l1.pay(ident)
        except L1Rejected as refused:
            return self._refused(ident, refused.code)
        return None

    def _refused(self, ident: int, code: str) -> int | None:
        if code in FINAL_REFUSALS:
            _log.warning("withdrawal %d is refused by the L1 (%s): it is given back", ident, code)
            return r.WITHDRAWAL_CANCELLED
        if code in NOTHING_BEGUN:
            with self._lock:
                self._begun.discard(ident)
            if code != "not_posted":
                _log.warning("withdrawal %d has to wait: %s", ident, code)
        return None
