"""The L1's side of the settlement process: post what is built, hear what became of it, pay what is owed.

Runs beside building, in a thread of its own with its own connection to the database, so that an L1 that is
slow or gone holds up nothing but itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from settlement.data.costs import Prices
from settlement.l1.market import Market
from settlement.l1.port import L1Rejected, L1Unavailable
from settlement.l1.posting import FIRST_RETRY_MS, LAST_RETRY_MS, Posting, PostingHalted, Progress
from settlement.l1.rollup import Rollup
from settlement.node.answering import Answering
from settlement.node.hearing import Hearing
from settlement.node.opening import Opening
from settlement.node.outbox import Outbox
from settlement.node.paying import Paying
from settlement.node.store import NodeStore

POLL_MS: Final = 250


class Parts(NamedTuple):
    """What works together here; `paying` is None where there is no key for it: then nobody answers either."""

    rollup: Rollup
    posting: Posting
    outbox: Outbox
    hearing: Hearing
    paying: Paying | None
    answering: Answering
    opening: Opening
    market: Market
    store: NodeStore


class Outside:
    """One turn at a time; never raises for what the L1 or the database does, and never waits for it."""

    def __init__(
        self, make: Callable[[], Parts], now_ms: Callable[[], int], built: Callable[[], int]
    ) -> None:  # fmt: skip
        """`make` is called by `open`, on the thread that is to use what it makes.

        `built`: the newest batch that is stored, or −1: nothing may be posted (an alarm).
        """
        self._make = make
        self._now_ms = now_ms
        self._built = built
        self._next_ms = 0
        self._retry_ms = FIRST_RETRY_MS
        self._done_at = (b"", -2)
        self.seen: Progress | None = None
        """Where the L1 stands: the inbox at the head, and as it was some blocks below."""
        self.prices = Prices(0, 0)
        self.error = ""
        self.waiting_for = ""
        self.alarm = ("", "")

    def open(self) -> None:
        """Make what is needed; on the thread that calls `turn`."""
        self._parts = self._make()

    def close(self) -> None:
        """Close the database, on the same thread."""
        self._parts.store.close()

    def turn(self) -> bool:
        """Look, and do what is due; True if there may be more at once."""
        now_ms = self._now_ms()
        if now_ms < self._next_ms:
            return False
        self._next_ms = now_ms + POLL_MS
        try:
            self._turn()
        except L1Unavailable as error:
            return self._later(str(error))
        except sqlite3.OperationalError as error:
            return self._later(f"database: {error}")
        except (PostingHalted, L1Rejected) as error:
            self.alarm = ("posting_halted", str(error))
        except (sqlite3.Error, OSError) as error:
            self.alarm = ("store", str(error))
        self._retry_ms, self.error = FIRST_RETRY_MS, ""
        return False

    def _later(self, why: str) -> bool:
        self.error = why
        self._next_ms = self._now_ms() + self._retry_ms
        self._retry_ms = min(2 * self._retry_ms, LAST_RETRY_MS)
        return False

    def _turn(self) -> None:
        head, built = self._parts.rollup.ethereum.head(), self._built()
        if (head.hash, built) == self._done_at:
            return
        self.prices = self._parts.market.refresh()
        if self._parts.hearing.step():
            self._parts.outbox.look_again()
        voided = self._parts.hearing.voided
        if voided is not None:
            raise PostingHalted(f"batch {voided.batch_id} was proven wrong by 0x{voided.challenger.hex()}")
        self._post(built)
        if self._parts.paying is not None and self.seen is not None:
            answers = self._parts.opening.calls(self.seen.head)
            answers += self._parts.answering.calls(self.seen.head, self.seen.included)
            self._parts.paying.step(self.seen.head, self.seen.included, answers)
        waiting = bool(self.waiting_for or (self._parts.paying and self._parts.paying.waiting_for))
        self._done_at = (b"", -2) if waiting else (head.hash, built)

    def _post(self, built: int) -> None:
        posting = self._parts.posting
        if built < 0 or self.alarm[0]:
            posting.look()
        else:
            posting.step()
            self.waiting_for = posting.waiting_for
        self.seen = posting.progress
